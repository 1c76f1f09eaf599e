"""Committing to what PACS stored here, and reporting it to them.

We answer for objects that came from the PACS that asks, and are silent about all others: to it
they do not exist. What a request names besides is forgotten as soon as it is reported on.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import timedelta

from pacs_bridge.db.repositories.commitment import HeldObject
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    Committer,
    CustodyState,
    Failure,
    Reason,
    Reference,
    RefusedRequest,
    Route,
)
from pacs_bridge.domain.errors import PeerUnavailable, RetryLater
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.ports import Archive, Clock

WAIT_SECONDS = 2.0
"""After which a report goes out over a new association, where it did not on the first."""

STALE = timedelta(minutes=5)
"""After which whoever took a report on is held to be gone."""

MOST_WAITING = 1_000
"""Requests of one PACS that may wait for their reports."""

_PROCESSING_FAILURE = 0x0110


def take_request(
    caller: Caller,
    request: CommitmentRequest,
    *,
    begin: Begin,
    key: bytes,
    now: Clock,
    wait: float = WAIT_SECONDS,
) -> int | None:
    """Take a request on; returning means Success: it and its job are committed.

    Parameters
    ----------
    key : bytes
        Keys the digest by which a repeated request is told from another.
    wait : float
        Seconds until the job reports over a new association.

    Returns
    -------
    int or None
        Its number; None where the same request was taken on before.

    Raises
    ------
    RefusedRequest
        When its transaction UID is in use for other objects, or too much waits, or the PACS
        is paused here.
    """
    digest, moment = _digest(request, key), now()
    with begin() as uow:
        pacs = uow.pacs.find(caller.pacs or "")
        if pacs is None or pacs.paused:
            raise RefusedRequest(_PROCESSING_FAILURE, "This PACS is paused here; ask the scheme.")
        known = uow.custodies.find(pacs.name, request.transaction_uid)
        if known is not None:
            if hmac.compare_digest(known.digest, digest):
                return None
            raise RefusedRequest(
                Reason.DUPLICATE_TRANSACTION, "This transaction UID is in use; take a new one."
            )
        if uow.custodies.waiting(pacs.name) >= MOST_WAITING:
            raise RefusedRequest(Reason.NO_RESOURCES, "Too many requests wait; ask again later.")
        custody_id = uow.custodies.add(request, pacs.name, digest, moment)
        uow.enqueue(
            "report_commitment", custody_id, key=f"report-commitment-{custody_id}", delay=wait
        )
        uow.events.add(moment, "custody-asked", pacs.name, objects=len(request.references))
        return custody_id


def make_report(
    custody_id: int,
    *,
    begin: Begin,
    archive: Archive,
    sop_classes: Collection[str],
    now: Clock,
) -> CommitmentReport | None:
    """Claim a request, and say of each object whether we hold it durably.

    Returns
    -------
    CommitmentReport or None
        None where another is reporting, or it was reported.
    """
    moment = now()
    with begin() as uow:
        if not uow.custodies.claim(custody_id, moment, moment - STALE):
            return None
        custody = uow.custodies.get(custody_id)
        uids = [each.sop_instance_uid for each in custody.references]
        held = uow.custodies.held(custody.pacs, uids)
    committed, failed = [], []
    for each in custody.references:
        reason = _objection(each, held.get(each.sop_instance_uid), archive, sop_classes)
        if reason is None:
            committed.append(each)
        else:
            failed.append(Failure(each, reason))
    return CommitmentReport(custody.transaction_uid, tuple(committed), tuple(failed))


def _objection(
    asked: Reference, held: HeldObject | None, archive: Archive, sop_classes: Collection[str]
) -> Reason | None:
    """Say why we do not answer for an object; None where we do.

    The row is committed; the bytes must be there too, in the archive or beside it.
    """
    if held is None:
        is_taken = asked.sop_class_uid in sop_classes
        return Reason.NO_SUCH_INSTANCE if is_taken else Reason.CLASS_NOT_SUPPORTED
    if held.sop_class_uid != asked.sop_class_uid:
        return Reason.CLASS_INSTANCE_CONFLICT
    if held.is_beside or archive.has(held.content_hash):
        return None
    return Reason.PROCESSING_FAILURE


def settle_report(
    custody_id: int,
    report: CommitmentReport,
    status: int | None,
    route: Route,
    *,
    begin: Begin,
    now: Clock,
) -> None:
    """Keep that a PACS took a report, or let it wait for another attempt.

    Parameters
    ----------
    status : int or None
        What the PACS answered; None where it did not.
    """
    moment = now()
    with begin() as uow:
        if status != 0x0000:
            said = "gave no answer" if status is None else f"answered 0x{status:04X}"
            uow.custodies.give_back(custody_id, f"It {said} to the report.")
            return
        custody = uow.custodies.get(custody_id)
        uow.custodies.settle(custody_id, report, route, moment)
        uow.events.add(
            moment,
            "custody-reported",
            custody.pacs,
            route=route.value,
            committed=len(report.committed),
            failed=len(report.failed),
        )


def report_commitment(
    custody_id: int,
    *,
    begin: Begin,
    peer: Committer,
    archive: Archive,
    sop_classes: Collection[str],
    now: Clock,
) -> None:
    """Report over a new association, where that has not been done; may be called again.

    Raises
    ------
    RetryLater
        When the PACS did not take it, or somebody else is reporting.
    """
    report = make_report(custody_id, begin=begin, archive=archive, sop_classes=sop_classes, now=now)
    with begin() as uow:
        custody = uow.custodies.get(custody_id)
        pacs = uow.pacs.get(custody.pacs)
    if report is None:
        if custody.state in (CustodyState.REPORTED, CustodyState.PARKED):
            return
        raise RetryLater("The report is on its way over another association.")
    try:
        status = peer.report_commitment(pacs, report)
    except PeerUnavailable as error:
        with begin() as uow:
            uow.custodies.give_back(custody_id, str(error))
        raise
    settle_report(custody_id, report, status, Route.NEW, begin=begin, now=now)
    if status != 0x0000:
        raise PeerUnavailable(pacs.name, "answer", f"it answered 0x{status:04X} to a report")


def park_report(custody_id: int, note: str, *, begin: Begin, now: Clock) -> None:
    """Stop trying to report: a person is needed. Repeating it changes nothing."""
    with begin() as uow:
        custody = uow.custodies.get(custody_id)
        if uow.custodies.park(custody_id, note):
            uow.events.add(now(), "custody-parked", custody.pacs, reason=note[:200])


def _digest(request: CommitmentRequest, key: bytes) -> str:
    named = sorted(f"{each.sop_class_uid} {each.sop_instance_uid}" for each in request.references)
    return hmac.new(key, "\n".join(named).encode(), hashlib.sha256).hexdigest()
