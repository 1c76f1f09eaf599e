"""Attribute matching of C-FIND: one key of a question becomes one test of a value.

No test is a regular expression: a pattern of many asterisks would hold a processor for
hours. All run in the product of the lengths of pattern and value, and both are short.

References
----------
PS3.4 C.2.2.2 (single value, list of UID, universal, wildcard, range matching); PS3.5 6.2
(value representations).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pacs_bridge.domain.query import Attribute, UnfitIdentifier

Test = Callable[[str], bool]

_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})(?::?([0-9]{2})(?::?([0-9]{2})(?:\.([0-9]{1,6}))?)?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_NO_WILDCARDS = frozenset(("UI", "DA", "TM", "IS", "US"))
_LONGEST_KEY = 256  # characters; three groups of a person name, with room for wildcards
_HIGHEST = "\U0010ffff"  # comes after whatever else may follow
_FIRST, _LAST = "000000000000", "235959999999"  # hhmmss and six places of a second


@dataclass(frozen=True)
class Condition:
    """What one attribute must be.

    Parameters
    ----------
    test : callable
        Tells whether a value matches.
    exact : frozenset of str or None
        The only values that can match, where these can be listed.
    span : (str, str) or None
        First and last of the values that can match, in the order of their characters.
    """

    tag: int
    test: Test
    exact: frozenset[str] | None = None
    span: tuple[str, str] | None = None


def condition_of(attribute: Attribute, text: str) -> Condition | None:
    """Make the condition of a key; None where every value matches.

    Raises
    ------
    UnfitIdentifier
        When a date, time or number is none.
    """
    value = text.strip(" \0")
    if not value or not value.strip("*"):
        return None
    if attribute.vr == "UI":
        wanted = frozenset(uid for part in value.split("\\") if (uid := part.strip(" \0")))
        if not attribute.many:
            return Condition(attribute.tag, wanted.__contains__, wanted)
        return Condition(attribute.tag, _any_of(wanted.__contains__))
    if len(value) > _LONGEST_KEY:
        raise UnfitIdentifier("A key is longer than any value; shorten it.", attribute.tag)
    if attribute.vr in _NO_WILDCARDS and ("*" in value or "?" in value):
        raise UnfitIdentifier("A date, time or number has no wildcards; give it whole.",
                              attribute.tag)  # fmt: skip
    if attribute.vr == "DA" and "\\" in value:
        raise UnfitIdentifier("A date has one value or one range; ask once for each.",
                              attribute.tag)  # fmt: skip
    tests = [_test(attribute, part.strip(" ")) for part in value.split("\\") if part.strip(" ")]
    test = tests[0] if len(tests) == 1 else _either(tests)
    exact = _exact(attribute, value)
    if attribute.many:
        return Condition(attribute.tag, _any_of(test))
    return Condition(attribute.tag, test, exact, _span(attribute, value))


@lru_cache(maxsize=1 << 16)
def fold_name(name: str) -> str:
    """Bring a person name into the form in which two are compared.

    Case is folded, accents stay, blanks around components and empty components at the end
    of each group go.
    """
    groups = (
        "^".join(part.strip(" ") for part in group.split("^")).rstrip("^")
        for group in unicodedata.normalize("NFC", name).casefold().split("=")
    )
    return "=".join(groups).rstrip("=")


def glob(pattern: str) -> Test:
    """Make a wildcard test: ``*`` is any text, ``?`` any one character; case matters."""
    if "?" not in pattern and pattern.count("*") == 1:
        before, after = pattern.split("*")
        least = len(before) + len(after)
        if not after:
            return lambda value: value.startswith(before)
        return lambda value: (
            len(value) >= least and value.startswith(before) and value.endswith(after)
        )
    least = len(pattern) - pattern.count("*")
    return lambda value: len(value) >= least and _globs(pattern, value)


def _globs(pattern: str, value: str) -> bool:
    """Compare step by step; goes back to the last asterisk only, never further."""
    at = place = 0
    star, resume = -1, 0
    while place < len(value):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", value[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return not pattern[at:].strip("*")


def _test(attribute: Attribute, value: str) -> Test:
    match attribute.vr:
        case "DA":
            return _range(value, attribute.tag, _day, _day)
        case "TM":
            return _range(value, attribute.tag, _earliest, _latest, read=_earliest)
        case "IS" | "US":
            return _number(value, attribute.tag)
        case "PN":
            return _name(value)
    if "*" in value or "?" in value:
        return glob(value)
    return value.__eq__


def _exact(attribute: Attribute, value: str) -> frozenset[str] | None:
    plain = attribute.vr not in ("DA", "TM", "IS", "US", "PN") and not attribute.many
    if plain and not any(each in value for each in "*?\\"):
        return frozenset((value,))
    return None


def _span(attribute: Attribute, value: str) -> tuple[str, str] | None:
    """Bound what a wildcard that does not begin with one, or a range of dates, can match."""
    if attribute.vr == "DA":
        first, dash, last = (part.strip(" ").replace(".", "") for part in value.partition("-"))
        return first, (last or _HIGHEST) if dash else first
    if attribute.vr in ("TM", "IS", "US", "PN") or "\\" in value:
        return None
    beginning = re.split(r"[*?]", value, maxsplit=1)[0]
    return (beginning, beginning + _HIGHEST) if beginning else None


def _name(value: str) -> Test:
    """Match any of a name's groups (alphabetic, ideographic, phonetic), or all of them."""
    wanted = fold_name(value)
    test = glob(wanted) if "*" in wanted or "?" in wanted else wanted.__eq__

    def matches(name: str) -> bool:
        folded = fold_name(name)
        return test(folded) or ("=" in folded and any(map(test, folded.split("="))))

    return matches


def _number(value: str, tag: int) -> Test:
    if _NUMBER.fullmatch(value) is None:
        raise UnfitIdentifier("A number is not written as one; correct it.", tag)
    wanted = int(value)
    return lambda text: _NUMBER.fullmatch(text) is not None and int(text) == wanted


def _range(
    value: str,
    tag: int,
    lowest: Callable[[str, int], str],
    highest: Callable[[str, int], str],
    *,
    read: Callable[[str, int], str] | None = None,
) -> Test:
    """Match from the first to the last of ``a-b``, ``a-`` or ``-b``, both included."""
    first, dash, last = (part.strip(" ") for part in value.partition("-"))
    if dash and not first and not last:
        return bool  # a dash alone: any value
    low = lowest(first, tag) if first else ""
    high = highest(last, tag) if last else "" if dash else highest(first, tag)

    def matches(text: str) -> bool:
        if not text:
            return False
        if read is not None:
            try:
                text = read(text, tag)
            except UnfitIdentifier:
                return False
        return low <= text and (not high or text <= high)

    return matches


def _day(text: str, tag: int) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        raise UnfitIdentifier("A date is not written as YYYYMMDD; correct it.", tag)
    return "".join(found.groups())


def _earliest(text: str, tag: int) -> str:
    digits = _digits(text, tag)
    return digits + _FIRST[len(digits) :]


def _latest(text: str, tag: int) -> str:
    digits = _digits(text, tag)
    return digits + _LAST[len(digits) :]


def _digits(text: str, tag: int) -> str:
    found = _TIME.fullmatch(text)
    if found is None:
        raise UnfitIdentifier("A time is not written as HHMMSS; correct it.", tag)
    return "".join(part or "" for part in found.groups())


def _any_of(test: Test) -> Test:
    return lambda value: any(map(test, value.split("\\")))


def _either(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)
