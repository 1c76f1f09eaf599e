"""What passes between the upper layer and whoever serves it: plain values, no library type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pacs_bridge.domain.objects import AssociationOutcome, Caller, Originator
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.upper_layer.command import Command

SUCCESS = 0x0000


@dataclass(frozen=True)
class Context:
    """A SOP class that is offered, with its transfer syntaxes, the most wanted first.

    Parameters
    ----------
    requestor_may_be_scp : bool
        Whether the SCP role is granted to a requestor that asks for it, as for the objects of
        a C-GET (PS3.7 D.3.3.4).
    taken_in : tuple of str
        The transfer syntaxes in their order where the requestor is no SCP; empty for the same.
    """

    sop_class_uid: str
    transfer_syntaxes: tuple[str, ...]
    requestor_may_be_scp: bool = False
    taken_in: tuple[str, ...] = ()


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
APPLICATION_CONTEXT_NOT_SUPPORTED = Rejection(1, 1, 2, "application context is not DICOM's")
PROTOCOL_VERSION_NOT_SUPPORTED = Rejection(1, 2, 2, "protocol version is not 1")
NOT_ENCRYPTED = Rejection(1, 1, 1, "called without TLS, and is not registered as plain")
WRONG_CERTIFICATE = Rejection(1, 1, 3, "certificate is not the one registered for this PACS")
NOTHING_PROPOSED = Rejection(1, 1, 1, "no presentation context was proposed")
IDENTITY_REFUSED = Rejection(1, 1, 1, "user identity is not accepted here")
TRY_LATER = Rejection(2, 3, 1, "not able to answer just now")
LIMIT_EXCEEDED = Rejection(2, 3, 2, "too many associations at the same time")


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


@dataclass(frozen=True)
class StoreHead:
    """What the command of a C-STORE says; nothing of it checked yet.

    Parameters
    ----------
    agreed_class_uid : str
        SOP class of the presentation context in which it came; empty where there is none.
    """

    caller: Caller
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    originator: Originator | None = None
    agreed_class_uid: str = ""


class Sink(Protocol):
    """Takes one object while it arrives. One thread calls it; nothing may raise.

    After the last `write` comes `finish` or `abort`, once.
    """

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set; they are gone when this returns."""

    def finish(self) -> Answer:
        """Say what became of the object, now that it is whole."""

    def abort(self) -> None:
        """Forget the object: its last byte will not come."""


class RoomySink(Sink, Protocol):
    """A sink with memory of its own, into which bytes are read without a copy."""

    def room(self) -> memoryview | None:
        """Give memory for the next bytes; None where they may lie anywhere.

        What was read into it is handed to `write` as a part of it, from its beginning, before
        anything else is.
        """


@dataclass(frozen=True)
class Notice:
    """An N-EVENT-REPORT that we owe a peer, sent once it has had nothing to say for a moment.

    Where the association ends before, neither of its parts is called.

    Parameters
    ----------
    make : callable
        Gives the event type and the data set, encoded as the question was, when the moment
        has come; None where there is nothing to report any more.
    answered : callable
        Called once after `make` gave something, with the status that the peer answered, or
        None where it gave no answer.
    """

    sop_class_uid: str
    sop_instance_uid: str
    make: Callable[[], tuple[int, bytes] | None]
    answered: Callable[[int | None], None]


@dataclass(frozen=True)
class Question:
    """A request that is neither C-ECHO nor C-STORE, whole.

    Parameters
    ----------
    command : Command
        Nothing in it has been checked.
    data_set : memoryview
        Empty where there is none; good until the last reply.
    cancelled : callable
        Tells whether a C-CANCEL for it came, or the peer has gone; does not wait, does not raise.
    send_back : callable
        Sends an object over this association and waits for the answer (C-GET). It does not
        raise: a status says what became of the object.
    notify : callable
        Keeps a notice for after the last reply.
    """

    caller: Caller
    command: Command
    transfer_syntax_uid: str
    data_set: memoryview
    cancelled: Callable[[], bool]
    send_back: Callable[[Sendable], StoreAnswer]
    notify: Callable[[Notice], None]


