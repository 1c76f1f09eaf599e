"""Storage commitment both ways, and what PACS notify us of about our images."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import LoadRow, PacsRow


class CommitmentRow(Base):
    """One request of ours to a PACS to commit to images."""

    __tablename__ = "pb_commitment"
    transaction_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), index=True)
    load_id: Mapped[int | None] = mapped_column(ForeignKey(LoadRow.load_id), index=True)
    state: Mapped[str] = mapped_column(String(8))  # asking, asked, refused, reported
    asked_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    comment: Mapped[str] = mapped_column(String(200), default="")
    reported_at: Mapped[datetime | None]
    route: Mapped[str | None] = mapped_column(String(4))  # same, next, new
    reports: Mapped[int] = mapped_column(default=0)


class CommitmentInstanceRow(Base):
    """What a PACS said of one image that it was asked to commit to."""

    __tablename__ = "pb_commitment_instance"
    transaction_uid: Mapped[str] = mapped_column(
        ForeignKey("pb_commitment.transaction_uid"), primary_key=True
    )
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(13))  # waiting, committed, failed, not mentioned
    reason: Mapped[int | None]


class CustodyRow(Base):
    """One request of a PACS to us to commit to objects; the list goes once it is reported on."""

    __tablename__ = "pb_custody"
    __table_args__ = (UniqueConstraint("pacs", "transaction_uid"),)
    custody_id: Mapped[int] = mapped_column(primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), index=True)
    transaction_uid: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))  # keyed
    state: Mapped[str] = mapped_column(String(9))  # waiting, reporting, reported, parked
    objects: Mapped[list[list[str]]] = mapped_column(JSON())
    asked_at: Mapped[datetime] = mapped_column(index=True)
    claimed_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    route: Mapped[str | None] = mapped_column(String(4))  # same, new
    committed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(String(300), default="")


class AvailabilityRow(Base):
    """Where one image of ours last was, as a PACS notified us."""

    __tablename__ = "pb_availability"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64), index=True)
    availability: Mapped[str] = mapped_column(String(11))
    retrieve_ae: Mapped[str] = mapped_column(String(16), default="")
    noted_at: Mapped[datetime]
