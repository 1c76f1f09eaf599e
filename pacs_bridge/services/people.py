"""Accounts, readers, sites, rounds and enrolments.

Each function is one use case and one transaction; repeating it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.people import LOCK_MINUTES, Enrolment, Role, Round, Site
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.extend import reopen_late
from pacs_bridge.services.passwords import hash_password, make_password
from pacs_bridge.services.whose import check_alias, look_again

__all__ = [
    "add_account",
    "add_reader",
    "add_site",
    "enrol",
    "hash_password",
    "make_password",
    "open_round",
    "parse_email",
    "parse_login",
    "parse_moment",
    "parse_reader",
    "parse_roles",
    "set_alias",
]

_EMAIL = re.compile(r"[^@\s<>\"'\\,;:()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,185}[A-Za-z0-9])?")
_READER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,30}[A-Za-z0-9])?")


def parse_email(text: str) -> str:
    """Check an e-mail address and give it in lower case; raises `RefusedInput`."""
    address = text.strip().lower()
    if len(address) > 254 or not address.isprintable() or _EMAIL.fullmatch(address) is None:
        raise RefusedInput("This is not an e-mail address; give one such as name@hospital.org.")
    return address


def parse_reader(text: str) -> str:
    """Check a reader's scheme code: letters, digits, dashes; raises `RefusedInput`."""
    code = text.strip()
    if _READER.fullmatch(code) is None:
        raise RefusedInput(
            "A reader's code has 1 to 32 letters, digits and dashes; use such a one."
        )
    return code


def parse_login(text: str) -> str:
    """Check a log-in that a reader has in a PACS; raises `RefusedInput`."""
    login = text.strip()
    if not 1 <= len(login) <= 64 or not login.isprintable():
        raise RefusedInput("A PACS log-in has 1 to 64 printable characters; use such a one.")
    return login


def parse_roles(texts: Iterable[str]) -> tuple[Role, ...]:
    """Check the names of roles; raises `RefusedInput`."""
    try:
        return tuple(Role(text.strip().lower()) for text in texts)
    except ValueError:
        raise RefusedInput(
            "A role is one of reader, contact and admin; give one of these."
        ) from None


