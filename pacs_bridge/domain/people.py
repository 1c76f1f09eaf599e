"""Readers, sites, rounds and who may read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pacs_bridge.domain.loading import Readiness

LOCK_MINUTES = (1, 15)
"""How soon and how late the pages of a site may lock; a workstation there is shared."""


class Role(StrEnum):
    """What an account may do. One account may have several."""

    READER = "reader"
    CONTACT = "contact"
    ADMIN = "admin"


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in."""

    account_id: int
    email: str
    roles: tuple[Role, ...]
    reader: str | None = None
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class Site:
    """One hospital unit; reads on one PACS.

    Parameters
    ----------
    requires_check : bool
        Whether nobody reads here before a workstation was checked.
    lock_minutes : int or None
        After so long without an action the pages of its people lock; None for the usual time.
    """

    name: str
    pacs: str
    requires_check: bool = False
    lock_minutes: int | None = None


@dataclass(frozen=True)
class Enrolment:
    """A reader in a round at a site, reading one copy in one way.

    Parameters
    ----------
    extended_to : datetime or None
        How long this reader has, where that is longer than the round.
    """

    set_name: str
    reader: str
    site: str
    copy: int = 0
    way: str = "native"
    consent: bool = False
    released_at: datetime | None = None
    extended_to: datetime | None = None


@dataclass(frozen=True)
class Round:
    """A case set with its opening and closing."""

    set_name: str
    opens_at: datetime
    closes_at: datetime

    def is_open(self, now: datetime) -> bool:
        """Whether readers may read at this moment."""
        return self.opens_at <= now < self.closes_at


def judge_release(
    enrolment: Enrolment,
    round_: Round,
    readiness: Readiness,
    now: datetime,
    *,
    checked: bool = True,
) -> bool:
    """Whether a reader is released: enrolled, consent given, load ready, round open.

    Parameters
    ----------
    checked : bool
        Whether a workstation was checked, or the site does not ask for that.
    """
    ready = readiness is Readiness.READY and checked
    return enrolment.consent and ready and round_.is_open(now)
