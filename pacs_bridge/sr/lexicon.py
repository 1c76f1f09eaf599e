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
    _word(r"(?:AT\s+)?\d{1,2}\s*O\s?'?\s?CLOCK"),  # where in the breast
)
"""Numbers that say nothing here."""

NUMBERED = _word(r"(?:LESION|(?<!CC )(?<!MLO )VIEW|NO\.?|NR\.?|NUMBER)\s*#?\s*\d{1,3}")
"""The place of something in a list, which rates nothing."""

SIZE = _word(r"(\d+(?:[.,]\d+)?)(?:\s*(?:[X×*-]|TO|AND|BY)\s*\d+(?:[.,]\d+)?)*\s*(MM|CM)")
"""A size with its unit; of several diameters the first."""

OTHER_SCALES = _word(r"[RUPBCD]\s?-?[0-6][A-C]?")
"""Ratings on other scales: radiographic R, ultrasound U, palpation P, biopsy B, cytology C."""

BIRADS = _word(
    r"BI\s*-?\s*RADS®?\s*-?\s*(?:CATEGORY|CAT\.?|SCORE|GRADE|ASSESSMENT|CLASS|LEVEL)?"
    r"\s*[:=-]?\s*\(?([0-6][ABC]?)\)?"
)

_BETWEEN = r"\s*(?:/|-+>?|>|~|\+|&|\\|,|\.{2,}|TO|OR|AND)\s*"

RATING_RANGE = _word(
    rf"M\s?-?\s?\d{_BETWEEN}M?\s?-?\s?\d"
    r"|\d\s*(?:TO|OR)\s*\d|[1-5](?:\s*-\s*|\s+(?:[/&+~]|AND)\s+)[1-5]"
)
"""More than one rating at once: nobody can tell which one is meant."""

RATING = _word(
    r"(?:M\s?[-:=]?\s?|SUSP(?:ICION)?(?:\s+(?:LEVEL|SCORE|GRADE|RATING))?\s*[:=]?\s*M?\s*)([1-5])"
)

RATING_IN_WORDS = _word(r"(?:SCORE|GRADE|RATING|LEVEL)\s*[:=]?\s*M?\s*([1-5])")
"""A rating where no other word says of what: there are density scores and grades of cancer."""

BARE_DIGIT = re.compile(r"(?<![^\s(;=?])\(?([1-5])\)?(?=[).,;?!\s]|$)(?![.,]\d|\s*[%°'\"/+*~])")
"""A rating without its letter: one digit standing alone."""

NO_RATING_AFTER = frozenset("+*/#%~<>≤≥×")
"""Signs that make a digit behind them something else, blanks between them or not."""

TELLS_SIDE: tuple[tuple[Pattern[str], str, str], ...] = (
    (
        _word(r"B\s?/\s?L|BILATERAL(?:LY)?|BILAT|BOTH(?:\s+BREASTS?)?|R\s?[/&+]\s?L|L\s?[/&+]\s?R"),
        "B",
        "",
    ),
    (_word(r"R\s?-?MLO"), "R", "MLO"),
    (_word(r"L\s?-?MLO"), "L", "MLO"),
    (_word(r"R\s?-?CC"), "R", "CC"),
    (_word(r"L\s?-?CC"), "L", "CC"),
    (_word(r"RIGHT(?:\s+BREASTS?)?|RT|R\.?(?=\s|:|$)|R"), "R", ""),
    (_word(r"LEFT(?:\s+BREASTS?)?|LT|L\.?(?=\s|:|$)|L"), "L", ""),
    (_word(r"MLO"), "", "MLO"),
    (_word(r"CC"), "", "CC"),
)
"""Pattern, side (B: both), view."""

_ROUND = r"(?:3|THREE)[\s-]*(?:YEAR|YR)(?:LY|S)?"
"""How long it is from one screening to the next."""

