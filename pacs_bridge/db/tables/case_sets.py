"""Case sets, their cases, studies and images; truth."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class CaseSetRow(Base):
    """One copy of one case set with its signed passport."""

    __tablename__ = "pb_case_set"
    __table_args__ = (UniqueConstraint("name", "copy"),)
    case_set_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(16))
    copy: Mapped[int] = mapped_column(default=0)
    title: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    digest: Mapped[str] = mapped_column(String(64))
    passport: Mapped[dict[str, Any]]


class CaseRow(Base):
    """One case, by its accession number."""

    __tablename__ = "pb_case"
    accession: Mapped[str] = mapped_column(String(16), primary_key=True)
    case_set_id: Mapped[int] = mapped_column(ForeignKey("pb_case_set.case_set_id"), index=True)
    set_name: Mapped[str] = mapped_column(String(16), index=True)
    master: Mapped[str] = mapped_column(String(16), index=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(8))


class InstanceRow(Base):
    """One image; finds the case of whatever references it."""

    __tablename__ = "pb_instance"
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(String(64), index=True)
    accession: Mapped[str] = mapped_column(ForeignKey("pb_case.accession"), index=True)
    laterality: Mapped[str] = mapped_column(String(2))
    view: Mapped[str] = mapped_column(String(16))
    rows: Mapped[int]
    columns: Mapped[int]
    frames: Mapped[int]


class TruthRow(Base):
    """One immutable version of a set's truth, as it goes to the scorer."""

    __tablename__ = "pb_truth"
    set_name: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
