r"""Overlay bitmaps (groups 60xx) to marks: each connected blob is one, for a person to confirm.

Some workstations save what was drawn as a bitmap only, in a presentation state or in the
image that they send again. A bitmap knows no strokes: a blob may be a mark, its label or
what the modality itself wrote there, so each is flagged and enters no reading unconfirmed.

References
----------
PS3.3 C.9.2 (overlay plane), C.11.7 (activation); PS3.5 8.1.2 (bits packed from the lowest
up); STANDARDS.md 1.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pacs_bridge.domain.marks import NEEDS_CONFIRMATION, Mark, Point
from pacs_bridge.sr import elements
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

SMALLEST_BLOB = 4
"""Pixels; fewer are dust or the dots of burnt-in text."""

MOST_BLOBS = 500
"""Blobs read of one plane; more is a picture, no drawing."""

MOST_RUNS = 200_000
"""Rows' runs of set bits looked at; a drawing has a few thousand."""

MOST_BITS = 1 << 26
"""Rows times columns of one plane."""

MOST_MARKS = 2_000
"""Blobs read of one object, whatever its planes and frames."""

GROUPS = range(0x6000, 0x6100, 2)
"""The sixteen of the standard, and those behind them that older editions had."""


@dataclass(frozen=True)
class Blob:
    r"""Pixels of a bitmap that touch one another, edges or corners.

    Parameters
    ----------
    box : ((float, float), (float, float))
        Corners of the rectangle round it, in image coordinates, top left first.
    centre : (float, float)
        Mean of the pixels' centres, in image coordinates: the first pixel's is 0.5\0.5.
    pixels : int
        How many there are.
    """

    box: tuple[Point, Point]
    centre: Point
    pixels: int


def read_overlays(
    ds: Dataset, image: str, flags: tuple[str, ...], unread: Unread, frame: int | None = None
) -> list[Mark]:
    """Turn every overlay plane of a data set into marks of shape BITMAP.

    Parameters
    ----------
    image : str
        SOP Instance UID of the image that the planes lie on; empty where it is not known.
    flags : tuple of str
        What is to be said of every mark beside that it needs confirmation.
    unread : Unread
        Told of each plane that could not be read.
    frame : int or None
        Frame of the image, for planes that do not tell.

    Returns
    -------
    list of Mark
        Two points each, the corners of the blob's box; one group a plane's frame.
    """
    marks: list[Mark] = []
    there = {int(tag) >> 16 for tag in ds.keys()}  # noqa: SIM118  the data set itself would decode
    for group in sorted(there.intersection(GROUPS) - _shutters(ds)):
        layer = elements.group_text(ds, group, 0x1001)[:16]
        for number, blobs in _planes(ds, group, unread):
            if len(marks) + len(blobs) > MOST_MARKS:
                unread.add("too-large")
                return marks
            plane = f"overlay {group:04X}" + (f" frame {number}" if number else "")
            plane += f" on layer {layer}" if layer else ""
            marks += [
                Mark(
                    image=image,
                    frame=number or frame,
                    shape="BITMAP",
                    points=blob.box,
                    centre=blob.centre,
                    item=f"{plane}, blob {place}",
                    flags=(*flags, NEEDS_CONFIRMATION),
                )
                for place, blob in enumerate(blobs, 1)
            ]
    return marks


def _shutters(ds: Dataset) -> set[int]:
    """Groups that cover what is not to be seen, and so draw nothing.

    References
    ----------
    PS3.3 C.7.6.15 (bitmap display shutter).
    """
    shapes = {shape.upper() for shape in elements.words(ds, "ShutterShape")}
    return set(elements.integers(ds, "ShutterOverlayGroup")) if "BITMAP" in shapes else set()


