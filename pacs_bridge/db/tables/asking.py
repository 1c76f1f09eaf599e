"""How PACS are best asked, and under which other names readers may search."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import LoadRow, PacsRow


class PacsProfileRow(Base):
    """What was learned about one PACS by asking it."""

    __tablename__ = "pb_pacs_profile"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    learned: Mapped[dict[str, Any]]
    learned_at: Mapped[datetime]


class SearchNoteRow(Base):
    """A name under which a case may be searched for, because a person has accepted it."""

    __tablename__ = "pb_search_note"
    load_id: Mapped[int] = mapped_column(ForeignKey(LoadRow.load_id), primary_key=True)
    accession: Mapped[str] = mapped_column(String(16), primary_key=True)
    search_for: Mapped[str] = mapped_column(String(64))
    accepted_at: Mapped[datetime]
