"""Objects whose bytes came in with their row, and wait there for their place in the archive."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class ArrivalRow(Base):
    """The file of one received object, whole; gone when it lies in the archive and has its job.

    Empty for one that lies in the archive and waits for its job alone. No foreign key: it is
    written in one transaction with the object's own row, and checking that would cost as much as
    writing it.
    """

    __tablename__ = "pb_arrival"
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
