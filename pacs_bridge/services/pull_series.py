"""Having whole series of marks brought from a PACS that refuses to list what is in them.

Nobody knows which objects will come: all that does is taken as what was pushed, and counted
against what the PACS says that the series holds. A series that came whole is not asked for again
before its count changes.

References
----------
PS3.4 C.4.2, C.4.3 (retrieval at SERIES level); QUIRKS.md C3, C7.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.pulling import HeldSeries
from pacs_bridge.domain.retrieving import Asked, Retrieved
from pacs_bridge.services.pull_fetch import Fetched, FetchMarks, kinds_of, sent_by
from pacs_bridge.upper_layer.requestor import ContextsRefused

SERIES = "series-pulled"
"""The kind under which is kept which series came whole, with how many objects."""

_POLL = 0.1


@dataclass
class FetchedSeries:
    """What became of series that were asked for.

    Parameters
    ----------
    whole : dict of str to int
        Series of which all came that the PACS says it holds, with their counts.
    known : dict of str to int
        Those that had come whole before, and were not asked for.
    short : int
        Objects that did not come, of those that the PACS counts.
    """

    fetched: Fetched = field(default_factory=Fetched)
    whole: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    short: int = 0

    def has(self, series: HeldSeries) -> bool:
        """Whether nothing of a series is left to be asked for."""
        return series.series_instance_uid in self.whole.keys() | self.known.keys()


def fetch_series(
    fetch: FetchMarks, pacs: Pacs, series: Sequence[HeldSeries], *, down: str = ""
) -> FetchedSeries:
    """Have series brought here, those left out that came before; never raises for a PACS."""
    done = FetchedSeries(Fetched(down=down))
    with fetch.read() as uow:
        kept = uow.proofs.find(pacs.name, SERIES)
    before = {} if kept is None else kept.body
    for each in series:
        uid = each.series_instance_uid
        if each.count and before.get(uid) == each.count:
            done.known[uid] = each.count
        elif not done.fetched.down:
            came = _bring(fetch, pacs, each, done.fetched)
            missing = max((each.count or 0) - came, 0)
            done.short += missing
            if came and not missing:
                done.whole[uid] = came
    return done


def _bring(fetch: FetchMarks, pacs: Pacs, series: HeldSeries, fetched: Fetched) -> int:
    """Have one series brought here; gives how many objects of it came."""
    asked = Asked(
        series.study_instance_uid, series.series_instance_uid, patient_id=series.patient_id
    )
    is_web, came, seen = bool(pacs.endpoint("retrieve").url), 0, len(fetched.became)
    try:
        try:
            got = fetch.get(pacs, asked, kinds_of(fetch.sop_classes), fetched)
            came = len(got.arrived) + len(got.refused)
        except PeerUnavailable as error:
            may_move = isinstance(error, ContextsRefused) or error.phase in ("data", "answer")
            if is_web or not may_move:
                raise
        came = max(came, len(fetched.became) - seen)
        if came < (series.count or 1) and not is_web:
            came = max(came, _move(fetch, pacs, asked, fetched))
    except PeerUnavailable as error:
        fetched.problems.append(str(error))
        if error.phase not in ("data", "answer"):
            fetched.down = str(error)
    return came


def _move(fetch: FetchMarks, pacs: Pacs, asked: Asked, fetched: Fetched) -> int:
    """Have a series sent to our node; gives how many objects came in, known or new."""
    before = _traffic(fetch.read, pacs)
    moved = fetch.retriever.move(pacs, asked)
    now = _wait(fetch, pacs, before, moved)
    came = now.objects - before.objects
    fetched.became |= dict.fromkeys(now.since(before), "fetched")
    if not came:
        fetched.problems.append(fetch.say_moved(pacs, moved, 1))
    return came


@dataclass(frozen=True)
class _Traffic:
    """What has come from a PACS by now: objects, each time that they came, and refusals."""

    objects: int
    newest: int
    uids: tuple[str, ...] = ()

    def since(self, before: _Traffic) -> tuple[str, ...]:
        """The objects that are new since then."""
        return self.uids if self.newest > before.newest else ()


def _traffic(read: Begin, pacs: Pacs, after: int | None = None) -> _Traffic:
    with read() as uow:
        count, newest = uow.objects.traffic_of(pacs.name)
        refused = uow.refusals.count_of(pacs.name)
        uids = () if after is None else tuple(uow.objects.come_after(pacs.name, after))
    return _Traffic(count + refused, newest, uids)


def _wait(fetch: FetchMarks, pacs: Pacs, before: _Traffic, moved: Retrieved) -> _Traffic:
    """Wait until as many came as the PACS says that it sent."""
    sent = sent_by(moved)
    until = time.monotonic() + (fetch.seconds if sent else 0.0)
    pause = threading.Event()
    while True:
        now = _traffic(fetch.read, pacs, before.newest)
        if now.objects - before.objects >= sent or time.monotonic() >= until:
            return now
        pause.wait(_POLL)
