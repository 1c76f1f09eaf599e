"""How PACS keep readers apart: proofs, what was seen beside our images, whose turn it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import PacsRow
from pacs_bridge.db.tables.people import ReaderRow


class IsolationRow(Base):
    """One statement on the way to a proof, or against it; none is ever changed."""

    __tablename__ = "pb_isolation"
    statement_id: Mapped[int] = mapped_column(primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), index=True)
    mode: Mapped[str] = mapped_column(String(16))
    step: Mapped[str] = mapped_column(String(8))
    fingerprint: Mapped[str] = mapped_column(String(32))
    set_name: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
    account_id: Mapped[int | None]


class SightingRow(Base):
    """An object in one of our studies at a PACS that is none of our images."""

    __tablename__ = "pb_sighting"
    __table_args__ = (Index("ix_pb_sighting_of", "pacs", "set_name"),)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    copy: Mapped[int] = mapped_column(default=0)
    accession: Mapped[str] = mapped_column(String(16))
    study_instance_uid: Mapped[str] = mapped_column(String(64), default="")
    series_instance_uid: Mapped[str] = mapped_column(String(64), default="")
    sop_class_uid: Mapped[str] = mapped_column(String(64), default="")
    modality: Mapped[str] = mapped_column(String(16), default="")
    first_seen_at: Mapped[datetime]
    gone_at: Mapped[datetime | None]


class ExposureRow(Base):
    """A reading that may have been influenced by what somebody else made."""

    __tablename__ = "pb_exposure"
    reading_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16), index=True)
    accession: Mapped[str] = mapped_column(String(16))
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code))
    pacs: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime]
    objects: Mapped[list[str]] = mapped_column(JSON)
    words: Mapped[str] = mapped_column(String(300))
    lifted_by: Mapped[int | None]


class ExposureLiftRow(Base):
    """A statement of staff that a reading was flagged wrongly; none is ever changed.

    `objects` are those that the flag was for, each with who made it, as far as that was known.
    """

    __tablename__ = "pb_exposure_lift"
    lift_id: Mapped[int] = mapped_column(primary_key=True)
    reading_uid: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime]
    because: Mapped[str] = mapped_column(String(300))
    account_id: Mapped[int | None]
    flagged_at: Mapped[datetime]
    words: Mapped[str] = mapped_column(String(300))
    objects: Mapped[dict[str, Any]]


class TurnWishRow(Base):
    """Who is to have the next turn, as the contact said; the last saying holds until it is had.

    `after_turn` is the last turn that had begun by then, 0 for none.
    """

    __tablename__ = "pb_turn_wish"
    __table_args__ = (Index("ix_pb_turn_wish_of", "set_name", "pacs"),)
    wish_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name))
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code))
    after_turn: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    account_id: Mapped[int | None]


class ReadingTurnRow(Base):
    """One reader's turn at a PACS where one reads at a time."""

    __tablename__ = "pb_reading_turn"
    __table_args__ = (Index("ix_pb_reading_turn_of", "set_name", "pacs"),)
    turn_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name))
    copy: Mapped[int] = mapped_column(default=0)
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[int | None]
    asked_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]
    left: Mapped[dict[str, Any]]
