"""Builders for scoring: each spells out only what a test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.domain.reading import Reading
from pacs_bridge.domain.truth import BreastTruth, CaseTruth, Lesion, Region, SetTruth

RCC, RMLO, LCC, LMLO = (f"2.25.{n}" for n in (1, 2, 3, 4))


def a_mark(**changes: Any) -> Mark:
    """A mark at (100, 200) on RCC; `at` moves it and its points."""
    at = changes.pop("at", (100.0, 200.0))
    mark = Mark(RCC, None, "POINT", (at,), at, laterality="R")
    return replace(mark, **changes)


def a_region(**changes: Any) -> Region:
    """A circle of 10 pixels around (100, 200) on RCC."""
    return replace(Region(RCC, "CIRCLE", ((100.0, 200.0), (110.0, 200.0))), **changes)


def a_lesion(**changes: Any) -> Lesion:
    """A malignant lesion of the right breast, with `a_region` on RCC."""
    return replace(Lesion("L1", "R", "mass", True, (a_region(),)), **changes)


def a_case(**changes: Any) -> CaseTruth:
    """Case 101: a cancer in the right breast, a normal left one."""
    breasts = (BreastTruth("R", "malignant", "RECALL"), BreastTruth("L", "normal", "RTS"))
    return replace(CaseTruth("PERFORMS121101", "test", breasts, (a_lesion(),)), **changes)


def a_truth(*cases: CaseTruth, version: int = 1) -> SetTruth:
    """A truth of PERFORMS121: of `a_case` unless cases are given."""
    return SetTruth("PERFORMS121", version, cases or (a_case(),))


def a_reading(**changes: Any) -> Reading:
    """R1's right reading of case 101: the cancer marked with 4 and recalled."""
    reading = Reading(
        reading_uid="PERFORMS121101-R1",
        revision=1,
        set_name="PERFORMS121",
        accession="PERFORMS121101",
        reader="R1",
        marks=(a_mark(rating=4),),
        breasts=(BreastDecision("R", "RECALL"), BreastDecision("L", "RTS")),
        sources=("2.25.99",),
        closed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
    return replace(reading, **changes)
