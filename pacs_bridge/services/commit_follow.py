"""What is done about images that a PACS does not commit to."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.commitment import (
    AskedInstance,
    InstanceCommitment,
    Transaction,
    words_of,
)
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.ports import Clock

MOST_REQUESTS = 3
"""Requests of a load after whose reports images are looked for; then a person has to look."""

NOT_COMMITTED = "the PACS does not commit to it"

_IN_FLIGHT = (Readiness.SENDING, Readiness.SENT, Readiness.INCOMPLETE)


def follow_report(
    uow: UnitOfWork, transaction: Transaction, judged: Sequence[AskedInstance], now: Clock
) -> None:
    """Have images looked for that a PACS does not commit to; in the report's transaction.

    They are in doubt again, with the reason: what the PACS lists by C-FIND is not sent again.
    A load that is ready is verified instead. A PACS that fails again and again is not followed
    for ever.
    """
    failed = {
        each.reference.sop_instance_uid: each.reason or 0
        for each in judged
        if each.state is InstanceCommitment.FAILED
    }
    if not failed or transaction.load_id is None:
        return
    load = uow.loads.get(transaction.load_id)
    if load.readiness is Readiness.READY:
        moment = int(now().timestamp())
        key = f"verify-{load.load_id}-commitment-{moment}"
        uow.enqueue("verify", load.load_id, key=key, partition=load.pacs)
    elif (
        load.readiness in _IN_FLIGHT and len(uow.commitments.of_load(load.load_id)) <= MOST_REQUESTS
    ):
        _reopen(uow, load, failed, now)


def _reopen(uow: UnitOfWork, load: Load, failed: dict[str, int], now: Clock) -> None:
    for uid, reason in failed.items():
        why = f"{NOT_COMMITTED}: {words_of(reason)}"
        uow.loads.doubt_again(load.load_id, uid, why, now())
    key = f"load-{load.load_id}-{load.run}-commitment-{int(now().timestamp())}"
    uow.enqueue("load", load.load_id, load.run, key=key, partition=load.pacs)
    uow.events.add(now(), "load-reopened", str(load.load_id), images=len(failed), by="commitment")
