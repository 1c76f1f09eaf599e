"""When two drawings are one: the same line on the image, however its points are written down.

A viewer writes a circle with whichever rim point its tool had, an ellipse from either end and
either axis, a polygon from any corner, either way round, with its first corner again at the end or
not; and another form for each kind of object.

References
----------
PS3.3 C.10.5.1.2 and C.18.6.1.2 (graphic types); DESIGN.md section 3 (within a pixel).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations

from pacs_bridge.domain.marks import Point, Shape

_CIRCLE, _ELLIPSE = 2, 4  # points of each
_ENDS = tuple(
    order for order in permutations(range(_ELLIPSE)) if {order[0], order[1]} in ({0, 1}, {2, 3})
)
"""Orders in which the ends of two axes may be written."""


def is_same_outline(
    shape: Shape, one: Sequence[Point], other: Sequence[Point], within: float
) -> bool:
    """Whether two drawings of one shape agree to within so many pixels in x and in y."""
    if shape == "CIRCLE" and len(one) == len(other) == _CIRCLE:
        radii = math.dist(*one), math.dist(*other)
        return _near(one[0], other[0], within) and abs(radii[0] - radii[1]) <= within
    if shape == "ELLIPSE" and len(one) == len(other) == _ELLIPSE:
        return any(_agree(one, [other[place] for place in order], within) for order in _ENDS)
    if shape == "POLYGON":
        return _same_ring(_ring(one), _ring(other), within)
    return _agree(one, other, within)


def anchor_of(shape: Shape, points: Sequence[Point]) -> Point:
    """A point that moves no further than the drawing's points do, however they are written."""
    if shape not in ("ELLIPSE", "POLYGON"):
        return points[0]
    across, down = zip(*points, strict=True)
    return (min(across) + max(across)) / 2, (min(down) + max(down)) / 2


def _near(one: Point, other: Point, within: float) -> bool:
    return abs(one[0] - other[0]) <= within and abs(one[1] - other[1]) <= within


def _agree(one: Sequence[Point], other: Sequence[Point], within: float) -> bool:
    return len(one) == len(other) and all(
        _near(a, b, within) for a, b in zip(one, other, strict=True)
    )


def _ring(points: Sequence[Point]) -> Sequence[Point]:
    """The corners, the first of them not once more at the end."""
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


def _same_ring(one: Sequence[Point], other: Sequence[Point], within: float) -> bool:
    if len(one) != len(other):
        return False
    for ring in (list(other), list(reversed(other))):
        for first, corner in enumerate(ring):
            turned = _near(one[0], corner, within)
            if turned and _agree(one, [*ring[first:], *ring[:first]], within):
                return True
    return False
