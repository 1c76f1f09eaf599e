"""The digest by which two encodings of one object are recognised as the same.

A PACS may hand the same object over again in another transfer syntax, with other sequence
lengths or padding. None of that is content.
"""

from __future__ import annotations

import hashlib

from pacs_bridge.domain.errors import UnsupportedObject
from pacs_bridge.upper_layer.elements import PIXEL_DATA, Buffer, Kind, Step, vr_of, walk

_COMPONENTS = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"]
)
"""Texts whose components may be padded on both sides (PS3.5 6.2)."""

_WHOLE = frozenset(["LT", "ST", "UR", "UT"])
"""Texts in which a backslash is no separator and a leading blank counts."""

_TRAILING_PADDING = 0xFFFCFFFC
_MARKS = {
    Kind.SEQUENCE: b"<",
    Kind.ITEM: b"(",
    Kind.ITEM_END: b")",
    Kind.SEQUENCE_END: b">",
}


def same_content(data: Buffer, *, explicit: bool) -> str:
    """Digest tags and values of a data set (no group 0002), recursively.

    Two data sets with the same digest say the same, whatever their VR coding, sequence
    lengths, padding and group lengths. Values are compared as bytes: which padding may go
    is decided by the standard's VR of an element, never by the file's, since one file may
    say and the other not.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Raises
    ------
    UnsupportedObject
        For compressed pixels, which are compared decoded and not here.
    UnreadableObject
        When the structure is broken.

    References
    ----------
    PS3.5 section 6.2 (padding), 7.5 (sequences), annex A (transfer syntaxes).
    """
    digest = hashlib.sha256()
    for step in walk(data, explicit=explicit):
        if step.kind is Kind.FRAGMENT:
            raise UnsupportedObject("Compressed images are not taken here; send the marks only.")
        if step.kind is Kind.VALUE:
            if step.tag & 0xFFFF and step.tag != _TRAILING_PADDING:
                _add_value(digest, step, data)
        else:
            digest.update(_MARKS[step.kind] + step.tag.to_bytes(4, "big"))
    return digest.hexdigest()


def _add_value(digest: hashlib._Hash, step: Step, data: Buffer) -> None:
    value = memoryview(data)[step.start : step.stop]
    bare = value if step.tag == PIXEL_DATA else _bare(bytes(value), vr_of(step.tag))
    digest.update(b"=" + step.tag.to_bytes(4, "big") + len(bare).to_bytes(8, "big"))
    digest.update(bare)


def _bare(value: bytes, vr: str) -> bytes:
    if vr in _COMPONENTS:
        return b"\\".join(part.strip(b" \0") for part in value.split(b"\\"))
    if vr in _WHOLE:
        return value.rstrip(b" \0")
    return value
