"""Where the frames of images lie in the room, and on which of them a point of it does.

Only what is cut (tomosynthesis, as one image of many frames or as a series of single ones)
says where it lies. A projection does not: no point of the room is on it.

References
----------
PS3.3 C.7.6.2 (image plane), C.7.6.16.2.1, .3 and .4 (pixel measures, plane position and
orientation of frames), C.18.9 (SCOORD3D); STANDARDS.md 4.7.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Point
from pacs_bridge.sr import elements

if TYPE_CHECKING:
    from pydicom import Dataset

Vector = tuple[float, float, float]
"""Millimetres, or a direction, in a frame of reference."""

HEADER_KEYWORDS = (
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SpacingBetweenSlices",
    "SliceThickness",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
"""All that `stack_of` looks at."""

MOST_FRAMES = 10_000
"""Frames of one image whose place is read."""

_ROUNDING = 1e-3
"""Millimetres, since positions are written in decimals and coordinates in single precision."""


@dataclass(frozen=True)
class Slice:
    """One frame in the room.

    Parameters
    ----------
    frame : int or None
        Frame number, 1-based; None where the image has one frame only.
    origin : (float, float, float)
        The centre of the first pixel.
    along_rows, along_columns : (float, float, float)
        Unit vectors from pixel to pixel of a row, and of a column.
    row_spacing, column_spacing : float
        Millimetres from row to row, and from column to column.
    """

    image: str
    frame: int | None
    origin: Vector
    along_rows: Vector
    along_columns: Vector
    row_spacing: float
    column_spacing: float
    rows: int
    columns: int

    @property
    def normal(self) -> Vector:
        """What stands upright on the frame, of length one."""
        (ax, ay, az), (bx, by, bz) = self.along_rows, self.along_columns
        return ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx

    def above(self, point: Vector) -> float:
        """How far a point lies from the plane, in millimetres; negative on its other side."""
        return _dot(_minus(point, self.origin), self.normal)

    def seen_at(self, point: Vector) -> Point:
        """Image coordinates of a point: the first pixel's centre is at 0.5, 0.5."""
        way = _minus(point, self.origin)
        return (
            _dot(way, self.along_rows) / self.column_spacing + 0.5,
            _dot(way, self.along_columns) / self.row_spacing + 0.5,
        )


@dataclass(frozen=True)
class Stack:
    """Slices that lie behind one another: the frames of an image, or the images of a series.

    Parameters
    ----------
    spacing : float
        Millimetres from a slice to the next.
    """

    frame_of_reference: str
    series: str
    slices: tuple[Slice, ...]
    spacing: float

    def slice_at(self, points: Sequence[Vector]) -> Slice | None:
        """The slice on which all points lie, within half of the spacing; None where none is."""
        far, number = min(
            (max(abs(each.above(point)) for point in points), number)
            for number, each in enumerate(self.slices)
        )
        return self.slices[number] if far <= self.spacing / 2 + _ROUNDING else None


@dataclass
class Room:
    """Every stack that is known, by the frame of reference it lies in."""

    stacks: dict[str, list[Stack]] = field(default_factory=dict)

    @classmethod
    def of(cls, stacks: Iterable[Stack]) -> Room:
        """Make one of images' stacks, those of a series with single frames united."""
        series: dict[tuple[str, str], list[Stack]] = {}
        room: dict[str, list[Stack]] = {}
        for each in stacks:
            if len(each.slices) == 1 and each.series:
                series.setdefault((each.frame_of_reference, each.series), []).append(each)
            else:
                room.setdefault(each.frame_of_reference, []).append(each)
        for (reference, _), single in series.items():
            room.setdefault(reference, []).append(_united(single))
        return cls(room)

    def knows(self, frame_of_reference: str) -> bool:
        """Whether any image lies in a frame of reference."""
        return frame_of_reference in self.stacks

    def slices_at(
        self, frame_of_reference: str, points: Sequence[Vector], images: Iterable[str] = ()
    ) -> list[Slice]:
        """Slices on which all points lie, one a stack at most.

        Parameters
        ----------
        images : iterable of str
            The images that may be meant; any, where none of them lies there.
        """
        stacks, meant = self.stacks.get(frame_of_reference, []), frozenset(images)
        named = [each for each in stacks if any(one.image in meant for one in each.slices)]
        found = [each.slice_at(points) for each in named or stacks]
        return [one for one in found if one and (not named or one.image in meant)]


def stack_of(ds: Dataset) -> Stack | None:
    """Tell where the frames of an image lie; None where it does not say so of each."""
    reference, image = elements.uid(ds, "FrameOfReferenceUID"), elements.uid(ds, "SOPInstanceUID")
    rows, columns = elements.integers(ds, "Rows"), elements.integers(ds, "Columns")
    if not (reference and image and rows and columns):
        return None
    frames = elements.items(ds, "PerFrameFunctionalGroupsSequence")[:MOST_FRAMES]
    shared = elements.items(ds, "SharedFunctionalGroupsSequence")[:1]
    if not frames and (elements.integers(ds, "NumberOfFrames") or [1])[0] > 1:
        return None
    slices = []
    for number, frame in enumerate(frames or [ds], 1):
        numbered = number if len(frames) > 1 else None
        one = _slice(image, numbered, [frame, *shared, ds], (rows[0], columns[0]))
        if one is None:
            return None
        slices.append(one)
    said = [_first([*frames[:1], *shared, ds], key, 1) for key in _THICK]
    thick = next((each[0] for each in said if each and each[0] > 0), 0.0)
    series = elements.uid(ds, "SeriesInstanceUID")
    return Stack(reference, series, tuple(slices), _gap(slices) or thick)


_THICK = ("SpacingBetweenSlices", "SliceThickness")
_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
}


def _first(places: Iterable[Dataset], keyword: str, count: int) -> list[float]:
    """So many numbers of an element: the frame's own, else what all frames share."""
    for place in places:
        for item in (*elements.items(place, _GROUPS[keyword])[:1], place):
            found = elements.numbers(item, keyword)
            if len(found) == count:
                return found
    return []


def _slice(
    image: str, number: int | None, places: list[Dataset], size: tuple[int, int]
) -> Slice | None:
    origin = _first(places, "ImagePositionPatient", 3)
    direction = _first(places, "ImageOrientationPatient", 6)
    spacing = _first(places, "PixelSpacing", 2)
    if not (origin and direction and spacing) or min(spacing) <= 0:
        return None
    along_rows, along_columns = _unit(direction[:3]), _unit(direction[3:])
    if not along_rows or not along_columns or abs(_dot(along_rows, along_columns)) > 0.01:
        return None
    return Slice(
        image, number, _vector(origin), along_rows, along_columns, spacing[0], spacing[1], *size
    )


def _gap(slices: Sequence[Slice]) -> float:
    """Millimetres from a slice to the next; 0 where they do not tell."""
    places = sorted({round(slices[0].above(each.origin), 6) for each in slices})
    gaps = [b - a for a, b in itertools.pairwise(places)]
    return median(gaps) if gaps else 0.0


def _united(single: list[Stack]) -> Stack:
    slices = tuple(each.slices[0] for each in single)
    return replace(single[0], slices=slices, spacing=_gap(slices) or single[0].spacing)


def _vector(numbers: Sequence[float]) -> Vector:
    x, y, z = numbers
    return x, y, z


def _unit(numbers: Sequence[float]) -> Vector | None:
    length = math.hypot(*numbers)
    return _vector([each / length for each in numbers]) if length > 1e-6 else None


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _minus(a: Vector, b: Vector) -> Vector:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]
