"""The digest by which two encodings of one object are recognised as the same.

A PACS may hand the same object over again in another transfer syntax, with other sequence
lengths or padding. None of that is content.
"""

from __future__ import annotations

import hashlib

from pacs_bridge.domain.errors import UnsupportedObject
from pacs_bridge.upper_layer.elements import Buffer
from pacs_bridge.upper_layer.prescan import scan


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
    content: list[bytes | memoryview] = []
    if scan(data, explicit=explicit, content=content).compressed:
        raise UnsupportedObject("Compressed images are not taken here; send the marks only.")
    return hashlib.sha256(b"".join(content)).hexdigest()
