"""Storage commitment both ways, and notified availability."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.arrivals import ArrivalRow
from pacs_bridge.db.tables.case_sets import CaseRow, CaseSetRow, InstanceRow
from pacs_bridge.db.tables.commitment import (
    AvailabilityRow,
    CommitmentInstanceRow,
    CommitmentRow,
    CustodyRow,
)
from pacs_bridge.db.tables.loads import LoadRow
from pacs_bridge.db.tables.objects import ObjectRow
from pacs_bridge.domain.commitment import (
    AskedInstance,
    CommitmentReport,
    CommitmentRequest,
    Custody,
    CustodyState,
    InstanceCommitment,
    Reference,
    Route,
    Transaction,
    TransactionState,
)
from pacs_bridge.domain.errors import NotFound

_AT_ONCE = 500  # identifiers in one question


class Commitments:
    """What we asked PACS to commit to, and what they reported."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self, request: CommitmentRequest, pacs: str, load_id: int | None, now: datetime
    ) -> None:
        """Keep a request before it is made."""
        self._session.add(
            CommitmentRow(
                transaction_uid=request.transaction_uid,
                pacs=pacs,
                load_id=load_id,
                state=TransactionState.ASKING,
                asked_at=now,
                comment="",
                reports=0,
            )
        )
        self._session.flush()
        self._session.execute(
            insert(CommitmentInstanceRow),
            [
                {
                    "transaction_uid": request.transaction_uid,
                    "sop_instance_uid": each.sop_instance_uid,
                    "sop_class_uid": each.sop_class_uid,
                    "state": InstanceCommitment.WAITING,
                }
                for each in request.references
            ],
        )

    def settle(self, transaction_uid: str, status: int, comment: str) -> None:
        """Keep what a request was answered with; a report may have come before."""
        row = self._session.get_one(CommitmentRow, transaction_uid)
        row.status, row.comment = status, comment[:200]
        if row.state == TransactionState.ASKING:
            row.state = TransactionState.REFUSED if status else TransactionState.ASKED

    def find(self, transaction_uid: str) -> Transaction | None:
        """Look a request of ours up."""
        row = self._session.get(CommitmentRow, transaction_uid)
        return None if row is None else _transaction(row)

    def instances(self, transaction_uid: str) -> list[AskedInstance]:
        """List what a request named."""
        rows = self._session.scalars(
            select(CommitmentInstanceRow)
            .where(CommitmentInstanceRow.transaction_uid == transaction_uid)
            .order_by(CommitmentInstanceRow.sop_instance_uid)
        )
        return [
            AskedInstance(
                Reference(r.sop_class_uid, r.sop_instance_uid),
                InstanceCommitment(r.state),
                r.reason,
            )
            for r in rows
        ]

    def keep_report(
        self, transaction_uid: str, instances: Iterable[AskedInstance], route: Route, now: datetime
    ) -> None:
        """Keep what was reported of each object of a request."""
        row = self._session.get_one(CommitmentRow, transaction_uid)
        row.state, row.reported_at, row.route = TransactionState.REPORTED, now, route
        row.reports = 1
        self._session.execute(
            update(CommitmentInstanceRow),
            [
                {
                    "transaction_uid": transaction_uid,
                    "sop_instance_uid": each.reference.sop_instance_uid,
                    "state": each.state,
                    "reason": each.reason,
                }
                for each in instances
            ],
        )

    def count_repeat(self, transaction_uid: str) -> None:
        """Note that a report came again."""
        self._session.get_one(CommitmentRow, transaction_uid).reports += 1

    def of_load(self, load_id: int) -> list[Transaction]:
        """List the requests about a load, oldest first."""
        rows = self._session.scalars(
            select(CommitmentRow)
            .where(CommitmentRow.load_id == load_id)
            .order_by(CommitmentRow.asked_at, CommitmentRow.transaction_uid)
        )
        return [_transaction(row) for row in rows]

    def unconfirmed(self, before: datetime) -> list[Transaction]:
        """List the requests made before a moment of which no report came."""
        rows = self._session.scalars(
            select(CommitmentRow)
            .where(
                CommitmentRow.state.in_((TransactionState.ASKING, TransactionState.ASKED)),
                CommitmentRow.asked_at < before,
            )
            .order_by(CommitmentRow.asked_at)
        )
        return [_transaction(row) for row in rows]


