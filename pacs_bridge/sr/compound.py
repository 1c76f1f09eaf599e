"""Compound graphics (arrows, rulers, boxes) as the simple graphics that draw the same.

A state may hold a compound graphic and an equal set of simple ones, for viewers that know
those only. One of the two is counted: the simple one where it is single, else the compound
one, since ticks of a ruler are no marks.

References
----------
PS3.3 C.10.5.1.3; STANDARDS.md 4.6.
"""

from __future__ import annotations

import math

from pacs_bridge.domain.marks import Point

POINTS_WANTED: dict[str, tuple[int, int | None]] = {
    "MULTILINE": (2, None),
    "INFINITELINE": (2, 2),
    "CUTLINE": (2, None),
    "RANGELINE": (2, None),
    "RULER": (2, None),
    "AXIS": (2, None),
    "CROSSHAIR": (1, None),
    "ARROW": (2, 2),
    "RECTANGLE": (2, 2),
    "ELLIPSE": (2, 2),
}
"""How many points each compound graphic type has, least and most."""


SCALES = frozenset({"RULER", "AXIS", "RANGELINE", "CROSSHAIR"})
"""Compound graphics that may bear ticks with numbers."""


def as_simple(
    kind: str, points: tuple[Point, ...], degrees: float, pivot: Point | None
) -> tuple[str, tuple[Point, ...]] | None:
    """Draw a compound graphic as a simple one.

    Parameters
    ----------
    kind : str
        Compound Graphic Type (0070,0294).
    points : tuple of (float, float)
        In image coordinates; two corners of the box for RECTANGLE and ELLIPSE.
    degrees : float
        Rotation Angle (0070,0230), counter-clockwise as seen.
    pivot : (float, float) or None
        Rotation Point (0070,0273); the middle of the points where it is not given.

    Returns
    -------
    (graphic type, points) or None
        None where the type is unknown or its points do not fit it.
    """
    least, most = POINTS_WANTED.get(kind, (1, 0))
    if len(points) < least or (most is not None and len(points) > most):
        return None
    if kind in ("RECTANGLE", "ELLIPSE"):
        (ax, ay), (bx, by) = points
        if ax == bx or ay == by:
            return None
        drawn = _rectangle(ax, ay, bx, by) if kind == "RECTANGLE" else _ellipse(ax, ay, bx, by)
        simple = "POLYLINE" if kind == "RECTANGLE" else "ELLIPSE"
    else:
        drawn, simple = points, "POLYLINE" if len(points) > 1 else "POINT"
    about = pivot or _middle(points)
    return simple, tuple(rotate(point, about, degrees) for point in drawn)


def rotate(point: Point, about: Point, degrees: float) -> Point:
    """Turn a point counter-clockwise as seen, rows counting downwards."""
    if not degrees:
        return point
    turn = math.radians(degrees)
    x, y = point[0] - about[0], point[1] - about[1]
    return (
        about[0] + x * math.cos(turn) + y * math.sin(turn),
        about[1] - x * math.sin(turn) + y * math.cos(turn),
    )


def _rectangle(ax: float, ay: float, bx: float, by: float) -> tuple[Point, ...]:
    return (ax, ay), (bx, ay), (bx, by), (ax, by), (ax, ay)


def _ellipse(ax: float, ay: float, bx: float, by: float) -> tuple[Point, ...]:
    """Ends of the longer axis, then of the shorter."""
    x, y = (ax + bx) / 2, (ay + by) / 2
    across: tuple[Point, ...] = ((min(ax, bx), y), (max(ax, bx), y))
    down: tuple[Point, ...] = ((x, min(ay, by)), (x, max(ay, by)))
    return across + down if abs(bx - ax) >= abs(by - ay) else down + across


def _middle(points: tuple[Point, ...]) -> Point:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
