"""What PACS have shown of themselves, and the withdrawal of what was loaded into them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import LoadRow, PacsRow


class ProofRow(Base):
    """The last proof of one kind (probe, rehearsal, rejection) that a PACS gave."""

    __tablename__ = "pb_proof"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    proven_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]


class WithdrawalRow(Base):
    """How the withdrawal of one load stands."""

    __tablename__ = "pb_withdrawal"
    load_id: Mapped[int] = mapped_column(ForeignKey(LoadRow.load_id), primary_key=True)
    begun_at: Mapped[datetime]
    due_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    left: Mapped[dict[str, Any]]
    notes: Mapped[dict[str, Any]]
