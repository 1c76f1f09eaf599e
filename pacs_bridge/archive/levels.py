"""Frames of archived images in all their grey levels: made once, read in parts, thrown away.

A file holds a header of `HEADER_BYTES` (JSON, blanks behind it), the grey of every level, one byte
each, and the levels of the frame, two bytes each, little endian, row by row: at full size, then
halved as often as the header has sizes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pacs_bridge.domain.errors import Crowded, NotFound, RefusedInput

HEADER_BYTES = 2048
MOST_BYTES = 1 << 30
"""Of all frames together; one of 12 million pixels takes 32 MB."""

MOST_WAITING = 4
MOST_PIXELS = 2_000_000
"""Of one part; more than a screen has for it."""

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """A part of a frame, in pixels of the image; it is given smaller by 2 to the power of `by`."""

    x: int
    y: int
    columns: int
    rows: int
    by: int = 0


class Levels:
    """Frames in all their levels, for parts of them to be shown.

    Parameters
    ----------
    folder : Path
        A folder of their own; whatever else is in it may be removed.
    find : callable
        Gives the file of the archive with a content hash.
    make : callable
        Writes the levels of a frame (1-based) of a file into another file.
    """

    def __init__(
        self,
        folder: Path,
        find: Callable[[str], Path],
        make: Callable[[Path, int, Path], None],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder, self._find, self._make, self._most = folder, find, make, most_bytes
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_WAITING)

    def of(self, content_hash: str, frame: int, part: Part) -> bytes:
        """Give a part of a frame (1-based): a line of JSON, the grey of each level, the levels.

        Raises
        ------
        NotFound
            When there is no such object, or it is no longer here.
        RefusedInput
            When there is no such part, or it is larger than a page may show.
        Crowded
            When too many are being made just now.
        GiveUp
            When the image cannot be shown.
        """
        if _HASH.fullmatch(content_hash) is None or frame < 1:
            raise NotFound("There is no such image.")
        kept = self._folder / f"{content_hash}-{frame}.levels"
        for _ in range(2):
            try:
                with kept.open("rb") as file:
                    os.utime(kept)  # used lately: not the next to go
                    return _cut(file, part)
            except FileNotFoundError:
                self._fill(kept, content_hash, frame)
        raise Crowded("Pictures are being made for others; ask again in a moment.")

    def _fill(self, kept: Path, content_hash: str, frame: int) -> None:
        source = self._find(content_hash)
        if not source.exists():
            raise NotFound("There is no such image.")
        if not self._places.acquire(blocking=False):
            raise Crowded("Pictures are being made for others; ask again in a moment.")
        begun = kept.with_name(f"{secrets.token_hex(8)}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make(source, frame, begun)
            with self._lock:
                self._make_room(begun.stat().st_size)
                begun.replace(kept)
        finally:
            begun.unlink(missing_ok=True)
            self._places.release()

    def _make_room(self, wanted: int) -> None:
        kept = [(file.stat(), file) for file in self._folder.glob("*.levels")]
        kept.sort(key=lambda each: each[0].st_mtime_ns)
        size = sum(stat.st_size for stat, _ in kept) + wanted
        for stat, file in kept:
            if size <= self._most:
                return
            file.unlink(missing_ok=True)
            size -= stat.st_size


def _cut(file: BinaryIO, part: Part) -> bytes:
    """Cut a part out of a file of levels, with what shows it."""
    header: dict[str, Any] = json.loads(file.read(HEADER_BYTES))
    look = file.read(header["levels"])
    full_columns, full_rows, _ = header["sizes"][0]
    by = min(max(part.by, 0), len(header["sizes"]) - 1)
    columns, rows, offset = header["sizes"][by]
    left, top = max(part.x, 0) >> by, max(part.y, 0) >> by
    right = min(-(-(min(part.x + part.columns, full_columns)) >> by), columns)
    bottom = min(-(-(min(part.y + part.rows, full_rows)) >> by), rows)
    if right <= left or bottom <= top:
        raise RefusedInput("This part lies on no image.")
    if (right - left) * (bottom - top) > MOST_PIXELS:
        raise RefusedInput("This part is too large to be shown at once.")
    told = {
        "x": left << by, "y": top << by, "by": by,
        "columns": right - left, "rows": bottom - top, "levels": len(look),
    }  # fmt: skip
    lines = []
    for row in range(top, bottom):
        file.seek(offset + (row * columns + left) * 2)
        lines.append(file.read((right - left) * 2))
    return b"".join((json.dumps(told).encode(), b"\n", look, *lines))