def parse_moment(text: str, *, end_of_day: bool = False) -> datetime:
    """Read a day or a moment (ISO 8601); without a zone it is UTC.

    Parameters
    ----------
    end_of_day : bool
        Whether a day alone means its end, not its beginning.

    Raises
    ------
    RefusedInput
        When it is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        if end_of_day and _is_day(text.strip()):
            moment += timedelta(days=1)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedInput(
            "This is no day or moment; give one such as 2026-12-01 or 2026-12-01T09:00."
        ) from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def add_account(
    email: str,
    password_hash: str,
    roles: Iterable[Role],
    *,
    begin: Begin,
    now: Clock,
    reader: str | None = None,
    sites: Iterable[str] = (),
) -> int:
    """Make an account, or change its password, roles, reader and sites. Gives its number.

    Parameters
    ----------
    email : str
        What the person signs in with.
    password_hash : str
        From `hash_password`.
    reader : str, optional
        The scheme code of whoever reads under this account; made known if it is new.

    Raises
    ------
    RefusedInput
        When there is no role, a reader's account names no reader, or a contact's no site.
    NotFound
        When a site is unknown.
    """
    address, wanted = parse_email(email), tuple(dict.fromkeys(roles))
    named = tuple(dict.fromkeys(map(parse_name, sites)))
    if not wanted:
        raise RefusedInput("An account needs a role: reader, contact or admin; say which.")
    if (Role.READER in wanted) != (reader is not None):
        raise RefusedInput("A reader's account, and no other, names its reader: give the code.")
    if Role.CONTACT in wanted and not named:
        raise RefusedInput("A contact's account names at least one site; say which.")
    code = None if reader is None else parse_reader(reader)
    with begin() as uow:
        for site in named:
            _need_site(uow, site)
        if code is not None:
            uow.readers.add(code, now())
        account = uow.accounts.put(address, password_hash, wanted, now(), reader=code, sites=named)
        uow.events.add(now(), "account-set", str(account), roles=list(map(str, wanted)))
        return account


def add_reader(code: str, *, begin: Begin, now: Clock, machine: bool = False) -> str:
    """Make a reader known by scheme code; gives the code as it is kept.

    Parameters
    ----------
    machine : bool
        Whether it is a program. What was a person stays one, and the other way round, unless
        this says that it is a program.
    """
    reader = parse_reader(code)
    with begin() as uow:
        uow.readers.add(reader, now())
        if machine:
            uow.readers.set_machine(reader, machine=True)
    return reader


def set_alias(
    pacs: str,
    login: str,
    reader: str,
    *,
    begin: Begin,
    now: Clock | None = None,
    settle: float = 60.0,
) -> None:
    """Say which reader a log-in in a PACS is.

    Parameters
    ----------
    now : Clock, optional
        Where it is given, what came under this log-in before is looked into anew.
    settle : float
        Seconds of silence after which a reading may close.

    Raises
    ------
    NotFound
        When the PACS or the reader is unknown.
    RefusedInput
        When viewers write this name for anybody, or several people share it.
    """
    name, alias, code = parse_name(pacs), parse_login(login), parse_reader(reader)
    with begin() as uow:
        uow.pacs.get(name)
        _need_reader(uow, code)
        check_alias(uow, name, alias)
        before = uow.readers.of_login(name, [alias])
        uow.readers.set_alias(name, alias, code)
        if now is not None and before != code:
            moment = now()
            anew = [each.object_uid for each in uow.claims.waiting(pacs=name)]
            anew += uow.claims.of_reader_at(name, before) if before else []
            look_again(uow, anew, f"alias-{moment.timestamp():.3f}", moment, settle)


def add_site(
    name: str,
    *,
    pacs: str,
    begin: Begin,
    requires_check: bool = False,
    lock_minutes: int | None = None,
) -> Site:
    """Make a site, or change it.

    Parameters
    ----------
    requires_check : bool
        Whether nobody reads there before a workstation was checked.
    lock_minutes : int, optional
        After so long without an action its people's pages lock; 0 for the usual time again,
        None to leave it as it is.

    Raises
    ------
    NotFound
        For an unknown PACS.
    RefusedInput
        When pages would lock too soon to read, or too late for a shared workstation.
    """
    site = Site(parse_name(name), parse_name(pacs), requires_check, lock_minutes or None)
    least, most = LOCK_MINUTES
    if lock_minutes and not least <= lock_minutes <= most:
        raise RefusedInput(
            f"Pages lock after {least} to {most} minutes: the workstations of a site are shared."
        )
    with begin() as uow:
        uow.pacs.get(site.pacs)
        if lock_minutes is None:
            kept = next((each for each in uow.sites.all() if each.name == site.name), None)
            site = replace(site, lock_minutes=kept.lock_minutes if kept else None)
        uow.sites.put(site)
    return site


def open_round(
    set_name: str,
    *,
    opens_at: datetime,
    closes_at: datetime,
    begin: Begin,
    release: Callable[[], int],
    now: Clock | None = None,
    settle: float = 0.0,
) -> Round:
    """Set when a case set may be read, then release whoever may now read.

    Where it closes later than before, what came late meanwhile is in time.

    Parameters
    ----------
    release : callable
        Releases every reader who is due; gives how many.
    now, settle
        The clock, and the seconds of silence after which a reading may close; without a
        clock no reading is looked at again.

    Raises
    ------
    RefusedInput
        When it would close before it opens.
    NotFound
        When there is no such case set.
    """
    round_ = Round(str(SetName.parse(set_name)), opens_at, closes_at)
    if opens_at >= closes_at:
        raise RefusedInput("A round closes after it opens; give a later closing.")
    with begin() as uow:
        uow.case_sets.get(round_.set_name)
        if now is not None:
            reopen_late(uow, round_, now(), settle)
        uow.rounds.put(round_)
    release()
    return round_


def enrol(enrolment: Enrolment, *, begin: Begin, release: Callable[[], int]) -> Enrolment:
    """Enrol a reader in a round at a site, then release them if everything else stands.

    Parameters
    ----------
    release : callable
        Releases every reader who is due; gives how many.

    Returns
    -------
    Enrolment
        As it stands afterwards, with `released_at` where the reader is released.

    Raises
    ------
    NotFound
        When the round, the reader, the site or the copy of the set is unknown.
    """
    code, site = parse_reader(enrolment.reader), parse_name(enrolment.site)
    set_name = str(SetName.parse(enrolment.set_name))
    with begin() as uow:
        if uow.rounds.find(set_name) is None:
            raise NotFound(f"There is no round of {set_name}; open one with `account round`.")
        _need_reader(uow, code)
        _need_site(uow, site)
        uow.case_sets.get(set_name, enrolment.copy)
        copy = _own_copy(uow, set_name, site, code, enrolment.copy)
        uow.enrolments.put(Enrolment(set_name, code, site, copy, enrolment.way, enrolment.consent))
    release()
    with begin() as uow:
        found = uow.enrolments.find(set_name, code)
    assert found is not None  # put above, and enrolments are never removed
    return found


def _own_copy(uow: UnitOfWork, set_name: str, site: str, reader: str, copy: int) -> int:
    """Give the copy that is meant: a reader keeps theirs, and nobody is given another's."""
    pacs = next(each.pacs for each in uow.sites.all() if each.name == site)
    before = uow.enrolments.find(set_name, reader)
    if not copy:
        own = uow.reader_copies.of_reader(set_name, pacs, reader)
        return own if before is not None and own == before.copy else 0
    owner = uow.reader_copies.owner(set_name, pacs, copy)
    if owner not in (None, reader):
        raise RefusedInput(
            f"Copy {copy:02d} of {set_name} is another reader's at {pacs}; leave --copy away, and "
            "see with `load copies` who has which."
        )
    return copy


def _need_reader(uow: UnitOfWork, code: str) -> None:
    if not uow.readers.exists(code):
        raise NotFound(f"There is no reader {code}; make them known with `account reader`.")


def _need_site(uow: UnitOfWork, name: str) -> None:
    if name not in {site.name for site in uow.sites.all()}:
        raise NotFound(f"There is no site {name}; make it known with `account site`.")