def _planes(ds: Dataset, group: int, unread: Unread) -> Iterator[tuple[int | None, list[Blob]]]:
    """Each frame of one overlay group with its blobs; the number is the image's, 1-based."""
    data = elements.group_bytes(ds, group, 0x3000)
    if not data:
        is_embedded = _number(ds, group, 0x0100, 1) > 1 or _number(ds, group, 0x0102, 0) > 0
        if (group, 0x0010) in ds and is_embedded:
            unread.add("unread-embedded-overlay")
        elif (group, 0x1001) in ds and elements.group_text(ds, group, 0x1001):
            unread.add("unread-image-overlay")
        return
    rows, columns = _number(ds, group, 0x0010, 0), _number(ds, group, 0x0011, 0)
    frames = max(1, _number(ds, group, 0x0015, 1))
    bits = rows * columns
    is_whole = 0 < bits <= MOST_BITS and bits * frames <= 8 * len(data)
    if _number(ds, group, 0x0100, 1) != 1 or rows < 1 or columns < 1 or not is_whole:
        unread.add("unread-overlay")
        return
    top, left = _origin(ds, group)
    first = _number(ds, group, 0x0051, 1)
    packed = np.frombuffer(data, np.uint8)
    for frame in range(frames):
        # Frames follow one another bit by bit, so that one may begin within a byte.
        start, end = frame * bits, (frame + 1) * bits
        piece = np.unpackbits(packed[start // 8 : -(-end // 8)], bitorder="little")
        plane = piece[start % 8 : start % 8 + bits].reshape(rows, columns)
        blobs = blobs_of(plane, left - 1, top - 1)
        if blobs is None:
            unread.add("unread-overlay-picture")
        elif not blobs and plane.any():
            unread.add("unread-overlay-dust")
        else:
            yield (first + frame if frames > 1 or (group, 0x0051) in ds else None), blobs


def _origin(ds: Dataset, group: int) -> tuple[int, int]:
    """Row and column of the plane's first pixel, 1-based; may be negative."""
    origin = elements.group_integers(ds, group, 0x0050)
    return (origin[0], origin[1]) if len(origin) == 2 else (1, 1)


def _number(ds: Dataset, group: int, element: int, otherwise: int) -> int:
    values = elements.group_integers(ds, group, element)
    return values[0] if values else otherwise


def blobs_of(plane: NDArray[np.uint8], left: int = 0, top: int = 0) -> list[Blob] | None:
    """Find the connected blobs of a bitmap, eight neighbours a pixel, top to bottom.

    Parameters
    ----------
    plane : ndarray of uint8, (rows, columns)
        0 or 1.
    left, top : int
        Image coordinates of the plane's top left corner.

    Returns
    -------
    list of Blob or None
        Those of `SMALLEST_BLOB` pixels and more; None where the bitmap is no drawing.
    """
    rows, begins, ends = _runs(plane)
    if len(rows) > MOST_RUNS:
        return None
    root = _joined(rows.tolist(), begins.tolist(), ends.tolist())
    _, label = np.unique(np.array(root, np.int64), return_inverse=True)
    length = ends - begins
    pixels = np.bincount(label, length)
    across = np.bincount(label, length * (begins + ends) / 2)
    down = np.bincount(label, length * (rows + 0.5))
    count = len(pixels)
    box = np.zeros((count, 4))
    box[:, :2] = np.inf
    np.minimum.at(box[:, 0], label, begins)
    np.minimum.at(box[:, 1], label, rows)
    np.maximum.at(box[:, 2], label, ends)
    np.maximum.at(box[:, 3], label, rows + 1)
    kept = [number for number in range(count) if pixels[number] >= SMALLEST_BLOB]
    if len(kept) > MOST_BLOBS:
        return None
    return [
        Blob(
            (
                (float(box[n, 0] + left), float(box[n, 1] + top)),
                (float(box[n, 2] + left), float(box[n, 3] + top)),
            ),
            (float(across[n] / pixels[n] + left), float(down[n] / pixels[n] + top)),
            int(pixels[n]),
        )
        for n in kept
    ]


def _runs(
    plane: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, first column and column after the last of each run of set bits, row by row."""
    rows, columns = plane.shape
    padded = np.zeros((rows, columns + 1), np.int8)
    padded[:, :columns] = plane
    steps = np.diff(padded.ravel(), prepend=np.int8(0))
    begins, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return begins // (columns + 1), begins % (columns + 1), ends % (columns + 1)


def _joined(rows: list[int], begins: list[int], ends: list[int]) -> list[int]:
    """The first run of each run's blob: runs of neighbouring rows touch, corners included."""
    root = list(range(len(rows)))

    def top(run: int) -> int:
        while root[run] != run:
            root[run] = root[root[run]]
            run = root[run]
        return run

    above = 0
    for run, row in enumerate(rows):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] < begins[run]):
            above += 1
        other = above
        while rows[other] == row - 1 and begins[other] <= ends[run]:
            one, two = sorted((top(run), top(other)))
            root[two] = one
            other += 1
    return [top(run) for run in range(len(rows))]
