"""Truth on a PACS: what was asked for, what was sent, and the promise that it goes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import PacsRow


class FeedbackRow(Base):
    """Feedback asked for: a set, a PACS, a copy, and whose marks stand beside the truth."""

    __tablename__ = "pb_feedback"
    __table_args__ = (UniqueConstraint("set_name", "pacs", "copy", "reader", "run"),)
    feedback_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), index=True)
    copy: Mapped[int]
    reader: Mapped[str] = mapped_column(String(32))  # empty: the truth alone
    run: Mapped[int]
    asked_at: Mapped[datetime]
    account_id: Mapped[int | None]
    made_at: Mapped[datetime | None]
    found_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(String(500), default="")


class FeedbackWithdrawalRow(Base):
    """By when feedback is to have gone, and how that stands; one a row of `pb_feedback`."""

    __tablename__ = "pb_feedback_withdrawal"
    feedback_id: Mapped[int] = mapped_column(
        ForeignKey("pb_feedback.feedback_id"), primary_key=True
    )
    due_at: Mapped[datetime]
    begun_at: Mapped[datetime | None]
    asked_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    left: Mapped[dict[str, Any]]
    notes: Mapped[dict[str, Any]]


class FeedbackObjectRow(Base):
    """The ledger: one object of feedback."""

    __tablename__ = "pb_feedback_object"
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    feedback_id: Mapped[int] = mapped_column(ForeignKey("pb_feedback.feedback_id"), index=True)
    place: Mapped[int]
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    accession: Mapped[str] = mapped_column(String(16), index=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64))
    series_instance_uid: Mapped[str] = mapped_column(String(64))
    series_number: Mapped[int]
    instance_number: Mapped[int]
    content_hash: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(8))
    status: Mapped[int | None]
    comment: Mapped[str] = mapped_column(String(200), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    in_doubt: Mapped[bool] = mapped_column(default=False)
    found: Mapped[bool] = mapped_column(default=False)
