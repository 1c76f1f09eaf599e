"""Figures of merit at breast level, each with its n.

The unit is the breast. Only breasts that a reader recalled or returned to screen are in a
figure; technical recalls and breasts without a decision are left out and counted. A figure
whose denominator is empty has no value and says why: it is never 0 or 1. Formulas and n:
docs/scoring.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pacs_bridge.scoring.hits import Verdict
from pacs_bridge.scoring.result import BreastResult, LesionResult, ReadingResult


@dataclass(frozen=True)
class Figure:
    """One figure of merit.

    Parameters
    ----------
    name : str
        Its key: ``sensitivity``, ``auc`` …
    title : str
        What people call it.
    value : float or None
        Numerator by denominator, 0.0 to 1.0; None where it is not computable.
    numerator, denominator : float
        Of what: see `unit`. Only the numerator of the ROC area can be a half.
    unit : str
        What the denominator counts.
    reason : str or None
        Why there is no value.
    """

    name: str
    title: str
    value: float | None
    numerator: float
    denominator: int
    unit: str
    reason: str | None = None


@dataclass(frozen=True)
class RocPoint:
    """One operating point: everything rated `threshold` or higher counts as positive.

    Parameters
    ----------
    threshold : float or None
        None at the corner where nothing does.
    fpf, tpf : float
        False-positive and true-positive fraction.
    """

    threshold: float | None
    fpf: float
    tpf: float


@dataclass(frozen=True)
class Counts:
    """How much the figures of one reader rest on, and what was left out of them."""

    readings: int
    breasts: int
    malignant_breasts: int
    other_breasts: int
    technical_breasts: int
    undecided_breasts: int
    unrated_returned: int
    unrated_recalled: int
    lesions_without_region: int
    hits: int
    repeats: int
    false_positive_locations: int


@dataclass(frozen=True)
class Summary:
    """A reader's figures over any number of readings."""

    figures: tuple[Figure, ...]
    roc: tuple[RocPoint, ...]
    counts: Counts


def summarise(results: Iterable[ReadingResult]) -> Summary:
    """Work out every figure of one reader, over the results of their readings."""
    results = tuple(results)
    breasts = tuple(chain.from_iterable(result.breasts for result in results))
    lesions = tuple(chain.from_iterable(_lesions_in_play(result) for result in results))
    assessed = tuple(breast for breast in breasts if breast.assessed)
    diseased, healthy = _ratings(assessed, malignant=True), _ratings(assessed, malignant=False)
    return Summary(
        (*_decision_figures(assessed), roc_area(diseased, healthy), *_location_figures(lesions)),
        roc_points(diseased, healthy),
        _count(results, breasts, assessed, lesions),
    )


def proportion(name: str, title: str, numerator: int, denominator: int, unit: str) -> Figure:
    """Make a figure that is a share of something counted."""
    if denominator == 0:
        return Figure(name, title, None, numerator, 0, unit, f"not computable: no {unit}")
    return Figure(name, title, numerator / denominator, numerator, denominator, unit)


def roc_area(diseased: ArrayLike, healthy: ArrayLike) -> Figure:
    """Work out the area under the empirical ROC curve.

    It is the share of pairs, one diseased and one healthy, of which the diseased has the
    higher rating; a tie counts a half (Mann and Whitney's statistic, and the trapezoidal area
    under `roc_points`). Counted in whole and half pairs, so it is exact.

    Parameters
    ----------
    diseased, healthy : array_like
        Ratings, shape (n,). Minus infinity stands for "not marked at all".

    Raises
    ------
    ValueError
        When a rating is not a number.
    """
    positive, negative = _sorted(diseased), _sorted(healthy)
    pairs = positive.size * negative.size
    unit = "pairs of a malignant and another breast"
    if pairs == 0:
        return Figure("auc", "ROC area", None, 0.0, 0, unit, f"not computable: no {unit}")
    below = int(np.searchsorted(negative, positive, side="left").sum())
    not_above = int(np.searchsorted(negative, positive, side="right").sum())
    won = (below + not_above) / 2
    return Figure("auc", "ROC area", won / pairs, won, pairs, unit)


