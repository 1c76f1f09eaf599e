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
from pacs_bridge.db.repositories.watch import Associations, Event, Events, MailLine, Mails
from pacs_bridge.db.tables.objects import OutboxRow, ReadingRow, RefusalRow
from pacs_bridge.db.tables.watch import AssociationRow, MailRow
from pacs_bridge.domain.objects import Association, AssociationOutcome, ReceivedObject, Refusal
from pacs_bridge.domain.pacs import likely_pacs

_MOST_UNKNOWN = 50


@dataclass(frozen=True)
class UnknownCaller:
    """Somebody who called and is no PACS of ours.

    Parameters
    ----------
    association_id : str
        Its last association; whoever adopts it adopts what called there.
    likely : str
        The PACS that it is probably part of, by its address; empty for none.
    """

    ae_title: str
    address: str
    called: str
    tls: bool
    times: int
    first_at: datetime
    last_at: datetime
    association_id: str
    likely: str = ""

    @property
    def fit(self) -> bool:
        """Whether its AE title can be used."""
        return not self.ae_title.startswith("(")


@dataclass(frozen=True)
class AdoptedCaller:
    """A caller that an administrator made known."""

    ae_title: str
    address: str
    pacs: str
    tls: bool
    at: datetime


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
        """List the latest callers that are no PACS of ours, in the order they first came."""
        with self._make_session() as session:
            return _unknown(session)

    def adopted_callers(self, limit: int = 20) -> list[AdoptedCaller]:
        """List callers that were adopted and may still call, the latest first."""
        with self._make_session() as session:
            pacs_list = PacsList(session)
            found: dict[tuple[str, str], AdoptedCaller] = {}
            for event in Events(session).newest(limit, kind="pacs-caller-adopted"):
                caller = str(event.detail["ae_title"]), str(event.detail["address"])
                pacs = pacs_list.of_caller(*caller)
                if pacs is not None and pacs.name == event.subject and caller not in found:
                    found[caller] = AdoptedCaller(*caller, pacs.name, not pacs.plain, event.at)
            return list(found.values())

    def pacs_names(self) -> list[str]:
        """List the names of all registered PACS."""
        with self._make_session() as session:
            return [pacs.name for pacs in PacsList(session).all()]

    def events_after(self, event_id: int, limit: int = 100) -> list[Event]:
        """List the events after one, in their order."""
        with self._make_session() as session:
            return Events(session).after(event_id, limit)

    def last_event(self) -> int:
        """Give the number of the newest event; 0 where there is none."""
        with self._make_session() as session:
            return Events(session).last_id()

    def newest_events(self, limit: int = 20) -> list[Event]:
        """List the newest events, the newest first."""
        with self._make_session() as session:
            return Events(session).newest(limit)

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
    """List unknown callers, the longest known first: a new one moves none from its place."""
    same = (AssociationRow.calling_ae, AssociationRow.address)
    row, at = AssociationRow, AssociationRow.opened_at
    newest = func.row_number().over(partition_by=same, order_by=at.desc()).label("nth")
    each = (
        select(
            row.calling_ae,
            row.address,
            row.called_ae,
            row.certificate,
            func.count().over(partition_by=same).label("times"),
            func.min(at).over(partition_by=same).label("first_at"),
            at,
            row.association_id,
            newest,
        )
        .where(row.pacs.is_(None), row.calling_ae != "")  # which came to no association
        .subquery()
    )
    found = session.execute(
        select(each).where(each.c.nth == 1).order_by(each.c.opened_at.desc()).limit(_MOST_UNKNOWN)
    )
    known = PacsList(session)
    registered = known.all()
    return sorted(
        (
            UnknownCaller(
                r.calling_ae,
                r.address,
                r.called_ae,
                r.certificate is not None,
                r.times,
                r.first_at,
                r.opened_at,
                r.association_id,
                likely_pacs(registered, r.address),
            )
            for r in found
            if known.of_caller(r.calling_ae, r.address) is None
        ),
        key=lambda caller: caller.first_at,
    )
