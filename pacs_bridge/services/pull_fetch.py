"""Having named objects brought from a PACS: by C-GET or DICOMweb, else by C-MOVE to our node.

What really arrived decides, not what the PACS says of it (QUIRKS.md C7).

References
----------
PS3.4 C.4.2 (C-MOVE), C.4.3 (C-GET); PS3.18 section 10.4.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import GiveUp, PacsBridgeError, PeerUnavailable
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.pulling import HeldMark
from pacs_bridge.domain.retrieving import Arriving, Asked, Kind, Limits, Retrieved, Retriever
from pacs_bridge.services.aliens import hash_alien
from pacs_bridge.services.reception import OpenReception, Receiving
from pacs_bridge.upper_layer.contract import StoreHead
from pacs_bridge.upper_layer.prescan import EXPLICIT, IMPLICIT
from pacs_bridge.upper_layer.requestor import ContextsRefused

LOG = structlog.get_logger()

_AT_ONCE = 100  # objects that one question names
_POLL = 0.1
_MAX_BREAKS = 3  # conversations that may break off before the rest waits for the next time
_UNKNOWN_TO_IT = 0xA801
_NOT_KEPT, _STORED = 0xA700, 0x0000


@dataclass
class Fetched:
    """What became of objects that were asked for.

    Parameters
    ----------
    became : dict of str to str
        By SOP Instance UID: ``fetched``, ``had`` (it came meanwhile), ``refused`` or ``failed``.
    problems : list of str
        Why some did not come, in one sentence each.
    down : str
        Why asking for more is of no use for now; empty where it may be.
    """

    became: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    down: str = ""


@dataclass(frozen=True)
class FetchMarks:
    """Brings objects here; see `__call__`.

    Parameters
    ----------
    open_reception : callable
        Begins to take an object, as one that was pushed.
    status_of : callable
        The DIMSE status that an error is answered with.
    most_bytes : int
        Of one object.
    seconds : float
        How long to wait for what a C-MOVE sent and that is not seen here yet.
    """

    retriever: Retriever
    open_reception: OpenReception
    read: Begin
    status_of: Callable[[PacsBridgeError], int]
    sop_classes: frozenset[str]
    alien_key: bytes
    most_bytes: int
    seconds: float = 10.0

    def __call__(self, pacs: Pacs, marks: Sequence[HeldMark]) -> Fetched:
        """Have objects of one case brought here; never raises for a PACS that fails."""
        fetched, breaks = Fetched(), 0
        for asked, kinds in _questions(marks, self.sop_classes):
            if not fetched.down:
                try:
                    self._ask(pacs, asked, kinds, fetched)
                except PeerUnavailable as error:
                    breaks += 1
                    fetched.problems.append(str(error))
                    if breaks >= _MAX_BREAKS or error.phase not in ("data", "answer"):
                        fetched.down = str(error)
            for uid in asked.sop_instance_uids:
                fetched.became.setdefault(uid, "failed")
        return fetched

    def _ask(self, pacs: Pacs, asked: Asked, kinds: Sequence[Kind], fetched: Fetched) -> None:
        is_web = bool(pacs.endpoint("retrieve").url)
        try:
            self.get(pacs, asked, kinds, fetched)
        except PeerUnavailable as error:
            may_move = isinstance(error, ContextsRefused) or error.phase in ("data", "answer")
            if is_web or not may_move:
                raise
        left = tuple(uid for uid in asked.sop_instance_uids if uid not in fetched.became)
        if left and not is_web:
            self._move(pacs, replace(asked, sop_instance_uids=left), fetched)

    def get(self, pacs: Pacs, asked: Asked, kinds: Sequence[Kind], fetched: Fetched) -> Retrieved:
        """Have objects sent over the conversation that asks, and tell what contradicts them."""
        desk = _Desk(self, _caller(pacs), fetched)
        limits = Limits(object_bytes=self.most_bytes)
        got = self.retriever.get(pacs, asked, desk.open, kinds=kinds, limits=limits)
        sent, came = sent_by(got), len(got.arrived) + len(got.refused)
        if sent > came:
            fetched.problems.append(
                f"{pacs.name} says that it sent {sent} objects, and {came} came."
            )
        elif got.missing:
            fetched.problems.append(
                f"{pacs.name} did not send {len(got.missing)} objects "
                f"(0x{got.status:04X} {got.comment})."
            )
        return got

    def _move(self, pacs: Pacs, asked: Asked, fetched: Fetched) -> None:
        """Have objects sent to our node, and see which of them arrive."""
        moved = self.retriever.move(pacs, asked)
        seen = self._wait(pacs, asked.sop_instance_uids, moved)
        fetched.became |= seen
        missing = len(asked.sop_instance_uids) - len(seen)
        if missing or moved.status == _UNKNOWN_TO_IT:
            fetched.problems.append(self.say_moved(pacs, moved, missing))

    @staticmethod
    def say_moved(pacs: Pacs, moved: Retrieved, missing: int) -> str:
        """Say why a C-MOVE did not bring all."""
        if moved.status == _UNKNOWN_TO_IT:
            return (
                f"{pacs.name} offers no C-GET and does not know our AE title with our address; "
                "have it added there."
            )
        return (
            f"{pacs.name} answered 0x{moved.status:04X} to a C-MOVE, says that it sent "
            f"{sent_by(moved)} objects, and {missing} did not come."
        )

    def _wait(self, pacs: Pacs, uids: Sequence[str], moved: Retrieved) -> dict[str, str]:
        may_come = sent_by(moved) > 0 or moved.status == _STORED
        until = time.monotonic() + (self.seconds if may_come else 0.0)
        pause = threading.Event()
        while True:
            seen = self._seen(pacs, uids)
            if len(seen) >= len(uids) or time.monotonic() >= until:
                return seen
            pause.wait(_POLL)

    def _seen(self, pacs: Pacs, uids: Sequence[str]) -> dict[str, str]:
        hashes = {hash_alien(uid, self.alien_key): uid for uid in uids}
        with self.read() as uow:
            here = uow.objects.known(uids)
            refused = uow.refusals.refused_of(pacs.name, list(hashes))
        return {hashes[each]: "refused" for each in refused} | dict.fromkeys(here, "fetched")


def sent_by(said: Retrieved) -> int:
    """How many objects a PACS says that it sent."""
    return (said.counted.completed or 0) + (said.counted.warning or 0)


def kinds_of(sop_classes: Iterable[str]) -> list[Kind]:
    """Offer each SOP class in both plain transfer syntaxes."""
    return [(uid, (form,)) for uid in sorted(sop_classes) for form in (EXPLICIT, IMPLICIT)]


def _questions(
    marks: Sequence[HeldMark], sop_classes: frozenset[str]
) -> Iterator[tuple[Asked, list[Kind]]]:
    """Ask for the objects of one series at a time."""
    by_series: dict[tuple[str, str], list[HeldMark]] = defaultdict(list)
    for each in marks:
        by_series[each.study_instance_uid, each.series_instance_uid].append(each)
    for (study, series), every in by_series.items():
        for start in range(0, len(every), _AT_ONCE):
            some = every[start : start + _AT_ONCE]
            classes = {each.sop_class_uid for each in some}
            kinds = kinds_of(sop_classes if "" in classes else classes)
            uids = tuple(each.sop_instance_uid for each in some)
            yield Asked(study, series, uids, some[0].patient_id), kinds


def _caller(pacs: Pacs) -> Caller:
    """Record an object as one of this PACS, at the address where it was asked."""
    endpoint = pacs.endpoint("retrieve")
    ours = pacs.towards(endpoint).our_ae_title
    return Caller(endpoint.ae_title, ours, endpoint.host[:64], pacs.name)


@dataclass
class _Desk:
    """Takes in what comes."""

    how: FetchMarks
    caller: Caller
    fetched: Fetched

    def open(self, arriving: Arriving) -> _Entry:
        """Begin to take an object."""
        return _Entry(self, arriving)

    def take(self, uid: str, finish: Callable[[], None]) -> int:
        """Take an object as pushed ones are taken; what became of it is the status."""
        how, fetched = self.how, self.fetched
        try:
            with how.read() as uow:
                was_here = bool(uow.objects.known([uid]))
            finish()
        except PacsBridgeError as error:
            fetched.became[uid] = "refused" if isinstance(error, GiveUp) else "failed"
            if not isinstance(error, GiveUp):
                fetched.problems.append(str(error))
            return how.status_of(error)
        fetched.became[uid] = "had" if was_here else "fetched"
        return _STORED


class _Entry:
    """One object on its way."""

    def __init__(self, desk: _Desk, arriving: Arriving) -> None:
        self._desk, self._uid = desk, arriving.sop_instance_uid
        self._reception: Receiving | None = None
        with self._guarded():
            self._reception = desk.how.open_reception(
                StoreHead(
                    desk.caller,
                    arriving.sop_class_uid,
                    arriving.sop_instance_uid,
                    arriving.transfer_syntax_uid,
                )
            )

    def room(self) -> memoryview | None:
        """Give memory for the next bytes, where there is some."""
        return None if self._reception is None else self._reception.room()

    def write(self, data: memoryview) -> None:
        """Pass the next bytes on."""
        with self._guarded():
            if self._reception is not None:
                self._reception.write(data)

    def finish(self) -> int:
        """Have it taken."""
        with self._guarded():
            if self._reception is not None:
                return self._desk.take(self._uid, self._reception.finish)
        self._desk.fetched.became[self._uid] = "failed"
        return _NOT_KEPT

    def abort(self) -> None:
        """Forget it."""
        if self._reception is not None:
            self._reception.abort()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  a bug of ours must not stop the rest
            # No trace: its words may be those of an object that is none of ours.
            LOG.error("pulled object not taken", error=type(error).__name__)  # noqa: TRY400
            self.abort()
            self._reception = None
