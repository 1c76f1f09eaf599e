"""What an archived file holds, told without having it in memory: its hash, and its content's.

References
----------
PS3.5 annex A.4 (encapsulated pixel data: the first fragment is a table of offsets); PS3.10
section 7.1.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.prescan import is_explicit, scan
from pacs_bridge.upper_layer.stream_scan import StreamScan

_AT_ONCE = 8 << 20  # bytes of a file in memory
_GROUP_LENGTH = struct.Struct("<HH2sHL")  # (0002,0000), behind preamble and prefix
_ELEMENT, _LENGTH = struct.Struct("<HH2sH"), struct.Struct("<L")
_FRAGMENT = struct.Struct("<LL")
_ITEM = 0xE000FFFE  # as it is encoded


@dataclass(frozen=True)
class FileContent:
    """The digests of one file.

    Parameters
    ----------
    content_hash : str
        SHA-256 of the file.
    same_content : str
        Over tags and values, as `content.same_content` has it. Compressed pixels are compared
        by their fragments: the same image in another compression is another content.
    """

    content_hash: str
    same_content: str


def read_content(path: Path) -> FileContent:
    """Digest a DICOM file that we wrote.

    Raises
    ------
    UnreadableObject
        When its structure is broken.
    OSError
        When it is not there, or the disk fails.
    """
    with path.open("rb") as file:
        content_hash = hashlib.file_digest(file, "sha256").hexdigest()
        # Closed with the last view of it: where the structure is broken, the error holds some.
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start, syntax = _read_head(mapped)
    data_set = memoryview(mapped)[start:]
    return FileContent(content_hash, _same_content(mapped, data_set, explicit=is_explicit(syntax)))


def _read_head(mapped: mmap.mmap) -> tuple[int, str]:
    """Give where the data set begins, and in which transfer syntax it is."""
    place = 128 + 4
    if len(mapped) < place + _GROUP_LENGTH.size or mapped[128:place] != b"DICM":
        raise UnreadableObject("The file has no DICOM head; restore it from a backup.")
    *_, length = _GROUP_LENGTH.unpack_from(mapped, place)
    place += _GROUP_LENGTH.size
    behind = place + length
    while place + 8 <= min(behind, len(mapped)):
        group, element, vr, length = _ELEMENT.unpack_from(mapped, place)
        place += 8
        if vr == b"OB":  # the only long one that a head has
            (length,) = _LENGTH.unpack_from(mapped, place)
            place += 4
        if (group, element) == (2, 0x10):
            return behind, mapped[place : place + length].rstrip(b"\0 ").decode("latin-1")
        place += length
    raise UnreadableObject("The file does not say its transfer syntax; restore it from a backup.")


def _same_content(mapped: mmap.mmap, data_set: memoryview, *, explicit: bool) -> str:
    content: list[bytes | memoryview] = []
    digest = _Digest(mapped)
    try:
        scanned = scan(data_set, explicit=explicit, content=content)
        digest.add(content)
        if scanned.compressed:
            stream = StreamScan(explicit=explicit)
            stream.feed(data_set)
            fragments = _fragments(data_set, stream.finish().pixels_at)
            digest.add(fragments)
    finally:
        for each in content:  # the file cannot be closed over views of it
            if isinstance(each, memoryview):
                each.release()
    return digest.hexadecimal


class _Digest:
    """SHA-256 over parts of a mapped file; what was read does not stay in memory."""

    def __init__(self, mapped: mmap.mmap) -> None:
        self._mapped: Any = mapped
        self._digest, self._read = hashlib.sha256(), 0

    def add(self, parts: Iterable[bytes | memoryview]) -> None:
        for part in parts:
            for start in range(0, len(part), _AT_ONCE):
                piece = part[start : start + _AT_ONCE]
                self._digest.update(piece)
                self._read += len(piece)
                if self._read >= _AT_ONCE:
                    self._forget()

    @property
    def hexadecimal(self) -> str:
        return self._digest.hexdigest()

    def _forget(self) -> None:
        self._read = 0
        if hasattr(mmap, "MADV_DONTNEED"):
            self._mapped.madvise(mmap.MADV_DONTNEED)


def _fragments(data_set: memoryview, position: int) -> Iterable[bytes | memoryview]:
    """Give the fragments of an image whose structure was checked, without the table of offsets."""
    is_first = True
    while position:
        raw, length = _FRAGMENT.unpack_from(data_set, position)
        if raw != _ITEM:
            return
        if not is_first:
            with data_set[position + 8 : position + 8 + length] as fragment:
                yield fragment
        is_first = False
        position += 8 + length
