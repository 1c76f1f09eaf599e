"""What an archived file holds, told without having it in memory: its hash, and its content's.

References
----------
PS3.5 annex A.4 (encapsulated pixel data: the first fragment is a table of offsets); PS3.10
section 7.1.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.prescan import is_explicit
from pacs_bridge.upper_layer.stream_scan import StreamScan

_AT_ONCE = 256 << 10  # bytes of a file in memory
_SMALL = 4096  # bytes of a part
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
    file_digest, content = hashlib.sha256(), _Digest()
    with path.open("rb") as file:
        head = file.read(_AT_ONCE)
        start, syntax = _read_head(head)
        walk = StreamScan(explicit=is_explicit(syntax), content=content)
        file_digest.update(head)
        walk.feed(memoryview(head)[start:])
        while piece := file.read(_AT_ONCE):
            file_digest.update(piece)
            walk.feed(piece)
        seen = walk.finish()
        if seen.compressed and seen.pixels_at:
            content += _fragments(file, start + seen.pixels_at)
    return FileContent(file_digest.hexdigest(), content.hexadecimal())


def _read_head(file: bytes) -> tuple[int, str]:
    """Give where the data set begins, and in which transfer syntax it is."""
    place = 128 + 4
    if len(file) < place + _GROUP_LENGTH.size or file[128:place] != b"DICM":
        raise UnreadableObject("The file has no DICOM head; restore it from a backup.")
    *_, length = _GROUP_LENGTH.unpack_from(file, place)
    place += _GROUP_LENGTH.size
    behind = place + length
    while place + 8 <= min(behind, len(file)):
        group, element, vr, length = _ELEMENT.unpack_from(file, place)
        place += 8
        if vr == b"OB":  # the only long one that a head has
            (length,) = _LENGTH.unpack_from(file, place)
            place += 4
        if (group, element) == (2, 0x10):
            return behind, file[place : place + length].rstrip(b"\0 ").decode("latin-1")
        place += length
    raise UnreadableObject("The file does not say its transfer syntax; restore it from a backup.")


class _Digest:
    """SHA-256 over the parts of an object's content, in their order."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._parts = bytearray()

    def append(self, part: bytes | memoryview, /) -> None:
        """Take one part more; small ones are gathered, as each call costs."""
        if len(part) < _SMALL:
            self._parts += part
            if len(self._parts) < _AT_ONCE:
                return
            part = b""
        self._digest.update(self._parts)
        self._parts.clear()
        self._digest.update(part)

    def __iadd__(self, parts: Iterable[bytes | memoryview], /) -> Self:
        """Take several."""
        for part in parts:
            self.append(part)
        return self

    def hexadecimal(self) -> str:
        """Give the digest of all that was taken."""
        self._digest.update(self._parts)
        self._parts.clear()
        return self._digest.hexdigest()


def _fragments(file: BinaryIO, position: int) -> Iterator[bytes]:
    """Give the fragments of an image whose structure was checked, without the table of offsets."""
    is_first = True
    while True:
        file.seek(position)
        raw, length = _FRAGMENT.unpack(file.read(_FRAGMENT.size))
        if raw != _ITEM:
            return
        position += _FRAGMENT.size + length
        while length and not is_first:
            piece = file.read(min(length, _AT_ONCE))
            length -= len(piece)
            yield piece
        is_first = False
