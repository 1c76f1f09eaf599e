r"""Geometry of graphic data in image coordinates.

Image coordinates are continuous, x = column, y = row, with 0.0\0.0 at the top left corner
of the first stored pixel.

References
----------
PS3.3 C.10.5.1.2 and C.18.6.1.1 (the same frame for presentation states and reports);
STANDARDS.md section 4.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pacs_bridge.domain.marks import Point, Shape

CLOSED_WITHIN = 1.0
"""Pixels between the ends of a line that still counts as closed."""


@dataclass(frozen=True)
class DisplayedArea:
    r"""What DISPLAY units are fractions of.

    Parameters
    ----------
    top_left, bottom_right : (int, int)
        Column and row numbers of the corner pixels, the first pixel being 1\1, both
        inclusive, numbered in the untransformed image (PS3.3 C.10.4).
    rotation : int
        0, 90, 180 or 270 degrees clockwise, applied first (PS3.3 C.10.6).
    flipped : bool
        Whether the image is then flipped horizontally.
    """

    top_left: tuple[int, int]
    bottom_right: tuple[int, int]
    rotation: int = 0
    flipped: bool = False


def from_display(point: Point, area: DisplayedArea) -> Point:
    """Turn fractions of the displayed area into image coordinates.

    The corners are taken by minimum and maximum, since after a rotation or flip the top
    left one may have the greater numbers, and some producers ignore that rule.
    """
    left = min(area.top_left[0], area.bottom_right[0]) - 1
    right = max(area.top_left[0], area.bottom_right[0])
    top = min(area.top_left[1], area.bottom_right[1]) - 1
    bottom = max(area.top_left[1], area.bottom_right[1])
    u, v = point
    if area.flipped:
        u = 1 - u
    s, t = {0: (u, v), 90: (v, 1 - u), 180: (1 - u, 1 - v), 270: (1 - v, u)}[area.rotation]
    return left + s * (right - left), top + t * (bottom - top)


def is_closed(points: Sequence[Point]) -> bool:
    """Whether a polyline ends where it begins, within a pixel, and so draws a polygon."""
    if len(points) < 4:
        return False
    (ax, ay), (bx, by) = points[0], points[-1]
    return (bx - ax) ** 2 + (by - ay) ** 2 <= CLOSED_WITHIN**2


def polygon_centroid(points: Sequence[Point]) -> Point:
    """Centroid of a polygon's area; of its vertices where it has no area to speak of.

    The vertex mean would lean towards wherever the pen was slow. The parts of a line that
    crosses itself may cancel out, and throw the centroid far out of what is drawn.
    """
    ring = list(points[:-1]) if len(points) > 1 and points[0] == points[-1] else list(points)
    x0, y0 = ring[0]  # relative to a vertex, so that large coordinates lose no digits
    doubled = moment_x = moment_y = 0.0
    for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1], strict=True):
        ax, ay, bx, by = ax - x0, ay - y0, bx - x0, by - y0
        cross = ax * by - bx * ay
        doubled += cross
        moment_x += (ax + bx) * cross
        moment_y += (ay + by) * cross
    if abs(doubled) < 1e-9:
        return vertex_mean(ring)
    x, y = x0 + moment_x / (3 * doubled), y0 + moment_y / (3 * doubled)
    xs, ys = zip(*ring, strict=True)
    within = min(xs) <= x <= max(xs) and min(ys) <= y <= max(ys)
    return (x, y) if within else vertex_mean(ring)


def vertex_mean(points: Sequence[Point]) -> Point:
    """Mean of the points."""
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def line_centre(points: Sequence[Point]) -> Point:
    """Centre of an open line, weighted by length; of its points where it has none.

    Some viewers leave out the last side of a rectangle: its centre is the rectangle's.
    """
    if len(points) == 2 or _is_open_rectangle(points):
        return vertex_mean(points)
    length = centre_x = centre_y = 0.0
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        piece = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5
        length += piece
        centre_x += piece * (ax + bx) / 2
        centre_y += piece * (ay + by) / 2
    return (centre_x / length, centre_y / length) if length > 0 else vertex_mean(points)


def _is_open_rectangle(points: Sequence[Point]) -> bool:
    """Whether three sides of a rectangle are drawn, within a pixel."""
    if len(points) != 4:
        return False
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    closes = max(abs(ax + cx - bx - dx), abs(ay + cy - by - dy)) <= CLOSED_WITHIN
    diagonals = math.dist(points[0], points[2]), math.dist(points[1], points[3])
    sides = math.dist(points[0], points[1]), math.dist(points[1], points[2])
    is_upright = abs(diagonals[0] - diagonals[1]) <= CLOSED_WITHIN
    return closes and is_upright and min(sides) > CLOSED_WITHIN


def centre_of(shape: Shape, points: Sequence[Point]) -> Point:
    """Centre of what the points draw.

    A circle's is its first point (centre, perimeter); an ellipse's the mean of its four
    axis ends, whichever axis comes first; a polygon's its area centroid; a line's the
    middle of its length.
    """
    if shape in ("POINT", "CIRCLE", "TEXT"):
        return points[0]
    if shape == "POLYGON" or (shape == "INTERPOLATED" and is_closed(points)):
        return polygon_centroid(points)
    if shape in ("POLYLINE", "INTERPOLATED"):
        return line_centre(points)
    return vertex_mean(points)


POINTS_WANTED: dict[str, tuple[int, int | None]] = {
    "POINT": (1, 1),
    "MULTIPOINT": (1, None),
    "CIRCLE": (2, 2),
    "ELLIPSE": (4, 4),
    "POLYLINE": (2, None),
    "INTERPOLATED": (2, None),
}
"""How many points each graphic type has, least and most (PS3.3 C.10.5.1.2, C.18.6.1.2)."""


def shape_of(graphic_type: str, points: Sequence[Point]) -> Shape | None:
    """The shape a graphic type and its points draw; None where they do not fit each other."""
    least, most = POINTS_WANTED.get(graphic_type, (1, 0))
    if len(points) < least or (most is not None and len(points) > most):
        return None
    if graphic_type == "MULTIPOINT":
        return "POINT"
    if graphic_type == "POLYLINE":
        return "POLYGON" if is_closed(points) else "POLYLINE"
    shapes: dict[str, Shape] = {
        "POINT": "POINT",
        "CIRCLE": "CIRCLE",
        "ELLIPSE": "ELLIPSE",
        "INTERPOLATED": "INTERPOLATED",
    }
    return shapes.get(graphic_type)
