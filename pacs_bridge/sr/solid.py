"""Room coordinates (SCOORD3D) to marks on the frames that they lie on.

A point belongs to the frame whose plane it lies on; what lies on none, on several, or on
frames of several images is refused by name and never moved to what is near.

References
----------
PS3.3 C.18.9; STANDARDS.md 4.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pacs_bridge.domain.marks import Point, Shape
from pacs_bridge.sr import elements, geometry
from pacs_bridge.sr.planes import Room, Slice, Vector
from pacs_bridge.sr.tree import Node
from pacs_bridge.sr.unread import Unread

_POINTS: dict[str, tuple[int, int | None]] = {
    "POINT": (1, 1),
    "MULTIPOINT": (1, None),
    "POLYLINE": (2, None),
    "POLYGON": (3, None),
    "ELLIPSE": (4, 4),
}
"""How many points each type has, least and most; an ELLIPSOID is drawn on no frame."""


class OnFrame(NamedTuple):
    """What room coordinates draw on a frame."""

    image: str
    frame: int | None
    shape: Shape
    points: tuple[Point, ...]


def on_frames(
    node: Node, room: Room | None, images: tuple[str, ...], unread: Unread
) -> Iterator[OnFrame]:
    """Put room coordinates onto the frames of images; each point of a MULTIPOINT by itself.

    Parameters
    ----------
    room : Room or None
        Where the frames of the images lie; None where that is not known.
    images : tuple of str
        The images that may be meant; any, where none of them lies there.
    """
    reference = elements.uid(node.item, "ReferencedFrameOfReferenceUID")
    kind = elements.text(node.item, "GraphicType").upper()
    if room is None or not room.knows(reference):
        unread.add("unread-3d")
        return
    if kind == "ELLIPSOID":
        unread.add("unread-3d-body")
        return
    points = elements.triplets(node.item, "GraphicData")
    least, most = _POINTS.get(kind, (1, 0))
    if points is None or len(points) < least or (most is not None and len(points) > most):
        unread.add("unread-graphic")
        return
    for part in [(point,) for point in points] if kind == "MULTIPOINT" else [points]:
        found = _slice(room, reference, part, images, unread)
        if found is None:
            continue
        seen = tuple(found.seen_at(point) for point in part)
        drawn = geometry.shape_of("POLYLINE" if kind == "POLYGON" else kind, seen)
        if drawn is not None:
            shape: Shape = "POLYGON" if kind == "POLYGON" else drawn
            yield OnFrame(found.image, found.frame, shape, seen)


def _slice(
    room: Room,
    reference: str,
    points: tuple[Vector, ...],
    images: tuple[str, ...],
    unread: Unread,
) -> Slice | None:
    found = room.slices_at(reference, points, images)
    if len(found) > 1:
        within = [each for each in found if all(_is_within(each, point) for point in points)]
        found = within if len(within) == 1 else found
    if len(found) == 1:
        return found[0]
    unread.add("unread-3d-image" if found else "unread-3d-plane")
    return None


def _is_within(one: Slice, point: Vector) -> bool:
    x, y = one.seen_at(point)
    return 0 <= x <= one.columns and 0 <= y <= one.rows
