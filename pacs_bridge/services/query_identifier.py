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
from pacs_bridge.upper_layer.plain import elements_of
from pacs_bridge.upper_layer.prescan import is_explicit, scan

LONGEST_IDENTIFIER = 128 << 10
"""Bytes; room for a list of two thousand UIDs."""

_LIMITS = Limits(depth=4, items=100, elements=500)
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
    elements = elements_of(bytes(identifier), explicit=explicit)
    values = {tag: b"" if each.is_list else each.data for tag, each in elements.items()}
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
