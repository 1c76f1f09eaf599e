"""PACS, their endpoints, loads and the instance ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base


class PacsRow(Base):
    """One hospital PACS."""

    __tablename__ = "pb_pacs"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    our_ae_title: Mapped[str] = mapped_column(String(16))
    plain: Mapped[bool]
    isolation: Mapped[str] = mapped_column(String(16))
    paused: Mapped[bool] = mapped_column(default=False)
    timeouts: Mapped[dict[str, Any]]
    certificate: Mapped[str | None] = mapped_column(String(64))
    users: Mapped[dict[str, Any] | None]  # name to hash, or null
    sending: Mapped[dict[str, Any] | None]  # null: as usual
    grade: Mapped[str] = mapped_column(String(16), default="proven", server_default="proven")
    grace: Mapped[float | None] = mapped_column(Float)  # seconds; null: as configured
    pull_minutes: Mapped[int | None]  # null: not asked for marks by the clock
    created_at: Mapped[datetime]


class EndpointRow(Base):
    """One address of a PACS, in one or more roles."""

    __tablename__ = "pb_endpoint"
    endpoint_id: Mapped[int] = mapped_column(primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey("pb_pacs.name"), index=True)
    ae_title: Mapped[str] = mapped_column(String(16), index=True)
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int]
    roles: Mapped[str] = mapped_column(String(80))
    net: Mapped[str] = mapped_column(String(64), default="")
    our_ae_title: Mapped[str | None] = mapped_column(String(16))  # null: as the PACS has it
    plain: Mapped[bool | None]
    certificate: Mapped[str | None] = mapped_column(String(64))
    timeouts: Mapped[dict[str, Any] | None]
    url: Mapped[str | None] = mapped_column(String(500))  # null: spoken to by DIMSE


class LoadRow(Base):
    """One case set going into one PACS."""

    __tablename__ = "pb_load"
    __table_args__ = (UniqueConstraint("set_name", "copy", "pacs"),)
    load_id: Mapped[int] = mapped_column(primary_key=True)
    set_name: Mapped[str] = mapped_column(String(16), index=True)
    copy: Mapped[int] = mapped_column(default=0)
    pacs: Mapped[str] = mapped_column(ForeignKey("pb_pacs.name"), index=True)
    readiness: Mapped[str] = mapped_column(String(16))
    misses: Mapped[int] = mapped_column(default=0)
    run: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    last_sent_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]
    ready_at: Mapped[datetime | None]
    way: Mapped[str] = mapped_column(String(8), default="network", server_default="network")


class LoadInstanceRow(Base):
    """The ledger: how one image of one load stands."""

    __tablename__ = "pb_load_instance"
    load_id: Mapped[int] = mapped_column(ForeignKey("pb_load.load_id"), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int]
    accession: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(8), index=True)
    status: Mapped[int | None]
    comment: Mapped[str] = mapped_column(String(200), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    sent_as: Mapped[str | None] = mapped_column(String(64))  # transfer syntax that went out
    in_doubt: Mapped[bool] = mapped_column(default=False, server_default="0")
    changed_at: Mapped[datetime]


class LoadCaseRow(Base):
    """The three answers of one case, from the last sweep."""

    __tablename__ = "pb_load_case"
    load_id: Mapped[int] = mapped_column(ForeignKey("pb_load.load_id"), primary_key=True)
    accession: Mapped[str] = mapped_column(String(16), primary_key=True)
    complete: Mapped[str] = mapped_column(String(16))
    findable: Mapped[str] = mapped_column(String(16))
    near: Mapped[str] = mapped_column(String(16))
    evidence: Mapped[str] = mapped_column(String(500))
    instruction: Mapped[str] = mapped_column(String(1000))
    wanted: Mapped[int]
    found: Mapped[int]
    search_for: Mapped[str] = mapped_column(String(64), default="", server_default="")
    checked_at: Mapped[datetime]
