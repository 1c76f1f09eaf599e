"""How far a point lies from a lesion's region, in pixels.

Coordinates are image coordinates as in `pacs_bridge.domain.marks.Point`. The outline belongs
to the region.
"""

from __future__ import annotations

import math

import numpy as np

from pacs_bridge.domain.marks import Point
from pacs_bridge.domain.truth import Region


def distance_to(region: Region, point: Point) -> float:
    """Tell how far a point lies outside a region, in pixels; 0.0 within it and on its outline.

    References
    ----------
    PS3.3 section C.18.6.1.2, graphic types.
    """
    if region.shape == "CIRCLE":
        centre, rim = region.points
        return max(0.0, math.dist(centre, point) - math.dist(centre, rim))
    if region.shape == "ELLIPSE":
        return _outside_ellipse(region.points, point)
    return _outside_polygon(region.points, point)


def centre_of(region: Region) -> Point:
    """Give the middle of a region: of a polygon the mean of its corners."""
    points = {"CIRCLE": region.points[:1], "ELLIPSE": region.points[:2]}.get(
        region.shape, region.points
    )
    return (
        sum(x for x, _ in points) / len(points),
        sum(y for _, y in points) / len(points),
    )


def _outside_ellipse(axes: tuple[Point, ...], point: Point) -> float:
    """Distance to an ellipse given by the ends of its major, then of its minor axis.

    Only the length of the minor axis is used: its direction is the major's turned by a right
    angle, so ends rounded to whole pixels do not skew the ellipse.
    """
    (x1, y1), (x2, y2), minor1, minor2 = axes
    a, b = math.dist(axes[0], axes[1]) / 2, math.dist(minor1, minor2) / 2
    along = ((x2 - x1) / (2 * a), (y2 - y1) / (2 * a))
    dx, dy = point[0] - (x1 + x2) / 2, point[1] - (y1 + y2) / 2
    # The ellipse is symmetric: the quarter with both coordinates positive stands for all.
    u = abs(dx * along[0] + dy * along[1])
    v = abs(dy * along[0] - dx * along[1])
    if (u / a) ** 2 + (v / b) ** 2 <= 1:
        return 0.0
    # The nearest outline point is (a²u / (t + a²), b²v / (t + b²)) for the one t > 0 that puts
    # it on the outline; the excess falls with t and is convex, so Newton's steps from 0 creep
    # up to that t and never pass it.
    t = 0.0
    for _ in range(64):
        p, q = a * u / (t + a * a), b * v / (t + b * b)
        excess = p * p + q * q - 1
        if excess < 1e-14:
            break
        t += excess / (2 * (p * p / (t + a * a) + q * q / (t + b * b)))
    return math.hypot(u - a * p, v - b * q)


def _outside_polygon(corners: tuple[Point, ...], point: Point) -> float:
    """Distance to a closed polygon; within is told by the even-odd rule."""
    start = np.asarray(corners) - point  # the point becomes the origin
    end = np.roll(start, -1, axis=0)
    x, y = start.T
    u, v = end.T
    crosses = (y > 0) != (v > 0)
    # Where the edge meets the row of the point; a level edge never crosses it.
    meets = x + (u - x) * np.divide(-y, v - y, out=np.zeros_like(y), where=crosses)
    if np.count_nonzero(crosses & (meets > 0)) % 2:
        return 0.0
    edge = end - start
    length = np.einsum("ij,ij->i", edge, edge)
    share = np.divide(
        -np.einsum("ij,ij->i", start, edge), length, out=np.zeros_like(length), where=length > 0
    )
    nearest = start + np.clip(share, 0.0, 1.0)[:, None] * edge
    return float(np.hypot(*nearest.T).min())
