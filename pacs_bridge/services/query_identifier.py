"""Reading what is asked: an encoded identifier, bounded and walked before anything is made of it.

References
----------
PS3.4 C.4.1.1.3 (identifiers); PS3.5 sections 6.1 (character sets), 7.1, 7.5; PS3.3 C.12.1.1.2.
"""

from __future__ import annotations

import struct

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.query import ATTRIBUTES, CHARACTER_SET, LEVEL, Level, Question, Root
from pacs_bridge.domain.query import UnfitIdentifier as Unfit
from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.prescan import is_explicit, scan

LONGEST_IDENTIFIER = 128 << 10
"""Bytes; room for a list of two thousand UIDs."""

_LIMITS = Limits(depth=4, items=100, elements=500)
_UNDEFINED = 0xFFFFFFFF
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 166": "tis-620",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
"""Python's codecs by the defined terms of Specific Character Set. With code extensions the first
term says what a text begins in, and ours end in that: they have no escape sequences."""

_TEXTS = frozenset(("PN", "LO", "SH"))
"""VRs to which Specific Character Set applies, of those that we know."""


def read_question(identifier: memoryview, transfer_syntax_uid: str, root: Root) -> Question:
    """Read an identifier.

    Raises
    ------
    UnreadableObject
        When its structure is broken, or it is longer than any question.
    UnfitIdentifier
        When it names no level, or a text cannot be read in its character set.
    """
    if len(identifier) > LONGEST_IDENTIFIER:
        raise UnreadableObject("The identifier is longer than is taken; ask in parts.")
    explicit = is_explicit(transfer_syntax_uid)
    scan(identifier, explicit=explicit, limits=_LIMITS)
    values = _values(bytes(identifier), explicit=explicit)
    character_set = values.get(CHARACTER_SET, b"").decode("latin-1").strip(" \0")
    texts = {tag: _text(tag, raw, character_set) for tag, raw in values.items()}
    try:
        level = Level[texts.get(LEVEL, "")]
    except KeyError as error:
        raise Unfit(
            "Query/Retrieve Level is missing or none; ask at PATIENT, STUDY, SERIES or IMAGE.",
            LEVEL,
        ) from error
    return Question(root, level, texts)


def _text(tag: int, raw: bytes, character_set: str) -> str:
    """Read a value whose key we know; any other is never looked at."""
    vr = "CS" if tag == LEVEL else ATTRIBUTES[tag].vr if tag in ATTRIBUTES else ""
    if vr == "US":
        return _numbers(tag, raw)
    if not vr:
        return ""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii").strip(" \0")
    first = character_set.split("\\")[0].strip(" ").replace("ISO 2022 IR", "ISO_IR")
    codec = _CODECS.get(first)
    if codec is not None and vr in _TEXTS and b"\x1b" not in raw:
        try:
            return raw.decode(codec).strip(" \0")
        except UnicodeDecodeError:
            pass
    raise Unfit("A text is not in its character set; ask in ISO_IR 192.", tag)


def _numbers(tag: int, raw: bytes) -> str:
    if len(raw) % 2:
        raise Unfit("A number has half a value; correct it.", tag)
    return "\\".join(map(str, struct.unpack(f"<{len(raw) // 2}H", raw)))


def _values(data: bytes, *, explicit: bool) -> dict[int, bytes]:
    """List the elements at the top of a data set whose structure was found sound."""
    values: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        tag, at, length, form = element_at(data, at, explicit)
        if length == _UNDEFINED:
            at, length = _after_items(data, at, form), 0
        if tag & 0xFFFF:  # a group length says nothing
            values[tag] = data[at : at + length]
        at += length
    return values


def element_at(data: bytes, at: int, explicit: bool) -> tuple[int, int, int, bool]:
    """Read what stands before a value, in a data set whose structure is known to be sound.

    Returns
    -------
    tag, start, length, explicit
        Where the value begins, its bytes (0xFFFFFFFF: undefined), and how items in it are coded.
    """
    group, element = struct.unpack_from("<HH", data, at)
    tag = group << 16 | element
    vr = data[at + 4 : at + 6]
    if not explicit or group == 0xFFFE:
        return tag, at + 8, struct.unpack_from("<L", data, at + 4)[0], explicit
    if vr in _LONG:
        # a sequence as UN is implicit inside (PS3.5 6.2.2)
        return tag, at + 12, struct.unpack_from("<L", data, at + 8)[0], vr == b"SQ"
    return tag, at + 8, struct.unpack_from("<H", data, at + 6)[0], explicit


def _after_items(data: bytes, at: int, explicit: bool) -> int:
    """Find where a sequence of undefined length ends; no deeper than the scan allows."""
    while True:
        tag, at, length, _ = element_at(data, at, explicit)
        if tag == _SEQUENCE_END:
            return at
        at = _after_item(data, at, explicit) if length == _UNDEFINED else at + length


def _after_item(data: bytes, at: int, explicit: bool) -> int:
    while True:
        tag, at, length, form = element_at(data, at, explicit)
        if tag == _ITEM_END:
            return at
        at = _after_items(data, at, form) if length == _UNDEFINED else at + length
