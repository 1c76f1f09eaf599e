"""Which text belongs to which graphic: often two objects that nothing links.

References
----------
STANDARDS.md 1.3: (a) the same graphic group, (b) the same compound graphic, (c) the
nearest graphic centre in the same annotation, from the anchor point, else the middle of
the text's box (the only drawing whose line it touches goes before); (d) else the text stands alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pacs_bridge.domain.marks import Mark, Point

TOUCHES = 1.5
"""Pixels between a text's anchor and the line that it is anchored to."""


@dataclass
class Drawn:
    """A graphic as read, and the texts that were linked to it."""

    mark: Mark
    annotation: int
    graphic_group: int | None
    compound: int | None
    texts: list[str] = field(default_factory=list)
    inferred: bool = False
    also_in: set[int] = field(default_factory=set)

    def is_in(self, annotation: int) -> bool:
        """Whether an annotation holds it, or holds it again."""
        return annotation == self.annotation or annotation in self.also_in


@dataclass(frozen=True)
class Written:
    """A text as read, with where it stands."""

    text: str
    mark: Mark
    annotation: int
    graphic_group: int | None
    compound: int | None


def link(
    drawn: Sequence[Drawn], written: Sequence[Written], stands_alone: Callable[[str], bool]
) -> list[Written]:
    """Give each text to its graphic; what is left over is returned.

    Parameters
    ----------
    stands_alone : callable
        Tells of a text that it is about a breast, not a place: never linked by nearness.
    """
    alone: list[Written] = []
    for text in written:
        partners = [
            each
            for each in drawn
            if _may_lie_together(each.mark, text.mark)
            and (
                (text.graphic_group is not None and text.graphic_group == each.graphic_group)
                or (text.compound is not None and text.compound == each.compound)
            )
        ]
        # Some viewers count their groups anew on each image.
        beside = [each for each in partners if each.is_in(text.annotation)]
        if partners:
            for each in beside or partners:
                each.texts.append(text.text)
            continue
        near = [each for each in drawn if each.is_in(text.annotation)]
        nowhere = not text.mark.points and len(near) > 1  # nothing is nearest to it
        if not near or nowhere or stands_alone(text.text):
            alone.append(text)
            continue
        place = text.mark.centre
        touched = [each for each in near if text.mark.points and _touches(each.mark, place)]
        nearest = min(
            touched if len(touched) == 1 else near,
            key=lambda each: _square(each.mark.centre, place),
        )
        nearest.texts.append(text.text)
        nearest.inferred = True
    return alone


def _may_lie_together(graphic: Mark, text: Mark) -> bool:
    """Whether both are on one image: viewers count their groups anew on each."""
    return graphic.image == text.image and (graphic.frame or 1) == (text.frame or 1)


def _touches(graphic: Mark, place: Point) -> bool:
    """Whether a text points at the line of a drawing, however far its centre is."""
    points = graphic.points
    if graphic.shape == "CIRCLE":
        return abs(math.dist(points[0], place) - math.dist(*points)) <= TOUCHES
    if graphic.shape in ("POLYLINE", "POLYGON"):
        return any(
            _distance(place, one, other) <= TOUCHES for one, other in itertools.pairwise(points)
        )
    return any(math.dist(point, place) <= TOUCHES for point in points)


def _distance(place: Point, one: Point, other: Point) -> float:
    """How far a place is from a piece of line."""
    along = _square(one, other)
    share = (
        (place[0] - one[0]) * (other[0] - one[0]) + (place[1] - one[1]) * (other[1] - one[1])
    ) / (along or 1.0)
    share = min(max(share, 0.0), 1.0)
    foot = one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])
    return math.dist(place, foot)


def _square(one: Point, other: Point) -> float:
    return (one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2
