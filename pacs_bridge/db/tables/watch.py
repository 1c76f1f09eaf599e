"""What happened: associations, events, mails."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class AssociationRow(Base):
    """One association with the node, accepted or refused."""

    __tablename__ = "pb_association"
    association_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(64))
    calling_ae: Mapped[str] = mapped_column(String(16))
    called_ae: Mapped[str] = mapped_column(String(16))
    pacs: Mapped[str | None] = mapped_column(String(32), index=True)
    outcome: Mapped[str] = mapped_column(String(16))  # open, released, aborted, rejected
    stored: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)
    echoes: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(String(300), default="")
    certificate: Mapped[str | None] = mapped_column(String(64))  # null: called without TLS
    requests: Mapped[dict[str, Any] | None]  # by service, other than C-STORE and C-ECHO


class EventRow(Base):
    """One thing that happened, for admins and the audit trail; no patient data."""

    __tablename__ = "pb_event"
    event_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(64), index=True)
    detail: Mapped[dict[str, Any]]


class MailRow(Base):
    """One mail, sent at most once per key."""

    __tablename__ = "pb_mail"
    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(String(4000))
    state: Mapped[str] = mapped_column(String(8))  # waiting, sent, parked
    reason: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
