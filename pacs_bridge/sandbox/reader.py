"""A simulated reader: sees lesions with more or less skill, rates, marks and decides.

Everything follows from (seed, reader, case), so that the same reader reads the same case
the same way each time.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Code, Laterality, Mark, Point, Shape
from pacs_bridge.sandbox.viewer_hanging import Hanging, Hung
from pacs_bridge.sr import codes
from pacs_bridge.sr.geometry import centre_of
from pacs_bridge.sr.write import derive_uid

SKILLS = {"expert": 0.95, "average": 0.7, "trainee": 0.45}
RECALL_FROM = 3
"""Rating from which a breast is recalled."""

_FINDINGS: dict[str, Code] = {
    "mass": codes.MASS,
    "calcification": codes.CALCIFICATIONS,
    "distortion": codes.DISTORTION,
    "asymmetry": codes.ASYMMETRY,
}


@dataclass(frozen=True)
class KnownRegion:
    """Where a lesion lies on one view."""

    laterality: str
    view: str
    centre: Point
    radius: float


@dataclass(frozen=True)
class KnownLesion:
    """A lesion of the truth file, as far as a simulated eye needs it."""

    lesion_id: str
    laterality: str
    finding: str
    malignant: bool
    regions: tuple[KnownRegion, ...]


@dataclass(frozen=True)
class ReadCase:
    """What the reader said of one case."""

    marks: tuple[Mark, ...]
    decisions: tuple[BreastDecision, ...]


def parse_skill(text: str) -> float:
    """Skill from its name or a number from 0 to 1.

    Raises
    ------
    RefusedInput
        When it is neither.
    """
    if text in SKILLS:
        return SKILLS[text]
    try:
        skill = float(text)
    except ValueError:
        skill = math.nan
    if not 0 <= skill <= 1:
        raise RefusedInput("A skill is expert, average, trainee, or a number from 0 to 1.")
    return skill


def known_lesions(case: Mapping[str, Any]) -> tuple[KnownLesion, ...]:
    """The lesions of one case of a truth file (``truth.json`` beside synthetic images)."""
    return tuple(
        KnownLesion(
            str(lesion["lesion_id"]),
            str(lesion["laterality"]),
            str(lesion["finding"]),
            bool(lesion["malignant"]),
            tuple(_region(region) for region in lesion.get("regions", ())),
        )
        for lesion in case.get("lesions", ())
    )


def _region(region: Mapping[str, Any]) -> KnownRegion:
    points = [(float(x), float(y)) for x, y in region["points"]]
    shape: Shape = region["shape"]
    centre = centre_of(shape, points)
    radius = max(math.dist(centre, point) for point in points)
    return KnownRegion(str(region["laterality"]), str(region["view"]), centre, radius)


def read_case(
    hanging: Hanging,
    lesions: Iterable[KnownLesion],
    *,
    login: str,
    case: str,
    skill: float,
    seed: int,
) -> ReadCase:
    """Read one case.

    Parameters
    ----------
    hanging : Hanging
        The case's images; lesions are matched to them by breast and view, since UIDs in a
        PACS are not those of the truth file.
    case : str
        The accession number.
    skill : float
        0 (guesses) to 1 (misses nearly nothing).
    """
    chance = random.Random(f"{seed}/{login}/{case}")  # noqa: S311  a simulation, no secret
    eye = _Eye(chance, skill, f"{login}/{case}/{seed}")
    marks: list[Mark] = []
    for lesion in lesions:
        marks += eye.look_at(lesion, hanging)
    decisions = []
    for side in ("R", "L"):
        images = hanging.side(side)
        marks += eye.imagine(images)
        decisions.append(_decide(side, marks, eye))
    return ReadCase(tuple(marks), tuple(decisions))


def _decide(side: Laterality, marks: list[Mark], eye: _Eye) -> BreastDecision:
    """The breast's rating is its worst mark's; a breast without marks gets its own."""
    rating = max((m.rating or 0 for m in marks if m.laterality == side), default=0)
    rating = rating or eye.unmarked()
    return BreastDecision(side, "RECALL" if rating >= RECALL_FROM else "RTS", rating)


class _Eye:
    """Perception and judgement with noise."""

    def __init__(self, chance: random.Random, skill: float, name: str) -> None:
        self._chance, self._skill, self._name = chance, skill, name
        self._count = 0

    def look_at(self, lesion: KnownLesion, hanging: Hanging) -> list[Mark]:
        """Mark a lesion on the views where it is seen, with one rating."""
        seen = self._chance.random() < 0.3 + 0.68 * self._skill
        mean = 2.6 + 1.9 * self._skill if lesion.malignant else 2.5 - 0.4 * self._skill
        rating = self._rating(mean, least=1 if lesion.malignant else 2)
        finding = _FINDINGS.get(lesion.finding, codes.OTHER_FINDING)
        marks: list[Mark] = []
        for region in lesion.regions:
            also_here = self._chance.random() < 0.85
            images = [
                h for h in hanging if (h.laterality, h.view) == (region.laterality, region.view)
            ]
            spread = region.radius * (0.1 + 0.45 * (1 - self._skill))
            place = (
                region.centre[0] + self._chance.gauss(0, spread),
                region.centre[1] + self._chance.gauss(0, spread),
            )
            if seen and images and (also_here or not marks):
                marks.append(self._mark(images[0], place, region.radius, rating, finding))
        return marks

    def imagine(self, images: list[Hung]) -> list[Mark]:
        """Now and then mark what is nothing, somewhere in the breast."""
        wrongly = self._chance.random() < 0.02 + 0.28 * (1 - self._skill)
        across, down = self._chance.uniform(0.1, 0.45), self._chance.uniform(0.3, 0.7)
        rating = self._rating(2.8 - 0.6 * self._skill, least=2)
        if not wrongly or not images:
            return []
        hung = images[self._chance.randrange(len(images))]
        rows, columns = int(hung.image.Rows), int(hung.image.Columns)
        # The chest wall is where the rows lead, so the breast lies on that side.
        at_left = str(hung.image.get("PatientOrientation", ["A"])[0]).upper().startswith("A")
        place = (columns * (across if at_left else 1 - across), rows * down)
        return [self._mark(hung, place, min(rows, columns) / 30, rating, codes.OTHER_FINDING)]

    def unmarked(self) -> int:
        """The rating of a breast in which nothing was marked."""
        return 1 if self._chance.random() < 0.6 + 0.35 * self._skill else 2

    def _rating(self, mean: float, *, least: int) -> int:
        noise = 0.4 + 1.0 * (1 - self._skill)
        return min(5, max(least, round(self._chance.gauss(mean, noise))))

    def _mark(self, hung: Hung, place: Point, radius: float, rating: int, finding: Code) -> Mark:
        """A point, a circle or an ellipse at a place, wholly inside the image."""
        rows, columns = int(hung.image.Rows), int(hung.image.Columns)
        x = min(max(place[0], 1.0), columns - 1.0)
        y = min(max(place[1], 1.0), rows - 1.0)
        room = min(radius, x, y, columns - x, rows - y)
        shape: Shape = self._chance.choice(("POINT", "CIRCLE", "ELLIPSE"))
        points: tuple[Point, ...] = ((x, y),)
        if shape == "CIRCLE":
            points = ((x, y), (x + room, y))
        elif shape == "ELLIPSE":
            points = ((x - room, y), (x + room, y), (x, y - room * 0.7), (x, y + room * 0.7))
        points = tuple((round(px, 2), round(py, 2)) for px, py in points)
        self._count += 1
        return Mark(
            image=hung.uid,
            frame=_middle_frame(hung),
            shape=shape,
            points=points,
            centre=centre_of(shape, points),
            finding=finding,
            rating=rating,
            laterality=hung.laterality,
            view=hung.view,
            tracking_uid=derive_uid("mark", self._name, hung.uid, self._count),
        )


def _middle_frame(hung: Hung) -> int | None:
    frames = int(hung.image.get("NumberOfFrames", 1) or 1)
    return (frames + 1) // 2 if frames > 1 else None
