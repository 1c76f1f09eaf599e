"""What passes between the upper layer and whoever serves it: plain values, no library type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pacs_bridge.domain.objects import AssociationOutcome, Caller, StoreRequest

SUCCESS = 0x0000


@dataclass(frozen=True)
class Context:
    """A SOP class that is offered, with its transfer syntaxes, the most wanted first."""

    sop_class_uid: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True)
class Rejection:
    """Why an association is not accepted.

    References
    ----------
    PS3.8 section 9.3.4, table 9-21.
    """

    result: int
    source: int
    diagnostic: int
    note: str


CALLING_NOT_RECOGNISED = Rejection(1, 1, 3, "calling AE title or address not registered")
CALLED_NOT_RECOGNISED = Rejection(1, 1, 7, "called AE title is not ours")
TRY_LATER = Rejection(2, 3, 1, "not able to answer just now")


@dataclass(frozen=True)
class Answer:
    """The answer to one request.

    Parameters
    ----------
    comment : str
        At most 64 characters are sent as Error Comment (0000,0902).
    """

    status: int
    comment: str = ""


class Service(Protocol):
    """Serves associations. Called from one thread an association; none may raise."""

    def admit(self, caller: Caller) -> Caller | Rejection:
        """Say who this is, or why not. Called before anything is negotiated."""

    def echo(self, caller: Caller) -> Answer:
        """Answer a C-ECHO."""

    def store(self, request: StoreRequest) -> Answer:
        """Answer a C-STORE."""

    def end(self, caller: Caller, outcome: AssociationOutcome, note: str) -> None:
        """Note that an association that was asked about has ended; called once for each."""


@dataclass(frozen=True)
class Bounds:
    """What one peer, and all together, may take of us (RELIABILITY.md 4, M1, M3, M4).

    Parameters
    ----------
    associations : int
        At the same time; further ones are rejected as transient, local limit exceeded.
    object_bytes : int
        Larger data sets are dropped while they arrive.
    command_bytes, request_bytes, pdu_bytes : int
        Of a command set, of an A-ASSOCIATE-RQ, and of any later PDU.
    pdu_seconds : float
        In which a PDU must be complete once it began, and an answer be taken.
    negotiation_seconds : float
        From TCP connection to A-ASSOCIATE-RQ.
    idle_seconds : float
        Without a word, after which an association is aborted.
    half_open, half_open_per_address : int
        Connections that have not asked for an association yet.
    """

    associations: int = 100
    object_bytes: int = 64 << 20
    command_bytes: int = 64 << 10
    request_bytes: int = 256 << 10
    pdu_bytes: int = 1 << 20
    pdu_seconds: float = 8.0
    negotiation_seconds: float = 10.0
    idle_seconds: float = 60.0
    half_open: int = 64
    half_open_per_address: int = 16


BOUNDS = Bounds()
