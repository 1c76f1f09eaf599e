"""The outbox to the scorer: truth first, then readings; kept until the scorer's receipt."""

from __future__ import annotations

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import ScorerRefused, ScorerUnavailable
from pacs_bridge.domain.ports import Clock, Scorer


def deliver_truth(set_name: str, version: int, *, begin: Begin, scorer: Scorer, now: Clock) -> None:
    """Give the scorer one version of a set's truth, then queue what waited for it.

    Raises
    ------
    ScorerUnavailable
        When it gave no answer that counts; the same call later is safe.
    """
    with begin() as uow:
        truth = uow.truths.get(set_name, version)
    if truth is None:
        return
    if truth.delivered_at is None:
        scorer.put_truth(set_name, version, truth.payload)
    with begin() as uow:
        uow.truths.set_delivered(set_name, version, now())
        for item in uow.outbox.in_state("waiting"):
            if item.set_name == set_name:
                key = f"forward-{item.outbox_id}-truth-{version}"
                uow.enqueue("forward", item.outbox_id, key=key)
        for item in uow.outbox.in_state("settled"):
            if item.set_name == set_name and version > 1:
                key = f"forward-{item.outbox_id}-truth-{version}"
                uow.enqueue("forward", item.outbox_id, key=key)


def forward_reading(outbox_id: int, *, begin: Begin, scorer: Scorer, now: Clock) -> str:
    """Hand one reading to the scorer and keep its result and the reader's new figures.

    Only a receipt that echoes the content hash counts. A reading whose set has no truth yet
    waits; `deliver_truth` queues it again. A settled one only has its result fetched anew.

    Returns
    -------
    str
        ``settled``, ``waiting`` or ``parked``.

    Raises
    ------
    ScorerUnavailable
        When the scorer gave no receipt that counts; the same call later is safe, because
        the scorer takes one reading with one content hash once.
    """
    with begin() as uow:
        item = uow.outbox.get(outbox_id)
        truth = uow.truths.latest(item.set_name)
    reader = str(item.payload["reader"])
    if item.state == "parked":
        return "parked"
    if truth is None or truth.delivered_at is None:
        return "waiting"
    try:
        if item.state == "waiting":
            scorer.post_reading(item.payload)
        with begin() as uow:
            number = uow.summaries.ask(item.set_name, reader)
        result = scorer.get_result(item.reading_uid)
        summary = scorer.get_summary(item.set_name, reader)
    except ScorerRefused as error:
        with begin() as uow:
            uow.outbox.park(outbox_id, str(error))
            uow.readings.set_state(item.reading_uid, "parked")
            uow.events.add(now(), "reading-parked", item.reading_uid, reason=str(error))
        return "parked"
    except ScorerUnavailable as error:
        with begin() as uow:
            uow.outbox.retry(outbox_id, str(error))
        raise
    with begin() as uow:
        uow.outbox.settle(outbox_id, now())
        uow.readings.set_scored(item.reading_uid, item.revision, result, now())
        uow.summaries.put(item.set_name, reader, number, summary, now())
    return "settled"
