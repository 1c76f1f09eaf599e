"""Sites, readers, rounds, enrolments; accounts as flask-security needs them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pacs_bridge.db.tables.base import Base
from pacs_bridge.db.tables.loads import PacsRow


class SiteRow(Base):
    """One hospital unit; reads on one PACS."""

    __tablename__ = "pb_site"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), index=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    requires_check: Mapped[bool] = mapped_column(default=False, server_default="0")
    lock_minutes: Mapped[int | None]


class ReaderRow(Base):
    """Who reads, by scheme code: a person, or a program registered as such."""

    __tablename__ = "pb_reader"
    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_at: Mapped[datetime]
    machine: Mapped[bool] = mapped_column(default=False, server_default="0")


class ReaderAliasRow(Base):
    """A log-in under which a reader is known in a PACS."""

    __tablename__ = "pb_reader_alias"
    pacs: Mapped[str] = mapped_column(ForeignKey(PacsRow.name), primary_key=True)
    alias: Mapped[str] = mapped_column(String(64), primary_key=True)
    reader: Mapped[str] = mapped_column(ForeignKey("pb_reader.code"), index=True)
    learned: Mapped[bool] = mapped_column(default=False, server_default="0")


class RoundRow(Base):
    """A case set with its opening and closing."""

    __tablename__ = "pb_round"
    set_name: Mapped[str] = mapped_column(String(16), primary_key=True)
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]


class EnrolmentRow(Base):
    """A reader in a round at a site."""

    __tablename__ = "pb_enrolment"
    set_name: Mapped[str] = mapped_column(ForeignKey("pb_round.set_name"), primary_key=True)
    reader: Mapped[str] = mapped_column(ForeignKey("pb_reader.code"), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("pb_site.name"), index=True)
    copy: Mapped[int] = mapped_column(default=0)
    way: Mapped[str] = mapped_column(String(8), default="native")
    consent: Mapped[bool]
    released_at: Mapped[datetime | None]
    extended_to: Mapped[datetime | None]


class RoleRow(Base):
    """What an account may do; the shape that flask-security asks for."""

    __tablename__ = "pb_role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    description: Mapped[str] = mapped_column(String(200), default="")


class AccountRow(Base):
    """Somebody who can sign in; the shape that flask-security asks for."""

    __tablename__ = "pb_account"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    reader: Mapped[str | None] = mapped_column(ForeignKey("pb_reader.code"))


class AccountRoleRow(Base):
    """Which account has which role."""

    __tablename__ = "pb_account_role"
    account_id: Mapped[int] = mapped_column(ForeignKey("pb_account.id"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("pb_role.id"), primary_key=True)


class AccountSiteRow(Base):
    """Which account belongs to which site."""

    __tablename__ = "pb_account_site"
    __table_args__ = (UniqueConstraint("account_id", "site"),)
    account_id: Mapped[int] = mapped_column(ForeignKey("pb_account.id"), primary_key=True)
    site: Mapped[str] = mapped_column(ForeignKey("pb_site.name"), primary_key=True)
