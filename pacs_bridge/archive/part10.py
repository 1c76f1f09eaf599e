"""The head that makes received bytes a DICOM file; the bytes themselves stay as they came."""

from __future__ import annotations

import struct

from pacs_bridge.upper_layer.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_LENGTH_AT = 128 + 4 + 8  # of group 0002, behind preamble, prefix and its element's own head


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Give preamble, prefix and group 0002 for a data set.

    The preamble is zero bytes whatever was sent: nobody can hide a program in it
    (CVE-2019-11687). The sender is not named, so that the same bytes make the same file.

    References
    ----------
    PS3.10 section 7.1.
    """
    elements = b"".join(
        (
            struct.pack("<HH2sHL2s", 2, 1, b"OB", 0, 2, b"\0\1"),
            _text(0x02, b"UI", sop_class_uid),
            _text(0x03, b"UI", sop_instance_uid),
            _text(0x10, b"UI", transfer_syntax_uid),
            _text(0x12, b"UI", IMPLEMENTATION_CLASS_UID),
            _text(0x13, b"SH", IMPLEMENTATION_VERSION_NAME),
        )
    )
    length = struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(elements))
    return bytes(128) + b"DICM" + length + elements


def split_head(file: bytes) -> memoryview:
    """Give the data set of a file that `file_head` begins."""
    (length,) = struct.unpack_from("<L", file, _LENGTH_AT)
    return memoryview(file)[_LENGTH_AT + 4 + length :]


def _text(element: int, vr: bytes, value: str) -> bytes:
    raw = value.encode("ascii")
    if len(raw) % 2:
        raw += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, element, vr, len(raw)) + raw
