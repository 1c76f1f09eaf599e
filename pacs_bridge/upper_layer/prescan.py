"""A structural check of an encoded data set before any parser sees it, and before an answer.

pydicom is lazy: it takes a damaged object and fails when somebody looks. What passes here
can be walked to its last element (RELIABILITY.md 2, trials d1 to d6). The few elements that
decide whether an object is ours, and what its content consists of, are picked up on the way,
so that a listener needs no parser at all and walks an object once.

One walk serves an object that lies in memory and one that arrives in pieces (`stream_scan`): it
looks at a window, and asks for the next one where the window ends before the object does.

Only little endian is walked, explicit or implicit VR: the node offers nothing else.

References
----------
PS3.5 section 7 (data set structure), 7.5 (sequences), 6.2.2 (VR of UN), annex A.4
(encapsulated pixel data).
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from typing import Final

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import (
    EXPLICIT_SEEN,
    IMPLICIT_SEEN,
    LIMITS,
    PIXEL_DATA,
    WANTED,
    Buffer,
    Form,
    Limits,
    Marks,
    Padding,
    is_coded,
    learn_explicit,
    learn_implicit,
    marks_of,
)
from pacs_bridge.upper_layer.seen import (
    Content,
    Seen,
    Window,
    refuse,
    refuse_depth,
    refuse_length,
    refuse_more_than,
    refuse_place,
)
from pacs_bridge.upper_layer.shapes import LONGEST, SHAPES, key_of

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"

_LONGEST = 66  # bytes; a UID has 64 and perhaps a pad, an accession number 16
_LONGEST_TEXT = 1 << 20  # bytes of one that arrives in pieces: whoever compares it needs it whole

_UNDEFINED: Final = 0xFFFFFFFF
_ITEM, _SEQUENCE_END = 0xE000FFFE, 0xE0DDFFFE  # as they are encoded
_ELEMENTS, _ITEMS, _FRAGMENTS = 0, 1, 2  # what an open container holds
_WANTED, _SEQUENCE = int(Form.WANTED), int(Form.SEQUENCE)  # plain numbers compare faster
_NO_VR, _DELIMITER = int(Form.NO_VR), int(Form.DELIMITER)
_NONE, _COMPONENTS, _ALL = int(Padding.NONE), int(Padding.COMPONENTS), int(Padding.ALL)
_MAY_BE_OPEN = ("", "SQ", "UN")
_NO_END = -1  # where a delimiter ends it
_NOWHERE: Final = 1 << 62  # where an object ends of which more is to come
_SHORT_HEADER = struct.Struct("<6sH").unpack_from
_NUMBERS = struct.Struct("<LL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_AS_COUNT = struct.Struct(">Q").pack
_COUNTED = 1024
_COUNTS = tuple(_AS_COUNT(count) for count in range(_COUNTED))

_SHORT_SEQUENCE = 256  # bytes; a coded word has some 60 to 120
_REMEMBERED = 8192
_SOUND: dict[bytes | memoryview, tuple[int, int]] = {}
"""Coded words in explicit VR that were walked and hold nothing that is looked for, by the bytes of
their sequence: how many elements and items. An object says the same words again and again, and
what was sound once is sound wherever it stands, within the limits of depth and number. Only
sequences of codes: nothing that may name a person is remembered."""


def is_explicit(transfer_syntax_uid: str) -> bool:
    """Tell explicit from implicit VR.

    Raises
    ------
    UnreadableObject
        For deflated and big endian data sets, which are not walked.
    """
    if transfer_syntax_uid in (_DEFLATED, _BIG_ENDIAN):
        raise UnreadableObject(
            "The object is deflated or big endian; send it in explicit VR little endian."
        )
    return transfer_syntax_uid != IMPLICIT


def scan(
    data: Buffer, *, explicit: bool, limits: Limits = LIMITS, content: Content | None = None
) -> Seen:
    """Walk a whole encoded data set (no preamble, no group 0002) within limits.

    Parameters
    ----------
    content : Content or None
        Takes tags, lengths and values without padding, and the beginnings and ends of sequences
        and items. Two encodings of one object give the same bytes. Where the object has
        compressed pixels, these are missing.

    Raises
    ------
    UnreadableObject
        At the first place where the structure is broken or a limit is passed; the sentence
        names the element, never a value.
    """
    seen = Seen()
    for _ in walk(bytes(data), seen, explicit=explicit, limits=limits, content=content, whole=True):
        raise AssertionError("an object that is whole has no more")
    return seen


def walk(
    data: Window,
    seen: Seen,
    *,
    explicit: bool,
    limits: Limits,
    content: Content | None,
    whole: bool,
) -> Generator[int, Window | None, None]:
    """Walk in one loop, all that is open in local names: calls would cost more than the work.

    Where `data` is not whole: each time that it ends too early, yields the place in it behind all
    that was walked, maybe behind its end. Sent back is what the object has from there on; None
    where it has no more.
    """
    most_elements, most_items, counts = limits.elements, limits.items, _COUNTS
    short_header, numbers, note = _SHORT_HEADER, _NUMBERS, seen.note
    explicit_seen, implicit_seen = EXPLICIT_SEEN.get, IMPLICIT_SEEN.get
    # the innermost container: a data set of elements, a sequence of items, pixels in fragments
    holds, within, end, last, guess = _ELEMENTS, marks_of(0), len(data), -1, True
    if not whole:
        end = _NOWHERE
    bound = end  # of the nearest container whose end is known
    outer: list[tuple[int, Marks, int, int, int, bool, bool]] = []
    position = elements = items = depth = deepest = begun = owed = length = padding = tag = 0
    may_recall, is_eager = whole and content is None, content is not None and not whole
    short_from = short_elements = short_items = _NO_END  # where the innermost short sequence began
    shapes_of, lessons = SHAPES.known.get, list[tuple[int, int]]()  # how deep, and where, to learn
    while True:
        try:
            while True:
                if position == end:
                    if not outer:
                        seen.elements, seen.items, seen.depth = elements, items, deepest
                        return
                    if holds != _ELEMENTS:
                        depth -= 1
                        if short_from != _NO_END:
                            _remember(
                                data[short_from:end], elements - short_elements, items - short_items
                            )
                            short_from = _NO_END
                    elif lessons and lessons[-1][0] == len(outer):
                        start = lessons.pop()[1]
                        SHAPES.learn(key_of(within.tag, end - start), bytes(data[start:end]))
                    if content is not None:
                        content.append(within.item_end if holds == _ELEMENTS else within.closed)
                    holds, within, end, bound, last, explicit, guess = outer.pop()
                    continue
                if position + 8 > bound:
                    refuse("it ends in the middle of an element", within.tag)

                if holds != _ELEMENTS:
                    raw, length = numbers(data, position)
                    position += 8
                    if raw != _ITEM:
                        if raw & 0xFFFF != 0xFFFE:
                            refuse("an element stands where an item must be", within.tag)
                        if raw != _SEQUENCE_END or end != _NO_END or length:
                            refuse("a delimiter stands where nothing ends", within.tag)
                        end = position
                        continue
                    items += 1
                    if items > most_items:
                        refuse_more_than(most_items, "items")
                    stop = bound if length == _UNDEFINED else position + length
                    if stop > bound:
                        refuse("an item is longer than its sequence", within.tag)
                    if holds == _FRAGMENTS:
                        if length == _UNDEFINED:
                            refuse("a fragment has no length", within.tag)
                        seen.compressed, position = True, stop
                        continue
                    if may_recall and explicit and 0 < length <= LONGEST:
                        alike = shapes_of(within.tag << 16 | length)
                        shape = None if alike is None else SHAPES.recall(alike, data[position:stop])
                        if shape is None:
                            if SHAPES.is_curious:
                                lessons.append((len(outer) + 1, position))
                        elif (
                            elements + shape.elements <= most_elements
                            and items + shape.items <= most_items
                            and depth + shape.depth <= limits.depth
                        ):
                            for tag, start, after in shape.wanted:
                                after = min(after, start + _LONGEST)
                                note(tag, bytes(data[position + start : position + after]), depth)
                            if shape.wanted or shape.depth:  # a word that is remembered has neither
                                short_from = _NO_END
                            elements, items = elements + shape.elements, items + shape.items
                            deepest, position = max(deepest, depth + shape.depth), stop
                            continue
                    outer.append((holds, within, end, bound, last, explicit, guess))
                    if content is not None:
                        content.append(within.item)
                    holds, bound, last = _ELEMENTS, stop, -1
                    end = _NO_END if length == _UNDEFINED else stop
                    continue

                if explicit:
                    head, length = short_header(data, position)
                    tag, form, mask, padding, mark, said = explicit_seen(head) or learn_explicit(
                        head
                    )
                else:
                    raw, length = numbers(data, position)
                    tag, form, mask, padding, mark, said = implicit_seen(raw) or learn_implicit(raw)
                if form or is_eager:
                    if form == _DELIMITER:
                        position += 8
                        if tag == 0xFFFEE000:
                            refuse("an item stands outside a sequence", within.tag)
                        if tag != 0xFFFEE00D or end != _NO_END or _LENGTH(data, position - 4)[0]:
                            refuse("a delimiter stands where nothing ends", within.tag)
                        end = position
                        continue
                    if not whole:
                        is_long = form > _WANTED and explicit
                        is_text = is_eager and _NONE < padding < _ALL
                        most = _UNDEFINED if is_text else _LONGEST if tag in WANTED else 0
                        _await(data, position, bound, length, is_long=is_long, most=most)
                if tag <= last or tag < 0x00080000:
                    refuse_place(tag, last)
                last = tag
                elements += 1
                if elements > most_elements:
                    refuse_more_than(most_elements, "elements")
                if guess:  # a reader tells explicit from implicit by looking at the first element
                    if not explicit and _is_letters(data, position + 4):
                        refuse("it may be explicit or implicit VR, and no reader can tell", tag)
                    guess = False
                start = position + 8
                if form or length == _UNDEFINED:
                    if form > _WANTED and explicit:
                        if form == _NO_VR:
                            refuse("it has no VR that DICOM knows", tag)
                        if position + 12 > bound:
                            refuse("it ends in the middle of an element", tag)
                        start, (length,) = position + 12, _LENGTH(data, position + 8)

                    if form == _SEQUENCE or length == _UNDEFINED:
                        if length == _UNDEFINED and tag == PIXEL_DATA:
                            seen.pixels_at = seen.pixels_at if outer else begun + start
                        elif length == _UNDEFINED and said not in _MAY_BE_OPEN:
                            refuse(f"a value of VR {said} has no length", tag)
                        stop = bound if length == _UNDEFINED else start + length
                        if stop > bound:
                            refuse("an element is longer than what is left", tag)
                        depth += 1
                        if depth > limits.depth:
                            refuse_depth(limits.depth)
                        if depth > deepest:
                            deepest = depth
                        short_from = _NO_END
                        if (
                            may_recall
                            and length <= _SHORT_SEQUENCE
                            and said == "SQ"
                            and is_coded(tag)
                        ):
                            inside = _SOUND.get(data[start:stop])
                            if inside is None:
                                short_from, short_elements, short_items = start, elements, items
                            elif (
                                elements + inside[0] <= most_elements
                                and items + inside[1] <= most_items
                            ):
                                elements, items = elements + inside[0], items + inside[1]
                                depth, position = depth - 1, stop
                                continue
                        outer.append((holds, within, end, bound, last, explicit, guess))
                        within = marks_of(tag)
                        if content is not None:
                            content.append(within.opened)
                        position, bound = start, stop
                        end = _NO_END if length == _UNDEFINED else stop
                        holds = _FRAGMENTS if length == _UNDEFINED and tag == PIXEL_DATA else _ITEMS
                        # a known sequence under UN is encoded as implicit VR (PS3.5 6.2.2)
                        guess, explicit = explicit and said == "UN", explicit and said == "SQ"
                        continue

                position = start + length
                if position > bound:
                    refuse("an element is longer than what is left", tag)
                if length & mask:
                    refuse_length(tag, said)
                if form and tag in WANTED:
                    note(tag, bytes(data[start : min(position, start + _LONGEST)]), depth)
                    short_from = _NO_END
                if content is None:
                    continue
                value: Window
                if padding:
                    text = bytes(data[start:position])
                    if padding == _COMPONENTS:
                        if b"\\" in text:
                            value = b"\\".join([part.strip(b" \0") for part in text.split(b"\\")])
                        else:
                            value = text.strip(b" \0")
                    elif padding == _ALL:
                        continue
                    else:
                        value = text.rstrip(b" \0")
                    length = len(value)
                else:
                    value = data[start:position]
                    if len(value) < length:
                        owed, position = length - len(value), len(data)
                content += (mark, counts[length] if length < _COUNTED else _AS_COUNT(length), value)
                if owed:
                    break
        except struct.error:
            pass  # the window ends here
        seen.top = outer[0][4] if outer else last
        if position > len(data) and _NONE < padding < _ALL and length > _LONGEST_TEXT:
            refuse(f"a text has more than {_LONGEST_TEXT >> 20} MB", tag)
        while True:  # until a value that is gathered is whole
            more = yield position
            if more is None:
                if position > len(data) or owed:
                    refuse("an element is longer than what is left", tag)
                if outer or position < len(data):
                    refuse("it ends in the middle of an element", within.tag)
                end = position
                break
            begun += position
            end, bound = end - position if end != _NO_END else end, bound - position
            outer = [
                (a, b, c - position if c != _NO_END else c, d - position, e, f, g)
                for a, b, c, d, e, f, g in outer
            ]
            data, position = more, 0
            if content is not None and owed:
                content.append(data[:owed])
                position = min(owed, len(data))
                owed -= position
            if not owed:
                break


def _await(
    data: Window, position: int, bound: int, length: int, *, is_long: bool, most: int
) -> None:
    """Ask for more where an element is not here as far as its value is looked at.

    Where its container ends before, it is taken as it is, and refused for that.

    Raises
    ------
    struct.error
        As unpacking does.
    """
    if position + (12 if is_long else 8) > bound:
        return
    if is_long:
        position, (length,) = position + 4, _LENGTH(data, position + 8)
    behind = position + 8 + (min(length, most) if length != _UNDEFINED else 0)
    if min(behind, bound) > len(data):
        raise struct.error("the window ends here")


def _remember(sequence: bytes | memoryview, elements: int, items: int) -> None:
    if len(_SOUND) >= _REMEMBERED:  # of a hostile mind: what is used comes back at once
        _SOUND.clear()
    _SOUND[sequence] = elements, items


def _is_letters(data: Buffer, position: int) -> bool:
    return all(0x40 < byte < 0x5B for byte in data[position : position + 2])
