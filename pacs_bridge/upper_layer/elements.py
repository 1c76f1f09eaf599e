"""What one element's first bytes say: its tag, how its length is written, what padding it may have.

Looked up once for each tag and VR and then remembered, since an object consists of a few
dozen kinds of element, each many times.

References
----------
PS3.5 section 6.2 (VRs, their padding), 6.2.2 (VR of UN), 7.1 (element structure).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from mmap import mmap
from typing import Final, NamedTuple

from pacs_bridge.upper_layer.dictionary import look_up

Buffer = bytes | bytearray | memoryview | mmap

PIXEL_DATA: Final = 0x7FE00010
SOP_CLASS, SOP_INSTANCE, STUDY = 0x00080016, 0x00080018, 0x0020000D
ACCESSION, REFERENCED_INSTANCE = 0x00080050, 0x00081155
OVERLAY_BITS = frozenset(group << 16 | 0x3000 for group in range(0x6000, 0x6100, 2))
WANTED = OVERLAY_BITS | {SOP_CLASS, SOP_INSTANCE, STUDY, ACCESSION, REFERENCED_INSTANCE}
_TRAILING_PADDING = 0xFFFCFFFC

_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_WIDTH = {
    **dict.fromkeys(("US", "SS"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "AT"), 4),
    **dict.fromkeys(("FD", "SV", "UV"), 8),
}
_COMPONENTS = frozenset(
    ["AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"]
)
"""Texts whose components may be padded on both sides (PS3.5 6.2)."""

_WHOLE = frozenset(["LT", "ST", "UR", "UT"])
"""Texts in which a backslash is no separator and a leading blank counts."""

_REMEMBERED = 20_000  # kinds of element; a hostile object must not fill the memory with more


class Form(IntEnum):
    """How an element is taken; PLAIN is false, all others need a closer look."""

    PLAIN = 0
    WANTED = 1
    LONG = 2
    SEQUENCE = 3
    NO_VR = 4
    DELIMITER = 5


class Padding(IntEnum):
    """What of a value is padding and no content."""

    NONE = 0
    COMPONENTS = 1
    END = 2
    ALL = 3  # of group lengths and trailing padding nothing is content


class Element(NamedTuple):
    """What is known of every element with a certain tag and VR.

    Parameters
    ----------
    mask : int
        Bits that must be zero in its length.
    mark : bytes
        What stands for it in the digest of an object's content, before length and value.
    said : str
        The VR in the file; empty in implicit VR.
    """

    tag: int
    form: int
    mask: int
    padding: int
    mark: bytes
    said: str


class Marks(NamedTuple):
    """What stands for a sequence's parts in the digest of an object's content."""

    tag: int
    opened: bytes
    item: bytes
    item_end: bytes
    closed: bytes


@dataclass(frozen=True)
class Limits:
    """Bounds that every parser behind us is safe within (RELIABILITY.md 4, M6)."""

    depth: int = 32
    items: int = 20_000
    elements: int = 100_000


LIMITS = Limits()

EXPLICIT_SEEN: dict[bytes, Element] = {}
"""By the first six bytes, tag and VR."""

IMPLICIT_SEEN: dict[int, Element] = {}
"""By the first four bytes as one little endian number."""


@lru_cache(maxsize=_REMEMBERED)
def vr_of(tag: int) -> str:
    """Look a VR up in the standard's dictionary; ``UN`` for private and unknown elements."""
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        return look_up(tag)[0]
    except KeyError:
        return "UN"


@lru_cache(maxsize=_REMEMBERED)
def is_coded(tag: int) -> bool:
    """Tell whether the standard has a sequence of codes under this tag (PS3.3 section 8)."""
    try:
        return look_up(tag)[1]
    except KeyError:
        return False


@lru_cache(maxsize=_REMEMBERED)
def marks_of(tag: int) -> Marks:
    """Give what stands for the parts of the sequence with this tag."""
    name = tag.to_bytes(4, "big")
    return Marks(tag, b"<" + name, b"(" + name, b")" + name, b">" + name)


def learn_explicit(head: bytes) -> Element:
    """Tell what six bytes of explicit VR begin; remembered, except for what no object repeats."""
    tag = _tag(int.from_bytes(head[:4], "little"))
    code = head[4:]
    if tag >> 16 == 0xFFFE:
        return _element(tag, Form.DELIMITER, "", "")
    if code not in _SHORT and code not in _LONG:
        return _element(tag, Form.NO_VR, "", "")
    said = code.decode("ascii")
    vr = vr_of(tag) if said == "UN" else said
    form = Form.WANTED if tag in WANTED else Form.PLAIN
    if code in _LONG:
        form = Form.SEQUENCE if vr == "SQ" else Form.LONG
    element = _element(tag, form, vr, said)
    if len(EXPLICIT_SEEN) < _REMEMBERED:
        EXPLICIT_SEEN[head] = element
    return element


def learn_implicit(raw: int) -> Element:
    """Tell what four bytes of implicit VR begin, given as one little endian number."""
    tag = _tag(raw)
    if tag >> 16 == 0xFFFE:
        return _element(tag, Form.DELIMITER, "", "")
    vr = vr_of(tag)
    form = Form.WANTED if tag in WANTED else Form.PLAIN
    element = _element(tag, Form.SEQUENCE if vr == "SQ" else form, vr, "")
    if len(IMPLICIT_SEEN) < _REMEMBERED:
        IMPLICIT_SEEN[raw] = element
    return element


def _tag(raw: int) -> int:
    return (raw & 0xFFFF) << 16 | raw >> 16


def _element(tag: int, form: Form, vr: str, said: str) -> Element:
    mark = b"=" + tag.to_bytes(4, "big")
    return Element(tag, int(form), _WIDTH.get(vr, 1) - 1, int(_padding(tag)), mark, said)


def _padding(tag: int) -> Padding:
    """Decide by the standard's VR, never by the file's: one file may say it and another not."""
    if not tag & 0xFFFF or tag == _TRAILING_PADDING:
        return Padding.ALL
    vr = vr_of(tag)
    if vr in _COMPONENTS:
        return Padding.COMPONENTS
    return Padding.END if vr in _WHOLE else Padding.NONE
