"""What a reader is shown of what arrived, and what a reader may answer to it.

A receipt is made of everything that one reader said about one case: the marks of all objects,
united by the rules of `domain.reading`, and the reader's own answers on our page, in the order
in which they were given. Nothing that carries a question enters a reading before it is answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pacs_bridge.domain.marks import BreastDecision, Code, Laterality, Point, Shape


class Answer(StrEnum):
    """What a reader may answer on our page; each answer is kept and none is ever changed."""

    CONFIRM = "confirm"
    """The mark is meant as it was read."""
    MEND = "mend"
    """The mark is meant, with another rating or finding than was read."""
    DROP = "drop"
    """It is no mark of mine: a label, a measurement, a slip; or one that I took back."""
    PLACE = "place"
    """A mark that I put on our sheet."""
    MOVE = "move"
    """A mark of mine on our sheet lies elsewhere, or has another form, than it had."""
    LINK = "link"
    """Two marks on two views are one finding."""
    PART = "part"
    """A mark is a finding of its own."""
    DECIDE = "decide"
    """What I decided of one breast."""
    NORMAL = "normal"
    """The case is normal: both breasts return to screening."""


class MarkState(StrEnum):
    """Where a mark of a receipt stands."""

    READ = "read"
    """Certain as it was read; it counts."""
    ASKED = "asked"
    """The reader must say something first; it does not count yet."""
    CONFIRMED = "confirmed"
    MENDED = "mended"
    DROPPED = "dropped"
    PLACED = "placed"
    """Put on our own sheet."""


@dataclass(frozen=True)
class ReceiptMark:
    """One mark of a reader on one image, however many objects brought it.

    Parameters
    ----------
    key : str
        Names the mark in answers: the same for as long as the mark is the same mark.
    image : str
        SOP Instance UID of the master image.
    points, centre
        Image coordinates (`domain.marks.Point`).
    words : str
        The mark in one line: ``L MLO, ill-defined mass, 4``.
    question : str
        What the reader is asked, one sentence; empty where nothing is.
    sources : tuple of str
        The kinds of object that brought it, each once.
    also : tuple of str
        Other views on which the same finding is marked: ``L MLO``.
    together : tuple of str
        The keys of those marks.
    may_move : bool
        Whether it lies on our sheet alone, where its reader may move and reshape it.
    """

    key: str
    image: str
    frame: int | None
    shape: Shape
    points: tuple[Point, ...]
    centre: Point
    laterality: Laterality | None
    view: str | None
    finding: Code | None
    rating: int | None
    words: str
    state: MarkState
    question: str = ""
    text: str = ""
    flags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    may_move: bool = False


@dataclass(frozen=True)
class ReceiptImage:
    """One image of the case, as far as drawing a receipt on it needs it."""

    sop_instance_uid: str
    laterality: str
    view: str
    rows: int
    columns: int
    frames: int = 1


@dataclass(frozen=True)
class ReceivedKind:
    """One object that arrived for the case: what it was, when, and what was made of it."""

    kind: str
    received_at: datetime
    said: str


@dataclass(frozen=True)
class Receipt:
    """All that reached us of one reader's reading of one case.

    Parameters
    ----------
    state : str
        ``unread`` (nothing arrived), ``open``, ``asked`` (waits for the reader), ``closed``,
        ``scored``, or ``kept`` (practice).
    questions : tuple of str
        What is asked of the case as a whole, one sentence each (a breast without a decision,
        two decisions that disagree, text that was not understood).
    exposed : str
        Why this reading may have been influenced by another's marks; empty where not.
    late : int
        Objects that came after the round had closed: kept and reported, not scored.
    unsure : int
        Objects of a shared log-in on the reader's copy: they count once they are said to be theirs.
    """

    reading_uid: str
    set_name: str
    accession: str
    kind: str
    reader: str
    state: str
    images: tuple[ReceiptImage, ...]
    marks: tuple[ReceiptMark, ...] = ()
    breasts: tuple[BreastDecision, ...] = ()
    questions: tuple[str, ...] = ()
    objects: tuple[ReceivedKind, ...] = ()
    last_object_at: datetime | None = None
    exposed: str = ""
    late: int = 0
    unsure: int = 0


@dataclass(frozen=True)
class ReceiptLine:
    """One case in a reader's list."""

    accession: str
    kind: str
    state: str
    words: str
    asked: int = 0


@dataclass(frozen=True)
class ReceiptList:
    """A reader's cases of one set, and what is to be told about them all.

    Parameters
    ----------
    search : str
        What to search the PACS for, where the load has search notes; else empty.
    silence : str
        The sentence of a reading session in which nothing arrives any more; else empty.
    unread : tuple of str
        Accession numbers of the cases of which nothing is known.
    """

    set_name: str
    reader: str
    copy: int
    way: str
    lines: tuple[ReceiptLine, ...] = ()
    unread: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    silence: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)
