"""Sites, readers, rounds, enrolments and accounts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.people import (
    AccountRoleRow,
    AccountRow,
    AccountSiteRow,
    EnrolmentRow,
    ReaderAliasRow,
    ReaderRow,
    RoleRow,
    RoundRow,
    SiteRow,
)
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.identity import normal
from pacs_bridge.domain.people import Account, Enrolment, Role, Round, Site


class Sites:
    """Hospital units."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, site: Site) -> None:
        """Make or change a site."""
        row = self._session.get(SiteRow, site.name) or SiteRow(name=site.name)
        row.pacs, row.requires_check = site.pacs, site.requires_check
        row.lock_minutes = site.lock_minutes
        self._session.add(row)
        self._session.flush()

    def all(self) -> list[Site]:
        """List all sites."""
        rows = self._session.scalars(select(SiteRow).order_by(SiteRow.name))
        return [Site(row.name, row.pacs, row.requires_check, row.lock_minutes) for row in rows]


class Readers:
    """Readers by scheme code, and the log-ins they have in each PACS."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, code: str, now: datetime) -> None:
        """Make a reader known; again changes nothing."""
        if self._session.get(ReaderRow, code) is None:
            self._session.add(ReaderRow(code=code, created_at=now))
            self._session.flush()

    def exists(self, code: str) -> bool:
        """Whether there is such a reader."""
        return self._session.get(ReaderRow, code) is not None

    def all(self) -> list[str]:
        """List all reader codes."""
        return list(self._session.scalars(select(ReaderRow.code).order_by(ReaderRow.code)))

    def machines(self) -> frozenset[str]:
        """List the readers that are programs, not people."""
        return frozenset(self._session.scalars(select(ReaderRow.code).where(ReaderRow.machine)))

    def set_machine(self, code: str, *, machine: bool) -> None:
        """Say whether a reader is a program."""
        self._session.get_one(ReaderRow, code).machine = machine
        self._session.flush()

    def set_alias(self, pacs: str, alias: str, reader: str, *, learned: bool = False) -> None:
        """Say which reader a PACS log-in is; compared as `domain.identity.normal` says.

        Parameters
        ----------
        learned : bool
            Whether a handshake has shown it; what a person has said stays said.
        """
        key = (pacs, normal(alias)[:64])
        row = self._session.get(ReaderAliasRow, key)
        if row is None:
            row = ReaderAliasRow(pacs=pacs, alias=key[1], learned=learned)
        row.reader, row.learned = reader, learned and row.learned
        self._session.add(row)
        self._session.flush()

    def drop_alias(self, pacs: str, alias: str, *, learned_only: bool = False) -> None:
        """Forget what reader a log-in is, or only where no person has said it."""
        row = self._session.get(ReaderAliasRow, (pacs, normal(alias)[:64]))
        if row is not None and (row.learned or not learned_only):
            self._session.delete(row)
            self._session.flush()

    def aliases(self, pacs: str) -> dict[str, tuple[str, bool]]:
        """List the log-ins known in a PACS: whose each is, and whether a handshake showed it."""
        rows = self._session.scalars(select(ReaderAliasRow).where(ReaderAliasRow.pacs == pacs))
        return {row.alias: (row.reader, row.learned) for row in rows}

    def of_login(self, pacs: str, names: Iterable[str]) -> str | None:
        """Find the reader that one of these log-ins or names is in a PACS.

        None when none is known, and None when they point at two readers: never guessed.
        """
        wanted = {normal(name) for name in names if name} - {""}
        found = set(
            self._session.scalars(
                select(ReaderAliasRow.reader).where(
                    ReaderAliasRow.pacs == pacs, ReaderAliasRow.alias.in_(wanted)
                )
            )
        )
        return found.pop() if len(found) == 1 else None


class Rounds:
    """Case sets with their opening and closing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, round_: Round) -> None:
        """Make or change a round."""
        row = self._session.get(RoundRow, round_.set_name) or RoundRow(set_name=round_.set_name)
        row.opens_at, row.closes_at = round_.opens_at, round_.closes_at
        self._session.add(row)
        self._session.flush()

    def find(self, set_name: str) -> Round | None:
        """Look a round up by set."""
        row = self._session.get(RoundRow, set_name)
        return None if row is None else Round(row.set_name, row.opens_at, row.closes_at)


