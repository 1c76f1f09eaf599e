"""Readings, the outbox to the scorer, and readers' figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.objects import OutboxRow, ReadingRow, SummaryRow
from pacs_bridge.domain.objects import WAITING, OutboxItem, ReadingState
from pacs_bridge.domain.reading import Reading, hash_payload


class Readings:
    """Everything one reader said about one case, and how far it has come."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def touch(
        self,
        *,
        reading_uid: str,
        set_name: str,
        accession: str,
        kind: str,
        reader: str,
        pacs: str,
        now: datetime,
    ) -> ReadingState:
        """Note that an object for this reader and case came; opens the reading (again)."""
        row = self._session.get(ReadingRow, reading_uid)
        if row is None:
            row = ReadingRow(
                reading_uid=reading_uid,
                set_name=set_name,
                accession=accession,
                kind=kind,
                reader=reader,
                pacs=pacs,
                state="open",
                revision=0,
                content_hash="",
                essence="",
                last_object_at=now,
                closed_at=None,
                body=None,
                result=None,
                scored_at=None,
            )
            self._session.add(row)
        row.state, row.last_object_at = "open", now
        self._session.flush()
        return _state(row)

    def find(self, reading_uid: str) -> ReadingState | None:
        """Look a reading up."""
        row = self._session.get(ReadingRow, reading_uid)
        return None if row is None else _state(row)

    def close(self, reading: Reading, state: str, now: datetime) -> None:
        """Close a reading with what it says: state ``closed``, or ``kept`` for practice."""
        row = self._session.get_one(ReadingRow, reading.reading_uid)
        row.state, row.revision, row.content_hash = state, reading.revision, reading.content_hash()
        row.essence, row.closed_at, row.body = reading.essence(), now, reading.as_payload()

    def close_unchanged(self, reading_uid: str) -> None:
        """Close again a reading to which the last objects added nothing."""
        row = self._session.get_one(ReadingRow, reading_uid)
        if row.kind == "practice":
            row.state = "kept"
        elif row.result is not None and row.result.get("revision") == row.revision:
            row.state = "scored"
        else:
            row.state = "closed"

    def set_scored(
        self, reading_uid: str, revision: int, result: dict[str, Any], now: datetime
    ) -> None:
        """Keep the scorer's result, unless a newer revision is open or closed meanwhile."""
        row = self._session.get_one(ReadingRow, reading_uid)
        row.result, row.scored_at = {**result, "revision": revision}, now
        if row.revision == revision and row.state == "closed":
            row.state = "scored"

    def set_state(self, reading_uid: str, state: str) -> None:
        """Move a reading to another state."""
        self._session.get_one(ReadingRow, reading_uid).state = state

    def of_reader(self, reader: str, set_name: str) -> list[ReadingState]:
        """List a reader's readings of a set, by case."""
        rows = self._session.scalars(
            select(ReadingRow)
            .where(ReadingRow.reader == reader, ReadingRow.set_name == set_name)
            .order_by(ReadingRow.accession)
        )
        return [_state(row) for row in rows]

    def body(self, reading_uid: str) -> dict[str, Any] | None:
        """Give the payload of the last closed revision."""
        row = self._session.get(ReadingRow, reading_uid)
        return None if row is None else row.body

    def open_ones(self, set_name: str = "") -> list[ReadingState]:
        """List readings that wait to be closed, or for their reader; of a set or of all."""
        query = select(ReadingRow).where(ReadingRow.state.in_(WAITING))
        if set_name:
            query = query.where(ReadingRow.set_name == set_name)
        return [_state(row) for row in self._session.scalars(query)]

    def open_sets(self) -> list[str]:
        """List the sets of which a reading waits."""
        query = select(ReadingRow.set_name).where(ReadingRow.state.in_(WAITING)).distinct()
        return sorted(self._session.scalars(query))

    def counts(self, set_name: str = "") -> dict[tuple[str, str], int]:
        """Count readings by reader and state."""
        query = select(ReadingRow.reader, ReadingRow.state, func.count()).group_by(
            ReadingRow.reader, ReadingRow.state
        )
        if set_name:
            query = query.where(ReadingRow.set_name == set_name)
        return {(reader, state): count for reader, state, count in self._session.execute(query)}


