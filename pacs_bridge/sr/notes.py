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
from collections.abc import Iterable
from dataclasses import dataclass
from re import Pattern
from typing import Literal

from pacs_bridge.domain.marks import BreastDecision, Code, Decision, Laterality
from pacs_bridge.sr import codes, lexicon
from pacs_bridge.sr.site_words import NATIONAL, SiteWords

LONGEST_NOTE = 1000
"""Characters of a text that are parsed; more is no note."""

Side = Literal["R", "L", "B"]

_CONFLICT_FLAGS = {
    "rating": "rating-conflict",
    "rating-and-decision": "rating-and-decision",
    "decision": "decision-conflict",
    "side-or-scale": "side-or-scale",
}


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
        What contradicts itself: ``rating``, ``decision``, ``rating-and-decision``; or what
        can be read in two ways: ``side-or-scale``.
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
        keys = {codes.key(finding) for finding in self.findings}
        if {codes.key(codes.MASS), codes.key(codes.CALCIFICATIONS)} <= keys:
            return codes.MASS_WITH_CALCIFICATIONS
        return self.findings[0] if self.findings else None

    @property
    def about_breast(self) -> bool:
        """Whether it says what is to be done about the breast or breasts that it names."""
        decides = self.decision is not None or "decision" in self.conflicts
        return decides and self.side is not None


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


def parse_note(text: str, words: SiteWords = NATIONAL) -> Note:
    """Read one text as one statement; pure.

    A text that names both breasts is for `parse_breasts`; here it is side B, with a
    conflict where ratings or decisions differ.
    """
    plain, conflicts = _letters_told(normalise(text), words)
    rest = _Text(plain)
    for pattern in lexicon.NOTHING:
        rest.take(pattern)
    sizes = rest.take(lexicon.SIZE)
    birads = rest.take(lexicon.BIRADS)
    if rest.take(lexicon.RATING_RANGE):
        conflicts.append("rating")
    forms, form_ratings = _short_forms(rest, words)
    ratings = {int(match[1]) for match in rest.take(lexicon.RATING)} | form_ratings
    decisions, denied = _decisions(rest, words)
    if denied:
        conflicts.append("decision")
    sides, views = _sides(rest)
    other_scales = rest.take(lexicon.OTHER_SCALES)
    counts = rest.take(lexicon.COUNT)
    findings = tuple(dict.fromkeys((*forms, *(_findings(rest) if not counts else ()))))
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


def _letters_told(plain: str, words: SiteWords) -> tuple[str, list[str]]:
    """Write out what ``R4`` and ``L4`` mean at the site; where it does not say, take them out."""
    conflicts: list[str] = []

    def told(match: re.Match[str]) -> str:
        means = words.letters.get(match[1], "ask")
        if means == "ask":
            conflicts.append("side-or-scale")
            return " "
        return f"{match[1]} M{match[2]}" if means == "side" else f"M{match[2]}"

    return lexicon.LETTER_AND_DIGIT.sub(told, plain), conflicts


def _short_forms(rest: _Text, words: SiteWords) -> tuple[list[Code], set[int]]:
    """Findings said in the site's short forms, with the ratings that follow them."""
    before = rest.left
    found: list[Code] = []
    ratings: set[int] = set()
    for match in rest.take(words.finding_pattern):
        if not _is_denied(before, match.start(), match.end(1)):
            found.append(words.findings[match[1]])
        if match[2]:
            ratings.add(int(match[2]))
    return found, ratings


def _is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words before or after something say that it is not there."""
    if lexicon.NEGATION.search(text[:start]) is not None:
        return True
    return lexicon.DENIED_AFTER.match(text, end) is not None


def _decisions(rest: _Text, words: SiteWords) -> tuple[set[Decision], bool]:
    """What is to be done, and whether something is said not to be so: ``not normal``."""
    before = rest.left
    found = {words.decisions[match[1]] for match in rest.take(words.decision_pattern)}
    denied = False
    for pattern, decision in lexicon.DECISIONS:
        for match in rest.take(pattern):
            if lexicon.NEGATION.search(before[: match.start()]) is not None:
                denied = True
            else:
                found.add(decision)
    return found, denied


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
            if not _is_denied(before, match.start(), match.end()):
                found.append((match.start(), finding))
    return tuple(dict.fromkeys(finding for _, finding in sorted(found, key=lambda each: each[0])))


def split_sides(text: str, words: SiteWords = NATIONAL) -> tuple[tuple[Laterality, str], ...]:
    """Cut a text into what it says of each breast.

    Each part begins with its side (``R RTS L RECALL M4``) or, where the text does not
    begin with one, ends with it (``RTS R, recall L``). "Both" gives the whole to each.

    Returns
    -------
    tuple of (side, text)
        Empty where the text names no side.
    """
    plain, _ = _letters_told(normalise(text), words)
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


def parse_breasts(text: str, words: SiteWords = NATIONAL) -> tuple[BreastDecision, ...]:
    """What a text decides of each breast it names; nothing where it names or decides none.

    A breast said to be two things in one text is left out: see `Note.conflicts`.
    """
    said: dict[Laterality, list[Note]] = {}
    for side, part in split_sides(text, words):
        said.setdefault(side, []).append(parse_note(part, words))
    breasts = []
    for side, parts in said.items():
        decisions = {note.decision for note in parts if note.decision is not None}
        ratings = {note.rating for note in parts if note.rating is not None}
        if len(decisions) == 1:
            rating = ratings.pop() if len(ratings) == 1 else None
            breasts.append(BreastDecision(side, decisions.pop(), rating))
    return tuple(breasts)


def flags_of(notes: Iterable[Note]) -> tuple[str, ...]:
    """What is to be asked about a mark whose texts say this."""
    flags: dict[str, None] = {}
    ratings: set[int] = set()
    for note in notes:
        if note.rating is not None:
            ratings.add(note.rating)
        for conflict, flag in _CONFLICT_FLAGS.items():
            # Two decisions for two breasts contradict nothing.
            if conflict in note.conflicts and (conflict != "decision" or note.side != "B"):
                flags[flag] = None
        if note.uncertain and (note.rating or note.findings):
            flags["uncertain"] = None
    if len(ratings) > 1:
        flags["rating-conflict"] = None
    return tuple(flag for flag in (*_CONFLICT_FLAGS.values(), "uncertain") if flag in flags)


def write_note(rating: int | None, finding: Code | None) -> str:
    """The text of a mark, as `parse_note` reads it back: ``M4 mass``."""
    word = codes.FINDING_WORDS.get(codes.key(finding), "")
    return " ".join(filter(None, (f"M{rating}" if rating else "", word)))


def write_breast(breast: BreastDecision) -> str:
    """The text of a decision, as `parse_breasts` reads it back: ``L RECALL M4``."""
    rating = f"M{breast.rating}" if breast.rating else ""
    return " ".join(filter(None, (breast.laterality, breast.decision or "", rating)))