DECISIONS: tuple[tuple[Pattern[str], Decision], ...] = (
    (
        _word(
            r"TECH(?:NICAL)?\.?[\s-]*(?:RECALL|REPEAT)|RECALL[\s:-]*TECH(?:NICAL)?|TECH(?:NICAL)?|TR"
        ),
        "TECH",
    ),
    (
        _word(
            rf"{_ROUND}[\s-]*RECALL|RECALL\s+(?:(?:IN|AT|EVERY)\s+)?{_ROUND}"
            r"|ROUTINE[\s-]+(?:RECALL|SCREEN(?:ING)?)|RETURN[\s-]+TO[\s-]+SCREEN(?:ING)?"
            r"|(?:NO|NOT|NO\s+NEED\s+(?:FOR|TO)|(?:DO\s+NOT|DON'?T))\s+RECALL(?:ED)?"
            r"|RECALL\s+(?:IS\s+)?NOT\s+(?:NEEDED|REQUIRED|INDICATED|NECESSARY)"
            r"|RECALL\s*[:=?]\s*NO(?=\s*(?:[.;,)]|$))|RTS|RR|NORMAL|NAD"
        ),
        "RTS",
    ),
    (
        _word(r"RECALL(?:ED)?|(?:RECOMMENDED\s+)?FOR\s+ASSESSMENT|ASSESSMENT|RTA|FURTHER\s+VIEWS"),
        "RECALL",
    ),
)
"""In the English programme routine recall is a return to screening, so it comes first."""

_PERIOD = (
    r"(?!(?:3|THREE)[\s-]*Y)(?:EARLY|SHORT[\s-]+TERM"
    r"|(?:\d{1,2}|ONE|TWO|SIX|TWELVE)[\s-]*(?:YEAR|YR|MONTH|MTH)(?:LY|S)?)"
)

OTHER_RECALLS = _word(rf"{_PERIOD}[\s-]+RECALL|RECALL(?:ED)?\s+(?:(?:IN|AT|AFTER)\s+)?{_PERIOD}")
"""Recalls that are no decision of the scheme: which one is meant has to be asked."""

_CALC = r"(?:MICRO\s?-?)?CALC(?:IFICATION)?S?|CA\s?\+*|MCC|CLUSTER(?:ED|S)?"

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
    r"(?<![\w./])[1-9](?=\s+(?:MASSES|OPACITIES|CALCS|CALCIFICATIONS|NODES|NODULES|FOCI|LUMPS"
    r"|CLUSTERS|GROUPS|AREAS|FLECKS|LESIONS|VIEWS|SPOTS)\b)"
)
"""A digit before a plural counts; it rates nothing."""

LETTER_AND_DIGIT = re.compile(
    r"(?<![\w.])([RL])-?([1-5])(?![\w%]|[.,]\d|\s*[/-](?!\s*[RL]-?[1-5](?!\w)))"
)
"""``R4``, ``L4``: a breast and a rating, or a rating on a scale of that letter."""

UNCERTAIN = re.compile(r"\?|\b(?:POSSIBL[EY]|PROBABL[EY]|MAYBE|QUERY|EQUIVOCAL)\b")

_FILLERS = (
    "A AN AND AT BREAST BREASTS CIRCUMSCRIBED BENIGN CLOCK DEFINED DENSE FINE FOR FROM ILL IN "
    "INDISTINCT IRREGULAR IS LARGE LESION LINEAR MALIGNANT MARGIN MARGINS NO NOT O "
    "OBSCURED OF ON PLEOMORPHIC POSSIBLE POSSIBLY PROBABLE PROBABLY QUERY ROUND SEEN "
    "SHOWS SMALL SPICULATE SPICULATED SUBTLE SUSPICIOUS THE THIS TO VIEW WELL WITH "
    "WITHOUT YES "
)
FILLERS = frozenset(_FILLERS.split())
"""Words that change nothing; a text of these and known words only is wholly understood."""
