"""What people saw at workstations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.people import SiteRow


class WorkstationCheckRow(Base):
    """One check at one kind of workstation, passed or not."""

    __tablename__ = "pb_workstation_check"
    __table_args__ = (Index("ix_pb_workstation_check_of", "set_name", "copy", "site"),)
    check_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    copy: Mapped[int] = mapped_column(default=0)
    site: Mapped[str] = mapped_column(ForeignKey(SiteRow.name))
    kind: Mapped[str] = mapped_column(String(40))
    passed: Mapped[bool]
    checked_at: Mapped[datetime]
    account_id: Mapped[int | None]
