"""What services need of the outside world; adapters implement these, wiring joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.pacs import Pacs

Clock = Callable[[], datetime]
"""Gives the present moment, with time zone (UTC)."""


_WARNINGS = (0x0001, 0x0107, 0x0116)  # of all services, beside those that begin with B


@dataclass(frozen=True)
class StoreAnswer:
    """How a PACS answered one C-STORE.

    Parameters
    ----------
    status : int
        The DIMSE status. 0x0000 stored; 0xB000, 0xB006, 0xB007 stored with a warning, and so with
        any other status of that class.
    phase : str
        Where it failed, if it did: ``association`` where its kind was not accepted, ``data``
        where our copy could not be read, else ``answer``.
    sent_as : str
        Transfer syntax that went out; empty where nothing did.
    """

    sop_instance_uid: str
    status: int
    comment: str = ""
    offending: str = ""
    phase: str = "answer"
    sent_as: str = ""

    @property
    def stored(self) -> bool:
        """Whether the PACS has it (PS3.4 table B.2-1, PS3.7 annex C: warnings mean stored)."""
        return self.status in (0x0000, *_WARNINGS) or self.status >> 12 == 0xB


@dataclass(frozen=True)
class Sendable:
    """One archived object to send.

    Parameters
    ----------
    pixel_hash : str
        Of what its pixels decode to; empty where it has none: then it only goes out as it is.
    """

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    pixel_hash: str = ""


Convert = Callable[[Sendable, str], Sendable]
"""Gives a copy of an object in another transfer syntax, proven to have lost nothing.

Raises `GiveUp` where there can be none. Its attribute `forms`, where it has one, lists the transfer
syntaxes that it can make; else these are `domain.sending.FORMS`.
"""


@dataclass(frozen=True)
class ImageKey:
    """The unique keys of one image (PS3.4 C.6.2.1)."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class MoveOriginator:
    """Whose C-MOVE makes us send: Move Originator AE Title and Message ID (PS3.7 9.1.1.1)."""

    ae_title: str
    message_id: int


class PacsPeer(Protocol):
    """The DIMSE services a PACS offers us."""

    def echo(self, pacs: Pacs) -> None:
        """Ask for a C-ECHO; raises `PeerUnavailable` naming the phase."""

    def store(
        self,
        pacs: Pacs,
        objects: Iterable[Sendable],
        *,
        originator: MoveOriginator | None = None,
        convert: Convert | None = None,
    ) -> Iterator[StoreAnswer]:
        """C-STORE each over one association, yielding each answer as it comes.

        What the PACS does not take as it is goes out as `convert` makes it, where it is given.
        """

    def find_images(self, pacs: Pacs, images: Sequence[ImageKey]) -> dict[str, bool | None]:
        """Whether the PACS has each image, by SOP Instance UID; None where it cannot say.

        Raises `PeerUnavailable` where it could not be asked about every one.
        """

    def find_case(self, pacs: Pacs, case: Case) -> PacsAnswer:
        """Ask everything about one case; never raises for a broken conversation but says so."""

    def find_cases(self, pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        """Ask about several cases over one association, in order."""


class Archive(Protocol):
    """Objects by content hash (SHA-256, hexadecimal)."""

    def open(self, content_hash: str) -> BinaryIO:
        """Open for reading; raises `NotFound`."""

    def path(self, content_hash: str) -> Path:
        """A local path to read it from."""

    def put(self, *parts: bytes | memoryview) -> str:
        """Make bytes safe as one file (fsync, rename, fsync of the directory); gives its hash."""

    def adopt(self, spooled: Path, content_hash: str) -> None:
        """Take over a spooled, already synced file on the same disk."""

    def has(self, content_hash: str) -> bool:
        """Whether it is there."""


@dataclass(frozen=True)
class ScorerReceipt:
    """The scorer's JSON receipt; counts only when it echoes the content hash.

    Parameters
    ----------
    reports : tuple of str
        Which of the reports that the reading names it wants, by SHA-256.
    """

    reading: str
    revision: int
    content_hash: str
    reports: tuple[str, ...] = ()


class Scorer(Protocol):
    """The scoring service's HTTP contract (DESIGN.md 4)."""

    def put_truth(self, set_name: str, version: int, truth: dict[str, Any]) -> None:
        """Make a version of a set's truth known."""

    def post_reading(self, payload: dict[str, Any]) -> ScorerReceipt:
        """Hand over one reading; returns only with a receipt that echoes its content hash.

        Raises `ScorerUnavailable` or `ScorerRefused`.
        """

    def put_report(self, reading: str, revision: int, content: bytes) -> str:
        """Hand over a report that a reading named; gives its SHA-256 as the receipt says it.

        Raises `ScorerUnavailable` or `ScorerRefused`.
        """

    def get_result(self, reading_uid: str) -> dict[str, Any]:
        """What the scorer made of one reading."""

    def get_summary(self, set_name: str, reader: str) -> dict[str, Any]:
        """A reader's figures over a set, each with its n."""


class Enqueue(Protocol):
    """Makes a job due in the caller's own transaction.

    Arguments are passed to the job as they are and must be JSON values. `key` names the
    job for good: a second one with a key that was ever used is not made, so that whatever
    queues it may be repeated.
    """

    def __call__(
        self,
        transaction: Any,
        job: str,
        *args: Any,
        key: str | None = None,
        partition: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Queue the job named `job`."""


@dataclass(frozen=True)
class Message:
    """One mail to one person."""

    key: str
    to: str
    subject: str
    body: str


class Mailer(Protocol):
    """Hands a mail to a mail server."""

    def send(self, message: Message) -> None:
        """Send it once; raises `MailUnavailable`."""
