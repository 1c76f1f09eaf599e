"""What the forms of a reader's pages say, checked; the words that they offer.

The findings are the screening programme's own, in its words (NBSS reason for assessment).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import Code, Decision, Laterality, Point
from pacs_bridge.domain.receipts import ReceiptImage
from pacs_bridge.services.answers import find_code

_FINDINGS = {
    "MILL": ("Ill-defined mass", "ill-defined mass"),
    "MWELL": ("Well-defined mass", "well-defined mass"),
    "CALCS": ("Microcalcification", "microcalcification"),
    "ASYMD": ("Asymmetric density", "asymmetric density"),
    "ARCDIS": ("Architectural distortion", "architectural distortion"),
    "LYMABN": ("Lymph node", "lymph node abnormality"),
    "OTHER": ("Other", "other"),
}
FINDINGS: dict[str, str] = {form: label for form, (label, _) in _FINDINGS.items()}
"""What may be seen: the short form that a page sends, and what it shows."""

DENSITIES = {
    "a": "a, almost entirely fat",
    "b": "b, scattered densities",
    "c": "c, heterogeneously dense",
    "d": "d, extremely dense",
}
MOST_POINTS = 2000
"""Of one mark; one that has more is refused, not cut."""
KEEP = "as-read"
"""A choice that leaves what was read as it is."""

_TOKEN = re.compile(r"[0-9a-f]{32}")
_DECISIONS = ("RTS", "RECALL", "TECH")

Form = Mapping[str, str]


def form_of(finding: Code | None) -> str:
    """Give the short form of a finding that a page can offer; empty for every other."""
    said = None if finding is None else (finding.scheme, finding.value)
    for form, (_, word) in _FINDINGS.items():
        code = find_code(word)
        if code is not None and (code.scheme, code.value) == said:
            return form
    return ""


def said_token(form: Form) -> str:
    """Give the token of a form: the same one sent twice is one answer.

    Raises
    ------
    RefusedInput
        When there is none, or one that we did not give out.
    """
    token = form.get("token", "")
    if _TOKEN.fullmatch(token) is None:
        raise RefusedInput("The page was too old; say it once more.")
    return token


def said_mend(form: Form) -> dict[str, Any]:
    """Give the rating and finding that a mark is changed to, of those that are."""
    said: dict[str, Any] = {}
    if form.get("rating", KEEP) != KEEP:
        said["rating"] = _rating(form)
    if form.get("finding", KEEP) != KEEP:
        said["finding"] = _finding(form)
    if not any(value is not None for value in said.values()):
        raise RefusedInput("Choose another level of concern or another finding.")
    return said


def said_mark(form: Form, images: Sequence[ReceiptImage]) -> dict[str, Any]:
    """Give a mark that is put on the sheet, as `services.answers.place_mark` takes it."""
    place, frame = _whole(form.get("image", "")), _whole(form.get("frame", ""))
    if place is None or not 1 <= place <= len(images):
        raise RefusedInput("Choose the image that the mark lies on.")
    image = images[place - 1]
    shape, points = form.get("shape") or "POINT", _drawn(form)
    if not points or not all(0 <= x <= image.columns and 0 <= y <= image.rows for x, y in points):
        raise RefusedInput("Put the mark on the image first.")
    if image.frames > 1 and (frame is None or not 1 <= frame <= image.frames):
        raise RefusedInput("Choose the frame that the mark lies on.")
    rating = _rating(form)
    if rating is None:
        raise RefusedInput("Choose the level of concern, from 1 normal to 5 highly suspicious.")
    finding = _finding(form)
    if finding is None:
        raise RefusedInput("Choose what you see.")
    return {
        "image": image.sop_instance_uid,
        "frame": frame if image.frames > 1 else None,
        "shape": shape,
        "points": points,
        "rating": rating,
        "finding": finding,
    }


def _drawn(form: Form) -> tuple[Point, ...]:
    """Give the points of a mark: drawn, ``x,y x,y``, else the one that was typed."""
    pairs = form.get("points", "").split()[: MOST_POINTS + 1] or [
        f"{form.get('x', '')},{form.get('y', '')}"
    ]
    halves = [pair.partition(",") for pair in pairs]
    return tuple((_number(x), _number(y)) for x, _, y in halves)


def said_decision(form: Form) -> tuple[Laterality, Decision, dict[str, Any]]:
    """Give the breast, what is decided of it, and its rating and density where they are said."""
    side, decision, density = (form.get(n, "") for n in ("side", "decision", "density"))
    if side not in ("R", "L"):
        raise RefusedInput("Choose the breast.")
    if decision not in _DECISIONS:
        raise RefusedInput(
            f"Choose what is to be done with the {'right' if side == 'R' else 'left'} breast."
        )
    if density and density not in DENSITIES:
        raise RefusedInput("Choose one of the densities.")
    more = {"rating": _rating(form), "density": density or None}
    return cast("Laterality", side), cast("Decision", decision), more


def _rating(form: Form) -> int | None:
    text = form.get("rating", "")
    if not text:
        return None
    if text not in ("1", "2", "3", "4", "5"):
        raise RefusedInput("The level of concern is 1, 2, 3, 4 or 5.")
    return int(text)


def _finding(form: Form) -> str | None:
    text = form.get("finding", "")
    if not text:
        return None
    if text not in FINDINGS:
        raise RefusedInput("Choose one of the findings.")
    return _FINDINGS[text][1]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _number(text: str) -> float:
    """Read a number; one that is none lies on no image."""
    try:
        number = float(text) if len(text) <= 24 else math.nan
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
