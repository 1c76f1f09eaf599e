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
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from pacs_bridge.domain.marks import BreastDecision, Code, Decision, Laterality
from pacs_bridge.sr import codes, denials, lexicon, sides
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.typed import Text, letters_told, normalise

Side = Literal["R", "L", "B"]

_CONFLICT_FLAGS = {
    "rating": "rating-conflict",
    "rating-and-decision": "rating-and-decision",
    "decision": "decision-conflict",
    "breasts": "decision-conflict",
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
        can be read in two ways: ``side-or-scale``, and ``breasts`` where a decision may be
        about either of those that are named.
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

    @property
    def is_dealt(self) -> bool:
        """Whether what it says of breasts is a decision of each, with nothing left to ask."""
        asks = "breasts" in self.conflicts or (self.side != "B" and "decision" in self.conflicts)
        return self.about_breast and not asks


def parse_note(text: str, words: SiteWords = NATIONAL) -> Note:
    """Read one text; pure.

    A text that names both breasts is for `parse_breasts`; here it is side B, with a
    conflict where ratings differ, or where it cannot be told which decision is whose.
    """
    note = _statement(text, words)
    if note.side != "B" or not (note.decision or "decision" in note.conflicts):
        return note
    _, asked = _decided(letters_told(normalise(text), words)[0], words)
    kept = (each for each in note.conflicts if each not in _OF_ONE_BREAST)
    return replace(note, conflicts=(*kept, *sorted(asked)))


def _statement(text: str, words: SiteWords) -> Note:
    """Read a text as one statement."""
    plain, conflicts = letters_told(normalise(text), words)
    rest = Text(plain)
    for pattern in lexicon.NOTHING:
        rest.take(pattern)
    sizes = rest.take(lexicon.SIZE)
    rest.take(lexicon.COUNT)
    birads = rest.take(lexicon.BIRADS)
    numbered = [word for match in rest.take(lexicon.NUMBERED) for word in match[0].split()]
    if rest.take(lexicon.RATING_RANGE):
        conflicts.append("rating")
    before = rest.left
    forms, form_ratings = _short_forms(rest, words)
    ratings = _ratings(rest, before, conflicts) | form_ratings
    decisions, called_off = _decisions(rest, words)
    if called_off:
        conflicts.append("decision")
    named, views = _sides(rest)
    other_scales = rest.take(lexicon.OTHER_SCALES)
    findings = _standing(before, [*forms, *_findings(rest)])
    uncertain = bool(rest.take(lexicon.UNCERTAIN))
    ratings |= _ratings_in_words(rest)
    bare = _bare_digits(rest)
    unparsed = (*numbered, *(word for word in _words(rest.left) if word not in lexicon.FILLERS))
    if not (ratings or birads or other_scales or unparsed or conflicts):
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
        side=named.pop() if len(named) == 1 else "B" if named else None,
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


def _words(left: str) -> list[str]:
    return re.findall(r"[\w.'/]*\w", left)


def _ratings(rest: Text, before: str, conflicts: list[str]) -> set[int]:
    """Ratings with their letter; one that is denied leaves a conflict."""
    found = rest.take(lexicon.RATING)
    told = [match for match in found if not denials.is_denied_outright(before, match.start())]
    if len(told) < len(found):
        conflicts.append("rating")
    return {int(match[1]) for match in told}


def _ratings_in_words(rest: Text) -> set[int]:
    """Ratings such as ``grade 3``, unless a word beside them says of what."""
    found: set[int] = set()
    for match in lexicon.RATING_IN_WORDS.finditer(rest.left):
        beside = (*_words(rest.left[: match.start()])[-1:], *_words(rest.left[match.end() :])[:1])
        if all(word in lexicon.FILLERS for word in beside):
            found.add(int(match[1]))
    if found:
        rest.take(lexicon.RATING_IN_WORDS)
    return found


def _bare_digits(rest: Text) -> set[int]:
    """Digits alone that no sign before them makes something else."""
    return {int(match[1]) for match in rest.take(lexicon.BARE_DIGIT, unless=_is_something_else)}


def _is_something_else(match: re.Match[str]) -> bool:
    return match.string[: match.start()].rstrip()[-1:] in lexicon.NO_RATING_AFTER


Place = tuple[int, int, Code]
"""Begin and end of a finding in a text, and what it is."""


def _short_forms(rest: Text, words: SiteWords) -> tuple[list[Place], set[int]]:
    """Findings said in the site's short forms, with the ratings that follow them."""
    found: list[Place] = []
    ratings: set[int] = set()
    for match in rest.take(words.finding_pattern):
        found.append((match.start(), match.end(1), words.findings[match[1]]))
        if match[2]:
            ratings.add(int(match[2]))
    return found, ratings


def _decisions(rest: Text, words: SiteWords) -> tuple[set[Decision], bool]:
    """What is to be done, and whether something is said not to be so: ``not normal``."""
    is_other = bool(rest.take(lexicon.OTHER_RECALLS))
    before = rest.left
    found: set[Decision] = set()
    off: set[Decision] = set()
    taken = [(match, words.decisions[match[1]]) for match in rest.take(words.decision_pattern)]
    for pattern, decision in lexicon.DECISIONS:
        taken += [(match, decision) for match in rest.take(pattern)]
    for match, decision in taken:
        not_so = denials.is_called_off(before, match.start(), match.end())
        (off if not_so else found).add(decision)
    # "Not normal, recall" and "RTS, not for recall" contradict nothing.
    return found, is_other or (bool(off) and (not found or not off.isdisjoint(found)))


def _sides(rest: Text) -> tuple[set[Side], set[str]]:
    named: set[Side] = set()
    views: set[str] = set()
    for pattern, side, view in lexicon.TELLS_SIDE:
        if rest.take(pattern):
            if side:
                named.add(side)  # type: ignore[arg-type]  # one of R, L, B in the table
            if view:
                views.add(view)
    return named, views


def _findings(rest: Text) -> list[Place]:
    return [
        (match.start(), match.end(), finding)
        for pattern, finding in lexicon.FINDINGS
        for match in rest.take(pattern)
    ]


def _standing(text: str, places: list[Place]) -> tuple[Code, ...]:
    """The findings that are not denied, in the order of the text, short forms first."""
    in_order = sorted(places, key=lambda place: place[:2])
    off = denials.denied(text, [place[:2] for place in in_order])
    denied = {place for place, is_off in zip(in_order, off, strict=True) if is_off}
    return tuple(dict.fromkeys(place[2] for place in places if place not in denied))


def parse_breasts(text: str, words: SiteWords = NATIONAL) -> tuple[BreastDecision, ...]:
    """What a text decides of each breast it names; nothing where it names or decides none.

    A breast said to be two things in one text is left out: see `Note.conflicts`.
    """
    plain, _ = letters_told(normalise(text), words)
    decides = (words.decision_pattern, *(pattern for pattern, _ in lexicon.DECISIONS))
    if not any(pattern.search(plain) for pattern in decides):
        return ()
    return _decided(plain, words)[0]


_OF_ONE_BREAST = frozenset({"rating", "rating-and-decision"})
"""Conflicts that are none where each side of them is of another breast."""


def _decided(plain: str, words: SiteWords) -> tuple[tuple[BreastDecision, ...], set[str]]:
    """What is decided of each breast, and what conflicts there are in what is said of one."""
    dealt = sides.deal_out(plain, words, lambda part: _weight(part, words))
    said: dict[Laterality, list[Note]] = {}
    for side, part in dealt.parts:
        said.setdefault(side, []).append(_statement(part, words))
    breasts = []
    asked = {"breasts"} if dealt.unclear else set()
    for side, notes in said.items():
        decisions = {note.decision for note in notes if note.decision is not None}
        ratings = {note.rating for note in notes if note.rating is not None}
        conflicts = {each for note in notes for each in note.conflicts}
        if len(decisions) > 1 or "decision" in conflicts:
            asked.add("breasts")
        elif len(decisions) == 1:
            rating = ratings.pop() if len(ratings) == 1 else None
            breasts.append(BreastDecision(side, decisions.pop(), rating))
        asked |= conflicts & _OF_ONE_BREAST | ({"rating"} if len(ratings) > 1 else set())
    return tuple(breasts), asked


def _weight(part: str, words: SiteWords) -> int:
    note = _statement(part, words)
    if note.decision is not None or "decision" in note.conflicts:
        return sides.DECIDES
    return int(note.rating is not None or bool(note.findings) or "rating" in note.conflicts)


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
    in_order = dict.fromkeys((*_CONFLICT_FLAGS.values(), "uncertain"))
    return tuple(flag for flag in in_order if flag in flags)


def write_note(rating: int | None, finding: Code | None) -> str:
    """The text of a mark, as `parse_note` reads it back: ``M4 mass``."""
    word = codes.FINDING_WORDS.get(codes.key(finding), "")
    return " ".join(filter(None, (f"M{rating}" if rating else "", word)))


def write_breast(breast: BreastDecision) -> str:
    """The text of a decision, as `parse_breasts` reads it back: ``L RECALL M4``."""
    rating = f"M{breast.rating}" if breast.rating else ""
    return " ".join(filter(None, (breast.laterality, breast.decision or "", rating)))
