"""A load: one case set going into one PACS; the three answers a case; readiness.

The three answers of a case are judged in `domain.verdicts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

NOBODY: Mapping[str, str] = MappingProxyType({})


class Completeness(StrEnum):
    """How much of a case the PACS has."""

    PROVEN = "proven"
    COUNTED = "counted"
    PRESENT = "present"
    PARTIAL = "partial"
    WAITING = "waiting"
    MISSING = "missing"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


class Findable(StrEnum):
    """Whether a reader who searches for the case's name finds it."""

    AS_NAMED = "as named"
    BY_OTHER_NAME = "by other name"
    NOT_BY_NAME = "not by name"


class Near(StrEnum):
    """Where the PACS keeps it."""

    ONLINE = "online"
    NEARLINE = "nearline"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """What people read: in a slow archive, or off line."""
        return "not online" if self is Near.NEARLINE else self.value


class Readiness(StrEnum):
    """Of a load, and so of every site that reads on that PACS."""

    PLANNED = "planned"
    AWAITING = "awaiting import"
    SENDING = "sending"
    SENT = "sent"
    READY = "ready"
    INCOMPLETE = "incomplete"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"

    @property
    def words(self) -> str:
        """What people read: a case may be all there and not findable, which is not ready."""
        return "not ready" if self is Readiness.INCOMPLETE else self.value


LEAVING = (Readiness.WITHDRAWING, Readiness.WITHDRAWN)
"""Of loads that nobody is to read any more; only a new start brings one back."""


class Way(StrEnum):
    """How a load's images reach the PACS."""

    NETWORK = "network"
    MEDIA = "media"


class InstanceState(StrEnum):
    """Of one image in a load's ledger. A warning status means stored (PS3.4 B.2.3).

    *Skipped* was not sent: the PACS takes no images of its kind.
    """

    PENDING = "pending"
    STORED = "stored"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CaseVerdict:
    """The three answers of one case, each with its evidence and one plain instruction.

    Parameters
    ----------
    wanted, found : int
        Images of ours in the case, and how many of them the PACS has.
    missing : tuple of str
        SOP Instance UIDs to send again where nothing else helps; not kept with the verdict.
    waiting : bool
        Whether time alone may mend it: still indexing, not sent yet, could not be asked.
    search_for : str
        The name under which the PACS files it, where that is another than ours and may be
        shown: what a contact accepts as a search note.
    """

    accession: str
    complete: Completeness
    findable: Findable
    near: Near
    evidence: str
    instruction: str = ""
    wanted: int = 0
    found: int = 0
    missing: tuple[str, ...] = ()
    waiting: bool = False
    search_for: str = ""


@dataclass(frozen=True)
class InstanceCounts:
    """The ledger in five numbers; what is in none of them is still to be sent."""

    total: int
    confirmed: int
    warned: int
    failed: int
    skipped: int = 0

    @property
    def remaining(self) -> int:
        """Images that are still to be sent."""
        return self.total - self.confirmed - self.failed - self.skipped


@dataclass(frozen=True)
class Load:
    """How a load stands.

    Parameters
    ----------
    misses : int
        Sweeps in a row that missed a case while ready.
    run : int
        Counts the times it was started; names the job of each start.
    """

    load_id: int
    set_name: str
    pacs: str
    readiness: Readiness
    copy: int = 0
    misses: int = 0
    run: int = 0
    note: str = ""
    created_at: datetime | None = None
    last_sent_at: datetime | None = None
    verified_at: datetime | None = None
    ready_at: datetime | None = None
    way: Way = Way.NETWORK


@dataclass(frozen=True)
class LedgerRow:
    """How one image of a load stands.

    Parameters
    ----------
    sent_as : str
        Transfer syntax that it went out in; empty where it did not.
    in_doubt : bool
        Whether it may have gone out without an answer: the PACS is asked before it goes again.
    """

    sop_instance_uid: str
    accession: str
    state: InstanceState
    status: int | None = None
    comment: str = ""
    attempts: int = 0
    sent_as: str = ""
    in_doubt: bool = False
    changed_at: datetime | None = None


GRADE = {
    Completeness.PROVEN: 3,
    Completeness.COUNTED: 2,
    Completeness.PRESENT: 1,
}
"""How sure a completeness is; a site asks for at least one of these (default proven)."""


def judge_load(
    verdicts: Sequence[CaseVerdict],
    *,
    before: Readiness,
    misses_before: int,
    grade: Completeness = Completeness.PROVEN,
    accepted: Mapping[str, str] = NOBODY,
) -> tuple[Readiness, int]:
    """Judge a whole sweep.

    Ready when, in this one sweep, every case is complete at or above the grade, findable as
    named or under a name that a contact has accepted, and not nearline. A ready load falls back
    only after two sweeps in a row that miss one. A sweep in which cases could not be asked, and
    nothing else is wrong, proves nothing either way. While images are still being sent, or are
    to be imported from media, a sweep can find a load ready and nothing else. One that is being
    withdrawn stays so.

    Parameters
    ----------
    accepted : dict of str to str
        The name that a contact has accepted for a case, by accession number.

    Returns
    -------
    readiness : Readiness
    misses : int
        Sweeps in a row that missed a case while ready, to hand in next time.
    """
    if before in LEAVING:
        return before, misses_before
    bad = [verdict for verdict in verdicts if not is_good(verdict, grade, accepted)]
    if verdicts and not bad:
        return Readiness.READY, 0
    if all(verdict.complete is Completeness.UNKNOWN for verdict in bad):
        return before, misses_before
    if before is Readiness.READY:
        misses = misses_before + 1
        return (before if misses < 2 else Readiness.INCOMPLETE), misses
    if before in (Readiness.PLANNED, Readiness.SENDING, Readiness.AWAITING):
        return before, misses_before
    if all(verdict.waiting for verdict in bad):
        return Readiness.SENT, misses_before
    return Readiness.INCOMPLETE, misses_before


def is_good(
    verdict: CaseVerdict, grade: Completeness, accepted: Mapping[str, str] = NOBODY
) -> bool:
    """Whether a case may be read: complete enough, found by its name, at hand."""
    return (
        GRADE.get(verdict.complete, 0) >= GRADE[grade]
        and (verdict.findable is Findable.AS_NAMED or is_accepted(verdict, accepted))
        and verdict.near is not Near.NEARLINE
    )


def is_accepted(verdict: CaseVerdict, accepted: Mapping[str, str]) -> bool:
    """Whether a contact has accepted the very name under which the PACS files a case now."""
    return (
        verdict.findable is Findable.BY_OTHER_NAME
        and bool(verdict.search_for)
        and accepted.get(verdict.accession) == verdict.search_for
    )
