"""A received object as the node hands it on, what became of it, and associations."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Caller:
    """Who called: what the association says, and which PACS that is here (None: unknown).

    Parameters
    ----------
    certificate : str or None
        SHA-256 fingerprint (hexadecimal) of the certificate that it proved to hold; None where
        it called without TLS.
    idle_seconds : float or None
        After so long without a word its association is ended; None for the node's own limit.
    """

    ae_title: str
    called_ae_title: str
    address: str
    pacs: str | None = None
    association_id: str = ""
    certificate: str | None = None
    idle_seconds: float | None = None


@dataclass(frozen=True)
class Originator:
    """Who asked a PACS, by C-MOVE, for an object that it stores here (PS3.7 9.3.1.1).

    Parameters
    ----------
    message_id : int or None
        Of the C-MOVE; None where the PACS did not say it.
    """

    ae_title: str
    message_id: int | None = None


@dataclass(frozen=True)
class StoreRequest:
    """One C-STORE as the node took it: plain facts, no library type; nothing of it checked yet.

    Parameters
    ----------
    data_set : memoryview
        The data set as received (no preamble, no group 0002). It is in no file yet: an
        alien object must not reach the disk (DESIGN.md 3). Empty when the object was larger
        than the node takes.
    size : int
        Bytes received; larger than `data_set` only when that was dropped.
    originator : Originator or None
        None where nobody was said to have asked for it.
    """

    caller: Caller
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: memoryview
    size: int
    originator: Originator | None = None


@dataclass(frozen=True)
class ReceivedObject:
    """One object that we answered Success to.

    Parameters
    ----------
    content_hash : str
        SHA-256 of the archived file (preamble, file meta and the bytes as received).
    same_content : str
        Digest over tags and values, independent of encoding (DESIGN.md 3).
    state : str
        ``received`` (safe, not yet looked into), ``read`` or ``parked`` (with a reason).
    image : str or None
        Of an image of ours that a PACS sent back: its own SOP Instance UID. It may come with
        more than one content, so that each is kept under a key of ours instead, which stands
        in `sop_instance_uid`; the hashes are those of its arrival until a job made them.
    part_of : str or None
        Of what somebody else said in an object that names several people: the object. It is
        kept under a UID of ours (`part_uid`), so that it is somebody's, or nobody's, by itself.
    read_by : int
        Version of what read it last; 0 for none, or for one from before they were counted.
    """

    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    content_hash: str
    same_content: str
    size: int
    caller: Caller
    accession: str | None
    received_at: datetime
    state: str = "received"
    reason: str = ""
    kind: str = ""
    reader: str | None = None
    observed_at: datetime | None = None
    image: str | None = None
    originator: Originator | None = None
    part_of: str | None = None
    read_by: int = 0


def part_uid(sop_instance_uid: str, person: str) -> str:
    """Name one person's part of an object: the same each time, and no UID that a peer gives.

    References
    ----------
    PS3.5 B.2 (UIDs derived from a number of 128 bits).
    """
    number = hashlib.sha256(f"{sop_instance_uid} {person}".encode()).hexdigest()[:32]
    return f"2.25.{int(number, 16)}"


@dataclass(frozen=True)
class Refusal:
    """One object that was not taken. Of an alien object nothing else is kept."""

    at: datetime
    caller: Caller
    sop_class_uid: str
    size: int
    status: int
    kind: str
    reason: str
    keyed_hash: str = ""
    content_hash: str = ""


class AssociationOutcome(StrEnum):
    """How an association with the node ended."""

    OPEN = "open"
    RELEASED = "released"
    ABORTED = "aborted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Association:
    """One association with the node.

    Parameters
    ----------
    requests : dict of str to int
        How many it made of each service other than C-STORE and C-ECHO.
    """

    association_id: str
    opened_at: datetime
    caller: Caller
    outcome: AssociationOutcome = AssociationOutcome.OPEN
    ended_at: datetime | None = None
    stored: int = 0
    refused: int = 0
    echoes: int = 0
    note: str = ""
    requests: dict[str, int] = field(default_factory=dict)


WAITING = ("open", "asked")
"""States of a reading that is not whole: more may come, or its reader is asked something."""


@dataclass(frozen=True)
class ReadingState:
    """How far one reader's reading of one case has come.

    `state` is open, asked (waits for its reader), closed, scored, kept (practice: captured,
    never scored) or parked.
    """

    reading_uid: str
    set_name: str
    accession: str
    kind: str
    reader: str
    pacs: str
    state: str
    revision: int
    content_hash: str
    last_object_at: datetime
    closed_at: datetime | None = None
    result: dict[str, object] | None = None
    scored_at: datetime | None = None
    essence: str = ""


@dataclass(frozen=True)
class OutboxItem:
    """One revision of a reading on its way to the scorer."""

    outbox_id: int
    reading_uid: str
    revision: int
    set_name: str
    content_hash: str
    payload: dict[str, object]
    state: str
    attempts: int = 0
    reason: str = ""
    sealed: bool = False
    receipt: dict[str, object] | None = None
