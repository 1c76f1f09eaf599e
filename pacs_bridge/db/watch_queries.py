"""What the pages for administrators read: associations, and whatever waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.objects import Objects, Refusals
from pacs_bridge.db.repositories.pacs import PacsList
from pacs_bridge.db.repositories.readings import Outbox, Readings
from pacs_bridge.db.repositories.watch import Associations, MailLine, Mails
from pacs_bridge.db.tables import AssociationRow, MailRow, OutboxRow, ReadingRow, RefusalRow
from pacs_bridge.domain.objects import Association, AssociationOutcome, ReceivedObject, Refusal


@dataclass(frozen=True)
class UnknownCaller:
    """Somebody who called and is no PACS of ours."""

    ae_title: str
    address: str
    called: str
    times: int
    last_at: datetime


@dataclass(frozen=True)
class OutboxLine:
    """One reading on its way to the scorer, or set aside."""

    accession: str
    reader: str
    revision: int
    state: str
    attempts: int
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class Numbers:
    """How many of each kind stand in which state."""

    objects: dict[str, int] = field(default_factory=dict)
    readings: dict[str, int] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    mails: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    open_associations: int = 0
    unknown_callers: int = 0

    @property
    def parked(self) -> int:
        """Everything that is set aside for a person."""
        kinds = (self.objects, self.readings, self.outbox, self.mails)
        return sum(kind.get("parked", 0) for kind in kinds)


class WatchQueries:
    """Read models for administrators.

    Parameters
    ----------
    make_session : callable
        Opens a database session for reading.
    """

    def __init__(self, make_session: Callable[[], Session]) -> None:
        self._make_session = make_session

    def numbers(self) -> Numbers:
        """Count everything."""
        with self._make_session() as session:
            readings: Counter[str] = Counter()
            for (_, state), count in Readings(session).counts().items():
                readings[state] += count
            return Numbers(
                Objects(session).counts(),
                dict(readings),
                Outbox(session).counts(),
                _counts(session, MailRow.state),
                _counts(session, RefusalRow.kind),
                session.scalar(
                    select(func.count())
                    .select_from(AssociationRow)
                    .where(AssociationRow.outcome == AssociationOutcome.OPEN)
                )
                or 0,
                len(_unknown(session)),
            )

    def associations(self, limit: int = 100) -> list[Association]:
        """List the newest associations, open ones first."""
        with self._make_session() as session:
            return Associations(session).newest(limit)

    def unknown_callers(self) -> list[UnknownCaller]:
        """List callers that are no PACS of ours, the latest first."""
        with self._make_session() as session:
            return _unknown(session)

    def parked_objects(self, limit: int = 100) -> list[ReceivedObject]:
        """List received objects that are set aside, the oldest first."""
        with self._make_session() as session:
            return Objects(session).in_state("parked", limit)

    def outbox(self, limit: int = 100) -> list[OutboxLine]:
        """List what waits for the scorer or is set aside, set aside first."""
        with self._make_session() as session:
            rows = session.execute(
                select(OutboxRow, ReadingRow.accession, ReadingRow.reader)
                .join(ReadingRow, ReadingRow.reading_uid == OutboxRow.reading_uid)
                .where(OutboxRow.state != "settled")
                .order_by(OutboxRow.state, OutboxRow.created_at)
                .limit(limit)
            )
            return [
                OutboxLine(
                    accession,
                    reader,
                    row.revision,
                    row.state,
                    row.attempts,
                    row.reason,
                    row.created_at,
                )
                for row, accession, reader in rows
            ]

    def mails(self, limit: int = 50) -> list[MailLine]:
        """List the newest mails."""
        with self._make_session() as session:
            return Mails(session).newest(limit)

    def refusals(self, limit: int = 50) -> list[Refusal]:
        """List the newest refusals."""
        with self._make_session() as session:
            return Refusals(session).newest(limit)


def _counts(session: Session, column: object) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).group_by(column))  # type: ignore[call-overload]  # any column of text
    return {str(state): count for state, count in rows}


def _unknown(session: Session) -> list[UnknownCaller]:
    rows = session.execute(
        select(
            AssociationRow.calling_ae,
            AssociationRow.address,
            func.max(AssociationRow.called_ae),
            func.count(),
            func.max(AssociationRow.opened_at),
        )
        .where(AssociationRow.pacs.is_(None))
        .group_by(AssociationRow.calling_ae, AssociationRow.address)
        .order_by(func.max(AssociationRow.opened_at).desc())
        .limit(50)
    )
    known = PacsList(session)
    callers = [UnknownCaller(*row) for row in rows]
    return [each for each in callers if known.of_caller(each.ae_title, each.address) is None]