@dataclass(frozen=True)
class HeldObject:
    """An object that we answered Success to.

    Parameters
    ----------
    is_beside : bool
        Whether its bytes still stand beside its row, and need not lie in the archive yet.
    """

    sop_class_uid: str
    content_hash: str
    is_beside: bool


class Custodies:
    """What PACS asked us to commit to, and how far we are with telling them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, pacs: str, transaction_uid: str) -> Custody | None:
        """Look a request of one PACS up; those of others do not exist for it."""
        row = self._session.scalar(
            select(CustodyRow).where(
                CustodyRow.pacs == pacs, CustodyRow.transaction_uid == transaction_uid
            )
        )
        return None if row is None else _custody(row)

    def get(self, custody_id: int) -> Custody:
        """Look a request up by number; raises `NotFound`."""
        row = self._session.get(CustodyRow, custody_id)
        if row is None:
            raise NotFound("There is no such request for storage commitment.")
        return _custody(row)

    def add(self, request: CommitmentRequest, pacs: str, digest: str, now: datetime) -> int:
        """Keep a request; gives its number."""
        row = CustodyRow(
            pacs=pacs,
            transaction_uid=request.transaction_uid,
            digest=digest,
            state=CustodyState.WAITING,
            objects=[[each.sop_class_uid, each.sop_instance_uid] for each in request.references],
            asked_at=now,
            committed=0,
            failed=0,
            note="",
        )
        self._session.add(row)
        self._session.flush()
        return row.custody_id

    def waiting(self, pacs: str) -> int:
        """Count the requests of a PACS that are not reported on."""
        return self._session.scalar(
            select(func.count())
            .select_from(CustodyRow)
            .where(
                CustodyRow.pacs == pacs,
                CustodyRow.state.in_((CustodyState.WAITING, CustodyState.REPORTING)),
            )
        ) or 0  # fmt: skip

    def claim(self, custody_id: int, now: datetime, stale: datetime) -> bool:
        """Take a request on, so that one at a time reports; false where another does.

        A claim from before `stale` was left by somebody who is gone.
        """
        row = self._session.get_one(CustodyRow, custody_id)
        if row.state == CustodyState.REPORTING:
            if row.claimed_at is not None and row.claimed_at >= stale:
                return False
        elif row.state != CustodyState.WAITING:
            return False
        row.state, row.claimed_at = CustodyState.REPORTING, now
        return True

    def give_back(self, custody_id: int, note: str) -> None:
        """Let a request wait again: its report was not taken."""
        row = self._session.get_one(CustodyRow, custody_id)
        if row.state == CustodyState.REPORTING:
            row.state, row.claimed_at, row.note = CustodyState.WAITING, None, note[:300]

    def settle(
        self, custody_id: int, report: CommitmentReport, route: Route, now: datetime
    ) -> None:
        """Note that the PACS took the report; its list is forgotten."""
        row = self._session.get_one(CustodyRow, custody_id)
        row.state, row.reported_at, row.route = CustodyState.REPORTED, now, route
        row.committed, row.failed, row.note = len(report.committed), len(report.failed), ""
        row.objects = []

    def park(self, custody_id: int, note: str) -> bool:
        """Stop trying to report; false where that was done, or is done with."""
        row = self._session.get_one(CustodyRow, custody_id)
        if row.state in (CustodyState.REPORTED, CustodyState.PARKED):
            return False
        row.state, row.note, row.objects = CustodyState.PARKED, note[:300], []
        return True

    def held(self, pacs: str, sop_instance_uids: Sequence[str]) -> dict[str, HeldObject]:
        """List, by UID, those of these objects that came from this PACS."""
        found: dict[str, HeldObject] = {}
        for some in _in_parts(sop_instance_uids):
            rows = self._session.execute(
                select(
                    ObjectRow.sop_instance_uid,
                    ObjectRow.sop_class_uid,
                    ObjectRow.content_hash,
                    ArrivalRow.sop_instance_uid.is_not(None),
                )
                .outerjoin(ArrivalRow, ArrivalRow.sop_instance_uid == ObjectRow.sop_instance_uid)
                .where(ObjectRow.pacs == pacs, ObjectRow.sop_instance_uid.in_(some))
            )
            for uid, sop_class, content_hash, is_beside in rows:
                found[uid] = HeldObject(sop_class, content_hash, is_beside)
        return found


@dataclass(frozen=True)
class NotifiedInstance:
    """Where one image of ours is, as a PACS said."""

    sop_instance_uid: str
    availability: str
    retrieve_ae: str
    noted_at: datetime


class Availabilities:
    """What PACS notified us of about images of ours."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def loads_of_study(self, pacs: str, study_instance_uid: str) -> dict[int, set[str]]:
        """Give the loads into this PACS that hold a study, each with the study's images."""
        rows = self._session.execute(
            select(LoadRow.load_id, InstanceRow.sop_instance_uid)
            .join(
                CaseSetRow,
                (CaseSetRow.name == LoadRow.set_name) & (CaseSetRow.copy == LoadRow.copy),
            )
            .join(CaseRow, CaseRow.case_set_id == CaseSetRow.case_set_id)
            .join(InstanceRow, InstanceRow.accession == CaseRow.accession)
            .where(LoadRow.pacs == pacs, InstanceRow.study_instance_uid == study_instance_uid)
        )
        found: dict[int, set[str]] = {}
        for load_id, uid in rows:
            found.setdefault(load_id, set()).add(uid)
        return found

    def keep(self, pacs: str, study_instance_uid: str, noted: Iterable[NotifiedInstance]) -> None:
        """Keep where images are now; what was said of them before is replaced."""
        for each in noted:
            row = self._session.get(AvailabilityRow, (pacs, each.sop_instance_uid))
            if row is None:
                row = AvailabilityRow(pacs=pacs, sop_instance_uid=each.sop_instance_uid)
                self._session.add(row)
            row.study_instance_uid = study_instance_uid
            row.availability, row.retrieve_ae = each.availability, each.retrieve_ae
            row.noted_at = each.noted_at

    def of_study(self, pacs: str, study_instance_uid: str) -> list[NotifiedInstance]:
        """List what was said of a study's images."""
        rows = self._session.scalars(
            select(AvailabilityRow)
            .where(
                AvailabilityRow.pacs == pacs,
                AvailabilityRow.study_instance_uid == study_instance_uid,
            )
            .order_by(AvailabilityRow.sop_instance_uid)
        )
        return [
            NotifiedInstance(r.sop_instance_uid, r.availability, r.retrieve_ae, r.noted_at)
            for r in rows
        ]


def _in_parts(uids: Sequence[str]) -> list[Sequence[str]]:
    return [uids[start : start + _AT_ONCE] for start in range(0, len(uids), _AT_ONCE)]


def _transaction(row: CommitmentRow) -> Transaction:
    return Transaction(
        row.transaction_uid,
        row.pacs,
        row.load_id,
        TransactionState(row.state),
        row.asked_at,
        row.status,
        row.comment,
        row.reported_at,
        None if row.route is None else Route(row.route),
        row.reports,
    )


def _custody(row: CustodyRow) -> Custody:
    objects: Any = row.objects
    return Custody(
        row.custody_id,
        row.pacs,
        row.transaction_uid,
        row.digest,
        CustodyState(row.state),
        tuple(Reference(sop_class, uid) for sop_class, uid in objects),
        row.asked_at,
        row.claimed_at,
        row.reported_at,
        None if row.route is None else Route(row.route),
        row.committed,
        row.failed,
        row.note,
    )
