"""Received objects, refusals, and what readers said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base, Bytes


class ObjectRow(Base):
    """One received object that we answered Success to.

    An index over what most objects have not, or have only later, holds those that have it: one
    that arrives is not entered there, and it is answered when all that it is entered in is safe.
    """

    __tablename__ = "pb_object"
    # PostgreSQL's are made the same by their migration; to say it here would load its dialect, 2 MB
    __table_args__ = tuple(
        Index(f"ix_pb_object_{name}", name, sqlite_where=text(f"{name} IS NOT NULL"))
        for name in ("reader", "image", "reading_uid", "part_of")
    )
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    transfer_syntax_uid: Mapped[str] = mapped_column(String(64))
    content_hash: Mapped[str] = mapped_column(String(64))
    same_content: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Bytes)
    pacs: Mapped[str | None] = mapped_column(String(32), index=True)
    calling_ae: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    accession: Mapped[str | None] = mapped_column(String(16), index=True)
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(8), index=True)  # received, read, parked
    reason: Mapped[str] = mapped_column(String(500), default="")
    kind: Mapped[str] = mapped_column(String(24), default="")
    reader: Mapped[str | None] = mapped_column(String(32))
    observed_at: Mapped[datetime | None]
    arrival: Mapped[int] = mapped_column(default=0, index=True)
    repeats: Mapped[int] = mapped_column(default=0)
    image: Mapped[str | None] = mapped_column(String(64))
    originator: Mapped[str | None] = mapped_column(String(16))
    originator_message_id: Mapped[int | None]
    reading_uid: Mapped[str | None] = mapped_column(String(64))
    part_of: Mapped[str | None] = mapped_column(String(64))
    rejected_by: Mapped[str | None] = mapped_column(String(64))
    read_by: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class MarkRow(Base):
    """One mark as read out of one object; `body` is the whole of it."""

    __tablename__ = "pb_mark"
    mark_id: Mapped[int] = mapped_column(primary_key=True)
    object_uid: Mapped[str] = mapped_column(ForeignKey("pb_object.sop_instance_uid"), index=True)
    reader: Mapped[str | None] = mapped_column(String(32), index=True)
    accession: Mapped[str] = mapped_column(String(16), index=True)
    image: Mapped[str] = mapped_column(String(64))
    rating: Mapped[int | None]
    body: Mapped[dict[str, Any]]


class ReadObjectRow(Base):
    """All that was read out of one object, in the contract's JSON form."""

    __tablename__ = "pb_read_object"
    object_uid: Mapped[str] = mapped_column(
        ForeignKey("pb_object.sop_instance_uid"), primary_key=True
    )
    body: Mapped[dict[str, Any]]


class RefusalRow(Base):
    """One object that was not taken: who, when, why; of an alien object nothing else."""

    __tablename__ = "pb_refusal"
    refusal_id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    pacs: Mapped[str | None] = mapped_column(String(32), index=True)
    calling_ae: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Bytes)
    status: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(String(500))
    keyed_hash: Mapped[str] = mapped_column(String(64), default="")
    content_hash: Mapped[str] = mapped_column(String(64), default="")


class ReadingRow(Base):
    """Everything one reader said about one case, and how far it has come."""

    __tablename__ = "pb_reading"
    __table_args__ = (UniqueConstraint("accession", "reader"),)
    reading_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16), index=True)
    accession: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(8))
    reader: Mapped[str] = mapped_column(String(32), index=True)
    pacs: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(8), index=True)  # open, asked, closed, scored, …
    revision: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    essence: Mapped[str] = mapped_column(String(64), default="")
    last_object_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    body: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    scored_at: Mapped[datetime | None]


class OutboxRow(Base):
    """One revision of a reading on its way to the scorer."""

    __tablename__ = "pb_outbox"
    __table_args__ = (
        UniqueConstraint("reading_uid", "revision"),
        Index("ix_pb_outbox_state_created", "state", "created_at"),
    )
    outbox_id: Mapped[int] = mapped_column(primary_key=True)
    reading_uid: Mapped[str] = mapped_column(ForeignKey("pb_reading.reading_uid"), index=True)
    revision: Mapped[int]
    set_name: Mapped[str] = mapped_column(String(16), index=True)
    content_hash: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(8))  # waiting, settled, parked
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    sealed: Mapped[bool] = mapped_column(default=False, server_default=true())  # goes out so
    receipt: Mapped[dict[str, Any] | None]


class SummaryRow(Base):
    """A reader's figures over a set, as the scorer last gave them.

    `asked` counts the questions, `answered` is the number of the one that `body` answers.
    """

    __tablename__ = "pb_summary"
    set_name: Mapped[str] = mapped_column(String(16), primary_key=True)
    reader: Mapped[str] = mapped_column(String(32), primary_key=True)
    asked: Mapped[int] = mapped_column(default=0)
    answered: Mapped[int] = mapped_column(default=0)
    body: Mapped[dict[str, Any] | None]
    at: Mapped[datetime | None]
