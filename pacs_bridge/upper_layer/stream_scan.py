"""The structural check of `prescan`, for an object that is never whole in memory.

Bytes are fed as they arrive; what a value holds is skipped by its length, unless it says what
the object is. Between two pieces no more is kept than the beginning of one element. The rules
are those of `prescan`, out of the same tables; what only the end of an object can show, an
element that promised more than came, is said at the end.

References
----------
PS3.5 section 7 (data set structure), 7.5 (sequences), annex A.4 (encapsulated pixel data).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, NoReturn

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import (
    ACCESSION,
    LIMITS,
    PIXEL_DATA,
    REFERENCED_INSTANCE,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    WANTED,
    Element,
    Form,
    Limits,
    learn_explicit,
    learn_implicit,
    vr_of,
)

_UNDEFINED: Final = 0xFFFFFFFF
_LONGEST = 66  # bytes of a wanted value that are looked at; a UID has 64 and perhaps a pad
_LONGEST_TEXT = 16 << 20
_NOWHERE: Final = 1 << 62  # the end of what has no length: a delimiter ends it, or the object
_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
_ITEM_END = 0xFFFEE00D
_SHORT = struct.Struct("<6sH").unpack_from
_NUMBERS = struct.Struct("<LL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_OVERLAY_GROUPS = range(0x6000, 0x6100, 2)
_MAY_BE_OPEN = ("", "SQ", "UN")
_ELEMENTS, _ITEMS, _FRAGMENTS = 0, 1, 2  # what an open container holds


@dataclass
class Seen:
    """What an object has said so far; texts are unchecked, empty where absent.

    Parameters
    ----------
    accession_number : str
        At the top; `accession_within` is the first inside a sequence.
    top : int
        Tag of the last element at the top that has begun.
    has_overlay : bool
        Whether there are bits of an overlay (60xx,3000).
    pixels_at : int
        Where the first fragment of the image's own pixels stands; 0 where there is none.
    """

    elements: int = 0
    items: int = 0
    depth: int = 0
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    accession_number: str = ""
    accession_within: str = ""
    referenced_instances: set[str] = field(default_factory=set)
    referenced_studies: set[str] = field(default_factory=set)
    compressed: bool = False
    has_overlay: bool = False
    pixels_at: int = 0
    top: int = 0


@dataclass(slots=True)
class _Container:
    """Something open: a data set of elements, a sequence of items, pixels in fragments."""

    holds: int
    tag: int
    end: int  # where it ends; _NOWHERE: at its delimiter
    bound: int  # of the nearest container around whose end is known
    explicit: bool
    guess: bool  # whether its first element shows how it is encoded
    last: int = -1
    ends_by_delimiter: bool = True


class StreamScan:
    """Walks one encoded data set (no preamble, no group 0002) while it arrives.

    Parameters
    ----------
    explicit : bool
        Whether it is encoded with explicit VR; little endian always.

    References
    ----------
    RELIABILITY M6.
    """

    def __init__(self, *, explicit: bool, limits: Limits = LIMITS) -> None:
        self.seen = Seen()
        self._limits = limits
        self._at = 0  # of the first byte that is not done with
        self._rest = b""
        self._skip = 0
        self._in = _Container(
            _ELEMENTS, 0, _NOWHERE, _NOWHERE, explicit, guess=True, ends_by_delimiter=False
        )
        self._outer: list[_Container] = []
        self._depth = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes.

        Raises
        ------
        UnreadableObject
            At the first place where the structure is broken or a limit is passed; nothing
            may be fed afterwards.
        """
        count = len(data)
        if self._skip >= count:  # inside a large value
            self._skip -= count
            self._at += count
            return
        if self._skip:
            data = data[self._skip :]
            self._at += self._skip
            self._skip = 0
        if self._rest:
            data = self._rest + bytes(data)
        done = self._walk(data)
        over = done - len(data)
        if over >= 0:
            self._rest, self._skip, done = b"", over, len(data)
        else:
            self._rest = bytes(data[done:])
        self._at += done

    def finish(self) -> Seen:
        """Say what the object was, now that its last byte has come.

        Raises
        ------
        UnreadableObject
            When it ends inside something.
        """
        if self._skip:
            _refuse("an element is longer than what is left", self._in.last)
        if self._rest:
            _refuse("it ends in the middle of an element", self._in.tag)
        self._close_ended(self._at)
        if self._outer:
            _refuse("it ends in the middle of an element", self._in.tag)
        return self.seen

    def _walk(self, data: bytes | memoryview) -> int:
        """Walk as far as there are whole beginnings; gives how far, maybe behind the end."""
        size, position = len(data), 0
        while True:
            self._close_ended(self._at + position)
            if position + 8 > size:
                if self._at + position + 8 > self._in.bound:
                    _refuse("it ends in the middle of an element", self._in.tag)
                return position
            if self._at + position + 8 > self._in.bound:
                _refuse("it ends in the middle of an element", self._in.tag)
            if self._in.holds == _ELEMENTS:
                behind = self._element(data, position, size)
            else:
                behind = self._item(data, position)
            if behind < 0:
                return position
            position = behind
            if position > size:
                return position

    def _close_ended(self, at: int) -> None:
        while self._outer and at == self._in.end:
            if self._in.holds != _ELEMENTS:
                self._depth -= 1
            self._in = self._outer.pop()

    def _item(self, data: bytes | memoryview, position: int) -> int:
        """Take the beginning of an item, or the end of a sequence; gives what lies behind."""
        inside = self._in
        raw, length = _NUMBERS(data, position)
        tag, behind = (raw & 0xFFFF) << 16 | raw >> 16, position + 8
        if tag != _ITEM:
            if tag >> 16 != 0xFFFE:
                _refuse("an element stands where an item must be", inside.tag)
            if tag != _SEQUENCE_END or not inside.ends_by_delimiter or length:
                _refuse("a delimiter stands where nothing ends", inside.tag)
            inside.end = self._at + behind
            return behind
        self.seen.items += 1
        if self.seen.items > self._limits.items:
            _refuse_more_than(self._limits.items, "items")
        is_open = length == _UNDEFINED
        stop = inside.bound if is_open else self._at + behind + length
        if stop > inside.bound:
            _refuse("an item is longer than its sequence", inside.tag)
        if inside.holds == _FRAGMENTS:
            if is_open:
                _refuse("a fragment has no length", inside.tag)
            self.seen.compressed = True
            return behind + length
        self._outer.append(inside)
        self._in = _Container(
            _ELEMENTS, inside.tag, _NOWHERE if is_open else stop, stop, inside.explicit,
            guess=inside.guess, ends_by_delimiter=is_open,
        )  # fmt: skip
        return behind

    def _element(self, data: bytes | memoryview, position: int, size: int) -> int:
        """Take one element; gives what lies behind its value, -1 where more must come first."""
        inside = self._in
        if inside.explicit:
            head, length = _SHORT(data, position)
            element = learn_explicit(head)
        else:
            raw, length = _NUMBERS(data, position)
            element = learn_implicit(raw)
        tag, start = element.tag, position + 8
        if element.form == Form.DELIMITER:
            self._end_item(tag, _LENGTH(data, position + 4)[0], start)
            return start
        if element.form > Form.WANTED and inside.explicit:
            if element.form == Form.NO_VR:
                _refuse("it has no VR that DICOM knows", tag)
            if self._at + position + 12 > inside.bound:
                _refuse("it ends in the middle of an element", tag)
            if position + 12 > size:
                return -1
            start, (length,) = position + 12, _LENGTH(data, position + 8)
        is_wanted = bool(element.form) and tag in WANTED
        if is_wanted and length != _UNDEFINED and start + min(length, _LONGEST) > size:
            if self._at + start + length > inside.bound:
                _refuse("an element is longer than what is left", tag)
            return -1
        self._note_place(tag, data, position)
        if element.form == Form.SEQUENCE or length == _UNDEFINED:
            self._open(element, start, length)
            return start
        if self._at + start + length > inside.bound:
            _refuse("an element is longer than what is left", tag)
        if length & element.mask:
            _refuse_length(tag, element.said)
        if element.padding and length > _LONGEST_TEXT:  # whoever compares it needs it whole
            _refuse(f"a text has more than {_LONGEST_TEXT >> 20} MB", tag)
        if is_wanted:
            self._note(tag, bytes(data[start : start + min(length, _LONGEST)]))
        elif not self._outer and tag & 0xFFFF == 0x3000 and tag >> 16 in _OVERLAY_GROUPS:
            self.seen.has_overlay = True
        return start + length

    def _note_place(self, tag: int, data: bytes | memoryview, position: int) -> None:
        """Hold an element to its place, and to the limits."""
        inside = self._in
        if tag <= inside.last:
            _refuse("elements are out of order", tag)
        if tag < 0x00080000:
            _refuse("an element of a group below 0008 stands in the data set", tag)
        inside.last = tag
        if not self._outer:
            self.seen.top = tag
        self.seen.elements += 1
        if self.seen.elements > self._limits.elements:
            _refuse_more_than(self._limits.elements, "elements")
        if inside.guess:  # a reader tells explicit from implicit by looking at the first element
            code = bytes(data[position + 4 : position + 6])
            if not inside.explicit and all(0x40 < byte < 0x5B for byte in code):
                _refuse("it may be explicit or implicit VR, and no reader can tell", tag)
            inside.guess = False

    def _end_item(self, tag: int, length: int, behind: int) -> None:
        inside = self._in
        if tag == _ITEM:
            _refuse("an item stands outside a sequence", inside.tag)
        if tag != _ITEM_END or not inside.ends_by_delimiter or length:
            _refuse("a delimiter stands where nothing ends", inside.tag)
        inside.end = self._at + behind

    def _open(self, element: Element, start: int, length: int) -> None:
        """Go into a sequence, or into pixels in fragments."""
        inside, tag, said = self._in, element.tag, element.said
        is_open = length == _UNDEFINED
        if is_open and said not in _MAY_BE_OPEN and tag != PIXEL_DATA:
            _refuse(f"a value of VR {said} has no length", tag)
        stop = inside.bound if is_open else self._at + start + length
        if stop > inside.bound:
            _refuse("an element is longer than what is left", tag)
        self._depth += 1
        if self._depth > self._limits.depth:
            raise UnreadableObject(
                f"The object is nested deeper than {self._limits.depth} sequences; "
                "export it in a simpler form."
            )
        self.seen.depth = max(self.seen.depth, self._depth)
        if is_open and tag == PIXEL_DATA and not self._outer:
            self.seen.pixels_at = self._at + start
        self._outer.append(inside)
        self._in = _Container(
            _FRAGMENTS if is_open and tag == PIXEL_DATA else _ITEMS,
            tag,
            _NOWHERE if is_open else stop,
            stop,
            # a known sequence under UN is encoded as implicit VR (PS3.5 6.2.2)
            explicit=inside.explicit and said == "SQ",
            guess=inside.explicit and said == "UN",
            ends_by_delimiter=is_open,
        )

    def _note(self, tag: int, raw: bytes) -> None:
        text, seen = raw.decode("latin-1").strip(" \0"), self.seen
        if tag == REFERENCED_INSTANCE:
            seen.referenced_instances.add(text)
        elif not self._outer:
            self._note_own(tag, text)
        elif tag == STUDY:
            seen.referenced_studies.add(text)
        elif tag == ACCESSION:
            seen.accession_within = seen.accession_within or text

    def _note_own(self, tag: int, text: str) -> None:
        if tag == SOP_CLASS:
            self.seen.sop_class_uid = text
        elif tag == SOP_INSTANCE:
            self.seen.sop_instance_uid = text
        elif tag == STUDY:
            self.seen.study_instance_uid = text
        else:
            self.seen.accession_number = text


def _refuse(what: str, tag: int) -> NoReturn:
    place = f" at ({tag >> 16:04X},{tag & 0xFFFF:04X})" if tag > 0 else ""
    raise UnreadableObject(f"The object is damaged: {what}{place}; send it again.")


def _refuse_length(tag: int, said: str) -> NoReturn:
    vr = said if said not in ("", "UN") else vr_of(tag)
    _refuse(f"a value of VR {vr} has a length that is no multiple of its own", tag)


def _refuse_more_than(number: int, things: str) -> NoReturn:
    raise UnreadableObject(f"The object has more than {number} {things}; export it in parts.")
