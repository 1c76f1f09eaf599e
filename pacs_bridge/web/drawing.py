"""Marks as shapes of SVG, in image coordinates: the viewBox scales, nothing is computed twice.

The shapes stand in an ``svg`` whose viewBox is columns x rows of the image, over a picture of
the whole image, so that a point lies where it lies in the pixels, however large it is shown.

References
----------
DESIGN.md 4 (image coordinates); PS3.3 C.10.5.1.2 and C.18.6.1.2 (graphic types).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pacs_bridge.domain.hanging import AS_STORED, Mirroring
from pacs_bridge.domain.marks import Point
from pacs_bridge.domain.receipts import ReceiptImage, ReceiptMark

_CLOSED_WITHIN = 1.0
_VIEW_ORDER = ("CC", "MLO")


@dataclass(frozen=True)
class Drawn:
    """One element of SVG: its name and attributes."""

    tag: str
    attributes: dict[str, str]


def draw_shape(mark: ReceiptMark) -> Drawn | None:
    """Give the shape of a mark in image coordinates; None for what has none to draw."""
    points = mark.points
    if not points or not all(math.isfinite(n) for point in points for n in point):
        return None
    if mark.shape == "POINT":
        return Drawn("path", {"d": f"M{_pair(points[0])}h0"})
    if mark.shape == "CIRCLE" and len(points) >= 2:
        (x, y), radius = points[0], math.dist(points[0], points[1])
        return Drawn("circle", {"cx": _n(x), "cy": _n(y), "r": _n(radius)})
    if mark.shape == "ELLIPSE" and len(points) >= 4:
        return _ellipse(points)
    if mark.shape == "POLYLINE":
        return Drawn("polyline", {"points": _pairs(points)})
    if mark.shape == "POLYGON":
        return Drawn("polygon", {"points": _pairs(points)})
    if mark.shape == "INTERPOLATED":
        return Drawn("path", {"d": _curve(points)})
    return _box(points) if mark.shape == "BITMAP" else None


def _ellipse(points: Sequence[Point]) -> Drawn:
    """Draw an ellipse by the ends of its two axes, whichever comes first."""
    (ax, ay), (bx, by), *_ = points
    x, y = (sum(each) / 4 for each in zip(*points[:4], strict=True))
    turn = math.degrees(math.atan2(by - ay, bx - ax))
    return Drawn(
        "ellipse",
        {
            "cx": _n(x),
            "cy": _n(y),
            "rx": _n(math.dist(points[0], points[1]) / 2),
            "ry": _n(math.dist(points[2], points[3]) / 2),
            "transform": f"rotate({_n(turn)} {_n(x)} {_n(y)})",
        },
    )


def _curve(points: Sequence[Point]) -> str:
    """Draw a smooth line through all points (Catmull-Rom), closed where its ends meet."""
    ring = len(points) > 3 and math.dist(points[0], points[-1]) <= _CLOSED_WITHIN
    before, after = (points[-2], points[1]) if ring else (points[0], points[-1])
    path = [f"M{_pair(points[0])}"]
    for p, a, b, q in _windows([before, *points, after]):
        first = (a[0] + (b[0] - p[0]) / 6, a[1] + (b[1] - p[1]) / 6)
        second = (b[0] - (q[0] - a[0]) / 6, b[1] - (q[1] - a[1]) / 6)
        path.append(f"C{_pair(first)} {_pair(second)} {_pair(b)}")
    return " ".join(path)


def _windows(points: Sequence[Point]) -> Iterable[tuple[Point, Point, Point, Point]]:
    return zip(points, points[1:], points[2:], points[3:], strict=False)


def _box(points: Sequence[Point]) -> Drawn:
    left, top = (min(each) for each in zip(*points, strict=True))
    right, bottom = (max(each) for each in zip(*points, strict=True))
    size = {"width": _n(right - left), "height": _n(bottom - top)}
    return Drawn("rect", {"x": _n(left), "y": _n(top)} | size)


def place_label(
    mark: ReceiptMark, image: ReceiptImage, shown: Mirroring = AS_STORED
) -> dict[str, str]:
    """Say where the number of a mark stands: at its upper right as shown, inside the picture."""
    points = _around(mark)
    placed = [shown.place((x / max(1, image.columns), y / max(1, image.rows))) for x, y in points]
    right, top = max(x for x, _ in placed), min(y for _, y in placed)
    x, y = (min(max(each, 0.0), 1.0) for each in (right, top))
    at_edge = x > 0.9
    away = 12 if mark.shape == "POINT" else 4
    return {
        "x": f"{x:.4%}",
        "y": f"{y:.4%}",
        "dx": str(-away if at_edge else away),
        "dy": "18" if y < 0.08 else "-6",
        "text-anchor": "end" if at_edge else "start",
    }


def _around(mark: ReceiptMark) -> Sequence[Point]:
    """Give points between which a mark lies, as far as its number needs them."""
    x, y = mark.centre
    if mark.shape == "CIRCLE" and len(mark.points) >= 2:
        away = math.dist(mark.points[0], mark.points[1]) * 0.7
        return (x - away, y - away), (x + away, y + away)
    return mark.points if mark.points and mark.shape != "POINT" else (mark.centre,)


def place_ring(
    mark: ReceiptMark, image: ReceiptImage, shown: Mirroring = AS_STORED
) -> dict[str, str] | None:
    """Say where the ring round a point stands; None for what shows itself."""
    if mark.shape != "POINT" or draw_shape(mark) is None:
        return None
    x, y = mark.points[0]
    x, y = shown.place((x / max(1, image.columns), y / max(1, image.rows)))
    return {"cx": f"{x:.6%}", "cy": f"{y:.6%}"}


def tell_drawn(mark: ReceiptMark) -> str:
    """Give the points of a mark as the sheet takes them again: ``x,y x,y``."""
    return _pairs(mark.points)


def hang(images: Iterable[ReceiptImage]) -> list[tuple[int | None, int | None]]:
    """Hang images in rows: a view each, the right breast at the left as everywhere.

    Returns
    -------
    list of (int or None, int or None)
        For each row the places of its images in what was given; None where a row has but one.
    """
    views: dict[str, dict[str, list[int]]] = {}
    for place, image in enumerate(images):
        side = image.laterality if image.laterality in ("R", "L") else ""
        views.setdefault(image.view, {}).setdefault(side, []).append(place)
    rows: list[tuple[int | None, int | None]] = []
    for view in sorted(views, key=_view_rank):
        sides = views[view]
        rows += itertools.zip_longest(sides.get("R", []), sides.get("L", []))
        unsaid = sides.get("", [])
        rows += itertools.zip_longest(unsaid[::2], unsaid[1::2])
    return rows


def _view_rank(view: str) -> tuple[int, str]:
    return (_VIEW_ORDER.index(view) if view in _VIEW_ORDER else len(_VIEW_ORDER), view)


def _n(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")


def _pair(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _pairs(points: Sequence[Point]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
