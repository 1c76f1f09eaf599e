"""What came of fetching samples of loads back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import LoadRow


class IntactRow(Base):
    """The last check of one load."""

    __tablename__ = "pb_intact"
    load_id: Mapped[int] = mapped_column(ForeignKey(LoadRow.load_id), primary_key=True)
    compared: Mapped[int]
    total: Mapped[int]
    by: Mapped[str] = mapped_column(String(32))
    checked_at: Mapped[datetime]
    changes: Mapped[dict[str, Any]]  # images by name of the change
    images: Mapped[dict[str, Any]]  # names of changes by SOP Instance UID
    note: Mapped[str] = mapped_column(String(500), default="")
    sizes: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