class Enrolments:
    """Readers in rounds."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, enrolment: Enrolment) -> None:
        """Enrol a reader or change the enrolment; the release stays."""
        key = (enrolment.set_name, enrolment.reader)
        row = self._session.get(EnrolmentRow, key) or EnrolmentRow(
            set_name=key[0], reader=key[1], released_at=None
        )
        row.site, row.copy, row.way = enrolment.site, enrolment.copy, enrolment.way
        row.consent = enrolment.consent
        self._session.add(row)
        self._session.flush()

    def find(self, set_name: str, reader: str) -> Enrolment | None:
        """Look one enrolment up."""
        row = self._session.get(EnrolmentRow, (set_name, reader))
        return None if row is None else _enrolment(row)

    def of_reader(self, reader: str) -> list[Enrolment]:
        """List a reader's enrolments, newest set first."""
        rows = self._session.scalars(
            select(EnrolmentRow)
            .where(EnrolmentRow.reader == reader)
            .order_by(EnrolmentRow.set_name.desc())
        )
        return [_enrolment(row) for row in rows]

    def on_pacs(self, set_name: str, pacs: str) -> list[Enrolment]:
        """List the enrolments of a set at the sites that read on a PACS."""
        rows = self._session.scalars(
            select(EnrolmentRow)
            .join(SiteRow, SiteRow.name == EnrolmentRow.site)
            .where(EnrolmentRow.set_name == set_name, SiteRow.pacs == pacs)
            .order_by(EnrolmentRow.reader)
        )
        return [_enrolment(row) for row in rows]

    def extend(self, set_name: str, reader: str, until: datetime) -> None:
        """Give a reader longer than the round."""
        self._session.get_one(EnrolmentRow, (set_name, reader)).extended_to = until

    def longest(self, set_name: str) -> datetime | None:
        """Tell how long the last reader of a set has who has longer than the round."""
        found: datetime | None = self._session.scalar(
            select(func.max(EnrolmentRow.extended_to)).where(EnrolmentRow.set_name == set_name)
        )
        return found

    def unfinished_at(self, pacs: str, now: datetime) -> list[Enrolment]:
        """List the enrolments at the sites of a PACS in rounds that have not closed."""
        rows = self._session.scalars(
            select(EnrolmentRow)
            .join(SiteRow, SiteRow.name == EnrolmentRow.site)
            .join(RoundRow, RoundRow.set_name == EnrolmentRow.set_name)
            .where(SiteRow.pacs == pacs, RoundRow.closes_at > now)
            .order_by(EnrolmentRow.reader, EnrolmentRow.set_name)
        )
        return [_enrolment(row) for row in rows]

    def set_way(self, set_name: str, reader: str, way: str) -> None:
        """Change how a reader reads: ``native``, ``sheet`` or ``laptop``."""
        self._session.get_one(EnrolmentRow, (set_name, reader)).way = way
        self._session.flush()

    def move(self, set_name: str, reader: str, copy: int) -> None:
        """Let a reader read another copy; they are released anew when that one is ready."""
        row = self._session.get_one(EnrolmentRow, (set_name, reader))
        row.copy, row.released_at = copy, None
        self._session.flush()

    def release(self, set_name: str, reader: str, now: datetime) -> None:
        """Note that a reader was released; the first moment stays."""
        row = self._session.get_one(EnrolmentRow, (set_name, reader))
        row.released_at = row.released_at or now


def _enrolment(row: EnrolmentRow) -> Enrolment:
    return Enrolment(
        row.set_name,
        row.reader,
        row.site,
        row.copy,
        row.way,
        row.consent,
        row.released_at,
        row.extended_to,
    )


class Accounts:
    """Who can sign in, with which roles and sites; passwords come in hashed."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(
        self,
        email: str,
        password_hash: str,
        roles: Iterable[Role],
        now: datetime,
        *,
        reader: str | None = None,
        sites: Iterable[str] = (),
    ) -> int:
        """Make an account or change its password, roles, reader and sites; gives its number."""
        address = email.strip().lower()
        row = self._session.scalar(select(AccountRow).where(AccountRow.email == address))
        if row is None:
            row = AccountRow(email=address, created_at=now, confirmed_at=now, active=True)
        row.password, row.reader = password_hash, reader
        row.fs_uniquifier = secrets.token_hex(32)  # ends every session of the account
        self._session.add(row)
        self._session.flush()
        self._session.execute(delete(AccountRoleRow).where(AccountRoleRow.account_id == row.id))
        self._session.execute(delete(AccountSiteRow).where(AccountSiteRow.account_id == row.id))
        for role in roles:
            self._session.add(AccountRoleRow(account_id=row.id, role_id=self._role_id(role)))
        for site in sites:
            self._session.add(AccountSiteRow(account_id=row.id, site=site))
        return row.id

    def get(self, account_id: int) -> Account:
        """Look an account up; raises `NotFound`."""
        row = self._session.get(AccountRow, account_id)
        if row is None:
            raise NotFound("There is no such account.")
        return self._account(row)

    def all(self) -> list[Account]:
        """List all accounts, by address."""
        rows = self._session.scalars(select(AccountRow).order_by(AccountRow.email))
        return [self._account(row) for row in rows]

    def of_reader(self, reader: str) -> list[Account]:
        """List the accounts of a reader."""
        rows = self._session.scalars(select(AccountRow).where(AccountRow.reader == reader))
        return [self._account(row) for row in rows]

    def contacts_of_pacs(self, pacs: str) -> list[Account]:
        """List the contacts of the sites that read on a PACS."""
        rows = self._session.scalars(
            select(AccountRow)
            .join(AccountRoleRow, AccountRoleRow.account_id == AccountRow.id)
            .join(RoleRow, RoleRow.id == AccountRoleRow.role_id)
            .join(AccountSiteRow, AccountSiteRow.account_id == AccountRow.id)
            .join(SiteRow, SiteRow.name == AccountSiteRow.site)
            .where(RoleRow.name == Role.CONTACT, SiteRow.pacs == pacs)
            .distinct()
            .order_by(AccountRow.email)
        )
        return [self._account(row) for row in rows]

    def count(self) -> int:
        """Count the accounts."""
        return self._session.scalar(select(func.count()).select_from(AccountRow)) or 0

    def _role_id(self, role: Role) -> int:
        row = self._session.scalar(select(RoleRow).where(RoleRow.name == role))
        if row is None:
            row = RoleRow(name=role)
            self._session.add(row)
            self._session.flush()
        return row.id

    def _account(self, row: AccountRow) -> Account:
        roles = self._session.scalars(
            select(RoleRow.name)
            .join(AccountRoleRow, AccountRoleRow.role_id == RoleRow.id)
            .where(AccountRoleRow.account_id == row.id)
            .order_by(RoleRow.name)
        )
        sites = self._session.scalars(
            select(AccountSiteRow.site)
            .where(AccountSiteRow.account_id == row.id)
            .order_by(AccountSiteRow.site)
        )
        return Account(row.id, row.email, tuple(map(Role, roles)), row.reader, tuple(sites))
