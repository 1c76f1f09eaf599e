"""What a quirk of the sandbox PACS can do: the hooks, and how one is switched on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydicom.dataset import Dataset

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.pacs_commitment import Commitment
from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_store import Duplicates, Entry

Row = dict[str, str]
"""An answer to a query, or the attributes of an object: text by keyword."""

PENDING, PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01
OUT_OF_RESOURCES, CANNOT, CANNOT_UNDERSTAND = 0xA700, 0xA900, 0xC000


class Cut(StrEnum):
    """How a conversation ends in the middle of a C-STORE."""

    NOT = ""
    ABORT = "abort"
    DROP = "drop"


@dataclass(frozen=True)
class Kept:
    """How a C-STORE that is kept is answered: Success, or a warning with its reasons."""

    status: int = 0x0000
    comment: str = ""
    offending: tuple[int, ...] = ()


class Quirk:
    """A PACS without quirks: every hook does nothing.

    Hooks are called from several threads.
    """

    index_seconds = 0.0
    """How long a stored object is not found, and a router keeps it."""

    kept = Kept()
    """The answer to a C-STORE that is kept."""

    most_associations = 50
    """How many it has at once; it rejects more as transient."""

    duplicates = Duplicates.KEEP
    """What it does with an object that it has."""

    pending = PENDING
    """The status of each answer to a C-FIND."""

    hidden_roots: frozenset[str] = frozenset()
    """Query models that are not offered: ``1`` Patient Root, ``2`` Study Root."""

    commitment = Commitment.HONEST
    """What it does about requests to commit."""

    def rejects(self) -> bool:
        """Whether to reject this association as transient."""
        return False

    def syntaxes(self, sop_class: str, offered: list[str]) -> list[str]:
        """Choose transfer syntaxes that are accepted for a storage class; none refuse it."""
        del sop_class
        return offered

    def on_store(self) -> None:
        """Raise `Refused` to refuse a C-STORE."""

    def admit(self, attributes: Row) -> None:
        """Raise `Refused` to refuse an object for what it says."""

    def loses(self) -> bool:
        """Whether to answer Success to this image and forget it."""
        return False

    def cuts_before_keeping(self) -> Cut:
        """Whether to end the conversation in place of keeping this object."""
        return Cut.NOT

    def cuts_before_answering(self) -> Cut:
        """Whether to end the conversation with this object kept and the sender not told."""
        return Cut.NOT

    def alter(self, file: Path) -> None:
        """Change the file of an object that came in."""

    def amend(self, attributes: Row) -> Row:
        """Change what an object is found under."""
        return attributes

    def on_find(self, question: Question) -> Question:
        """Change a question; raise `Refused` to refuse a C-FIND."""
        return question

    def breaks_off(self) -> bool:
        """Whether to abort the association of this C-FIND."""
        return False

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Choose among the objects that can be found, or add some."""
        del question
        return entries

    def answer(self, row: Row) -> Row:
        """Change an answer to a C-FIND."""
        return row

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Choose among all answers to a C-FIND; raise `Refused` to give none."""
        return rows

    def encoded(self, identifier: Dataset, question: Question) -> Dataset:
        """Change an answer as it goes out."""
        del question
        return identifier


class Counter:
    """Counts calls, from several threads."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0

    def next(self) -> int:
        """Count one more; gives how many there were."""
        with self._lock:
            self._count += 1
            return self._count


class Every:
    """Tells every Nth call, from several threads."""

    def __init__(self, number: float) -> None:
        self._number, self._calls = max(1, int(number)), Counter()

    def __call__(self) -> bool:
        """Count one more; tells whether it is an Nth."""
        return self._calls.next() % self._number == 0


@dataclass(frozen=True)
class Switch:
    """How a quirk is switched on.

    Parameters
    ----------
    about : str
        What the PACS then does, in one line.
    source : str
        Where it was seen: a section of QUIRKS.md, or of the issue.
    make : callable
        Makes the quirk of its value: a float for ``N`` and ``SECONDS``, else a text.
    value : str
        ``N``, ``SECONDS``, ``TEXT``, ``FILE`` or empty where it takes none.
    default : str or None
        The value where none is given; None where one must be.
    """

    name: str
    about: str
    source: str
    make: Callable[..., Quirk]
    value: str = ""
    default: str | None = None

    @property
    def usage(self) -> str:
        """How it is written: ``name``, ``name=N`` or ``name[=N]``."""
        if not self.value:
            return self.name
        return (
            f"{self.name}={self.value}" if self.default is None else f"{self.name}[={self.value}]"
        )

    def on(self, given: str | None) -> Quirk:
        """Make the quirk.

        Raises
        ------
        RefusedInput
            When its value is none that it takes.
        """
        text = self.default if given is None else given
        if not self.value and given is None:
            return self.make()
        if not self.value or text is None:
            raise RefusedInput(f"Write this quirk as {self.usage}.")
        if self.value not in ("N", "SECONDS"):
            return self.make(text)
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e9:
            raise RefusedInput(f"Write this quirk as {self.usage}, with a number from 0.")
        return self.make(number)
