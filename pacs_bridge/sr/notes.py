"""The note grammar: what a reader's few typed words say.

Deterministic. It would rather say nothing than guess: what contradicts itself gives no
rating and a conflict; what is not understood is kept as `unparsed`. A parsed note never
overrides a coded value.

References
----------
STANDARDS.md 4.10 (examples); the words are in `lexicon`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from re import Pattern
from typing import Literal

from pacs_bridge.domain.marks import BreastDecision, Code, Decision, Laterality
from pacs_bridge.sr import codes, lexicon

LONGEST_NOTE = 1000
"""Characters of a text that are parsed; more is no note."""

Side = Literal["R", "L", "B"]


@dataclass(frozen=True)
class Note:
    """What was understood of one text.

    Parameters
    ----------
    rating : int or None
        Suspicion 1 to 5; None also where several were given.
    side : {"R", "L", "B"} or None
        The breast named; B for both.
    size_mm : float or None
        First diameter, in millimetres.
    birads : str or None
        A BI-RADS category, which is never a rating on this scale.
    conflicts : tuple of str
        What contradicts itself: ``rating``, ``side``, ``decision``, ``rating-and-decision``.
    unparsed : tuple of str
        Words that were not understood.
    """

    text: str
    rating: int | None = None
    findings: tuple[Code, ...] = ()
    side: Side | None = None
    view: str | None = None
    size_mm: float | None = None
    decision: Decision | None = None
    uncertain: bool = False
    birads: str | None = None
    conflicts: tuple[str, ...] = ()
    unparsed: tuple[str, ...] = ()

    @property
    def finding(self) -> Code | None:
        """The finding; mass and calcification together are one."""
        if {codes.MASS, codes.CALCIFICATIONS} <= set(self.findings):
            return codes.MASS_WITH_CALCIFICATIONS
        return self.findings[0] if self.findings else None

    @property
    def about_breast(self) -> bool:
        """Whether it says what is to be done about a breast that it names."""
        return self.decision is not None and self.side is not None


class _Text:
    """A text being eaten: what a pattern took becomes blanks, so that places stay."""

    def __init__(self, text: str) -> None:
        self.left = text

    def take(self, pattern: Pattern[str]) -> list[re.Match[str]]:
        """Every match, taken out of the text."""
        found = list(pattern.finditer(self.left))
        for match in found:
            self.left = (
                self.left[: match.start()]
                + " " * (match.end() - match.start())
                + self.left[match.end() :]
            )
        return found


def normalise(text: str) -> str:
    """Capitals, full-width forms and line ends made plain (Unicode NFKC)."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST_NOTE]).upper()
    return re.sub(r"[\r\n\t]+", " ; ", plain).replace("’", "'").strip(" ;")


def parse_note(text: str) -> Note:
    """Read one text as one statement; pure.

    A text that names both breasts is for `parse_breasts`; here it is side B, with a
    conflict where ratings or decisions differ.
    """
    rest = _Text(normalise(text))
    conflicts: list[str] = []
    for pattern in lexicon.NOTHING:
        rest.take(pattern)
    sizes = rest.take(lexicon.SIZE)
    birads = rest.take(lexicon.BIRADS)
    if rest.take(lexicon.RATING_RANGE):
        conflicts.append("rating")
    ratings = {int(match[1]) for match in rest.take(lexicon.RATING)}
    decisions = _decisions(rest)
    sides, views = _sides(rest)
    other_scales = rest.take(lexicon.OTHER_SCALES)
    counts = rest.take(lexicon.COUNT)
    findings = _findings(rest) if not counts else ()
    uncertain = bool(rest.take(lexicon.UNCERTAIN))
    bare = {int(match[1]) for match in rest.take(lexicon.BARE_DIGIT)}
    unparsed = tuple(
        word for word in re.findall(r"[\w.'/]*\w", rest.left) if word not in lexicon.FILLERS
    )
    if not ratings and not birads and not other_scales and not unparsed and not conflicts:
        ratings = bare  # a lone digit rates only where everything round it is understood
    if len(ratings) > 1:
        conflicts.append("rating")
    if len(decisions) > 1:
        conflicts.append("decision")
    rating = ratings.pop() if len(ratings) == 1 and "rating" not in conflicts else None
    decision = decisions.pop() if len(decisions) == 1 else None
    if (decision == "RTS" and (rating or 0) >= 4) or (decision == "RECALL" and rating == 1):
        conflicts.append("rating-and-decision")
    return Note(
        text=text,
        rating=rating,
        findings=findings,
        side=sides.pop() if len(sides) == 1 else "B" if sides else None,
        view=views.pop() if len(views) == 1 else None,
        size_mm=_millimetres(sizes[0]) if sizes else None,
        decision=decision,
        uncertain=uncertain,
        birads=birads[0][1] if birads else None,
        conflicts=tuple(dict.fromkeys(conflicts)),
        unparsed=unparsed,
    )


