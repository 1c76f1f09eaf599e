"""Which synthetic cases have which findings: a mix like that of a real set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pacs_bridge.domain.identifiers import PERFORMS, Naming
from pacs_bridge.domain.marks import Laterality
from pacs_bridge.domain.truth import Panel, Pathology
from pacs_bridge.sandbox.lesions import Finding

MALIGNANT_SHARE, BENIGN_SHARE = 35 / 120, 5 / 120
"""Of the breasts of a set: 70 and 9 of 240 in the two sets of Radiology 2023;308:e223299."""

_SIDES: tuple[Laterality, Laterality] = ("R", "L")
_MALIGNANT: tuple[Finding, ...] = ("mass", "calcification", "mass", "distortion")
_LETTERS = "ABCDEFHKLMNPRTUVWXY"


@dataclass(frozen=True)
class PlannedBreast:
    """What one breast is to show."""

    laterality: Laterality
    pathology: Pathology
    panel: Panel
    finding: Finding | None


@dataclass(frozen=True)
class PlannedCase:
    """One case: its number and both breasts; on the first practice case a word is printed."""

    number: int
    kind: str
    breasts: tuple[PlannedBreast, ...]
    word: str | None = None


def plan_cases(count: int, seed: int, naming: Naming = PERFORMS) -> list[PlannedCase]:
    """Plan a set: all numbers with a full count, else one practice case and the rest test."""
    numbers = naming.numbers()
    if count < len(numbers):
        numbers = [naming.practice[0], *range(naming.test[0], naming.test[0] + count - 1)]
    practice = [n for n in numbers if naming.kind_of(n) == "practice"]
    test = [n for n in numbers if naming.kind_of(n) == "test"]
    rng = np.random.default_rng([seed, 1])
    pathologies = _practice(len(practice)) + _test(len(test), rng)
    cases = []
    for place, (number, both) in enumerate(zip(practice + test, pathologies, strict=True)):
        breasts = tuple(
            _breast(side, pathology, place + turn)
            for turn, (side, pathology) in enumerate(zip(_SIDES, both, strict=True))
        )
        word = "".join(rng.choice(list(_LETTERS), 4)) if place == 0 else None
        cases.append(PlannedCase(number, naming.kind_of(number), breasts, word))
    return cases


def _practice(count: int) -> list[tuple[Pathology, Pathology]]:
    pattern: list[tuple[Pathology, Pathology]] = [
        ("malignant", "normal"),
        ("normal", "normal"),
        ("normal", "benign"),
        ("normal", "malignant"),
    ]
    return [pattern[place % len(pattern)] for place in range(count)]


def _test(count: int, rng: np.random.Generator) -> list[tuple[Pathology, Pathology]]:
    """Deal the findings of the test cases: at most a few women have cancer on both sides."""
    malignant = max(1, round(count * 2 * MALIGNANT_SHARE))
    benign = round(count * 2 * BENIGN_SHARE)
    both = max(0, malignant + benign - count)
    both = max(both, malignant // 17)
    cases: list[tuple[Pathology, Pathology]] = [("malignant", "malignant")] * min(
        both, malignant // 2
    )
    single = malignant - 2 * len(cases)
    cases += [_one_sided("malignant", place) for place in range(single)]
    cases += [_one_sided("benign", place) for place in range(benign)]
    cases += [("normal", "normal")] * max(0, count - len(cases))
    order = rng.permutation(count)
    return [cases[place] for place in order]


def _one_sided(pathology: Pathology, place: int) -> tuple[Pathology, Pathology]:
    return (pathology, "normal") if place % 2 == 0 else ("normal", pathology)


def _breast(side: Laterality, pathology: Pathology, place: int) -> PlannedBreast:
    if pathology == "normal":
        return PlannedBreast(side, pathology, "RTS", None)
    if pathology == "malignant":
        return PlannedBreast(side, pathology, "RECALL", _MALIGNANT[place % len(_MALIGNANT)])
    panel: Panel = "RECALL" if place % 2 else "RTS"
    return PlannedBreast(side, pathology, panel, "mass")
