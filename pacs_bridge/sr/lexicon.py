"""The words of the note grammar, as data: a site's own words are added here, not in code.

Patterns are tried in this order on text in capitals; what one takes, the next does not
see. Each is whole tokens only (`_word`).
"""

from __future__ import annotations

import re
from re import Pattern

from pacs_bridge.domain.marks import Code, Decision
from pacs_bridge.sr import codes


def _word(pattern: str) -> Pattern[str]:
    """A pattern that does not begin or end inside a word or number."""
    return re.compile(rf"(?<![\w./])(?:{pattern})(?![\w/]|[.,]\d)")


NOTHING: tuple[Pattern[str], ...] = (
    _word(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"),  # a date
    _word(r"\d{1,2}:\d{2}(?::\d{2})?(?:\s?[AP]M)?"),  # a time
)
"""Numbers that say nothing here."""

SIZE = _word(r"(\d+(?:[.,]\d+)?)(?:\s*[X×]\s*\d+(?:[.,]\d+)?)*\s*(MM|CM)")
"""A size with its unit; of several diameters the first."""

OTHER_SCALES = _word(r"[RUPBCD]\s?-?[0-6][A-C]?")
"""Ratings on other scales: radiographic R, ultrasound U, palpation P, biopsy B, cytology C."""

BIRADS = _word(r"BI-?\s?RADS\s*(?:CATEGORY|CAT\.?)?\s*[:=]?\s*([0-6][ABC]?)")

RATING_RANGE = _word(
    r"M\s?-?\s?\d\s*(?:/|-|–|TO|OR|\bOR\b|,)\s*M?\s?-?\s?\d"
    r"|\d\s*(?:TO|OR)\s*\d"
)
"""More than one rating at once: nobody can tell which one is meant."""

RATING = _word(r"(?:M\s?-?\s?|(?:SCORE|GRADE|RATING|SUSPICION|SUSP|LEVEL)\s*[:=]?\s*M?\s*)([1-5])")

BARE_DIGIT = re.compile(r"(?<![\w./,:#+-])\(?([1-5])\)?(?![\w/%+:-]|[.,]\d)")
"""A rating without its letter: one digit standing alone."""

TELLS_SIDE: tuple[tuple[Pattern[str], str, str], ...] = (
    (
        _word(r"B\s?/\s?L|BILATERAL(?:LY)?|BILAT|BOTH(?:\s+BREASTS)?|R\s?[/&+]\s?L|L\s?[/&+]\s?R"),
        "B",
        "",
    ),
    (_word(r"R\s?-?MLO"), "R", "MLO"),
    (_word(r"L\s?-?MLO"), "L", "MLO"),
    (_word(r"R\s?-?CC"), "R", "CC"),
    (_word(r"L\s?-?CC"), "L", "CC"),
    (_word(r"RIGHT(?:\s+BREAST)?|RT|R\.?(?=\s|:|$)|R"), "R", ""),
    (_word(r"LEFT(?:\s+BREAST)?|LT|L\.?(?=\s|:|$)|L"), "L", ""),
    (_word(r"MLO"), "", "MLO"),
    (_word(r"CC"), "", "CC"),
)
"""Pattern, side (B: both), view."""

DECISIONS: tuple[tuple[Pattern[str], Decision], ...] = (
    (
        _word(
            r"TECH(?:NICAL)?\.?[\s-]*(?:RECALL|REPEAT)|RECALL[\s:-]*TECH(?:NICAL)?|TECH(?:NICAL)?|TR"
        ),
        "TECH",
    ),
    (
        _word(
            r"ROUTINE[\s-]+(?:RECALL|SCREEN(?:ING)?)|RETURN[\s-]+TO[\s-]+SCREEN(?:ING)?"
            r"|(?:NO|NOT|NO\s+NEED\s+(?:FOR|TO)|DO\s+NOT)\s+RECALL(?:ED)?|RTS|RR|NORMAL|NAD"
        ),
        "RTS",
    ),
    (
        _word(r"RECALL(?:ED)?|(?:RECOMMENDED\s+)?FOR\s+ASSESSMENT|ASSESSMENT|RTA|FURTHER\s+VIEWS"),
        "RECALL",
    ),
)
"""In the English programme routine recall is a return to screening, so it comes first."""

_CALC = r"(?:MICRO\s?-?)?CALC(?:IFICATION)?S?|CA\s?\+*|MCC|CLUSTER(?:ED)?"

FINDINGS: tuple[tuple[Pattern[str], Code], ...] = (
    (
        _word(rf"MASS(?:ES)?\s*(?:WITH|AND|\+|&)\s*(?:{_CALC})"),
        codes.MASS_WITH_CALCIFICATIONS,
    ),
    (_word(r"FOCAL\s+(?:ASYMM?(?:ETRY|ETRIC)?|ASYM)(?:\s+DENSITY)?"), codes.FOCAL_ASYMMETRY),
    (_word(r"(?:AXILLARY\s+)?(?:LYMPH\s?)?NODES?|ADENOPATHY|AXILLARY\s+ADENOPATHY"), codes.NODE),
    (_word(r"SKIN\s+(?:THICKENING|RETRACTION)"), codes.SKIN),
    (
        _word(r"ARCH(?:ITECTURAL|\.)?\s+DIST(?:ORTION|ORT|\.)?|DISTORTION|STROMAL\s+DISTORTION|AD"),
        codes.DISTORTION,
    ),
    (_word(r"ASYMM?(?:ETRY|ETRIC(?:AL)?)?(?:\s+(?:DENSITY|TISSUE))?"), codes.ASYMMETRY),
    (_word(rf"(?:{_CALC})(?:\s+(?:{_CALC}))*\+*"), codes.CALCIFICATIONS),
    (_word(r"MASS(?:ES)?|OPACITY|OPACITIES|LUMPS?|NODULES?"), codes.MASS),
)

COUNT = re.compile(
    r"(?<![\w./])[1-9]\s+(?:MASSES|OPACITIES|CALCS|CALCIFICATIONS|NODES|NODULES|FOCI|LUMPS)\b"
)
"""A digit before a plural counts; it rates nothing."""

NEGATION = re.compile(r"\b(?:NO|NOT|WITHOUT|ABSENT|DENIES|NIL)\b[\s:]*(?:\w+\s+){0,2}?$")
"""What stands before a finding that is said not to be there."""

DENIED_AFTER = re.compile(
    r"\s*[:=-]?\s*(?:(?:IS|ARE)\s+)?"
    r"(?:NOT\s+(?:SEEN|PRESENT|IDENTIFIED)|ABSENT|NONE|EXCLUDED|RULED\s+OUT)\b"
)
"""What stands after a finding that is said not to be there."""

LETTER_AND_DIGIT = re.compile(r"(?<![\w./])([RL])-?([1-5])(?![\w/%-]|[.,]\d)")
"""``R4``, ``L4``: a breast and a rating, or a rating on a scale of that letter."""

UNCERTAIN = re.compile(r"\?|\b(?:POSSIBL[EY]|PROBABL[EY]|MAYBE|QUERY|EQUIVOCAL)\b")

_FILLERS = (
    "A AN AND AT BREAST CIRCUMSCRIBED BENIGN CLOCK DEFINED DENSE FINE FOR FROM ILL IN "
    "INDISTINCT IRREGULAR IS LARGE LESION LINEAR MALIGNANT MARGIN MARGINS NO NOT O "
    "OBSCURED OF ON PLEOMORPHIC POSSIBLE POSSIBLY PROBABLE PROBABLY QUERY ROUND SEEN "
    "SHOWS SMALL SPICULATE SPICULATED SUBTLE SUSPICIOUS THE THIS TO VIEW WELL WITH "
    "WITHOUT "
)
FILLERS = frozenset(_FILLERS.split())
"""Words that change nothing; a text of these and known words only is wholly understood."""