def _millimetres(size: re.Match[str]) -> float:
    number = float(size[1].replace(",", "."))
    return round(number * 10, 3) if size[2] == "CM" else number


def _decisions(rest: _Text) -> set[Decision]:
    return {decision for pattern, decision in lexicon.DECISIONS if rest.take(pattern)}


def _sides(rest: _Text) -> tuple[set[Side], set[str]]:
    sides: set[Side] = set()
    views: set[str] = set()
    for pattern, side, view in lexicon.TELLS_SIDE:
        if rest.take(pattern):
            if side:
                sides.add(side)  # type: ignore[arg-type]  # one of R, L, B in the table
            if view:
                views.add(view)
    return sides, views


def _findings(rest: _Text) -> tuple[Code, ...]:
    found: list[tuple[int, Code]] = []
    for pattern, finding in lexicon.FINDINGS:
        before = rest.left
        for match in rest.take(pattern):
            if lexicon.NEGATION.search(before[: match.start()]) is None:
                found.append((match.start(), finding))
    return tuple(dict.fromkeys(finding for _, finding in sorted(found, key=lambda each: each[0])))


def split_sides(text: str) -> tuple[tuple[Laterality, str], ...]:
    """Cut a text into what it says of each breast.

    Each part begins with its side (``R RTS L RECALL M4``) or, where the text does not
    begin with one, ends with it (``RTS R, recall L``). "Both" gives the whole to each.

    Returns
    -------
    tuple of (side, text)
        Empty where the text names no side.
    """
    plain = normalise(text)
    named: list[tuple[int, int, str]] = []
    rest = _Text(plain)
    for patterns in (lexicon.NOTHING, (lexicon.SIZE,), (p for p, _ in lexicon.DECISIONS)):
        for pattern in patterns:
            rest.take(pattern)
    for pattern, side, _ in lexicon.TELLS_SIDE:
        if side:
            named.extend((m.start(), m.end(), side) for m in rest.take(pattern))
    named.sort()
    sides = {side for _, _, side in named}
    if not named:
        return ()
    if sides == {"B"}:
        return (("R", plain), ("L", plain))
    if len(sides) == 1:
        return ((named[0][2], plain),)  # type: ignore[return-value]  # R or L
    starts = not plain[: named[0][0]].strip(" ;:,.-")
    ends = [0, *(end for _, end, _ in named)] if not starts else []
    begins = [*(start for start, _, _ in named), len(plain)]
    parts: list[tuple[Laterality, str]] = []
    for number, (_, _, side) in enumerate(named):
        if starts:
            part = plain[begins[number] : begins[number + 1]]
        else:
            part = plain[ends[number] : ends[number + 1]]
        for each in ("R", "L") if side == "B" else (side,):
            parts.append((each, part))
    return tuple(parts)


def parse_breasts(text: str) -> tuple[BreastDecision, ...]:
    """What a text decides of each breast it names; nothing where it names or decides none.

    A breast said to be two things in one text is left out: see `Note.conflicts`.
    """
    said: dict[Laterality, list[Note]] = {}
    for side, part in split_sides(text):
        said.setdefault(side, []).append(parse_note(part))
    breasts = []
    for side, parts in said.items():
        decisions = {note.decision for note in parts if note.decision is not None}
        ratings = {note.rating for note in parts if note.rating is not None}
        if len(decisions) == 1:
            rating = ratings.pop() if len(ratings) == 1 else None
            breasts.append(BreastDecision(side, decisions.pop(), rating))
    return tuple(breasts)


def write_note(rating: int | None, finding: Code | None) -> str:
    """The text of a mark, as `parse_note` reads it back: ``M4 mass``."""
    word = codes.FINDING_WORDS.get(codes.key(finding), "")
    return " ".join(filter(None, (f"M{rating}" if rating else "", word)))


def write_breast(breast: BreastDecision) -> str:
    """The text of a decision, as `parse_breasts` reads it back: ``L RECALL M4``."""
    rating = f"M{breast.rating}" if breast.rating else ""
    return " ".join(filter(None, (breast.laterality, breast.decision or "", rating)))
