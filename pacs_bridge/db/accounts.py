"""Accounts in the form that flask-security asks for.

What it gets is a plain object, loaded and written in short transactions of its own: no
session stays open while a page is made, so no page waits for a writer or holds one up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask_security import RoleMixin, UserDatastore, UserMixin
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.people import (
    AccountRoleRow,
    AccountRow,
    AccountSiteRow,
    EnrolmentRow,
    RoleRow,
    SiteRow,
)
from pacs_bridge.domain.people import Role

_LOOKED_UP_BY = {
    "id": AccountRow.id,
    "email": func.lower(AccountRow.email),
    "fs_uniquifier": AccountRow.fs_uniquifier,
}


@dataclass(eq=False)
class SignInRole(RoleMixin):
    """One role of an account."""

    name: str = ""
    permissions: tuple[str, ...] = ()


@dataclass(eq=False)
class SignIn(UserMixin):
    """Who is signed in, or tries to.

    Parameters
    ----------
    fs_uniquifier : str
        What a session names; a new one ends every session of the account.
    reader : str or None
        Scheme code of whoever reads under this account.
    sites, pacs : tuple of str
        The account's sites and the PACS they read on.
    lock_minutes : int or None
        The shortest time after which one of their sites wants pages locked; None where none
        says.
    """

    id: int = 0
    email: str = ""
    password: str = ""
    active: bool = True
    fs_uniquifier: str = ""
    confirmed_at: Any = None
    reader: str | None = None
    sites: tuple[str, ...] = ()
    pacs: tuple[str, ...] = ()
    lock_minutes: int | None = None
    roles: list[SignInRole] = field(default_factory=list)

    @property
    def may(self) -> frozenset[Role]:
        """The account's roles, as the scheme has them."""
        return frozenset(Role(role.name) for role in self.roles)


class AccountStore(UserDatastore):
    """Finds accounts for flask-security and writes their password and session key.

    Parameters
    ----------
    read, write : callable
        Open a database session for reading, and one for writing.
    """

    def __init__(self, read: Callable[[], Session], write: Callable[[], Session]) -> None:
        super().__init__(SignIn, SignInRole)
        self._read, self._write = read, write

    def find_user(self, case_insensitive: bool = False, **by: Any) -> SignIn | None:  # noqa: ARG002  the signature is theirs
        """Look an account up by number, address (in any case) or session key."""
        (name, value), *_ = by.items()
        if name == "email":
            value = str(value).strip().lower()
        with self._read() as session:
            row = session.scalar(select(AccountRow).where(_LOOKED_UP_BY[name] == value))
            return None if row is None else _sign_in(session, row)

    def find_role(self, role: str) -> SignInRole | None:
        """Give a role of the scheme by name."""
        return SignInRole(role) if role in set(Role) else None

    def put(self, model: SignIn) -> SignIn:
        """Write an account's password, session key and whether it is active."""
        with self._write() as session, session.begin():
            row = session.get_one(AccountRow, model.id)
            row.password, row.active = model.password, model.active
            row.fs_uniquifier = model.fs_uniquifier
        return model

    def commit(self) -> None:
        """Do nothing: `put` has committed."""


def _sign_in(session: Session, row: AccountRow) -> SignIn:
    roles = session.scalars(
        select(RoleRow.name)
        .join(AccountRoleRow, AccountRoleRow.role_id == RoleRow.id)
        .where(AccountRoleRow.account_id == row.id)
        .order_by(RoleRow.name)
    )
    sites = session.execute(
        select(SiteRow.name, SiteRow.pacs)
        .join(AccountSiteRow, AccountSiteRow.site == SiteRow.name)
        .where(AccountSiteRow.account_id == row.id)
        .order_by(SiteRow.name)
    ).all()
    enrolled = select(EnrolmentRow.site).where(EnrolmentRow.reader == row.reader)
    theirs = select(AccountSiteRow.site).where(AccountSiteRow.account_id == row.id)
    lock_minutes = session.scalar(
        select(func.min(SiteRow.lock_minutes)).where(
            SiteRow.name.in_(enrolled) | SiteRow.name.in_(theirs)
        )
    )
    return SignIn(
        row.id,
        row.email,
        row.password,
        row.active,
        row.fs_uniquifier,
        row.confirmed_at,
        row.reader,
        tuple(name for name, _ in sites),
        tuple(sorted({pacs for _, pacs in sites})),
        lock_minutes,
        [SignInRole(name) for name in roles],
    )
