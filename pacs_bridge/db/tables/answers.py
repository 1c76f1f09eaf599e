"""What readers answered on our page; no row is ever changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class AnswerRow(Base):
    """One answer of a reader to what was read, or a mark put on our own sheet."""

    __tablename__ = "pb_answer"
    __table_args__ = (
        UniqueConstraint("reading_uid", "token"),
        Index("ix_pb_answer_reader_set", "reader", "set_name"),
    )
    answer_id: Mapped[int] = mapped_column(primary_key=True)
    reading_uid: Mapped[str] = mapped_column(String(64))
    set_name: Mapped[str] = mapped_column(String(16))
    accession: Mapped[str] = mapped_column(String(16))
    reader: Mapped[str] = mapped_column(String(32))
    token: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    key: Mapped[str] = mapped_column(String(32), default="")
    given_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
