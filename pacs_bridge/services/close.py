"""Closing a reading: when both breasts are decided, nothing is asked and nothing more came."""

from __future__ import annotations

from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.objects import WAITING, ReadingState
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.reading import Reading, judge_closed
from pacs_bridge.domain.receipts import MarkState
from pacs_bridge.services.folded import StandingReading, end_of, fold_reading


def close_reading(reading_uid: str, *, begin: Begin, now: Clock, settle: float) -> str:
    """Close a reading if it is whole, and put what it says into the outbox.

    The reading's new state, its revision and the outbox row with its job stand in one
    transaction. A reading to which the last objects added nothing new is closed again
    without a revision. One of which something is asked waits for its reader. Practice
    readings are kept and never scored.

    Parameters
    ----------
    settle : float
        Seconds without an object for this reader and case after which it may close.

    Returns
    -------
    str
        The reading's state afterwards.
    """
    with begin() as uow:
        state = uow.readings.find(reading_uid)
        if state is None or state.state not in WAITING:
            return state.state if state else "open"
        moment, silence = now(), timedelta(seconds=settle)
        if moment - state.last_object_at < silence:
            _come_again(uow, state, moment, silence)
            return state.state
        standing = fold_reading(uow, reading_uid, state.set_name, state.reader)
        folded = standing.folded
        if standing.was_emptied(state):
            if state.state != "asked":
                uow.events.add(moment, "reading-emptied", reading_uid, revision=state.revision)
            uow.readings.set_state(reading_uid, "asked")
            return "asked"
        if folded.asked > len(folded.undecided):
            uow.readings.set_state(reading_uid, "asked")
            return "asked"
        if not judge_closed(folded.breasts, state.last_object_at, moment, silence):
            return "open"
        return close_now(uow, state, standing, now)


def _come_again(uow: UnitOfWork, state: ReadingState, moment: datetime, silence: timedelta) -> None:
    """Queue one more closing for when it will have been silent, by this clock.

    What came last has a job of its own; but that one may go by another clock, or by one that was
    set back, and nobody else would close the reading before the round ends.
    """
    left = silence - (moment - state.last_object_at)
    key = f"close-{state.reading_uid}-again-{moment:%Y%m%dT%H%M%S%f}"
    uow.enqueue("close", state.reading_uid, key=key, delay=left.total_seconds())


def close_now(uow: UnitOfWork, state: ReadingState, standing: StandingReading, now: Clock) -> str:
    """Close a reading with what is certain of it, in the caller's transaction."""
    folded = standing.folded
    late = {save.key for save in standing.late}
    reading = Reading(
        reading_uid=state.reading_uid,
        revision=state.revision + 1,
        set_name=state.set_name,
        accession=state.accession,
        reader=state.reader,
        marks=folded.counted,
        breasts=folded.breasts,
        sources=tuple(save.key for save in standing.saves if save.key not in late),
        closed_at=now(),
        exposed=uow.exposures.find(state.reading_uid) is not None,
    )
    if reading.essence() == state.essence:
        uow.readings.close_unchanged(state.reading_uid)
        return "closed"
    if state.kind == "practice":
        uow.readings.close(reading, "kept", now())
        return "kept"
    uow.readings.close(reading, "closed", now())
    outbox_id = uow.outbox.add(reading, reading.content_hash(), now())
    uow.enqueue("forward", outbox_id, key=f"forward-{outbox_id}")
    return "closed"


def end_rounds(*, begin: Begin, now: Clock) -> int:
    """Close the readings of rounds that have ended, without what nobody confirmed.

    Which marks were left out is told by an event and stays on the receipt. A reading in
    which a breast is not decided cannot be scored and is parked.

    Returns
    -------
    int
        How many readings ended.
    """
    with begin() as uow:
        closed = [
            name
            for name in uow.readings.open_sets()
            if (round_ := uow.rounds.find(name)) is not None and now() >= round_.closes_at
        ]
        ended = [
            state.reading_uid
            for name in closed
            for state in uow.readings.open_ones(name)
            if state.kind != "practice" and _has_ended(uow, state, now())
        ]
    for reading_uid in ended:
        with begin() as uow:
            _end(uow, reading_uid, now)
    return len(ended)


def _has_ended(uow: UnitOfWork, state: ReadingState, moment: datetime) -> bool:
    end = end_of(uow, state.set_name, state.reader)
    return end is not None and moment >= end


def _end(uow: UnitOfWork, reading_uid: str, now: Clock) -> None:
    state = uow.readings.find(reading_uid)
    if state is None or state.state not in WAITING:
        return
    standing = fold_reading(uow, reading_uid, state.set_name, state.reader)
    left_out = sum(mark.state is MarkState.ASKED for mark in standing.folded.marks)
    decided = {b.laterality for b in standing.folded.breasts if b.decision is not None}
    if decided == {"R", "L"}:
        close_now(uow, state, standing, now)
        kind = "reading-ended"
    else:
        uow.readings.set_state(reading_uid, "parked")
        kind = "reading-unfinished"
    detail = {"emptied": state.revision} if standing.was_emptied(state) else {}
    asked = standing.folded.asked
    uow.events.add(now(), kind, reading_uid, left_out=left_out, asked=asked, **detail)
