"""Summaries as the scorer gives them: worked out by its own figures, shaped by its contract."""

from __future__ import annotations

from typing import Any

from pacs_bridge.scoring import contract
from pacs_bridge.scoring.figures import summarise
from pacs_bridge.scoring.result import BreastResult, LesionResult, MarkResult, ReadingResult


def a_summary(set_name: str, reader: str, *, readings: int = 60) -> dict[str, Any]:
    """A fair reader's summary over so many readings."""
    results = [_result(number) for number in range(readings)]
    summary = summarise(results)
    return contract.Summary(
        set=set_name,
        reader=reader,
        truth_version=1,
        rule="inside",
        tolerance=0.0,
        test_cases=60,
        readings_unscored=0,
        figures={
            figure.name: contract.SummaryFigure.model_validate(figure) for figure in summary.figures
        },
        roc=tuple(map(contract.SummaryRocPoint.model_validate, summary.roc)),
        counts=contract.SummaryCounts.model_validate(summary.counts),
    ).model_dump(mode="json")


def _result(number: int) -> ReadingResult:
    """Every third case has a cancer in the right breast, every seventh of them is missed."""
    malignant = number % 3 == 0
    found = malignant and number % 7 != 0
    rating = (5 if number % 2 else 4) if found else (2 if malignant else 1)
    false_recall = not malignant and number % 11 == 0
    right = BreastResult(
        "R",
        "RECALL" if found or false_recall else "RTS",
        3 if false_recall else rating,
        "malignant" if malignant else "normal",
        "RECALL" if malignant else "RTS",
    )
    left = BreastResult(
        "L", "TECH" if number == 8 else "RTS", None if number % 5 else 1 + number % 2, "normal",
        "RTS",
    )  # fmt: skip
    lesions = (LesionResult("1", "R", "mass", True, found, 4, (0,) if found else ()),)
    marks = (MarkResult("1.2", None, (1.0, 1.0), 4, "R", "hit", "1"),)
    return ReadingResult(
        f"PERFORMS121{101 + number}",
        (right, left),
        lesions if malignant else (),
        marks if found else (),
    )
