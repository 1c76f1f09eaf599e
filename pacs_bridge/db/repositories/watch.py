"""Associations, events and mails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.audit import AuditTrail
from pacs_bridge.db.tables.base import table_of
from pacs_bridge.db.tables.watch import AssociationRow, EventRow, MailRow
from pacs_bridge.domain.audit_rules import of_association
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.ports import Message

_AT_ONCE = 500  # rows in one statement


def _values(association: Association) -> dict[str, Any]:
    caller = association.caller
    return {
        "association_id": association.association_id,
        "opened_at": association.opened_at,
        "address": caller.address,
        "calling_ae": caller.ae_title,
        "called_ae": caller.called_ae_title,
        "pacs": caller.pacs,
        "outcome": association.outcome,
        "ended_at": association.ended_at,
        "stored": association.stored,
        "refused": association.refused,
        "echoes": association.echoes,
        "note": association.note[:300],
        "certificate": caller.certificate,
        "requests": dict(association.requests),
    }


class Associations:
    """Associations with the node, as they happened."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, association: Association) -> None:
        """Keep an association or how it stands now."""
        self.put_all([association])

    def put_all(self, associations: Sequence[Association]) -> None:
        """Keep associations or how they stand now; one that is over goes into the audit trail."""
        for start in range(0, len(associations), _AT_ONCE):
            rows = {
                each.association_id: _values(each)
                for each in associations[start : start + _AT_ONCE]
            }
            query = select(AssociationRow.association_id)
            found = self._session.scalars(query.where(AssociationRow.association_id.in_(rows)))
            known = [rows.pop(association_id) for association_id in found]
            if rows:
                self._session.execute(insert(table_of(AssociationRow)), list(rows.values()))
            if known:
                self._session.execute(update(AssociationRow), known)
        self._audit(associations)

    def _audit(self, associations: Sequence[Association]) -> None:
        facts = map(of_association, associations)
        AuditTrail(self._session).add_all([fact for fact in facts if fact is not None])

    def end_stale(self, now: datetime) -> None:
        """Call ended whatever a node that is gone had left open."""
        is_open = AssociationRow.outcome == AssociationOutcome.OPEN
        left = self._session.scalars(select(AssociationRow).where(is_open)).all()
        ended: dict[str, Any] = {
            "outcome": AssociationOutcome.ABORTED,
            "ended_at": now,
            "note": "the node stopped",
        }
        self._audit([replace(_association(row), **ended) for row in left])
        self._session.execute(update(AssociationRow).where(is_open).values(**ended))

    def newest(self, limit: int = 100) -> list[Association]:
        """List the newest associations, open ones first."""
        rows = self._session.scalars(
            select(AssociationRow)
            .order_by(
                AssociationRow.outcome != AssociationOutcome.OPEN, AssociationRow.opened_at.desc()
            )
            .limit(limit)
        )
        return [_association(row) for row in rows]

    def find(self, association_id: str) -> Association | None:
        """Look an association up; None where there is none."""
        row = self._session.get(AssociationRow, association_id)
        return None if row is None else _association(row)

    def last_of(self, ae_title: str, address: str) -> Association | None:
        """Give the last association of a caller that was no PACS of ours; None for none."""
        row = self._session.scalar(
            select(AssociationRow)
            .where(
                AssociationRow.calling_ae == ae_title,
                AssociationRow.address == address,
                AssociationRow.pacs.is_(None),
            )
            .order_by(AssociationRow.opened_at.desc())
            .limit(1)
        )
        return None if row is None else _association(row)


def _association(row: AssociationRow) -> Association:
    caller = Caller(
        row.calling_ae, row.called_ae, row.address, row.pacs, row.association_id, row.certificate
    )
    return Association(
        row.association_id,
        row.opened_at,
        caller,
        AssociationOutcome(row.outcome),
        row.ended_at,
        row.stored,
        row.refused,
        row.echoes,
        row.note,
        dict(row.requests or {}),
    )


@dataclass(frozen=True)
class Event:
    """One thing that happened; never holds patient data. Later ones have larger numbers."""

    at: datetime
    kind: str
    subject: str
    detail: dict[str, Any]
    event_id: int = 0


class Events:
    """What happened, for admins and the audit trail."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, now: datetime, kind: str, subject: str, **detail: Any) -> None:
        """Keep one event."""
        self._session.add(EventRow(at=now, kind=kind, subject=subject[:64], detail=detail))

    def add_all(self, events: Sequence[Event]) -> None:
        """Keep several in one statement; their numbers are given here."""
        rows = [
            {"at": each.at, "kind": each.kind, "subject": each.subject[:64], "detail": each.detail}
            for each in events
        ]
        if rows:
            self._session.execute(insert(table_of(EventRow)), rows)

    def newest(self, limit: int = 100, kind: str = "") -> list[Event]:
        """List the newest events, of one kind or all."""
        query = select(EventRow).order_by(EventRow.event_id.desc()).limit(limit)
        if kind:
            query = query.where(EventRow.kind == kind)
        return [_event(row) for row in self._session.scalars(query)]

    def after(self, event_id: int, limit: int = 100) -> list[Event]:
        """List the events with larger numbers, in their order."""
        query = select(EventRow).where(EventRow.event_id > event_id).order_by(EventRow.event_id)
        return [_event(row) for row in self._session.scalars(query.limit(limit))]

    def last_id(self) -> int:
        """Give the number of the newest event; 0 where there is none."""
        return self._session.scalar(select(func.max(EventRow.event_id))) or 0


def _event(row: EventRow) -> Event:
    return Event(row.at, row.kind, row.subject, row.detail, row.event_id)


@dataclass(frozen=True)
class MailLine:
    """A mail and how it stands."""

    message: Message
    state: str
    reason: str
    created_at: datetime
    sent_at: datetime | None


class Mails:
    """Mails, each sent at most once per key."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, message: Message, now: datetime) -> bool:
        """Keep a mail to be sent; False when its key was used before."""
        if self._session.get(MailRow, message.key) is not None:
            return False
        self._session.add(
            MailRow(
                key=message.key,
                to=message.to,
                subject=message.subject,
                body=message.body,
                state="waiting",
                reason="",
                created_at=now,
                sent_at=None,
            )
        )
        self._session.flush()
        return True

    def find(self, key: str) -> MailLine | None:
        """Look a mail up."""
        row = self._session.get(MailRow, key)
        return None if row is None else _line(row)

    def set_sent(self, key: str, now: datetime) -> None:
        """Note that the mail server took it."""
        row = self._session.get_one(MailRow, key)
        row.state, row.sent_at, row.reason = "sent", now, ""

    def park(self, key: str, reason: str) -> None:
        """Set aside what cannot be sent."""
        row = self._session.get_one(MailRow, key)
        row.state, row.reason = "parked", reason[:300]

    def newest(self, limit: int = 100) -> list[MailLine]:
        """List the newest mails."""
        rows = self._session.scalars(
            select(MailRow).order_by(MailRow.created_at.desc()).limit(limit)
        )
        return [_line(row) for row in rows]


def _line(row: MailRow) -> MailLine:
    message = Message(row.key, row.to, row.subject, row.body)
    return MailLine(message, row.state, row.reason, row.created_at, row.sent_at)
