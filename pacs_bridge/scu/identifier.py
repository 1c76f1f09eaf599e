"""Identifiers of queries, to and from bytes: little endian, implicit or explicit VR.

References
----------
PS3.4 C.4.1.1.3 (identifier); PS3.5 annex A.1, A.2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import cache
from io import BytesIO

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs_bridge.scu.association import IMPLICIT


def encode(identifier: Mapping[str, str], transfer_syntax: str) -> bytes:
    """Encode an identifier of ours.

    Parameters
    ----------
    identifier : mapping of str to str
        Keyword to value, ASCII; empty to have it returned. Only a text may have a value.
    """
    parts = []
    for keyword in sorted(identifier, key=lambda keyword: _element(keyword)[0]):
        (group, element), vr = _element(keyword)
        value = identifier[keyword].encode("ascii")
        if len(value) % 2:
            value += b"\0" if vr == b"UI" else b" "
        if transfer_syntax == IMPLICIT:
            parts.append(struct.pack("<HHI", group, element, len(value)) + value)
        else:
            parts.append(struct.pack("<HH2sH", group, element, vr, len(value)) + value)
    return b"".join(parts)


@cache
def _element(keyword: str) -> tuple[tuple[int, int], bytes]:
    """Give tag and VR of a keyword that the data dictionary has."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return (tag >> 16, tag & 0xFFFF), dictionary_VR(tag).encode("ascii")


def decode(identifier: bytes, transfer_syntax: str) -> Dataset | None:
    """Decode an identifier of a peer, its values left as they are; None where it is none."""
    if not identifier:
        return None
    try:
        return read_dataset(
            BytesIO(identifier), is_implicit_VR=transfer_syntax == IMPLICIT, is_little_endian=True
        )
    except Exception:  # noqa: BLE001  whatever a peer's bytes do to the parser
        return None
