"""Counters in a file that every process of the node may read, and one process writes.

Each process has a file of its own, by its place among its siblings, mapped into memory: counting
costs no call of the system, and whoever is asked adds all of them up. A process that dies leaves
its counts behind, and the one that takes its place goes on from there: no counter ever falls.

A file is: 8 bytes that say what it is, the bytes in use (8), then for each counter the length of
its name (8), the name padded to a multiple of 8, and its value (8, a double). All is little
endian. A counter is in use only once it is whole.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

_MAGIC = b"PBCOUNT1"
_WORD, _DOUBLE = struct.Struct("<Q"), struct.Struct("<d")
_BEGIN = 16
BYTES = 1 << 16
"""Of a file: room for some hundreds of counters, of which there are a few dozen."""


class CounterFile:
    """The counters of one process; a lock is its caller's to hold.

    Parameters
    ----------
    path : Path
        Made where it is not there; made anew where it is no such file.

    Raises
    ------
    OSError
        When it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != BYTES:
                os.ftruncate(descriptor, 0)
                os.ftruncate(descriptor, BYTES)
            self._map = mmap.mmap(descriptor, BYTES)
        finally:
            os.close(descriptor)
        known = _parse(self._map[:])
        if known is None:
            self._map[:] = bytes(BYTES)
            _WORD.pack_into(self._map, 8, _BEGIN)
            self._map[:8] = _MAGIC
            known = {}
        self._places = {name: place for name, (place, _) in known.items()}
        self._values = {name: value for name, (_, value) in known.items()}

    def add(self, name: str, value: float) -> None:
        """Add to a counter; where the file is full, a new one is not counted."""
        place = self._places.get(name) or self._make(name)
        if place:
            self._values[name] = self._values.get(name, 0.0) + value
            _DOUBLE.pack_into(self._map, place, self._values[name])

    def values(self) -> dict[str, float]:
        """Give all counters."""
        return dict(self._values)

    def close(self) -> None:
        """Let go of the file; what was counted stays in it."""
        self._map.close()

    def _make(self, name: str) -> int:
        text = name.encode()
        begin = int(_WORD.unpack_from(self._map, 8)[0])
        place = begin + 8 + _padded(len(text))
        if place + 8 > BYTES:
            return 0
        _WORD.pack_into(self._map, begin, len(text))
        self._map[begin + 8 : begin + 8 + len(text)] = text
        _DOUBLE.pack_into(self._map, place, 0.0)
        _WORD.pack_into(self._map, 8, place + 8)  # from now on it is there
        self._places[name] = place
        return place


def sum_of(folder: Path) -> dict[str, float]:
    """Add up the counters of all files of a folder; one that cannot be read counts nothing."""
    total: dict[str, float] = {}
    for path in sorted(folder.glob("*.counts")):
        try:
            known = _parse(path.read_bytes())
        except OSError:
            continue
        for name, (_, value) in (known or {}).items():
            total[name] = total.get(name, 0.0) + value
    return total


def _parse(content: bytes) -> dict[str, tuple[int, float]] | None:
    """Give each counter's place and value; None where this is no such file."""
    if len(content) != BYTES or content[:8] != _MAGIC:
        return None
    used = int(_WORD.unpack_from(content, 8)[0])
    if not _BEGIN <= used <= BYTES:
        return None
    known, at = {}, _BEGIN
    while at < used:
        size = int(_WORD.unpack_from(content, at)[0])
        place = at + 8 + _padded(size)
        if place + 8 > used:
            return None
        try:
            name = content[at + 8 : at + 8 + size].decode()
        except UnicodeDecodeError:
            return None
        known[name] = (place, float(_DOUBLE.unpack_from(content, place)[0]))
        at = place + 8
    return known


def _padded(size: int) -> int:
    return -(-size // 8) * 8
