"""The Study Time of a case's study, which its passport does not have, out of an archived image."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from pacs_bridge.domain.caseset import Instance
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.ports import Archive
from pacs_bridge.domain.query import STUDY_TIME
from pacs_bridge.upper_layer.plain import element_at
from pacs_bridge.upper_layer.prescan import is_explicit

_BEGINNING = 4096  # bytes: file meta and the first elements, all of them short
_META = 132 + 12  # preamble, prefix and the group length of group 0002
_TIME = re.compile(rb"[0-9]{2,6}(\.[0-9]{1,6})?")


def study_time_in(archive: Archive) -> Callable[[Instance], str]:
    """Give what tells the Study Time out of an image; empty where it has none, or is not there."""

    def study_time(image: Instance) -> str:
        try:
            with archive.open(image.content_hash) as file:
                beginning = file.read(_BEGINNING)
            return _read(beginning, is_explicit(image.transfer_syntax_uid))
        except (NotFound, OSError, struct.error):
            return ""

    return study_time


def _read(beginning: bytes, explicit: bool) -> str:
    """Go from element to element until the tag is reached or passed."""
    if beginning[128:140] != b"DICM\x02\0\0\0UL\x04\0":
        return ""
    at = _META + int.from_bytes(beginning[_META - 4 : _META], "little")
    tag = 0
    while tag < STUDY_TIME:
        tag, start, length, _ = element_at(beginning, at, explicit)
        at = start + length
    value = beginning[start:at].strip(b" \0") if tag == STUDY_TIME else b""
    return value.decode("ascii") if _TIME.fullmatch(value) else ""
