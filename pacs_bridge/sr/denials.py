"""What a note says not to be there, or not to be done: ``no mass, calcs or distortion``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_NO = (
    r"NO|NOT|WITHOUT|ABSENT|DENIES|NIL|NEVER|NOTHING|NEITHER|NOR|CANNOT|NEGATIVE\s+FOR|FREE\s+OF"
    r"|\w+N'T|(?:DO|DOES|DID|IS|WAS|ARE|WOULD|SHOULD)NT"
)
_NEGATION = re.compile(rf"(?<![\w'])({_NO})(?![\w'])[\s:]*(?=([\w\s/&'-]*)$)")

_BREAKS = frozenset({"BUT", "HOWEVER", "THOUGH", "ALTHOUGH", "EXCEPT", "ONLY", "YET"})
"""Words behind which a denial does not reach."""

_QUALIFYING = (
    "A AN ANY OF OR AND THE EVIDENCE SIGN SIGNS DEFINITE OBVIOUS SIGNIFICANT SUSPICIOUS MALIGNANT "
    "BENIGN CONVINCING DISCRETE DOMINANT FOCAL NEW OTHER FURTHER VISIBLE CLEAR TRUE SPICULATED "
    "INDICATION NEED REASON FOR TO"
)
_QUALIFIES = frozenset(_QUALIFYING.split())
"""Words between a denial and what it denies, as many as there are."""

_OF_THINGS = frozenset({"NO", "NIL", "WITHOUT", "ABSENT"})
"""Denials of what is seen, which call a decision off only where they stand right before it."""

_OTHER_WORDS = 2
"""Further words between them."""

_NOT_BEING = (
    "SEEN PRESENT IDENTIFIED VISIBLE EVIDENT DEMONSTRATED DETECTED NOTED FOUND SHOWN NEEDED "
    "REQUIRED INDICATED NECESSARY WARRANTED APPROPRIATE"
)
_SEEN = frozenset(_NOT_BEING.split())
"""What something denied is not; a denial that is used up by one reaches no further."""

_AFTER = re.compile(
    r"\s*[:=?-]*\s*(?:(?:IS|ARE|WAS|WERE)\s+)?"
    rf"(?:(?:NOT|\w+N'T)\s+(?:{'|'.join(sorted(_SEEN))})|ABSENT|NONE|NIL|NEGATIVE|EXCLUDED"
    r"|RULED\s+OUT|NO\s+LONGER\s+(?:SEEN|PRESENT|VISIBLE)|(?:NO|N)(?=\s*(?:[.;,)/]|$)))(?!\w)"
)
_ANSWERED = re.compile(r"\s*[:=?]\s*(?:NO|N|NOT|NEVER)(?!\w)")

_JOINS = re.compile(r"[\s,/&+]*(?:\b(OR|NOR|AND)\b)?([\s\w]*)")
_LAST_OF_A_LIST = re.compile(r"\b(?:OR|NOR)\b")
_RATES = re.compile(r"\bM\s?-?\s?[1-5]\b|\b\d+(?:[.,]\d+)?\s*(?:MM|CM)\b")


_FAR = 200
"""Characters before something in which a denial is looked for."""


def _denials(text: str, start: int) -> Iterator[re.Match[str]]:
    """Denials before a place of a text, with the words between."""
    return _NEGATION.finditer(text[max(0, start - _FAR) : start])


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the words before or after a finding say that it is not there."""
    return _AFTER.match(text, end) is not None or any(
        _reaches(*match.groups()) for match in _denials(text, start)
    )


def is_called_off(text: str, start: int, end: int) -> bool:
    """Whether the words before or after a decision say that it is not so: ``not normal``."""
    if _AFTER.match(text, end) or _ANSWERED.match(text, end):
        return True
    return any(
        _reaches(match[1], match[2], strictly=match[1] in _OF_THINGS)
        for match in _denials(text, start)
    )


def is_denied_outright(text: str, start: int) -> bool:
    """Whether a denial stands right before something: ``not M4``."""
    return any(not match[2].strip() for match in _denials(text, start))


def denied(text: str, places: Sequence[tuple[int, int]]) -> list[bool]:
    """Tell of each of several findings, in the order of the text, whether it is not there.

    A denial holds for a list: ``no mass, calcs or distortion``. Where only a comma or "and" joins
    what follows, and that is rated or measured, it is a statement of its own.
    """
    found: list[bool] = []
    for number, (start, end) in enumerate(places):
        apart = list(text)
        for left, right in places[:number]:  # a denial does not reach over another finding
            apart[left:right] = "." * (right - left)
        carried = number > 0 and found[-1] and _is_listed(text, places, number)
        found.append(carried or is_denied("".join(apart), start, end))
    for number in range(len(places) - 2, -1, -1):  # "mass or calcs not seen" denies both
        joined = _JOINS.fullmatch(text[places[number][1] : places[number + 1][0]])
        if joined and joined[1] and not joined[2].strip() and found[number + 1]:
            found[number] = found[number] or _AFTER.match(text, places[number + 1][1]) is not None
    return found


def _reaches(denial: str, between: str, *, strictly: bool = False) -> bool:
    """Whether a denial reaches over these words."""
    words = between.replace("/", " ").replace("&", " ").split()
    if not _BREAKS.isdisjoint(words) or (denial == "NOT" and words and words[0] in _SEEN):
        return False
    return sum(word not in _QUALIFIES for word in words) <= (0 if strictly else _OTHER_WORDS)


def _is_listed(text: str, places: Sequence[tuple[int, int]], number: int) -> bool:
    """Whether a finding stands in one list with the one right before it."""
    between = text[places[number - 1][1] : places[number][0]]
    joined = _JOINS.fullmatch(between)
    if joined is None or not between.strip() or not _reaches("NO", joined[2]):
        return False
    if joined[1] in ("OR", "NOR"):
        return True
    rest = zip(places[number:], places[number + 1 :], strict=False)
    ends = any(_LAST_OF_A_LIST.search(text, left[1], right[0]) for left, right in rest)
    return ends or _RATES.search(text, places[number][1]) is None
