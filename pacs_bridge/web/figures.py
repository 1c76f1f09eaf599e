"""A scorer's summary in words for its reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.db.queries import ReaderRound
from pacs_bridge.web.words import write_count

Summary = dict[str, Any]


@dataclass(frozen=True)
class FigureLine:
    """One figure as a reader sees it."""

    title: str
    value: str
    words: str


_WORDS = {
    "sensitivity": (
        "Sensitivity",
        "You recalled {n} of the {d} breasts with a malignancy.",
    ),
    "specificity": (
        "Specificity",
        "You returned to screen {n} of the {d} normal or benign breasts.",
    ),
    "correct_recall": (
        "Correct recall",
        "You recalled {n} of the {d} breasts that the expert panel recalled.",
    ),
    "correct_return": (
        "Correct return to screen",
        "You returned to screen {n} of the {d} breasts that the expert panel returned.",
    ),
    "auc": (
        "ROC area (AUC)",
        (
            "Of the {d} pairs of a malignant and another breast, you gave the malignant one the "
            "higher rating in {n}; a tie counts as half."
        ),
    ),
    "lesions_localised": (
        "Lesions localised",
        "You put a mark on {n} of the {d} lesions.",
    ),
    "malignant_lesions_localised": (
        "Malignant lesions localised",
        "You put a mark on {n} of the {d} malignant lesions.",
    ),
}


def shows_figures(line: ReaderRound, now: datetime) -> bool:
    """Whether figures are due: all test cases are scored, or the round has closed.

    Before that they could give away the truth of a single case to somebody still reading.
    """
    if line.figures is None:
        return False
    closed = line.round is not None and now >= line.round.closes_at
    return closed or line.states.get("scored", 0) >= line.test_cases > 0


def figures_of(summary: Summary | None) -> list[FigureLine]:
    """Give every figure with its value and its n in words."""
    if not summary:
        return []
    found = summary.get("figures", {})
    names = [*(name for name in _WORDS if name in found), *(set(found) - set(_WORDS))]
    return [_line(name, found[name]) for name in names]


def left_out(summary: Summary | None) -> list[str]:
    """Say which readings and breasts are in no figure, and which rating was put for none."""
    if not summary:
        return []
    counts = summary.get("counts", {})
    sayings = (
        ("technical_breasts", "{} with technical recall: in no figure."),
        ("undecided_breasts", "{} without a decision: in no figure."),
        ("unrated_returned", "{} returned to screen without a rating: taken as 1, normal."),
        ("unrated_recalled", "{} recalled without a rating: taken as 3, indeterminate."),
    )
    exposed = int(summary.get("readings_exposed", 0))
    seen = "{}: in no figure, for something that is not yours lay beside the images."
    said = [seen.format(write_count(exposed, "reading"))] if exposed else []
    return said + [
        text.format(write_count(counts[key], "breast")) for key, text in sayings if counts.get(key)
    ]


def operating_point(summary: Summary | None) -> tuple[float, float] | None:
    """Give the reader's own decisions as a point: share of false recalls, of true ones."""
    found = (summary or {}).get("figures", {})
    true, false = (found.get(name, {}).get("value") for name in ("sensitivity", "specificity"))
    return None if true is None or false is None else (1 - false, true)


def _line(name: str, figure: dict[str, Any]) -> FigureLine:
    title, words = _WORDS.get(name, (figure["title"], "{n} of {d} " + str(figure["unit"]) + "."))
    value = figure["value"]
    if value is None:
        reason = str(figure.get("reason") or "not computable")
        return FigureLine(title, "–", f"{reason[:1].upper()}{reason[1:].rstrip('.')}.")
    number = f"{value:.2f}" if name == "auc" else f"{value:.0%}"
    return FigureLine(
        title,
        number,
        words.format(n=_number(figure["numerator"]), d=_number(figure["denominator"])),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
