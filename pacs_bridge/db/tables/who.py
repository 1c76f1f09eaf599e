"""Who made what: handshakes, shared log-ins, the claim queue and what was said, sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import PacsRow
from pacs_bridge.db.tables.objects import ObjectRow
from pacs_bridge.db.tables.people import ReaderRow


class HandshakeRow(Base):
    """One reader's handshake on the first practice case."""

    __tablename__ = "pb_handshake"
    __table_args__ = (Index("ix_pb_handshake_of", "pacs", "state"),)
    handshake_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code), index=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name))
    accession: Mapped[str] = mapped_column(String(16))
    code: Mapped[list[int]] = mapped_column(JSON)
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8))  # open, proven, failed, replaced
    settled_at: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(String(500), default="")
    proof: Mapped[dict[str, Any] | None]
    objects: Mapped[list[str]] = mapped_column(JSON)


class SharedLoginRow(Base):
    """A log-in of a PACS under which more than one person works: it names nobody."""

    __tablename__ = "pb_shared_login"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    login: Mapped[str] = mapped_column(String(64), primary_key=True)
    because: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class PacsReadingRow(Base):
    """What readers at a PACS are told, and whether each works there under an own log-in."""

    __tablename__ = "pb_pacs_reading"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    viewer_hint: Mapped[str] = mapped_column(String(300), default="")
    logins: Mapped[str] = mapped_column(String(8), default="unknown")  # unknown, own, shared


class SavingPictureRow(Base):
    """A picture of how one saves in the viewer of a PACS, as it was drawn anew (PNG)."""

    __tablename__ = "pb_saving_picture"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    png: Mapped[bytes] = mapped_column(LargeBinary)
    set_at: Mapped[datetime]


class ClaimQueueRow(Base):
    """An object of a case of ours that waits for somebody to say whose it is."""

    __tablename__ = "pb_claim_queue"
    __table_args__ = (Index("ix_pb_claim_queue_of", "pacs", "set_name"),)
    object_uid: Mapped[str] = mapped_column(
        ForeignKey(ObjectRow.sop_instance_uid), primary_key=True
    )
    pacs: Mapped[str] = mapped_column(String(32))
    set_name: Mapped[str] = mapped_column(String(16))
    accession: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(24))
    station: Mapped[str] = mapped_column(String(64), default="")
    said_at: Mapped[str] = mapped_column(String(32), default="")
    received_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(500), default="")
    claimable: Mapped[bool] = mapped_column(default=True)


class ClaimRow(Base):
    """One saying of whose an object is; none is ever changed."""

    __tablename__ = "pb_claim"
    claim_id: Mapped[int] = mapped_column(primary_key=True)
    object_uid: Mapped[str] = mapped_column(ForeignKey(ObjectRow.sop_instance_uid), index=True)
    saying: Mapped[str] = mapped_column(String(12))
    reader: Mapped[str | None] = mapped_column(String(32), index=True)
    statement: Mapped[str] = mapped_column(String(500))
    because: Mapped[str] = mapped_column(String(300), default="")
    account_id: Mapped[int | None]
    at: Mapped[datetime]


class ReadingSessionRow(Base):
    """A reader who says that they read now, and where."""

    __tablename__ = "pb_reading_session"
    __table_args__ = (Index("ix_pb_reading_session_of", "pacs", "opened_at"),)
    session_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code), index=True)
    pacs: Mapped[str] = mapped_column(String(32))
    workstation: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class FinishedCaseRow(Base):
    """A case that a reader said in a session to have finished."""

    __tablename__ = "pb_finished_case"
    session_id: Mapped[int] = mapped_column(
        ForeignKey("pb_reading_session.session_id"), primary_key=True
    )
    accession: Mapped[str] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]
