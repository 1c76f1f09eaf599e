"""The head of an archived file: where its data set begins, and that it is what we think.

References
----------
PS3.10 section 7.1: preamble, prefix, group 0002 in explicit VR little endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import FileIO

from pacs_bridge.domain.ports import Sendable

MOST_HEAD = 64 << 10
"""Bytes of preamble and group 0002 together; ours have 400."""

_FIRST = 1024
_LONG = frozenset((b"OB", b"OW", b"OD", b"OF", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR",
                   b"UT", b"UV"))  # fmt: skip


def data_set_offset(file: FileIO, each: Sendable) -> int:
    """Tell where the data set begins, and leave the file standing there.

    Raises
    ------
    OSError
        When the file cannot be read.
    ValueError
        When it is no DICOM file, or another object than the one that is to be sent.
    """
    head = file.read(_FIRST)
    try:
        offset, found = _walk(head)
    except (struct.error, IndexError):  # longer than most are
        head += file.read(MOST_HEAD - len(head))
        try:
            offset, found = _walk(head)
        except (struct.error, IndexError):
            raise ValueError("the head of the file does not end") from None
    wanted = (each.sop_class_uid, each.sop_instance_uid, each.transfer_syntax_uid)
    if found != wanted:
        raise ValueError("the file holds another object")
    file.seek(offset)
    return offset


def read_head(head: bytes) -> tuple[int, tuple[str, ...]]:
    """Give the offset of the data set, and the UIDs of SOP class, instance, transfer syntax.

    Parameters
    ----------
    head : bytes
        The beginning of a file of somebody else's; the UIDs are as they stand there.

    Raises
    ------
    EOFError
        When the head goes on behind that.
    ValueError
        When it is no DICOM file.
    """
    try:
        return _walk(head)
    except (struct.error, IndexError):
        raise EOFError from None
    except ValueError:
        if len(head) < 132:
            raise EOFError from None
        raise


def _walk(head: bytes) -> tuple[int, tuple[str, ...]]:
    """Give the offset of the data set, and the three UIDs."""
    if head[128:132] != b"DICM":
        raise ValueError("not a DICOM file")
    values, offset = dict.fromkeys((0x02, 0x03, 0x10), ""), 132
    for element, start, end in _elements(head):
        if element in values:
            values[element] = head[start:end].rstrip(b"\0 ").decode("latin-1")
        offset = end
    return offset, tuple(values.values())


def _elements(head: bytes) -> Iterator[tuple[int, int, int]]:
    """Go through group 0002: element, where its value begins and ends."""
    at = 132
    while True:
        group, element, vr, length = struct.unpack_from("<HH2sH", head, at)
        if group != 2:
            return
        at += 8
        if vr in _LONG:
            (length,) = struct.unpack_from("<I", head, at)
            at += 4
        yield element, at, at + length
        at += length
