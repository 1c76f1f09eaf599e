"""The short forms that a site's readers type, beside the words of the grammar.

The scheme's own are here; a site adds its own, and says what ``R4`` means there.

References
----------
PERFORMS.md A1.6 (NBSS DS0026, reason for assessment); STANDARDS.md 4.10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from re import Pattern
from typing import Any, Literal, get_args

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import Code, Decision
from pacs_bridge.sr import codes

Letter = Literal["ask", "side", "scale"]
"""What a letter R or L right before a digit means: a breast, a scale, or nobody can tell."""

LONGEST_FORM = 16
"""Characters of a short form."""


def _code(like: Code, meaning: str) -> Code:
    return replace(like, meaning=meaning)


_NATIONAL_FINDINGS: dict[str, Code] = {
    "MILL": _code(codes.MASS, "Ill-defined mass"),
    "MWELL": _code(codes.MASS, "Well-defined mass"),
    "CALCS": _code(codes.CALCIFICATIONS, "Microcalcification"),
    "ARCDIS": _code(codes.DISTORTION, "Architectural distortion"),
    "ASYMD": _code(codes.ASYMMETRY, "Asymmetric density"),
    "LYMABN": _code(codes.NODE, "Lymph node abnormality"),
    "CLABN": _code(codes.OTHER_FINDING, "Clinical abnormality"),
}
_OTHER = _code(codes.OTHER_FINDING, "Other")
_WORDS = {word: pair for pair, word in codes.FINDING_WORDS.items()}


@dataclass(frozen=True)
class SiteWords:
    """Short forms of one site, in capitals.

    Parameters
    ----------
    findings : mapping of str to Code
        Form to what was seen.
    decisions : mapping of str to Decision
        Form to what is to be done.
    letters : mapping of str to {"ask", "side", "scale"}
        What R and L right before a digit mean (``R4``): the right breast and a rating; a
        rating on the scale that the site calls R; or both are possible, and nothing is read.
    """

    findings: Mapping[str, Code] = field(default_factory=lambda: _NATIONAL_FINDINGS)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    letters: Mapping[str, Letter] = field(default_factory=lambda: {"R": "ask", "L": "ask"})

    @cached_property
    def finding_pattern(self) -> Pattern[str]:
        """A short form of a finding, and a rating where one follows it: ``MILL 4``."""
        return re.compile(
            rf"(?<![\w./])({_any_of(self.findings)})(?:\s?[-:=]?\s?([1-5])"
            r"(?![\w/%-]|[.,]\d|\s*[%°])|(?!\w))"
        )

    @cached_property
    def decision_pattern(self) -> Pattern[str]:
        """A short form of a decision."""
        return re.compile(rf"(?<![\w./])({_any_of(self.decisions)})(?!\w)")


def _any_of(forms: Mapping[str, object]) -> str:
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return "|".join(map(re.escape, longest_first)) or r"(?!)"


NATIONAL = SiteWords()
"""What every site starts with: the screening programme's codes; R and L before a digit ask."""


def finding_of(word: str) -> Code | None:
    """The code of a finding said in one of the grammar's words, or by its national meaning."""
    said = word.strip().casefold()
    for code in (*_NATIONAL_FINDINGS.values(), _OTHER):
        if code.meaning.casefold() == said:
            return code
    if said in _WORDS:
        value, scheme = _WORDS[said]
        return Code(value, scheme, said.capitalize())
    return None


def site_words(table: Mapping[str, Any]) -> SiteWords:
    """Make a site's short forms out of its table; what it does not say is as everywhere.

    Parameters
    ----------
    table : mapping
        ``findings`` (form to a word such as ``mass``), ``decisions`` (form to RTS, RECALL or
        TECH) and ``letters`` (R and L to ask, side or scale).

    Raises
    ------
    RefusedInput
        When a section, form or meaning is none of these; the message names it.
    """
    unknown = set(table) - {"findings", "decisions", "letters"}
    if unknown:
        raise RefusedInput(
            f"{min(unknown)!r} is no section of the table of words; "
            "use findings, decisions or letters."
        )
    findings = dict(_NATIONAL_FINDINGS)
    for form, word in _section(table, "findings").items():
        if word not in _WORDS:
            raise RefusedInput(f"{word!r} is no finding; use one of {', '.join(_WORDS)}.")
        value, scheme = _WORDS[word]
        findings[_form(form)] = Code(value, scheme, word.capitalize())
    decisions: dict[str, Decision] = {}
    for form, decision in _section(table, "decisions").items():
        if decision not in get_args(Decision):
            raise RefusedInput(f"{decision!r} is no decision; use RTS, RECALL or TECH.")
        decisions[_form(form)] = decision
    letters = dict(NATIONAL.letters)
    for letter, means in _section(table, "letters").items():
        if letter not in letters or means not in get_args(Letter):
            raise RefusedInput(
                f"{letter!r} = {means!r} is not understood; say ask, side or scale of R and L."
            )
        letters[letter] = means
    return SiteWords(findings, decisions, letters)


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = table.get(name, {})
    if not isinstance(section, Mapping):
        raise RefusedInput(f"{name} is a section with one line a word; mend it.")
    return section


def _form(form: str) -> str:
    plain = form.strip().upper()
    if not re.fullmatch(rf"[A-Z][A-Z0-9 ]{{0,{LONGEST_FORM - 1}}}", plain):
        raise RefusedInput(
            f"{form[:40]!r} is no short form; use letters and digits, {LONGEST_FORM} at most."
        )
    return plain
