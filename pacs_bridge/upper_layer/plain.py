"""The elements of a small data set as bytes, without a parser: for who needs few of them.

Only of a data set whose structure was found sound (`prescan`). What stands in a value that the
check steps over, a list sent as UN, may still be anything: whoever goes into one catches `Damaged`.

References
----------
PS3.5 sections 6.2.2 (UN), 7.1 (elements), 7.5 (sequences).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Damaged = (struct.error, ValueError, RecursionError)
"""What a value that is no list of items raises when it is read as one."""

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITER = 8  # bytes
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


@dataclass(frozen=True, slots=True)
class Plain:
    """A value as it lies there.

    Parameters
    ----------
    is_list : bool
        Whether its length was left open, so that it is a sequence.
    explicit : bool
        How the items in it are coded, if it is one.
    """

    data: bytes
    is_list: bool
    explicit: bool


def element_at(data: bytes, at: int, explicit: bool) -> tuple[int, int, int, bool]:
    """Read what stands before a value.

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


def elements_of(data: bytes, *, explicit: bool) -> dict[int, Plain]:
    """List the elements at the top of a data set, by tag; group lengths are left out."""
    found = {}
    at = 0
    while at < len(data):
        tag, at, length, form = element_at(data, at, explicit)
        if length == _UNDEFINED:
            end = _after_items(data, at, form)
            value = Plain(data[at : end - _DELIMITER], is_list=True, explicit=form)
        else:
            end = at + length
            value = Plain(data[at:end], is_list=False, explicit=form)
        if tag & 0xFFFF:  # a group length says nothing
            found[tag] = value
        at = end
    return found


def items_of(sequence: Plain) -> Iterator[dict[int, Plain]]:
    """Go through the items of a sequence.

    Raises
    ------
    Damaged
        When it is none.
    """
    data, explicit, at = sequence.data, sequence.explicit, 0
    while at < len(data):
        tag, at, length, _ = element_at(data, at, explicit)
        end = _after_item(data, at, explicit) if length == _UNDEFINED else at + length
        if tag != _ITEM or end > len(data):
            raise ValueError("what should be an item is none")
        stop = end - _DELIMITER if length == _UNDEFINED else end
        yield elements_of(data[at:stop], explicit=explicit)
        at = end


def _after_items(data: bytes, at: int, explicit: bool) -> int:
    """Find where a sequence of undefined length ends."""
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
