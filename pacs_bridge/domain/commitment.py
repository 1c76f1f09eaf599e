"""Storage commitment: who asks whom to take custody of which objects, and what is answered.

References
----------
PS3.4 annex J (Storage Commitment Push Model), C.14.1.1 of PS3.3 (failure reasons).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.pacs import Pacs

PUSH_MODEL = "1.2.840.10008.1.20.1"
"""SOP class of the Storage Commitment Push Model."""

PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Its one, well-known SOP instance."""

REQUEST_COMMITMENT = 1
"""Action type of the request (PS3.4 J.3.2)."""

ALL_COMMITTED, SOME_FAILED = 1, 2
"""Event types of the report (PS3.4 J.3.3)."""

MOST_REFERENCES = 10_000
"""Objects that one request or report may name."""


class Reason(IntEnum):
    """Failure Reason (0008,1197) of one object."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION = 0x0131
    NO_RESOURCES = 0x0213


REASONS = {
    Reason.PROCESSING_FAILURE: "it failed to process this",
    Reason.NO_SUCH_INSTANCE: "it has no such object",
    Reason.CLASS_INSTANCE_CONFLICT: "it has this object under another SOP class",
    Reason.CLASS_NOT_SUPPORTED: "it does not commit to this SOP class",
    Reason.DUPLICATE_TRANSACTION: "it has this transaction already",
    Reason.NO_RESOURCES: "it has no room",
}
"""What a reason says, to a person."""


def words_of(reason: int) -> str:
    """Put a failure reason into words, also one that the standard does not have."""
    known = REASONS.get(Reason(reason)) if reason in Reason.__members__.values() else None
    return known or f"failure reason 0x{reason:04X}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One object by SOP class and SOP instance, both checked to be UIDs."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that is not committed to, and why."""

    reference: Reference
    reason: int


@dataclass(frozen=True)
class CommitmentRequest:
    """A request to commit to objects; none of them is named twice."""

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class CommitmentReport:
    """What became of a request, object by object."""

    transaction_uid: str
    committed: tuple[Reference, ...] = ()
    failed: tuple[Failure, ...] = ()

    @property
    def event_type(self) -> int:
        """Which of the two events it is."""
        return SOME_FAILED if self.failed else ALL_COMMITTED


class Route(StrEnum):
    """How a report travelled: over the association of the request, or another."""

    SAME = "same"
    NEXT = "next"
    NEW = "new"


class TransactionState(StrEnum):
    """How a request of ours stands."""

    ASKING = "asking"
    ASKED = "asked"
    REFUSED = "refused"
    REPORTED = "reported"


class InstanceCommitment(StrEnum):
    """What a PACS said of one object that we asked it to commit to."""

    WAITING = "waiting"
    COMMITTED = "committed"
    FAILED = "failed"
    NOT_MENTIONED = "not mentioned"


@dataclass(frozen=True)
class AskedInstance:
    """One object of a request of ours."""

    reference: Reference
    state: InstanceCommitment
    reason: int | None = None


@dataclass(frozen=True)
class Transaction:
    """A request of ours to a PACS, and how it stands.

    Parameters
    ----------
    load_id : int or None
        The load whose images these are.
    status : int or None
        What the PACS answered the request with; None before it did.
    reports : int
        How often a report came, the first and its repetitions.
    """

    transaction_uid: str
    pacs: str
    load_id: int | None
    state: TransactionState
    asked_at: datetime
    status: int | None = None
    comment: str = ""
    reported_at: datetime | None = None
    route: Route | None = None
    reports: int = 0


class CustodyState(StrEnum):
    """How a request of a PACS to us stands."""

    WAITING = "waiting"
    REPORTING = "reporting"
    REPORTED = "reported"
    PARKED = "parked"


@dataclass(frozen=True)
class Custody:
    """A request of a PACS to us, and how it stands.

    Parameters
    ----------
    digest : str
        Keyed; tells a request that is repeated from another under its transaction UID.
    references : tuple of Reference
        Gone once the report was taken: what else a hospital has is not ours to remember.
    claimed_at : datetime or None
        Since when somebody is reporting.
    """

    custody_id: int
    pacs: str
    transaction_uid: str
    digest: str
    state: CustodyState
    references: tuple[Reference, ...]
    asked_at: datetime
    claimed_at: datetime | None = None
    reported_at: datetime | None = None
    route: Route | None = None
    committed: int = 0
    failed: int = 0
    note: str = ""


class RefusedRequest(GiveUp):
    """A request about many objects that is not accepted.

    Parameters
    ----------
    status : int
        What the peer is answered (PS3.7 10.1.1.1.8, 10.1.4.1.10, 10.1.5.1.6).
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


TakeReport = Callable[[CommitmentReport, Route], None]
"""Takes a report; returning means Success, raising `RefusedRequest` the status in it."""


class Committer(Protocol):
    """The commitment service of a PACS, and ours towards it."""

    def request_commitment(
        self,
        pacs: Pacs,
        request: CommitmentRequest,
        *,
        take: TakeReport,
        seconds: float,
        is_enough: Callable[[], bool],
    ) -> tuple[int, str]:
        """Ask a PACS to commit, and hear its reports on the same association for a while.

        Parameters
        ----------
        is_enough : callable
            Whether the report came in another way meanwhile.

        Returns
        -------
        int, str
            Status and Error Comment of the answer.
        """

    def hear_reports(self, pacs: Pacs, *, take: TakeReport, seconds: float, most: int) -> None:
        """Open an association on which a PACS may report, and wait so long for so many."""

    def report_commitment(self, pacs: Pacs, report: CommitmentReport) -> int:
        """Report to a PACS over a new association; gives the status it answered."""