def roc_points(diseased: ArrayLike, healthy: ArrayLike) -> tuple[RocPoint, ...]:
    """Give the corners of the empirical ROC curve, from (0, 0) to (1, 1).

    Parameters
    ----------
    diseased, healthy : array_like
        As for `roc_area`. No points where one of them is empty.
    """
    positive, negative = _sorted(diseased), _sorted(healthy)
    if positive.size == 0 or negative.size == 0:
        return ()
    thresholds = np.unique(np.concatenate([positive, negative]))[::-1]
    tpf = 1 - np.searchsorted(positive, thresholds, side="left") / positive.size
    fpf = 1 - np.searchsorted(negative, thresholds, side="left") / negative.size
    corners = zip(thresholds.tolist(), fpf.tolist(), tpf.tolist(), strict=True)
    return (RocPoint(None, 0.0, 0.0), *(RocPoint(*corner) for corner in corners))


def _sorted(ratings: ArrayLike) -> NDArray[np.float64]:
    values = np.sort(np.asarray(ratings, dtype=np.float64).ravel())
    if np.isnan(values).any():
        raise ValueError("A rating is not a number.")
    return values


def _decision_figures(assessed: Sequence[BreastResult]) -> tuple[Figure, ...]:
    """The four figures that rest on recall or return alone."""

    def share(
        name: str, title: str, of: list[BreastResult], unit: str, *, recalled: bool
    ) -> Figure:
        right = sum(breast.recalled == recalled for breast in of)
        return proportion(name, title, right, len(of), f"{unit} recalled or returned")

    malignant = [breast for breast in assessed if breast.malignant]
    other = [breast for breast in assessed if not breast.malignant]
    recall = [breast for breast in assessed if breast.panel == "RECALL"]
    back = [breast for breast in assessed if breast.panel == "RTS"]
    return (
        share("sensitivity", "Sensitivity", malignant, "malignant breasts", recalled=True),
        share("specificity", "Specificity", other, "normal or benign breasts", recalled=False),
        share("correct_recall", "Correct recall", recall, "panel-recall breasts", recalled=True),
        share(
            "correct_return",
            "Correct return to screen",
            back,
            "panel-return breasts",
            recalled=False,
        ),
    )


def _location_figures(lesions: Sequence[LesionResult]) -> tuple[Figure, ...]:
    known = [lesion for lesion in lesions if lesion.localised is not None]
    cancers = [lesion for lesion in known if lesion.malignant]
    return (
        proportion(
            "lesions_localised",
            "Lesions localised",
            sum(bool(lesion.localised) for lesion in known),
            len(known),
            "lesions",
        ),
        proportion(
            "malignant_lesions_localised",
            "Malignant lesions localised",
            sum(bool(lesion.localised) for lesion in cancers),
            len(cancers),
            "malignant lesions",
        ),
    )


def _lesions_in_play(result: ReadingResult) -> list[LesionResult]:
    """The lesions of the breasts that were assessed."""
    assessed = {breast.laterality for breast in result.breasts if breast.assessed}
    return [lesion for lesion in result.lesions if lesion.laterality in assessed]


def _verdicts_in_play(result: ReadingResult) -> list[Verdict]:
    """What became of the marks, without those on breasts that are left out."""
    left_out = {breast.laterality for breast in result.breasts if not breast.assessed}
    return [mark.verdict for mark in result.marks if mark.laterality not in left_out]


def _ratings(assessed: Iterable[BreastResult], *, malignant: bool) -> list[int]:
    return [
        breast.rating_used
        for breast in assessed
        if breast.malignant == malignant and breast.rating_used is not None
    ]


def _count(
    results: Sequence[ReadingResult],
    breasts: Sequence[BreastResult],
    assessed: Sequence[BreastResult],
    lesions: Sequence[LesionResult],
) -> Counts:
    unrated = [breast for breast in assessed if breast.rating is None]
    verdicts = list(chain.from_iterable(_verdicts_in_play(result) for result in results))
    return Counts(
        readings=len(results),
        breasts=len(assessed),
        malignant_breasts=sum(breast.malignant for breast in assessed),
        other_breasts=sum(not breast.malignant for breast in assessed),
        technical_breasts=sum(breast.outcome == "technical" for breast in breasts),
        undecided_breasts=sum(breast.outcome == "undecided" for breast in breasts),
        unrated_returned=sum(not breast.recalled for breast in unrated),
        unrated_recalled=sum(breast.recalled for breast in unrated),
        lesions_without_region=sum(lesion.localised is None for lesion in lesions),
        hits=verdicts.count("hit"),
        repeats=verdicts.count("repeat"),
        false_positive_locations=verdicts.count("false-positive"),
    )
