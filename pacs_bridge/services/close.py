"""Closing a reading: when both breasts are decided and nothing more came for a while."""

from __future__ import annotations

from datetime import timedelta

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.reading import Reading, join_breasts, join_marks, judge_closed


def close_reading(reading_uid: str, *, begin: Begin, now: Clock, settle: float) -> str:
    """Close a reading if it is whole, and put what it says into the outbox.

    The reading's new state, its revision and the outbox row with its job stand in one
    transaction. A reading to which the last objects added nothing new is closed again
    without a revision. Practice readings are kept and never scored.

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
        if state is None or state.state != "open":
            return state.state if state else "open"
        objects = uow.marks.of_reading(state.accession, state.reader)
        breasts = join_breasts(objects)
        if not judge_closed(breasts, state.last_object_at, now(), timedelta(seconds=settle)):
            return "open"
        reading = Reading(
            reading_uid=reading_uid,
            revision=state.revision + 1,
            set_name=state.set_name,
            accession=state.accession,
            reader=state.reader,
            marks=join_marks(objects),
            breasts=breasts,
            sources=tuple(each.sop_instance_uid for each in objects),
            closed_at=now(),
        )
        if reading.essence() == state.essence:
            uow.readings.close_unchanged(reading_uid)
            return "closed"
        if state.kind == "practice":
            uow.readings.close(reading, "kept", now())
            return "kept"
        uow.readings.close(reading, "closed", now())
        outbox_id = uow.outbox.add(reading, reading.content_hash(), now())
        uow.enqueue("forward", outbox_id, key=f"forward-{outbox_id}")
        return "closed"
