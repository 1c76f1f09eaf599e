"""Reports of the standard that say what a closed reading says."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.objects import ReadingRow


class ReportRow(Base):
    """One document of one revision of a reading; number 0 says that none could be written."""

    __tablename__ = "pb_report"
    reading_uid: Mapped[str] = mapped_column(ForeignKey(ReadingRow.reading_uid), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64), default="")
    series_instance_uid: Mapped[str] = mapped_column(String(64), default="")
    sop_instance_uid: Mapped[str] = mapped_column(String(64), default="")
    content_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    marks: Mapped[int] = mapped_column(default=0)
    # kept, asked, delivered, untaken, refused, unwritten
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(500), default="")
    kept_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
