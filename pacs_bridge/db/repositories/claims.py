"""The claim queue, and what was said of whose an object is."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.objects import MarkRow, ObjectRow
from pacs_bridge.db.tables.who import ClaimQueueRow, ClaimRow
from pacs_bridge.domain.claims import Claim, Saying, Waiting


class Claims:
    """Objects that wait for somebody to say whose they are, and every such saying."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def hold(self, waiting: Waiting) -> None:
        """Let an object wait; again brings its row up to date."""
        row = self._session.get(ClaimQueueRow, waiting.object_uid)
        row = row or ClaimQueueRow(object_uid=waiting.object_uid)
        row.pacs, row.set_name, row.accession = waiting.pacs, waiting.set_name, waiting.accession
        row.kind, row.station = waiting.kind, waiting.station[:64]
        row.said_at, row.received_at = waiting.said_at, waiting.received_at
        row.reason, row.claimable = waiting.reason[:500], waiting.claimable
        self._session.add(row)
        self._session.flush()

    def let_go(self, object_uid: str) -> None:
        """Take an object out of the queue: it is somebody's."""
        self._session.execute(delete(ClaimQueueRow).where(ClaimQueueRow.object_uid == object_uid))

    def waiting(self, *, pacs: str = "", set_name: str = "") -> list[Waiting]:
        """List what waits, oldest first, of one PACS or set or all."""
        query = select(ClaimQueueRow).order_by(ClaimQueueRow.received_at, ClaimQueueRow.object_uid)
        if pacs:
            query = query.where(ClaimQueueRow.pacs == pacs)
        if set_name:
            query = query.where(ClaimQueueRow.set_name == set_name)
        return [_waiting(row) for row in self._session.scalars(query)]

    def find(self, object_uid: str) -> Waiting | None:
        """Look a waiting object up."""
        row = self._session.get(ClaimQueueRow, object_uid)
        return None if row is None else _waiting(row)

    def say(self, claim: Claim) -> int:
        """Keep one saying; gives its number."""
        row = ClaimRow(
            object_uid=claim.object_uid,
            saying=claim.saying,
            reader=claim.reader,
            statement=claim.statement[:500],
            because=claim.because[:300],
            account_id=claim.account_id,
            at=claim.at,
        )
        self._session.add(row)
        self._session.flush()
        return row.claim_id

    def said_of(self, object_uids: Iterable[str]) -> dict[str, list[Claim]]:
        """List all that was said of objects, oldest first."""
        said: dict[str, list[Claim]] = {uid: [] for uid in object_uids}
        rows = self._session.scalars(
            select(ClaimRow).where(ClaimRow.object_uid.in_(list(said))).order_by(ClaimRow.claim_id)
        )
        for row in rows:
            said[row.object_uid].append(
                Claim(
                    row.object_uid,
                    Saying(row.saying),
                    row.reader,
                    row.statement,
                    row.at,
                    row.account_id,
                    row.because,
                )
            )
        return said

    def claimed_at(self, pacs: str, set_name: str) -> list[str]:
        """List the objects of a set at a PACS of which somebody ever said whose they are."""
        rows = self._session.scalars(
            select(ClaimRow.object_uid)
            .join(ObjectRow, ObjectRow.sop_instance_uid == ClaimRow.object_uid)
            .where(
                ObjectRow.pacs == pacs,
                ObjectRow.accession.startswith(set_name, autoescape=True),
                ClaimRow.saying != Saying.NOT_MINE,
            )
            .distinct()
        )
        return sorted(rows)

    def take_back(self, object_uid: str) -> str | None:
        """Make an object nobody's, to be looked into anew; gives whose it was."""
        row = self._session.get_one(ObjectRow, object_uid)
        reader, row.reader, row.state = row.reader, None, "received"
        row.reason, row.reading_uid = "", None
        self._session.execute(
            update(MarkRow).where(MarkRow.object_uid == object_uid).values(reader=None)
        )
        self._session.flush()
        return reader

    def read_at(self, pacs: str) -> list[tuple[str, str, str]]:
        """List the objects from a PACS that are readers': UID, case as the PACS has it, reader."""
        rows = self._session.execute(
            select(ObjectRow.sop_instance_uid, ObjectRow.accession, ObjectRow.reader)
            .where(
                ObjectRow.pacs == pacs,
                ObjectRow.reader.is_not(None),
                ObjectRow.accession.is_not(None),
            )
            .order_by(ObjectRow.arrival)
        )
        return [(uid, accession or "", reader or "") for uid, accession, reader in rows]

    def of_reader_at(self, pacs: str, reader: str) -> list[str]:
        """List the objects from a PACS that are a reader's."""
        rows = self._session.scalars(
            select(ObjectRow.sop_instance_uid).where(
                ObjectRow.pacs == pacs, ObjectRow.reader == reader
            )
        )
        return sorted(rows)


def _waiting(row: ClaimQueueRow) -> Waiting:
    return Waiting(
        row.object_uid,
        row.pacs,
        row.set_name,
        row.accession,
        row.kind,
        row.station,
        row.said_at,
        row.received_at,
        row.reason,
        row.claimable,
    )
