"""Asking PACS to commit to the images of a load, and keeping what they report.

A report says that a PACS takes custody, not that a reader can open the image: it is shown
beside the verification and never makes a load ready (STANDARDS.md 5.5, QUIRKS.md C2).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.commitment import (
    AskedInstance,
    CommitmentReport,
    CommitmentRequest,
    Committer,
    InstanceCommitment,
    Reason,
    Reference,
    RefusedRequest,
    Route,
    Transaction,
    TransactionState,
    words_of,
)
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.loading import InstanceState, Load
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.commit_follow import follow_report

AT_ONCE = 500
"""Images named in one request."""

CONFIRM_WITHIN = timedelta(hours=24)
"""After which a request without a report counts as unconfirmed, and may be made again."""

PROCESSING_FAILURE = 0x0110
_OPEN = (TransactionState.ASKING, TransactionState.ASKED)


def ask_commitment(
    load_id: int,
    *,
    begin: Begin,
    peer: Committer,
    now: Clock,
    seconds: float = 5.0,
    at_once: int = AT_ONCE,
) -> LoadCommitment:
    """Ask the PACS of a load to commit to every image that it has taken.

    Images that it has committed to are not asked for again, nor those for which a report is
    still expected: for that one, an association is opened on which it may come. A request that
    was never answered, because the PACS broke off or we died, is made again. Every request has a
    transaction UID of its own and stands in the database before it goes out.

    Parameters
    ----------
    seconds : float
        How long to wait for reports on our own association. Reports that come later, over an
        association that the PACS opens, are taken by the node.

    Returns
    -------
    LoadCommitment
        How the load stands then.

    Raises
    ------
    NotFound
        When there is no such load.
    RefusedInput
        When no image of it was sent yet.
    PeerUnavailable
        When the PACS could not be asked; ask again later.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        standing = standing_of(uow, load, now)
        if not standing.total:
            raise RefusedInput(
                f"{load.pacs} has no image of {load.set_name} yet; send it with `load start`."
            )
    take = partial(take_report, pacs=pacs.name, begin=begin, now=now)
    if standing.waiting:
        expected = sum(each.state in _OPEN for each in standing.transactions)
        peer.hear_reports(pacs, take=take, seconds=seconds, most=expected)
    with begin() as uow:
        wanted = _references(uow, load, standing_of(uow, load, now).to_ask)
    for start in range(0, len(wanted), at_once):
        request = CommitmentRequest(_new_uid(), tuple(wanted[start : start + at_once]))
        with begin() as uow:
            uow.commitments.add(request, pacs.name, load_id, now())
        try:
            status, comment = peer.request_commitment(
                pacs,
                request,
                take=take,
                seconds=seconds,
                is_enough=partial(_is_reported, request.transaction_uid, begin),
            )
        except PeerUnavailable as error:
            with begin() as uow:
                uow.events.add(now(), "commitment-unasked", pacs.name, reason=str(error)[:200])
            raise
        with begin() as uow:
            uow.commitments.settle(request.transaction_uid, status, comment)
            uow.events.add(
                now(),
                "commitment-requested",
                pacs.name,
                load=load_id,
                images=len(request.references),
                status=f"{status:04X}",
            )
    return commitment_of_load(load_id, begin=begin, now=now)


def _is_reported(transaction_uid: str, begin: Begin) -> bool:
    """Tell whether a report came meanwhile, to the node."""
    with begin() as uow:
        transaction = uow.commitments.find(transaction_uid)
    return transaction is not None and transaction.state is TransactionState.REPORTED


def take_report(
    report: CommitmentReport, route: Route, *, pacs: str, begin: Begin, now: Clock
) -> None:
    """Keep what a PACS reports on a request of ours; returning means Success.

    It is found by its transaction UID, among those of that PACS alone. Objects that were not
    asked for are left out. A report that comes again changes nothing.

    Raises
    ------
    RefusedRequest
        When there is no such transaction.
    """
    with begin() as uow:
        transaction = uow.commitments.find(report.transaction_uid)
        is_known = transaction is not None and transaction.pacs == pacs
        if not is_known:
            named = len(report.committed) + len(report.failed)
            uow.events.add(now(), "commitment-unknown", pacs, route=route.value, images=named)
        elif transaction is not None and transaction.state is TransactionState.REPORTED:
            uow.commitments.count_repeat(transaction.transaction_uid)
        elif transaction is not None:
            _keep(uow, transaction, report, route, now)
    if not is_known:  # said only now: the event is to be kept
        raise RefusedRequest(PROCESSING_FAILURE, "No transaction of ours has this UID.")


def _keep(
    uow: UnitOfWork, transaction: Transaction, report: CommitmentReport, route: Route, now: Clock
) -> None:
    judged = judge_report(uow.commitments.instances(transaction.transaction_uid), report)
    uow.commitments.keep_report(transaction.transaction_uid, judged, route, now())
    follow_report(uow, transaction, judged, now)
    states = [each.state for each in judged]
    uow.events.add(
        now(),
        "commitment-reported",
        transaction.pacs,
        load=transaction.load_id,
        route=route.value,
        committed=states.count(InstanceCommitment.COMMITTED),
        failed=states.count(InstanceCommitment.FAILED),
        not_mentioned=states.count(InstanceCommitment.NOT_MENTIONED),
    )


