"""The practice-case handshake: marks drawn as asked prove who draws, without any text.

Some viewers put no name and no text into what they save, but all that we can read put the
marks where they were drawn. So a reader is asked for so many marks on each view of practice
case 001, otherwise than anybody else at that PACS at the same time.

References
----------
QUIRKS.md C7 (what a viewer saves is found out, not looked up), C8 (whose it is).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pacs_bridge.domain.marks import NOT_A_LOCATION, Mark, ReadObject
from pacs_bridge.domain.reading import same_mark

VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
"""The four views of a practice case, in the order in which a code names them."""

MOST_MARKS = 3
"""Marks that a code asks for on one view, at most."""

OPEN_FOR = timedelta(minutes=20)
"""How long a handshake waits for what is drawn."""

Counts = tuple[int, int, int, int]
"""Marks on each of `VIEWS`."""


class HandshakeState(StrEnum):
    """How a handshake stands."""

    OPEN = "open"
    PROVEN = "proven"
    FAILED = "failed"
    REPLACED = "replaced"
    """The reader asked for another before it was done."""


@dataclass(frozen=True)
class Proof:
    """What a handshake proved of a reader's viewer.

    Parameters
    ----------
    objects : int
        Objects that together hold the marks.
    kinds : tuple of str
        Kinds of object that arrived.
    shapes : tuple of str
        Shapes in which marks arrived.
    spoke : tuple of str
        Attributes that named somebody, or somewhere.
    names : tuple of str
        Log-ins and names that are this reader's from now on; empty where none is.
    shared : bool
        Whether another reader's marks came under the same log-in.
    texts : bool
        Whether any text came with the marks.
    """

    objects: int
    kinds: tuple[str, ...]
    shapes: tuple[str, ...]
    spoke: tuple[str, ...]
    names: tuple[str, ...] = ()
    shared: bool = False
    texts: bool = False


@dataclass(frozen=True)
class Handshake:
    """One reader's handshake at one PACS.

    Parameters
    ----------
    accession : str
        The case to draw on, as this reader's PACS has it.
    why : str
        Why it failed, one sentence; empty otherwise.
    """

    handshake_id: int
    set_name: str
    reader: str
    pacs: str
    accession: str
    code: Counts
    issued_at: datetime
    expires_at: datetime
    state: HandshakeState = HandshakeState.OPEN
    settled_at: datetime | None = None
    why: str = ""
    proof: Proof | None = None


def draw_code(
    taken: Iterable[Counts],
    choose: Callable[[Sequence[Counts]], Counts],
    views: Collection[tuple[str, str]] = VIEWS,
) -> Counts:
    """Choose a code that no part of any of these can be taken for, nor the other way round.

    A viewer may save one object an image, so that half of what one reader draws arrives
    first: no code may lie within another. Of the codes left, one with the fewest marks.

    Parameters
    ----------
    taken : iterable of Counts
        Codes that are open, or were lately, at the same PACS.
    choose : callable
        Picks one of several.
    views : collection of (str, str)
        Those that the practice case has.

    Raises
    ------
    LookupError
        When there is none left.
    """
    known = list(taken)
    first, second, third, fourth = (range(MOST_MARKS + 1 if v in views else 1) for v in VIEWS)
    every: Iterable[Counts] = itertools.product(first, second, third, fourth)
    free = [
        code
        for code in every
        if sum(code) >= MOST_MARKS and not any(_within(code, k) or _within(k, code) for k in known)
    ]
    if not free:
        raise LookupError("no code is left")
    fewest = min(map(sum, free))
    return choose([code for code in free if sum(code) == fewest])


def _within(part: Counts, whole: Counts) -> bool:
    return all(a <= b for a, b in zip(part, whole, strict=True))


def is_part_of(part: Counts, whole: Counts) -> bool:
    """Whether marks drawn so may be the beginning of what a code asks for."""
    return sum(part) > 0 and _within(part, whole)


def is_drawn(mark: Mark) -> bool:
    """Whether a mark is something drawn at a place, be it certain or yet to be confirmed."""
    return mark.shape != "TEXT" and bool(mark.points) and NOT_A_LOCATION not in mark.flags


def count_marks(marks: Iterable[Mark]) -> Counts | None:
    """Count marks by view, parts of one mark once; None where one lies on no such view."""
    found: dict[tuple[str | None, str | None], set[str]] = {view: set() for view in VIEWS}
    for place, mark in enumerate(m for m in marks if is_drawn(m)):
        view = (mark.laterality, mark.view)
        if view not in found:
            return None
        found[view].add(f"group {mark.image} {mark.group}" if mark.group else f"mark {place}")
    first, second, third, fourth = (len(found[view]) for view in VIEWS)
    return first, second, third, fourth


def say_counts(counts: Counts, *, whole: bool = True) -> str:
    """Say a code in words: ``2 marks on R CC, 1 mark on L MLO, none else``."""
    said = [
        f"{count} mark{'s' if count > 1 else ''} on {side} {view}"
        for count, (side, view) in zip(counts, VIEWS, strict=True)
        if count
    ]
    return ", ".join([*said, "none else"] if whole else said) or "no marks"


_KINDS = {
    "presentation-state": "drawings",
    "measurement-report": "reports",
    "other-sr": "reports",
    "key-object": "flagged images",
    "overlay": "pictures drawn over an image",
}


_SHAPES = {
    "POINT": "points",
    "CIRCLE": "circles",
    "ELLIPSE": "ellipses",
    "POLYLINE": "lines",
    "POLYGON": "outlines",
    "INTERPOLATED": "curves",
    "BITMAP": "pictures, which you will be asked to confirm",
}


def say_proof(proof: Proof) -> tuple[str, ...]:
    """Say what a handshake has proven, a sentence each."""
    kinds = " and ".join(dict.fromkeys(_KINDS.get(kind, "objects") for kind in proof.kinds))
    shapes = ", ".join(_SHAPES.get(shape, "drawings") for shape in proof.shapes)
    said = [
        "You may save marks, and what you save leaves your PACS.",
        f"It arrives as {kinds}; marks come as {shapes}.",
    ]
    if proof.shared:
        said.append(
            "Another reader's marks come under the same log-in, so none is believed to be yours "
            "by it."
        )
    elif proof.names:
        said.append("Your log-in comes with them; marks under it are yours from now on.")
    else:
        said.append("They name nobody; you will be asked which are yours.")
    if not proof.texts:
        said.append("No text came with them: you will be asked for ratings and decisions.")
    return tuple(said)


@dataclass(frozen=True)
class Drawn:
    """What was read out of one object on the practice case, and from where it came.

    Parameters
    ----------
    key : tuple of str
        Who and where, as far as the object says; objects with the same may be one reader's.
    named : bool
        Whether that names a person who is nobody else at this PACS as far as we know.
    used : bool
        Whether it has proven a handshake already: its marks were there before any other.
    """

    read: ReadObject
    key: tuple[str, ...]
    named: bool
    received_at: datetime
    used: bool = False


def matches(
    handshake: Handshake, drawn: Sequence[Drawn], others: Sequence[Handshake]
) -> tuple[Drawn, ...]:
    """Find the objects that are what a handshake asked for: one alone, else all together.

    Parameters
    ----------
    drawn : sequence of Drawn
        Objects of one key, oldest first. Those from before the handshake count only as marks
        that were there already.
    others : sequence of Handshake
        The others that are open at this PACS.

    Returns
    -------
    tuple of Drawn
        Empty where nothing fits, or where it might be several readers' marks together.
    """
    before = [e for e in drawn if e.used or e.received_at < handshake.issued_at]
    since = [e for e in drawn if not e.used and e.received_at >= handshake.issued_at]
    for one in reversed(since):
        if handshake.code in counts_of([one], before):
            return (one,)
    if len(since) < 2 or handshake.code not in counts_of(since, before):
        return ()
    if not all(each.named for each in since) and any(
        is_part_of(counts, other.code)
        for other in others
        for each in since
        for counts in counts_of([each], before)
    ):
        return ()  # several people may have drawn what only together fits
    return tuple(since)


def counts_of(objects: Sequence[Drawn], before: Sequence[Drawn] = ()) -> set[Counts]:
    """Count what objects hold, with and without what was drawn before.

    An old drawing that is only saved again is nothing that was drawn.
    """
    marks, old = _united(objects), _united(before)
    new = [mark for mark in marks if not any(same_mark(mark, each) for each in old)]
    found = {count_marks(marks), count_marks(new)} if new or not old else set()
    return {counts for counts in found if counts is not None}


def _united(objects: Sequence[Drawn]) -> list[Mark]:
    marks: list[Mark] = []
    for mark in (mark for each in objects for mark in each.read.marks if is_drawn(mark)):
        if not any(same_mark(mark, known) for known in marks):
            marks.append(mark)
    return marks
