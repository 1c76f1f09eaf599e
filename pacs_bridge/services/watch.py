"""Watching loads: what was proven once is asked for again before anybody relies on it.

A PACS deletes, moves to its slow archive and re-indexes by itself; and of media nobody tells
us when they are imported. So a ready load is verified every night and before its round opens,
and a load that awaits its import again and again.

References
----------
QUIRKS.md C6.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.people import Round
from pacs_bridge.domain.ports import Clock


@dataclass(frozen=True)
class WatchTimes:
    """How old a proof may be.

    Parameters
    ----------
    ready : timedelta
        Of a ready load whose round is open or to come.
    awaiting : timedelta
        Of a load that somebody imports from media.
    before_opening : timedelta
        A round's opening asks for a proof that is no older than this.
    again : timedelta
        How soon a load is asked for at the earliest, whatever the reason.
    """

    ready: timedelta = timedelta(hours=24)
    awaiting: timedelta = timedelta(minutes=15)
    before_opening: timedelta = timedelta(hours=2)
    again: timedelta = timedelta(minutes=5)


def watch_due(*, begin: Begin, now: Clock, times: WatchTimes | None = None) -> int:
    """Queue a sweep for every load whose last one is too old; gives how many.

    Called by the clock; repeating it queues nothing twice.
    """
    times, moment = times or WatchTimes(), now()
    with begin() as uow:
        due = [load for load in uow.loads.all() if _is_due(uow, load, moment, times)]
        for load in due:
            verified = load.verified_at or load.created_at
            stamp = 0 if verified is None else int(verified.timestamp())
            tries = int(moment.timestamp()) // int(times.again.total_seconds())
            # Named by the proof that is too old, and anew every few minutes: a sweep that
            # could not be made must not be the last one.
            key = f"watch-{load.load_id}-{stamp}-{tries}"
            uow.enqueue("verify", load.load_id, key=key, partition=load.pacs)
        return len(due)


def _is_due(uow: UnitOfWork, load: Load, now: datetime, times: WatchTimes) -> bool:
    verified = load.verified_at
    if load.readiness is Readiness.AWAITING:
        return verified is None or now - verified >= times.awaiting
    if load.readiness is not Readiness.READY or verified is None:
        return False
    round_ = uow.rounds.find(load.set_name)
    if round_ is not None and now >= round_.closes_at:
        return False
    if load.misses:  # one sweep missed a case: the second decides
        return now - verified >= times.again
    return now - verified >= times.ready or _opens_soon(round_, verified, now, times)


def _opens_soon(round_: Round | None, verified: datetime, now: datetime, times: WatchTimes) -> bool:
    """Whether a round opens soon, or has just opened, on a proof that is too old for it."""
    if round_ is None:
        return False
    oldest = round_.opens_at - times.before_opening
    return oldest <= now < round_.opens_at + times.before_opening and verified < oldest
