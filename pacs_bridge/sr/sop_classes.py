"""Which SOP classes can hold marks, and what the others are.

References
----------
PS3.4 annex B.5 (standard SOP classes); STANDARDS.md 1.1.
"""

from __future__ import annotations

_STORAGE = "1.2.840.10008.5.1.4.1.1."

GRAYSCALE_STATE = _STORAGE + "11.1"

PLANE_STATES = frozenset(
    _STORAGE + end for end in ("11.1", "11.2", "11.3", "11.4", "11.5", "11.8", "11.12")
)
"""Presentation states whose graphic annotations lie on stored pixels."""

RENDERED_STATES = frozenset(_STORAGE + end for end in ("11.6", "11.7", "11.9", "11.10", "11.11"))
"""Presentation states whose graphic annotations lie on a rendered view."""

STRUCTURED_DISPLAY = _STORAGE + "131"
"""How images are laid out on a screen, with texts of its own and no drawing."""

STATES = PLANE_STATES | RENDERED_STATES | {STRUCTURED_DISPLAY}

STANDALONE_OVERLAY = _STORAGE + "8"
"""A bitmap apart from the image that it lies on; retired."""

BASIC_TEXT = _STORAGE + "88.11"
COMPREHENSIVE = _STORAGE + "88.33"

REPORTS = frozenset(
    _STORAGE + end
    for end in ("88.1", "88.2", "88.3", "88.4", "88.11", "88.22", "88.33", "88.34", "88.35")
)
"""The general structured reports; the first four are the retired trial classes."""

CAD_REPORTS = frozenset(_STORAGE + end for end in ("88.50", "88.65", "88.69"))
"""Computer-aided detection: mammography, chest, colon."""

KEY_OBJECT = _STORAGE + "88.59"

NOT_MARKS = {
    _STORAGE + "88.40": "procedure log",
    _STORAGE + "88.67": "X-ray dose report",
    _STORAGE + "88.68": "radiopharmaceutical dose report",
    _STORAGE + "88.70": "implantation plan",
    _STORAGE + "88.71": "acquisition context report",
    _STORAGE + "88.72": "simplified echo report",
    _STORAGE + "88.73": "patient radiation dose report",
    _STORAGE + "88.74": "agent administration plan",
    _STORAGE + "88.75": "agent administration report",
    _STORAGE + "88.76": "enhanced X-ray dose report",
}
"""Structured reports in which nobody marks anything."""


def refusal(what: str) -> str:
    """Why nothing is read of such a report."""
    return f"Nobody marks anything in an object of this kind ({what}); nothing is to be read."


UNREAD_REGIONS = {
    _STORAGE + "66.4": "segmentation",
    _STORAGE + "66.7": "label map segmentation",
    _STORAGE + "66.5": "surface segmentation",
    _STORAGE + "481.3": "radiotherapy structure set",
    _STORAGE + "91.1": "microscopy annotation",
    _STORAGE + "104.1": "PDF document",
    _STORAGE + "104.2": "clinical document",
}
"""Objects that may show what a reader saw in a form that is not read."""

SECONDARY_CAPTURES = frozenset(_STORAGE + end for end in ("7", "7.1", "7.2", "7.3", "7.4"))
"""Pictures of a screen: marks in them are pixels."""

STATES_AND_REPORTS = STATES | REPORTS | CAD_REPORTS | frozenset(NOT_MARKS) | {KEY_OBJECT}
"""Everything a viewer saves that is not an image."""

NO_IMAGES = STATES_AND_REPORTS | frozenset(UNREAD_REGIONS) | {_STORAGE + "67"}
"""What stands beside images and is none; the last maps pixels to values of the real world."""