def judge_report(asked: Sequence[AskedInstance], report: CommitmentReport) -> list[AskedInstance]:
    """Say of each object that was asked for what a report makes of it.

    One that is reported both ways has failed; one of another SOP class than ours is not ours.
    """
    failed = {each.reference.sop_instance_uid: each.reason for each in report.failed}
    committed = {each.sop_instance_uid: each.sop_class_uid for each in report.committed}
    judged = []
    for each in asked:
        uid, reason = each.reference.sop_instance_uid, None
        if uid in failed:
            state, reason = InstanceCommitment.FAILED, failed[uid]
        elif uid not in committed:
            state = InstanceCommitment.NOT_MENTIONED
        elif committed[uid] == each.reference.sop_class_uid:
            state = InstanceCommitment.COMMITTED
        else:
            state, reason = InstanceCommitment.FAILED, int(Reason.CLASS_INSTANCE_CONFLICT)
        judged.append(AskedInstance(each.reference, state, reason))
    return judged


@dataclass(frozen=True)
class LoadCommitment:
    """What a PACS said of the images of a load that it has taken.

    Parameters
    ----------
    total : int
        Images that it answered Success to.
    committed, waiting, unconfirmed, not_mentioned, not_asked : tuple of str
        SOP Instance UIDs. *Waiting*: asked, and a report may come; *unconfirmed*: asked, and
        none came in time, which is no failure; ask again.
    unanswered : tuple of str
        Those waiting whose request may not have come through: nobody answered it.
    failed : dict of str to int
        Failure Reason by SOP Instance UID.
    """

    load: Load
    total: int
    committed: tuple[str, ...]
    waiting: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    not_mentioned: tuple[str, ...]
    not_asked: tuple[str, ...]
    failed: dict[str, int]
    transactions: tuple[Transaction, ...]
    unanswered: tuple[str, ...] = ()

    @property
    def to_ask(self) -> set[str]:
        """What a request made now should name."""
        asked = {*self.unconfirmed, *self.not_mentioned, *self.unanswered}
        return {*asked, *self.not_asked, *self.failed}

    @property
    def is_settled(self) -> bool:
        """Whether no report is expected any more."""
        return not self.waiting

    def as_dict(self) -> dict[str, Any]:
        """Give it as the JSON of the command line."""
        return {
            "set": self.load.set_name,
            "pacs": self.load.pacs,
            "images": {
                "total": self.total,
                "committed": len(self.committed),
                "failed": len(self.failed),
                "waiting": len(self.waiting),
                "unconfirmed": len(self.unconfirmed),
                "not_mentioned": len(self.not_mentioned),
                "not_asked": len(self.not_asked),
            },
            "failed": [
                {"sop_instance_uid": uid, "reason": f"{reason:04X}", "words": words_of(reason)}
                for uid, reason in sorted(self.failed.items())
            ],
            "transactions": [
                {
                    "transaction_uid": each.transaction_uid,
                    "state": each.state.value,
                    "asked_at": each.asked_at.isoformat(),
                    "status": None if each.status is None else f"{each.status:04X}",
                    "comment": each.comment,
                    "reported_at": each.reported_at.isoformat() if each.reported_at else None,
                    "route": each.route.value if each.route else None,
                }
                for each in self.transactions
            ],
        }


def commitment_of_load(load_id: int, *, begin: Begin, now: Clock) -> LoadCommitment:
    """Say how a load stands with storage commitment; raises `NotFound`."""
    with begin() as uow:
        return standing_of(uow, uow.loads.get(load_id), now)


def standing_of(uow: UnitOfWork, load: Load, now: Clock) -> LoadCommitment:
    """Say how a load stands with storage commitment, in the caller's transaction."""
    sent = [
        row.sop_instance_uid
        for row in uow.loads.ledger(load.load_id)
        if row.state in (InstanceState.STORED, InstanceState.WARNED)
    ]
    transactions = uow.commitments.of_load(load.load_id)
    latest: dict[str, tuple[InstanceCommitment, int | None, bool]] = {}
    unanswered: set[str] = set()
    for each in transactions:  # the oldest first: what was said last counts, but for a promise
        if each.state is TransactionState.REFUSED:
            continue
        is_late = each.state in _OPEN and now() - each.asked_at > CONFIRM_WITHIN
        for asked in uow.commitments.instances(each.transaction_uid):
            uid = asked.reference.sop_instance_uid
            if uid not in latest or latest[uid][0] is not InstanceCommitment.COMMITTED:
                latest[uid] = (asked.state, asked.reason, is_late)
                if each.state is TransactionState.ASKING:
                    unanswered.add(uid)
                else:
                    unanswered.discard(uid)

    def those(state: InstanceCommitment, *, is_late: bool = False) -> tuple[str, ...]:
        return tuple(uid for uid in sent if uid in latest and latest[uid][::2] == (state, is_late))

    waiting = those(InstanceCommitment.WAITING)
    return LoadCommitment(
        load,
        len(sent),
        committed=those(InstanceCommitment.COMMITTED),
        waiting=waiting,
        unanswered=tuple(uid for uid in waiting if uid in unanswered),
        unconfirmed=those(InstanceCommitment.WAITING, is_late=True),
        not_mentioned=those(InstanceCommitment.NOT_MENTIONED),
        not_asked=tuple(uid for uid in sent if uid not in latest),
        failed={uid: latest[uid][1] or 0 for uid in those(InstanceCommitment.FAILED)},
        transactions=tuple(transactions),
    )


def unconfirmed(*, begin: Begin, now: Clock) -> list[Transaction]:
    """List the requests, of all loads, of which no report came in time."""
    with begin() as uow:
        return uow.commitments.unconfirmed(now() - CONFIRM_WITHIN)


def _references(uow: UnitOfWork, load: Load, wanted: Iterable[str]) -> list[Reference]:
    """Name images by class and instance, in the order of the set."""
    uids = set(wanted)
    passport = uow.case_sets.get(load.set_name, load.copy)
    return [
        Reference(image.sop_class_uid, image.sop_instance_uid)
        for *_, image in passport.instances()
        if image.sop_instance_uid in uids
    ]


def _new_uid() -> str:
    """Make a UID out of a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"
