"""What the node did, counted for a monitor, in Prometheus' text exposition.

Labels come from our own tables only (outcomes, services, statuses, kinds of refusal); no AE
title, UID or address is ever one.

References
----------
Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import structlog

from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.scp.counters import CounterFile, sum_of
from pacs_bridge.scp.node import NodeServices
from pacs_bridge.scp.status import CANNOT_UNDERSTAND, store_status
from pacs_bridge.services.associations import Admission
from pacs_bridge.services.receive import refusal_kind
from pacs_bridge.services.reception import OpenReception, Receiving
from pacs_bridge.upper_layer.contract import SUCCESS, Question, Reply
from pacs_bridge.upper_layer.conversation import TurnAway

LOG = structlog.get_logger()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ASSOCIATIONS = "pacs_bridge_associations_total"
REQUESTS = "pacs_bridge_requests_total"
REFUSALS = "pacs_bridge_refusals_total"
BYTES = "pacs_bridge_received_bytes_total"
TURNED_AWAY = "pacs_bridge_connections_refused_total"
AUDIT = "pacs_bridge_audit_messages"
QUEUE = "pacs_bridge_queue_length"
OPEN = "pacs_bridge_open_associations"

_HELP = {
    ASSOCIATIONS: ("counter", "Associations that came to their end, by how they ended."),
    REQUESTS: ("counter", "Requests answered, by service and final status."),
    REFUSALS: ("counter", "Objects refused, by kind of reason."),
    BYTES: ("counter", "Bytes of data sets received, refused ones included."),
    TURNED_AWAY: ("counter", "Connections that came to no association, by where they failed."),
    AUDIT: ("gauge", "Messages of the audit trail: kept, unsent, dropped, lost (dropped unsent)."),
    OPEN: ("gauge", "Associations that are open."),
    QUEUE: ("gauge", "Rows by what they are and the state they stand in."),
}
_SERVICES = {
    0x0020: "C-FIND",
    0x0021: "C-MOVE",
    0x0010: "C-GET",
    0x0100: "N-EVENT-REPORT",
    0x0130: "N-ACTION",
    0x0140: "N-CREATE",
}
_PENDING = range(0xFF00, 0xFF02)  # PS3.7 annex C.1


@dataclass(frozen=True)
class Sample:
    """One value: its name, its labels in their order, how much."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


class Meter:
    """Counts what one process of the node does; any thread may count.

    Parameters
    ----------
    path : Path or None
        The file of this process among the node's others; None counts for this process alone,
        since its start.

    Raises
    ------
    OSError
        When the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._file = None if path is None else CounterFile(path)
        self._folder = None if path is None else path.parent
        self._counts: Counter[str] = Counter()

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Add to one counter."""
        key = _key(name, tuple(labels.items()))
        with self._lock:
            if self._file is not None:
                self._file.add(key, value)
            else:
                self._counts[key] += value

    def samples(self) -> list[Sample]:
        """List every counter that has counted, of all processes of the node together."""
        if self._folder is not None:
            return _samples(sum_of(self._folder))
        with self._lock:
            return _samples(self._counts)


@lru_cache(1024)
def _key(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([name, *labels])


def _samples(counts: Mapping[str, float]) -> list[Sample]:
    found = []
    for key, value in sorted(counts.items()):
        name, *labels = json.loads(key)
        if name in _HELP:
            found.append(Sample(name, tuple((label, text) for label, text in labels), value))
    return found


def render(samples: Iterable[Sample]) -> str:
    """Write samples in Prometheus' text format, each name with its help once."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    lines = []
    for name, group in by_name.items():
        kind, said = _HELP[name]
        lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(sample)} {sample.value:g}" for sample in group]
    return "".join(f"{line}\n" for line in lines)


def _labels(sample: Sample) -> str:
    if not sample.labels:
        return ""
    return "{" + ",".join(f'{key}="{_escape(text)}"' for key, text in sample.labels) + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metered(services: NodeServices, meter: Meter) -> NodeServices:
    """Count whatever passes between the node and its services; nothing else changes."""
    return replace(
        services,
        admit=_metered_admission(services.admit, meter),
        open_reception=_metered_reception(services.open_reception, meter),
        end=_metered_end(services.end, meter),
        ask=_metered_question(services.ask, meter),
        turn_away=_metered_strangers(services.turn_away, meter),
    )


def _metered_admission(
    admit: Callable[[Caller], tuple[Admission, Caller]], meter: Meter
) -> Callable[[Caller], tuple[Admission, Caller]]:
    def admit_and_count(caller: Caller) -> tuple[Admission, Caller]:
        admission, known = admit(caller)
        if admission is not Admission.ACCEPTED:
            meter.count(ASSOCIATIONS, outcome=AssociationOutcome.REJECTED.value)
        return admission, known

    return admit_and_count


def _count_store(meter: Meter, size: int, store: Callable[[], None]) -> None:
    meter.count(BYTES, size)
    status, kind = CANNOT_UNDERSTAND, "failed"
    try:
        store()
        status, kind = SUCCESS, ""
    except PacsBridgeError as error:
        status, kind = store_status(error), refusal_kind(error)
        raise
    finally:
        meter.count(REQUESTS, service="C-STORE", status=f"0x{status:04X}")
        if kind:
            meter.count(REFUSALS, kind=kind)


def _metered_reception(open_reception: OpenReception, meter: Meter) -> OpenReception:
    return lambda head: _Counted(open_reception(head), meter)


class _Counted:
    """A reception whose end is counted."""

    def __init__(self, reception: Receiving, meter: Meter) -> None:
        self._reception, self._meter = reception, meter
        self.room, self.write = reception.room, reception.write
        self.abort, self.refuse = reception.abort, reception.refuse

    @property
    def size(self) -> int:
        return self._reception.size

    def finish(self) -> None:
        _count_store(self._meter, self._reception.size, self._reception.finish)


def _metered_end(end: Callable[[Association], None], meter: Meter) -> Callable[[Association], None]:
    def end_and_count(association: Association) -> None:
        meter.count(ASSOCIATIONS, outcome=association.outcome.value)
        if association.echoes:
            meter.count(REQUESTS, association.echoes, service="C-ECHO", status="0x0000")
        end(association)

    return end_and_count


def _metered_strangers(turn_away: TurnAway, meter: Meter) -> TurnAway:
    def turn_away_and_count(address: str, why: str) -> None:
        phase, told, _ = why.partition(": ")
        meter.count(TURNED_AWAY, phase="TLS" if told and phase == "TLS" else "association")
        turn_away(address, why)

    return turn_away_and_count


def _metered_question(
    ask: Callable[[Question], Iterator[Reply] | None], meter: Meter
) -> Callable[[Question], Iterator[Reply] | None]:
    def ask_and_count(question: Question) -> Iterator[Reply] | None:
        replies = ask(question)
        if replies is None:
            return None
        return _counted(replies, _SERVICES.get(question.command.field, "other"), meter)

    return ask_and_count


def _counted(replies: Iterator[Reply], service: str, meter: Meter) -> Iterator[Reply]:
    """Pass replies on, and count the last; closing this closes them."""
    last = None
    try:
        for reply in replies:
            last = reply.status
            yield reply
    finally:
        close = getattr(replies, "close", None)
        if close is not None:
            close()
        status = "none" if last is None or last in _PENDING else f"0x{last:04X}"
        meter.count(REQUESTS, service=service, status=status)
