"""Copies of case sets: whose they are, and which master image each of their images shows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import PacsRow
from pacs_bridge.db.tables.people import ReaderRow


class ReaderCopyRow(Base):
    """The copy of a set that one reader has at one PACS; never changed and never given anew."""

    __tablename__ = "pb_reader_copy"
    __table_args__ = (UniqueConstraint("set_name", "pacs", "reader"),)
    set_name: Mapped[str] = mapped_column(String(16), primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    copy: Mapped[int] = mapped_column(primary_key=True)
    reader: Mapped[str] = mapped_column(ForeignKey(ReaderRow.code), index=True)
    size: Mapped[int] = mapped_column(BigInteger)  # bytes that were agreed to
    agreed_at: Mapped[datetime]
    account_id: Mapped[int | None]  # null: from the command line


class CopiedImageRow(Base):
    """One image of a copy, and the master's that it shows."""

    __tablename__ = "pb_copied_image"
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16))
    copy: Mapped[int]
    master: Mapped[str] = mapped_column(String(64), index=True)
    content_hash: Mapped[str] = mapped_column(String(64), index=True)  # of the file, made anew
    size: Mapped[int] = mapped_column(BigInteger)
