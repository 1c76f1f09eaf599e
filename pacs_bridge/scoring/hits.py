"""The hit rule: which marks localise a lesion, which repeat it, which point at nothing.

A mark whose centre lies in a lesion's region on that image, or within the tolerance of it,
localises the lesion; on any view. One mark localises one lesion, and a lesion is localised
once: further marks on it are repeats, dropped and no false positives. A mark that hits no
region is a false-positive location. Marks that are linked are one finding on several views: where
one of them hits, no other is a false positive, and where none does, they are one false positive,
that of the highest rating. The suspicion given to a mark plays no part in where it
is: a lesion seen and taken for benign was seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pacs_bridge.domain.marks import Laterality, Mark
from pacs_bridge.domain.reading import is_location
from pacs_bridge.domain.truth import Lesion, Region
from pacs_bridge.scoring.regions import centre_of, distance_to

RULE = "centre-in-region/2"
"""Name and version of this rule; the number rises with every change that can move a figure."""

ROUNDING = 1e-6
"""A point this near to an outline, in pixels, lies on it: arithmetic is no finer."""

Verdict = Literal["hit", "repeat", "false-positive", "ignored"]


@dataclass(frozen=True)
class Location:
    """What became of one mark.

    Parameters
    ----------
    verdict : str
        ``hit``, ``repeat`` (of a lesion already hit, or of a finding that counts by another of
        its marks), ``false-positive``, or ``ignored`` (it points at no tissue: a label, an
        outline).
    lesion_id : str or None
        The lesion that it hit or repeats; None for the repeat of a false positive.
    laterality : str or None
        The breast that it lies on: as truth knows the image, else as the mark says.
    """

    verdict: Verdict
    lesion_id: str | None
    laterality: Laterality | None


def locate_marks(
    marks: Sequence[Mark], lesions: Sequence[Lesion], *, tolerance: float = 0.0
) -> tuple[Location, ...]:
    """Apply the hit rule to all marks of one reading.

    Parameters
    ----------
    marks : sequence of Mark
        In any order: of several on one lesion the one with the highest rating is the hit.
    lesions : sequence of Lesion
        Of the whole case, both breasts.
    tolerance : float
        How far outside a region a centre may lie and still hit it, in pixels.

    Returns
    -------
    tuple of Location
        One a mark, in the marks' order.
    """
    side_of = {r.image: lesion.laterality for lesion in lesions for r in lesion.regions}
    found: dict[int, Location] = {}
    taken: set[str] = set()
    for place in sorted(range(len(marks)), key=lambda i: (-(marks[i].rating or 0), i)):
        mark = marks[place]
        side = side_of.get(mark.image, mark.laterality)
        lesion = _lesion_at(mark, lesions, tolerance)
        if not is_location(mark):
            found[place] = Location("ignored", None, side)
        elif lesion is None:
            found[place] = Location("false-positive", None, side)
        else:
            verdict: Verdict = "repeat" if lesion.lesion_id in taken else "hit"
            taken.add(lesion.lesion_id)
            found[place] = Location(verdict, lesion.lesion_id, lesion.laterality)
    _count_once(marks, found)
    return tuple(found[place] for place in range(len(marks)))


def _count_once(marks: Sequence[Mark], found: dict[int, Location]) -> None:
    """Let a finding of several linked marks be no more than one false positive, or none.

    `found` is in the order of the ratings, highest first.
    """
    located: dict[str, str | None] = {}
    for place, location in found.items():
        link = marks[place].link
        if link and location.lesion_id is not None:
            located.setdefault(link, location.lesion_id)
    for place, location in found.items():
        link = marks[place].link
        if not link or location.verdict != "false-positive":
            continue
        if link in located:
            found[place] = replace(location, verdict="repeat", lesion_id=located[link])
        else:
            located[link] = None


def _lesion_at(mark: Mark, lesions: Sequence[Lesion], tolerance: float) -> Lesion | None:
    """The lesion that a mark hits; where regions overlap, the one whose middle is nearest."""
    best: tuple[float, float] = (math.inf, math.inf)
    hit: Lesion | None = None
    for lesion in lesions:
        for region in lesion.regions:
            if not _same_picture(mark, region):
                continue
            outside = distance_to(region, mark.centre)
            if outside > tolerance + ROUNDING:
                continue
            nearness = (outside, math.dist(centre_of(region), mark.centre))
            if nearness < best:
                best, hit = nearness, lesion
    return hit


def _same_picture(mark: Mark, region: Region) -> bool:
    """Whether both lie on one image and frame; no frame stands for any."""
    return mark.image == region.image and (
        mark.frame is None or region.frame is None or mark.frame == region.frame
    )
