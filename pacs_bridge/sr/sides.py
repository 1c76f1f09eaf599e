"""Which words of a text are about which breast: ``R RTS L RECALL M4``, ``RTS R, recall L``.

A text is cut into clauses, a clause into what its commas part. Where each part names one breast,
it is that breast's. Where one part names both, each breast has what follows it, or each has what
stands before it: the decisions at the part's ends tell which. Where nothing tells, nothing is
dealt out, and the reader is asked: a decision on the wrong breast is worse than none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sr import lexicon
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.typed import Text

_CLAUSES = re.compile(r"[;|]|\.(?=\s|$)")
_PARTS = re.compile(r",(?!\d)|\s/\s")
_JOINED = re.compile(r"[\s/&+]*(?:\bAND\b)?[\s/&+]*")

DECIDES = 2
Weighs = Callable[[str], int]
"""How much a text says: 2 it decides, 1 it rates or finds something, 0 nothing."""


@dataclass(frozen=True)
class Named:
    """Where a text names a breast, or both."""

    start: int
    end: int
    sides: tuple[Laterality, ...]


@dataclass
class Dealt:
    """What is said of each breast, part by part.

    Parameters
    ----------
    unclear : bool
        Whether something was said that could not be given to a breast.
    """

    parts: list[tuple[Laterality, str]] = field(default_factory=list)
    unclear: bool = False

    def add(self, sides: tuple[Laterality, ...], text: str) -> None:
        """Give a part to one breast, or to both."""
        self.parts += [(side, text) for side in sides]


def deal_out(plain: str, words: SiteWords, weighs: Weighs) -> Dealt:
    """Cut a text, already plain, into what it says of each breast; none where it names none."""
    named = _named(plain, words)
    dealt = Dealt()
    if not named:
        return dealt
    if len({each.sides for each in named}) == 1:
        dealt.add(named[0].sides, plain)
        return dealt
    _deal(plain, 0, len(plain), named, (_CLAUSES, _PARTS), weighs, dealt)
    return dealt


def _named(plain: str, words: SiteWords) -> list[Named]:
    """Every breast that a text names, in its order; neighbours such as "R and L" as one."""
    rest = Text(plain)
    eaten = (
        *lexicon.NOTHING,
        lexicon.SIZE,
        words.decision_pattern,
        *(p for p, _ in lexicon.DECISIONS),
    )
    for pattern in eaten:
        rest.take(pattern)
    found: list[Named] = []
    for pattern, side, _ in lexicon.TELLS_SIDE:
        if side:
            both: tuple[Laterality, ...] = ("R", "L")
            meant = both if side == "B" else tuple(s for s in both if s == side)
            found += [Named(m.start(), m.end(), meant) for m in rest.take(pattern)]
    joined: list[Named] = []
    for each in sorted(found, key=lambda one: one.start):
        last = joined[-1] if joined else None
        if last and last.sides != each.sides and _are_joined(plain, last, each):
            joined[-1] = Named(last.start, each.end, ("R", "L"))
        else:
            joined.append(each)
    return joined


def _are_joined(plain: str, one: Named, other: Named) -> bool:
    """Whether two breasts are named in one breath; a full stop after the first parts them."""
    parted = plain[one.end - 1] == "."
    return not parted and _JOINED.fullmatch(plain[one.end : other.start]) is not None


def _deal(
    plain: str,
    begin: int,
    end: int,
    named: list[Named],
    separators: tuple[re.Pattern[str], ...],
    weighs: Weighs,
    dealt: Dealt,
) -> None:
    """Deal out what stands between two places of a text, by the first of these separators."""
    last: tuple[Laterality, ...] = ()
    for left, right in _pieces(plain, begin, end, named, separators[0]):
        here = [each for each in named if left <= each.start < right]
        piece = plain[left:right]
        if not here:
            if last and weighs(piece):
                dealt.add(last, piece)
            elif weighs(piece) == DECIDES:
                dealt.unclear = True
            continue
        sides = {each.sides for each in here}
        if len(sides) == 1:
            dealt.add(here[0].sides, piece)
            last = here[0].sides
        elif len(separators) > 1:
            _deal(plain, left, right, named, separators[1:], weighs, dealt)
            last = here[-1].sides
        else:
            _deal_one_after_another(plain, left, right, here, weighs, dealt)
            last = here[-1].sides


def _pieces(
    plain: str, begin: int, end: int, named: list[Named], separator: re.Pattern[str]
) -> list[tuple[int, int]]:
    """Begin and end of what separators part, those within a breast's name left alone."""
    cuts = [
        match.start()
        for match in separator.finditer(plain, begin, end)
        if not any(each.start <= match.start() < each.end for each in named)
    ]
    return list(zip([begin, *cuts], [*cuts, end], strict=True))


def _deal_one_after_another(
    plain: str, begin: int, end: int, here: list[Named], weighs: Weighs, dealt: Dealt
) -> None:
    """Deal out a piece that names several breasts and has nothing that parts them."""
    head, tail = weighs(plain[begin : here[0].start]), weighs(plain[here[-1].end : end])
    if head == tail:
        dealt.unclear = dealt.unclear or weighs(plain[begin:end]) == DECIDES
        return
    if tail > head:  # each breast has what follows it
        edges = [begin, *(each.start for each in here[1:]), end]
    else:
        edges = [begin, *(each.end for each in here[:-1]), end]
    for each, (left, right) in zip(here, itertools.pairwise(edges), strict=True):
        dealt.add(each.sides, plain[left:right])