class Outbox:
    """Readings waiting for the scorer: kept until it has given its receipt."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, reading: Reading, content_hash: str, now: datetime) -> int:
        """Put one revision in; gives its number."""
        row = OutboxRow(
            reading_uid=reading.reading_uid,
            revision=reading.revision,
            set_name=reading.set_name,
            content_hash=content_hash,
            payload=reading.as_payload(),
            state="waiting",
            attempts=0,
            reason="",
            created_at=now,
            settled_at=None,
        )
        self._session.add(row)
        self._session.flush()
        return row.outbox_id

    def get(self, outbox_id: int) -> OutboxItem:
        """Look one up."""
        return _item(self._session.get_one(OutboxRow, outbox_id))

    def hold(self, outbox_id: int) -> None:
        """Have whoever else works at it wait until this transaction ends."""
        self._session.scalars(
            select(OutboxRow).where(OutboxRow.outbox_id == outbox_id).with_for_update()
        ).one()

    def seal(self, outbox_id: int, reports: list[dict[str, Any]]) -> None:
        """Name the reports of a reading in its payload, before it first goes out; and no more."""
        row = self._session.get_one(OutboxRow, outbox_id)
        if not row.sealed:
            row.sealed = True
            if reports:
                row.payload = {**row.payload, "reports": reports}
                row.content_hash = hash_payload(row.payload)

    def up_to(self, reading_uid: str, revision: int) -> list[OutboxItem]:
        """List a reading's revisions up to one, oldest first."""
        rows = self._session.scalars(
            select(OutboxRow)
            .where(OutboxRow.reading_uid == reading_uid, OutboxRow.revision <= revision)
            .order_by(OutboxRow.revision)
        )
        return [_item(row) for row in rows]

    def of_set(self, set_name: str) -> list[OutboxItem]:
        """List every revision of every reading of a set, by reading, oldest first."""
        rows = self._session.scalars(
            select(OutboxRow)
            .where(OutboxRow.set_name == set_name)
            .order_by(OutboxRow.reading_uid, OutboxRow.revision)
        )
        return [_item(row) for row in rows]

    def receive(self, outbox_id: int, receipt: dict[str, Any]) -> None:
        """Keep the scorer's receipt."""
        self._session.get_one(OutboxRow, outbox_id).receipt = receipt

    def settle(self, outbox_id: int, now: datetime) -> None:
        """Note that the scorer has it."""
        row = self._session.get_one(OutboxRow, outbox_id)
        row.state, row.settled_at, row.reason = "settled", now, ""

    def retry(self, outbox_id: int, reason: str) -> int:
        """Count a failed attempt; gives how many there were."""
        row = self._session.get_one(OutboxRow, outbox_id)
        row.attempts += 1
        row.reason = reason[:500]
        return row.attempts

    def park(self, outbox_id: int, reason: str) -> None:
        """Set aside for a person what the scorer will never take."""
        row = self._session.get_one(OutboxRow, outbox_id)
        row.state, row.reason = "parked", reason[:500]

    def in_state(self, state: str) -> list[OutboxItem]:
        """List items in a state, oldest first."""
        rows = self._session.scalars(
            select(OutboxRow)
            .where(OutboxRow.state == state)
            .order_by(OutboxRow.created_at, OutboxRow.outbox_id)
        )
        return [_item(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Count items by state."""
        return dict(
            self._session.execute(
                select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
            ).all()
        )


class Summaries:
    """Readers' figures as the scorer last gave them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, set_name: str, reader: str) -> int:
        """Number a question to the scorer; committed before it is asked."""
        key = (set_name, reader)
        row = self._session.get(SummaryRow, key) or SummaryRow(
            set_name=set_name, reader=reader, asked=0, answered=0, body=None, at=None
        )
        row.asked += 1
        self._session.add(row)
        self._session.flush()
        return row.asked

    def put(
        self, set_name: str, reader: str, number: int, body: dict[str, Any], now: datetime
    ) -> None:
        """Keep the answer to question `number`, unless that to a later one stands.

        Readings are forwarded side by side: the answer that knows fewer of them may be the
        last to come.
        """
        row = self._session.get_one(SummaryRow, (set_name, reader))
        if number > row.answered:
            row.body, row.at, row.answered = body, now, number

    def find(self, set_name: str, reader: str) -> tuple[dict[str, Any], datetime] | None:
        """Give a reader's figures and when they were made."""
        row = self._session.get(SummaryRow, (set_name, reader))
        if row is None or row.body is None or row.at is None:
            return None
        return row.body, row.at


def _state(row: ReadingRow) -> ReadingState:
    return ReadingState(
        row.reading_uid,
        row.set_name,
        row.accession,
        row.kind,
        row.reader,
        row.pacs,
        row.state,
        row.revision,
        row.content_hash,
        row.last_object_at,
        row.closed_at,
        row.result,
        row.scored_at,
        row.essence,
    )


def _item(row: OutboxRow) -> OutboxItem:
    return OutboxItem(
        row.outbox_id,
        row.reading_uid,
        row.revision,
        row.set_name,
        row.content_hash,
        row.payload,
        row.state,
        row.attempts,
        row.reason,
        row.sealed,
        row.receipt,
    )
