"""One frame of an archived image in all its grey levels, at full size and halved again and again.

A page shows parts of it at the size of the screen and windows them there. Levels are numbers from
0: 0 is padding, all others grow with the brightness that the image is to be shown with, each
stored value one level where 16 bits suffice. Runs where decoders may run, see `wiring.reading`;
nothing is turned or flipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from pacs_bridge.archive.levels import HEADER_BYTES
from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import UnreadableObject, UnsupportedObject
from pacs_bridge.services.render_image import (
    Values,
    check_frame,
    every_value,
    grey_table,
    is_inverted,
    is_padding,
    modality_values,
    unsigned,
)

SMALLEST = 700
"""An image whose longer side is not longer is not halved any more."""

_MOST = (1 << 16) - 2


@dataclass(frozen=True)
class LevelsRequest:
    """What is asked for: a file of the archive, a frame of it, 1-based, and where to write."""

    source: Path
    frame: int
    target: Path


def render_levels(asked: LevelsRequest) -> int:
    """Write the levels of one frame, as `archive.levels` reads them; gives how many bytes it took.

    Raises
    ------
    UnsupportedObject
        When it is not shown at all; see `render_image.render_frame`.
    UnreadableObject
        When it cannot be decoded.
    """
    with tolerant_reading():
        try:
            ds = dcmread(asked.source, stop_before_pixels=True)
            check_frame(ds, asked.frame)
            stored = pixel_array(asked.source, index=asked.frame - 1, raw=True)
            of_bits, look = _levels(ds, asked.frame - 1, stored)
            full = of_bits[unsigned(stored)]
        except (UnsupportedObject, UnreadableObject):
            raise
        except Exception as error:  # decoders and converters raise anything
            raise UnreadableObject("This image cannot be decoded; it is shown nowhere.") from error
    return _write(asked.target, full, look)


def _levels(ds: Dataset, place: int, stored: Values) -> tuple[Values, Values]:
    """Give the level of all that may be stored, by its bits, and the grey of every level."""
    numbers = every_value(stored)
    padding = is_padding(ds, numbers)
    values = modality_values(ds, place, numbers)
    if is_inverted(ds):
        values = -values
    used = np.zeros(1 << 16, bool)
    used[unsigned(stored)] = True
    used &= ~padding
    there = np.unique(values[used]) if used.any() else np.array([0.0, 1.0])
    low, high = there[0], there[-1]
    nearest = np.diff(there).min() if there.size > 1 else 1.0
    steps = int(np.clip(np.ceil((high - low) / nearest - 1e-6), 1, _MOST))
    share = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    of_bits: Values = np.where(padding, 0, 1 + np.rint(share * steps)).astype(np.uint16)
    grey = grey_table(ds, place, stored)
    order = np.argsort(of_bits[used], kind="stable")
    at, shown = of_bits[used][order], grey[used][order]
    if at.size == 0:
        at, shown = np.array([0]), np.array([0])
    look = np.interp(np.arange(steps + 2), at, shown).round().astype(np.uint8)
    look[0] = 0
    return of_bits, look


def _write(target: Path, full: Values, look: Values) -> int:
    parts, sizes, offset = [full], [], HEADER_BYTES + look.size
    while max(parts[-1].shape) > SMALLEST:
        parts.append(_halved(parts[-1]))
    for part in parts:
        sizes.append([part.shape[1], part.shape[0], offset])
        offset += part.size * 2
    header = json.dumps({"levels": int(look.size), "sizes": sizes}).encode()
    with target.open("wb") as file:
        file.write(header.ljust(HEADER_BYTES))
        file.write(look.tobytes())
        for part in parts:
            file.write(np.ascontiguousarray(part, "<u2").tobytes())
    return offset


def _halved(part: Values) -> Values:
    """Take the mean of each two by two; the last row and column stand for those beside them."""
    rows, columns = part.shape
    even = np.pad(part, ((0, rows % 2), (0, columns % 2)), mode="edge").astype(np.uint32)
    sums = even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]
    halved: Values = ((sums + 2) // 4).astype(np.uint16)
    return halved
