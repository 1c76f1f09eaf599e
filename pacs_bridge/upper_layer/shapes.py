"""Items that are built like one that was walked before: known by their heads, whatever they say.

A walk looks at nothing but heads: tags, VRs and lengths, of elements and items. Where the heads
of an item stand as they stood in a sound one, byte for byte, it is as sound as that, and its
values begin where they began there. The entries of a report differ in their values and have a
few dozen shapes, so that one comparison of two numbers spares the walk of some twenty elements.
No value is kept.

References
----------
PS3.5 sections 7.1.2 (explicit VR), 7.5 (sequences).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from pacs_bridge.upper_layer.elements import EXPLICIT_SEEN, WANTED, Form, learn_explicit

LONGEST: Final = 2048
"""Bytes of an item; a longer one is walked, and its own items looked up."""

_MOST = 256  # lengths; of each some shapes
_ALIKE = 4  # shapes of one length in sequences of one tag
_PRICE = 4  # items recognised for a lesson
_FREE_LESSONS = 128
_UNDEFINED = 0xFFFFFFFF
_SHORT_HEADER = struct.Struct("<6sH").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_ITEM_HEADER = 8


class Shape(NamedTuple):
    """How an item is built.

    Parameters
    ----------
    mask, heads : int
        The bytes that belong to heads, as one number, all bits set; and what stands there.
    elements, items, depth : int
        How many are in it, and how many sequences deep.
    wanted : tuple of (int, int, int)
        Tag, start and end of each value that a walk picks up, in its order.
    """

    mask: int
    heads: int
    elements: int
    items: int
    depth: int
    wanted: tuple[tuple[int, int, int], ...]


class Shapes:
    """Remembers, for all threads of a process.

    Learning costs as much as a walk. Whoever sends what never comes again is learned from only
    so often: a lesson must be paid for by items that were recognised.
    """

    def __init__(self) -> None:
        self.known: dict[int, tuple[Shape, ...]] = {}
        """By `key_of`; looked up by the walk itself."""
        self._lessons = _FREE_LESSONS

    @property
    def is_curious(self) -> bool:
        """Whether there is something to be learned from."""
        return self._lessons > 0

    def recall(self, alike: tuple[Shape, ...], item: bytes | memoryview) -> Shape | None:
        """Give that of some shapes which an item in explicit VR has; None for none of them."""
        number = int.from_bytes(item, "little")
        for shape in alike:
            if number & shape.mask == shape.heads:
                if self._lessons < _FREE_LESSONS:
                    self._lessons += 1
                return shape
        return None

    def learn(self, key: int, item: bytes) -> None:
        """Remember the shape of an item in explicit VR that was walked and is sound."""
        self._lessons -= _PRICE
        lesson = _Lesson(item)
        if not lesson.read_elements(0, len(item), 0):
            return
        if len(self.known) >= _MOST:  # of a hostile mind: what is used comes back at once
            self.known.clear()
        mask = int.from_bytes(lesson.mask, "little")
        shape = Shape(
            mask,
            int.from_bytes(item, "little") & mask,
            lesson.elements,
            lesson.items,
            lesson.depth,
            tuple(lesson.wanted),
        )
        self.known[key] = (shape, *self.known.get(key, ())[: _ALIKE - 1])

    def forget(self) -> None:
        """Know nothing, as at the beginning."""
        self.known.clear()
        self._lessons = _FREE_LESSONS


class _Lesson:
    """Marks where the heads of a sound item are; of lengths that are defined only."""

    def __init__(self, item: bytes) -> None:
        self._item = item
        self.mask = bytearray(len(item))
        self.elements = self.items = self.depth = 0
        self.wanted: list[tuple[int, int, int]] = []

    def read_elements(self, at: int, end: int, depth: int) -> bool:
        """Read the elements of an item; tells whether its shape can be remembered."""
        while at < end:
            head, length = _SHORT_HEADER(self._item, at)
            element = EXPLICIT_SEEN.get(head) or learn_explicit(head)
            if element.form in (Form.NO_VR, Form.DELIMITER) or element.said == "UN":
                return False
            size = 8
            if element.form > Form.WANTED:
                size, (length,) = 12, _LENGTH(self._item, at + 8)
            if length == _UNDEFINED:
                return False
            self._mark(at, size)
            at, self.elements = at + size, self.elements + 1
            if element.form == Form.SEQUENCE:
                if not self._read_items(at, at + length, depth + 1):
                    return False
            elif element.tag in WANTED:
                self.wanted.append((element.tag, at, at + length))
            at += length
        return True

    def _read_items(self, at: int, end: int, depth: int) -> bool:
        self.depth = max(self.depth, depth)
        while at < end:
            (length,) = _LENGTH(self._item, at + 4)
            if length == _UNDEFINED:
                return False
            self._mark(at, _ITEM_HEADER)
            at, self.items = at + _ITEM_HEADER, self.items + 1
            if not self.read_elements(at, at + length, depth):
                return False
            at += length
        return True

    def _mark(self, at: int, size: int) -> None:
        self.mask[at : at + size] = b"\xff" * size


def key_of(sequence: int, length: int) -> int:
    """Give under what the shapes of items so long, in sequences of this tag, are kept."""
    return sequence << 16 | length


SHAPES = Shapes()
