"""A plain walk of a data set, one step at a time: what the fast one in `prescan` must agree with.

Written for reading, not for speed: containers are frames on a stack, each step is a tuple, and
the content's digest is made from the steps alone. It shares nothing with the fast walk but the
dictionary and the limits.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from pydicom.datadict import dictionary_VR

from pacs_bridge.domain.errors import UnreadableObject, UnsupportedObject
from pacs_bridge.upper_layer.elements import LIMITS, Buffer, Limits

PIXEL_DATA = 0x7FE00010
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_WIDTH = {
    **dict.fromkeys(("US", "SS"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "AT"), 4),
    **dict.fromkeys(("FD", "SV", "UV"), 8),
}
_TAG = struct.Struct("<HH")
_LENGTH16 = struct.Struct("<H")
_LENGTH32 = struct.Struct("<L")


class Kind(IntEnum):
    """What a step of the walk is."""

    VALUE = 0
    SEQUENCE = 1
    ITEM = 2
    ITEM_END = 3
    SEQUENCE_END = 4
    FRAGMENT = 5


class Step(NamedTuple):
    """One step of the walk.

    Parameters
    ----------
    vr : str
        Of the standard's dictionary where the file does not say; ``UN`` where neither does.
    start, stop : int
        Where the value stands in the data set, in bytes from its beginning.
    depth : int
        Sequences around it; 0 at the top.
    """

    kind: Kind
    tag: int
    vr: str
    start: int
    stop: int
    depth: int


@lru_cache(maxsize=20_000)
def vr_of(tag: int) -> str:
    """Look a VR up in the standard's dictionary; ``UN`` for private and unknown elements."""
    if tag & 0xFFFF == 0:
        return "UL"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def walk(data: Buffer, *, explicit: bool, limits: Limits = LIMITS) -> Iterator[Step]:
    """Go through an encoded data set in its order.

    Raises
    ------
    UnreadableObject
        At the first place where the structure is broken or a limit is passed; the sentence
        names the element, never a value.
    """
    return _Walk(data, explicit, limits).steps()


@dataclass(slots=True)
class _Frame:
    """An open container: a data set (elements), a sequence (items) or pixels (fragments)."""

    holds: str
    tag: int
    end: int | None  # None: a delimiter ends it
    bound: int  # end of the nearest container whose end is known
    explicit: bool
    guess: bool  # a reader would tell explicit from implicit by looking at the first element
    last: int = -1


