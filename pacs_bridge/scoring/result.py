"""What one reading comes to against the truth of its case.

A result is never stored: it follows from a reading, a truth and the rules here, and is worked
out from them whenever it is asked for. So a new truth is in force for every reading at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pacs_bridge.domain.marks import BreastDecision, Decision, Laterality, Mark
from pacs_bridge.domain.reading import highest_rating
from pacs_bridge.domain.truth import BreastTruth, CaseTruth, Lesion, Panel, Pathology
from pacs_bridge.scoring.hits import Location, Verdict, locate_marks

UNRATED = {"RTS": 1, "RECALL": 3}
"""The rating that stands for none: a breast returned to screen counts as normal (1), one
recalled as indeterminate (3), the lowest suspicion that means recall on the UK scale."""

Outcome = Literal[
    "true-positive", "false-negative", "true-negative", "false-positive", "technical", "undecided"
]


@dataclass(frozen=True)
class BreastResult:
    """One breast: what was said of it, and what is known of it.

    Parameters
    ----------
    decision : str or None
        None where the reading does not say; such a breast is undecided, never returned.
    rating : int or None
        The highest given to the breast or to a mark on it.
    """

    laterality: Laterality
    decision: Decision | None
    rating: int | None
    pathology: Pathology
    panel: Panel

    @property
    def assessed(self) -> bool:
        """Whether it was recalled or returned; other breasts are in no figure."""
        return self.decision in UNRATED

    @property
    def recalled(self) -> bool:
        """Whether it was recalled for assessment."""
        return self.decision == "RECALL"

    @property
    def malignant(self) -> bool:
        """Whether it holds a cancer."""
        return self.pathology == "malignant"

    @property
    def rating_used(self) -> int | None:
        """The rating that enters the ROC curve: the one given, else `UNRATED`'s."""
        if not self.assessed or self.decision is None:
            return None
        return self.rating if self.rating is not None else UNRATED[self.decision]

    @property
    def outcome(self) -> Outcome:
        """How the decision stands to the pathology."""
        if self.decision == "TECH":
            return "technical"
        if self.decision is None:
            return "undecided"
        if self.malignant:
            return "true-positive" if self.recalled else "false-negative"
        return "false-positive" if self.recalled else "true-negative"

    @property
    def agrees_with_panel(self) -> bool | None:
        """Whether the panel decided the same; None where the breast was not assessed."""
        return self.decision == self.panel if self.assessed else None


@dataclass(frozen=True)
class LesionResult:
    """One lesion, and the marks on it.

    Parameters
    ----------
    localised : bool or None
        None where truth gives no region to hit.
    rating : int or None
        The highest given to a mark that hit it.
    marks : tuple of int
        Which marks hit it, by their place in the reading, from 0.
    """

    lesion_id: str
    laterality: Laterality
    finding: str
    malignant: bool
    localised: bool | None
    rating: int | None
    marks: tuple[int, ...]


@dataclass(frozen=True)
class MarkResult:
    """One mark, in the reading's order, with what became of it (see `Location`)."""

    image: str
    frame: int | None
    centre: tuple[float, float]
    rating: int | None
    laterality: Laterality | None
    verdict: Verdict
    lesion_id: str | None


@dataclass(frozen=True)
class ReadingResult:
    """Everything one reading comes to."""

    accession: str
    breasts: tuple[BreastResult, ...]
    lesions: tuple[LesionResult, ...]
    marks: tuple[MarkResult, ...]


def judge_reading(
    truth: CaseTruth,
    marks: Sequence[Mark],
    breasts: Sequence[BreastDecision],
    *,
    tolerance: float = 0.0,
) -> ReadingResult:
    """Hold one reading against the truth of its case.

    Parameters
    ----------
    truth : CaseTruth
        Of the case that was read.
    marks : sequence of Mark
    breasts : sequence of BreastDecision
        What the reading says; a breast that is missing is undecided.
    tolerance : float
        For the hit rule, in pixels (see `locate_marks`).
    """
    places = locate_marks(marks, truth.lesions, tolerance=tolerance)
    sided = [
        replace(mark, laterality=place.laterality)
        for mark, place in zip(marks, places, strict=True)
        if place.verdict != "ignored"
    ]
    return ReadingResult(
        truth.accession,
        tuple(_judge_breast(known, sided, breasts) for known in truth.breasts),
        tuple(_judge_lesion(lesion, marks, places) for lesion in truth.lesions),
        tuple(_judge_mark(mark, place) for mark, place in zip(marks, places, strict=True)),
    )


def _judge_breast(
    known: BreastTruth, marks: Sequence[Mark], breasts: Sequence[BreastDecision]
) -> BreastResult:
    said = {breast.laterality: breast.decision for breast in breasts}
    return BreastResult(
        known.laterality,
        said.get(known.laterality),
        highest_rating(known.laterality, marks, breasts),
        known.pathology,
        known.panel,
    )


def _judge_lesion(
    lesion: Lesion, marks: Sequence[Mark], places: Sequence[Location]
) -> LesionResult:
    on_it = tuple(i for i, place in enumerate(places) if place.lesion_id == lesion.lesion_id)
    ratings = (marks[i].rating for i in on_it)
    return LesionResult(
        lesion.lesion_id,
        lesion.laterality,
        lesion.finding,
        lesion.malignant,
        bool(on_it) if lesion.regions else None,
        max((rating for rating in ratings if rating is not None), default=None),
        on_it,
    )


def _judge_mark(mark: Mark, place: Location) -> MarkResult:
    return MarkResult(
        mark.image,
        mark.frame,
        mark.centre,
        mark.rating,
        place.laterality,
        place.verdict,
        place.lesion_id,
    )