@dataclass(frozen=True)
class Reply:
    """One response of several; the last has a status that is not pending.

    Parameters
    ----------
    data_set : bytes
        Encoded in the transfer syntax of the request; empty for none.
    remaining, completed, failed, warning : int or None
        Sub-operations; None where the response does not count them.
    sop_instance_uid : str
        Of what an N-CREATE made; empty where the response names what the request does.
    at_once : bool
        False where it may wait for others to go out with.
    """

    status: int
    data_set: bytes = b""
    comment: str = ""
    offending: tuple[int, ...] = ()
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    sop_instance_uid: str = ""
    at_once: bool = True


class Service(Protocol):
    """Serves associations. Called from one thread an association; none may raise."""

    def admit(self, caller: Caller) -> Caller | Rejection:
        """Say who this is, or why not. Called before anything is negotiated."""

    def echo(self, caller: Caller) -> Answer:
        """Answer a C-ECHO."""

    def open_store(self, head: StoreHead) -> Sink:
        """Begin to take an object."""

    def ask(self, question: Question) -> Iterator[Reply] | None:
        """Answer any other request, reply by reply; None where it is not served.

        The iterator is closed when the peer goes away before the last reply.
        """

    def end(self, caller: Caller, outcome: AssociationOutcome, note: str) -> None:
        """Note that an association that was asked about has ended; called once for each."""


@dataclass(frozen=True)
class Bounds:
    """What one peer, and all together, may take of us (RELIABILITY.md 4, M1, M3, M4).

    Parameters
    ----------
    associations : int
        At the same time; further ones are rejected as transient, local limit exceeded.
    associations_per_address : int
        Of these.
    kept_per_pacs : int
        Associations that every known PACS may have although all places are taken.
    object_bytes : int
        Of marks; larger ones are dropped while they arrive.
    streamed_bytes : int
        Of images and evidence; likewise.
    undecided_bytes : int
        In memory, of all objects together that nobody has decided on.
    command_bytes, request_bytes, pdu_bytes : int
        Of a command set, of an A-ASSOCIATE-RQ, and of any later PDU.
    identifier_bytes : int
        Of the data set of a question; a longer one ends the association.
    list_bytes : int
        Of the data set of a request that names many objects (N-ACTION, N-CREATE,
        N-EVENT-REPORT); likewise.
    pdu_seconds : float
        In which a PDU must be complete once it began, and an answer be taken.
    negotiation_seconds : float
        From TCP connection to A-ASSOCIATE-RQ.
    idle_seconds : float
        Without a word, after which an association is aborted.
    half_open, half_open_per_address : int
        Connections that have not asked for an association yet, or no longer have one.
    half_open_kept : int
        Such connections that every address from which a PACS was let in may have although
        all places are taken.
    artim_seconds : float
        In which a peer must close the connection after a release, rejection or abort.
    notice_seconds : float
        Without a word, after which we say what we owe the peer.
    """

    associations: int = 100
    associations_per_address: int = 40
    kept_per_pacs: int = 2
    object_bytes: int = 64 << 20
    streamed_bytes: int = 2 << 30
    undecided_bytes: int = 128 << 20
    command_bytes: int = 64 << 10
    identifier_bytes: int = 1 << 20
    list_bytes: int = 4 << 20
    request_bytes: int = 256 << 10
    pdu_bytes: int = 1 << 20
    pdu_seconds: float = 8.0
    negotiation_seconds: float = 10.0
    idle_seconds: float = 60.0
    half_open: int = 64
    half_open_per_address: int = 16
    half_open_kept: int = 2
    artim_seconds: float = 5.0
    notice_seconds: float = 0.5


BOUNDS = Bounds()
