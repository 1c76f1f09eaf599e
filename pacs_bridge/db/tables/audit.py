"""The audit trail: its messages as facts, how far it has been gathered, and what was dropped."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class AuditRow(Base):
    """One message. It has a place and a seal once it was put into order; then it never changes."""

    __tablename__ = "pb_audit"
    __table_args__ = (
        Index("ix_pb_audit_sent_place", "sent_at", "place"),
        {"sqlite_autoincrement": True},  # a number is never used again, whatever was dropped
    )
    audit_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    event: Mapped[str] = mapped_column(String(24))
    kind: Mapped[str] = mapped_column(String(24), default="")
    outcome: Mapped[int]
    pacs: Mapped[str] = mapped_column(String(32), default="")
    body: Mapped[dict[str, Any]]
    place: Mapped[int | None] = mapped_column(unique=True)
    seal: Mapped[str] = mapped_column(String(64), default="")
    sent_at: Mapped[datetime | None]


class AuditCursorRow(Base):
    """Up to which row of another table everything is in the audit trail."""

    __tablename__ = "pb_audit_cursor"
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    reached: Mapped[int]


class AuditDropRow(Base):
    """Messages that were taken out of the trail because it was full, the oldest first."""

    __tablename__ = "pb_audit_drop"
    drop_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    first_place: Mapped[int]
    last_place: Mapped[int] = mapped_column(index=True)
    unsent: Mapped[int]
    seal: Mapped[str] = mapped_column(String(64))  # of the last, for the next to follow on