class _Walk:
    def __init__(self, data: Buffer, explicit: bool, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._position = self._elements = self._items = self._depth = 0
        self._frames = [_Frame("elements", 0, len(data), len(data), explicit, guess=True)]

    def steps(self) -> Iterator[Step]:
        frames = self._frames
        while frames:
            frame = frames[-1]
            if frame.end is not None and self._position >= frame.end:
                if self._position > frame.end:
                    raise _broken("a value runs over the end of what holds it", frame.tag)
                yield from self._close()
                continue
            if self._position + 8 > frame.bound:
                raise _broken("it ends in the middle of an element", frame.tag)
            group, element = _TAG.unpack_from(self._data, self._position)
            tag = group << 16 | element
            if group == 0xFFFE:
                yield from self._delimiter(frame, tag)
            elif frame.holds == "elements":
                yield self._element(frame, tag)
            else:
                raise _broken("an element stands where an item must be", frame.tag)

    def _close(self) -> Iterator[Step]:
        frame = self._frames.pop()
        if not self._frames:
            return
        kind = Kind.ITEM_END if frame.holds == "elements" else Kind.SEQUENCE_END
        if kind is Kind.SEQUENCE_END:
            self._depth -= 1
        yield Step(kind, frame.tag, "SQ", self._position, self._position, self._depth)

    def _delimiter(self, frame: _Frame, tag: int) -> Iterator[Step]:
        (length,) = _LENGTH32.unpack_from(self._data, self._position + 4)
        self._position += 8
        if tag == _ITEM:
            yield self._item(frame, length)
            return
        closes = _ITEM_END if frame.holds == "elements" else _SEQUENCE_END
        if tag != closes or frame.end is not None or length:
            raise _broken("a delimiter stands where nothing ends", frame.tag)
        yield from self._close()

    def _item(self, frame: _Frame, length: int) -> Step:
        self._items += 1
        if frame.holds == "elements":
            raise _broken("an item stands outside a sequence", frame.tag)
        if self._items > self._limits.items:
            raise UnreadableObject(
                f"The object has more than {self._limits.items} items; export it in parts."
            )
        start = self._position
        if length != _UNDEFINED and start + length > frame.bound:
            raise _broken("an item is longer than its sequence", frame.tag)
        if frame.holds == "fragments":
            if length == _UNDEFINED:
                raise _broken("a fragment has no length", frame.tag)
            self._position += length
            return Step(Kind.FRAGMENT, frame.tag, "OB", start, self._position, self._depth)
        end = None if length == _UNDEFINED else start + length
        bound = frame.bound if end is None else end
        self._frames.append(_Frame("elements", frame.tag, end, bound, frame.explicit, frame.guess))
        return Step(Kind.ITEM, frame.tag, "SQ", start, start, self._depth)

    def _element(self, frame: _Frame, tag: int) -> Step:
        self._check_place(frame, tag)
        may_mislead = frame.guess and frame.last < 0
        frame.last = tag
        vr, length, said = self._header(frame, tag, may_mislead)
        start = self._position
        if length == _UNDEFINED:
            return self._open_undefined(frame, tag, said)
        if start + length > frame.bound:
            raise _broken("an element is longer than what is left", tag)
        if vr == "SQ":
            # a known sequence under UN is encoded as implicit VR (PS3.5 6.2.2)
            within = frame.explicit and said == "SQ"
            guess = said == "UN" and frame.explicit
            return self._open("items", tag, start + length, explicit=within, guess=guess)
        if length % _WIDTH.get(vr, 1):
            raise _broken(f"a value of VR {vr} has a length that is no multiple of its own", tag)
        self._position += length
        return Step(Kind.VALUE, tag, vr, start, self._position, self._depth)

    def _check_place(self, frame: _Frame, tag: int) -> None:
        if tag <= frame.last:
            raise _broken("elements are out of order", tag)
        if tag < 0x00080000:
            raise _broken("an element of a group below 0008 stands in the data set", tag)
        self._elements += 1
        if self._elements > self._limits.elements:
            raise UnreadableObject(
                f"The object has more than {self._limits.elements} elements; export it in parts."
            )

    def _header(self, frame: _Frame, tag: int, may_mislead: bool) -> tuple[str, int, str]:
        """Read VR and length; gives the VR to go by, the length, and the VR as said."""
        data, position = self._data, self._position
        code = bytes(data[position + 4 : position + 6])
        if not frame.explicit:
            if may_mislead and _is_letters(code):
                raise _broken("it may be explicit or implicit VR, and no reader can tell", tag)
            (length,) = _LENGTH32.unpack_from(data, position + 4)
            self._position += 8
            return vr_of(tag), length, ""
        if code in _SHORT:
            (length,) = _LENGTH16.unpack_from(data, position + 6)
            self._position += 8
            said = code.decode("ascii")
            return said, length, said
        if code not in _LONG:
            raise _broken("it has no VR that DICOM knows", tag)
        if position + 12 > frame.bound:
            raise _broken("it ends in the middle of an element", tag)
        (length,) = _LENGTH32.unpack_from(data, position + 8)
        self._position += 12
        said = code.decode("ascii")
        return (vr_of(tag) if said == "UN" else said), length, said

    def _open_undefined(self, frame: _Frame, tag: int, said: str) -> Step:
        if tag == PIXEL_DATA:
            return self._open("fragments", tag, None, explicit=frame.explicit, guess=False)
        if said in ("", "SQ", "UN"):
            within = frame.explicit and said == "SQ"
            return self._open(
                "items", tag, None, explicit=within, guess=said == "UN" and frame.explicit
            )
        raise _broken(f"a value of VR {said} has no length", tag)

    def _open(self, holds: str, tag: int, end: int | None, *, explicit: bool, guess: bool) -> Step:
        self._depth += 1
        if self._depth > self._limits.depth:
            raise UnreadableObject(
                f"The object is nested deeper than {self._limits.depth} sequences; "
                "export it in a simpler form."
            )
        bound = self._frames[-1].bound if end is None else end
        self._frames.append(_Frame(holds, tag, end, bound, explicit, guess))
        start = self._position
        return Step(Kind.SEQUENCE, tag, "SQ", start, start, self._depth - 1)


def _is_letters(code: bytes) -> bool:
    return len(code) == 2 and all(0x40 < byte < 0x5B for byte in code)


def _broken(what: str, tag: int) -> UnreadableObject:
    place = f" at ({tag >> 16:04X},{tag & 0xFFFF:04X})" if tag else ""
    return UnreadableObject(f"The object is damaged: {what}{place}; send it again.")


_SOP_CLASS, _SOP_INSTANCE, _STUDY = 0x00080016, 0x00080018, 0x0020000D
_ACCESSION, _REFERENCED_INSTANCE = 0x00080050, 0x00081155
_WANTED = frozenset((_SOP_CLASS, _SOP_INSTANCE, _STUDY, _ACCESSION, _REFERENCED_INSTANCE))
_LONGEST = 66  # bytes; a UID has 64 and perhaps a pad, an accession number 16


@dataclass
class _Found:
    elements: int = 0
    items: int = 0
    depth: int = 0
    top: dict[int, str] = field(default_factory=dict)
    accession_within: str = ""
    instances: set[str] = field(default_factory=set)
    studies: set[str] = field(default_factory=set)


def scan(data: Buffer, *, explicit: bool, limits: Limits = LIMITS) -> tuple[Any, ...]:
    """Walk a whole encoded data set (no preamble, no group 0002) within limits.

    Pixel data are stepped over, never read.

    Raises
    ------
    UnreadableObject
        When the structure is broken or a limit is passed.
    """
    found = _Found()
    for step in walk(data, explicit=explicit, limits=limits):
        if step.kind is Kind.VALUE:
            found.elements += 1
            if step.tag in _WANTED:
                _note(found, step, data)
        elif step.kind is Kind.SEQUENCE:
            found.elements += 1
            found.depth = max(found.depth, step.depth + 1)
        elif step.kind in (Kind.ITEM, Kind.FRAGMENT):
            found.items += 1
    return (
        found.elements,
        found.items,
        found.depth,
        found.top.get(_SOP_CLASS, ""),
        found.top.get(_SOP_INSTANCE, ""),
        found.top.get(_STUDY, ""),
        found.top.get(_ACCESSION, "") or found.accession_within,
        frozenset(found.instances),
        frozenset(found.studies),
    )


def _note(found: _Found, step: Step, data: Buffer) -> None:
    raw = bytes(data[step.start : min(step.stop, step.start + _LONGEST)])
    text = raw.decode("latin-1").strip(" \0")
    if step.tag == _REFERENCED_INSTANCE:
        found.instances.add(text)
    elif step.depth == 0:
        found.top[step.tag] = text
    elif step.tag == _STUDY:
        found.studies.add(text)
    elif step.tag == _ACCESSION:
        found.accession_within = found.accession_within or text


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
