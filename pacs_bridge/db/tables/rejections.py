"""What PACS said that they took out of use; also of objects that have not come yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class RejectionRow(Base):
    """One object that a PACS rejects; kept as it was said, whether the object is here or not."""

    __tablename__ = "pb_rejection"
    pacs: Mapped[str] = mapped_column(String(32), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    note: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
