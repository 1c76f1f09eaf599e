"""What PACS have shown of themselves, and withdrawals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.objects import MarkRow, ObjectRow, ReadObjectRow
from pacs_bridge.db.tables.proofs import ProofRow, WithdrawalRow
from pacs_bridge.domain.withdrawal import Withdrawal

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"


class Proof(NamedTuple):
    """What a PACS has shown, and when."""

    proven_at: datetime
    body: dict[str, Any]


class Proofs:
    """The last proof of each kind, by PACS."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, pacs: str, kind: str, body: dict[str, Any], now: datetime) -> None:
        """Keep a proof in place of the one before."""
        row = self._session.get(ProofRow, (pacs, kind)) or ProofRow(pacs=pacs, kind=kind)
        row.proven_at, row.body = now, body
        self._session.add(row)

    def find(self, pacs: str, kind: str) -> Proof | None:
        """Give the last proof of a kind."""
        row = self._session.get(ProofRow, (pacs, kind))
        return None if row is None else Proof(row.proven_at, row.body)

    def forget_marks(self, reading_uid: str, accession: str) -> None:
        """Take away what came of a rehearsal: its reading's objects, and our notes sent back."""
        ours = or_(
            ObjectRow.reading_uid == reading_uid,
            and_(ObjectRow.accession == accession, ObjectRow.sop_class_uid == KEY_OBJECT),
        )
        objects = select(ObjectRow.sop_instance_uid).where(ours)
        for row in (MarkRow, ReadObjectRow):
            self._session.execute(delete(row).where(row.object_uid.in_(objects)))
        self._session.execute(delete(ObjectRow).where(ours))


class Withdrawals:
    """The withdrawal of each load."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, withdrawal: Withdrawal) -> None:
        """Keep how one stands."""
        row = self._session.get(WithdrawalRow, withdrawal.load_id) or WithdrawalRow(
            load_id=withdrawal.load_id
        )
        row.begun_at, row.due_at = withdrawal.begun_at, withdrawal.due_at
        row.asked_at, row.gone_at = withdrawal.asked_at, withdrawal.gone_at
        row.left, row.notes = dict(withdrawal.left), dict(withdrawal.notes)
        self._session.add(row)
        self._session.flush()

    def find(self, load_id: int) -> Withdrawal | None:
        """Give the withdrawal of a load, if it has begun."""
        r = self._session.get(WithdrawalRow, load_id)
        if r is None:
            return None
        return Withdrawal(r.load_id, r.begun_at, r.due_at, r.asked_at, r.gone_at, r.left, r.notes)

    def remove(self, load_id: int) -> None:
        """Forget the withdrawal of a load that is sent again."""
        row = self._session.get(WithdrawalRow, load_id)
        if row is not None:
            self._session.delete(row)

    def came(self, pacs: str, accessions: Iterable[str]) -> dict[str, Counter[str]]:
        """Count what came to us from a PACS about cases, by the SOP class of the objects."""
        rows = self._session.execute(
            select(ObjectRow.accession, ObjectRow.sop_class_uid, func.count())
            .where(ObjectRow.pacs == pacs, ObjectRow.accession.in_(list(accessions)))
            .group_by(ObjectRow.accession, ObjectRow.sop_class_uid)
        )
        counted: dict[str, Counter[str]] = {}
        for accession, sop_class, count in rows:
            counted.setdefault(str(accession), Counter())[sop_class] = count
        return counted
