"""Multipart bodies: what was put together is taken apart again, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_bridge.scu.web_json import parse_json
from pacs_bridge.scu.web_parts import (
    MOST_HEAD,
    MOST_PREAMBLE,
    Malformed,
    parse_boundary,
    parse_media_type,
    read_parts,
)

BOUNDARY = b"frontier"
# Bytes that look like a boundary, or nearly, come often.
ALIKE = st.lists(
    st.sampled_from([b"\r\n", b"--", b"frontier", b"\r\n--frontie", b"-", b"\r", b"x", b"\0"]),
    max_size=12,
).map(b"".join)
CONTENT = (ALIKE | st.binary(max_size=200)).filter(lambda data: b"\r\n--frontier" not in data)


def in_pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


def whole(parts: list[bytes]) -> bytes:
    heads = b"--frontier\r\nContent-Type: application/dicom\r\n\r\n"
    return b"".join(heads + part + b"\r\n" for part in parts) + b"--frontier--\r\n"


def taken_apart(chunks: Iterator[bytes]) -> list[bytes]:
    found, current = [], b""
    for data in read_parts(chunks, BOUNDARY):
        if data is None:
            found.append(current)
            current = b""
        else:
            current += data
    return found


@settings(max_examples=300, deadline=None)
@given(st.lists(CONTENT, max_size=4), st.lists(st.integers(0, 40), max_size=40))
def test_parts_come_back_whole_however_the_body_is_cut(
    parts: list[bytes], sizes: list[int]
) -> None:
    assert taken_apart(in_pieces(whole(parts), sizes)) == parts


@settings(max_examples=300, deadline=None)
@given(ALIKE | st.binary(max_size=400), st.lists(st.integers(0, 40), max_size=20))
def test_no_bytes_do_more_than_be_refused(data: bytes, sizes: list[int]) -> None:
    try:
        found = taken_apart(in_pieces(data, sizes))
    except Malformed:
        return
    assert sum(map(len, found)) <= len(data)


def test_a_body_that_ends_early_has_no_last_part() -> None:
    cut = whole([b"one", b"two"])[:-20]
    ends: list[bytes | None] = []
    with pytest.raises(Malformed, match="broke off"):
        ends.extend(read_parts([cut], BOUNDARY))
    assert ends.count(None) == 1


@pytest.mark.parametrize(
    "body",
    [b"x" * (MOST_PREAMBLE + 100), b"--frontier\r\n" + b"A: b\r\n" * MOST_HEAD],
    ids=["no first part", "a head without end"],
)
def test_what_never_begins_is_given_up(body: bytes) -> None:
    with pytest.raises(Malformed):
        list(read_parts([body], BOUNDARY))


@pytest.mark.parametrize("text", ["", "a" * 71, "blank ", 'a"b', "a\r\nb", "ä"])
def test_a_boundary_of_another_form_is_none(text: str) -> None:
    with pytest.raises(Malformed):
        parse_boundary(text)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_may_stand_for_a_media_type(text: str) -> None:
    kind, parameters = parse_media_type(text)
    assert kind == kind.lower()
    assert all(name == name.lower() for name in parameters)


def test_a_media_type_is_split() -> None:
    told = 'Multipart/Related; TYPE="application/dicom";boundary=ab-c'
    expected = {"type": "application/dicom", "boundary": "ab-c"}
    assert parse_media_type(told) == ("multipart/related", expected)


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b'"x"', b"[" * 100_000, b"\xff\xfe", b'{"a": 1' + b"0" * 5000 + b"}"]
)
def test_json_that_is_no_data_sets_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of many kinds
        parse_json(content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_no_value_from_the_wire_does_harm(element: object, value: object) -> None:
    text = json.dumps({"0020000d": element, "00280010": {"vr": "US", "Value": [value]}})
    (row,) = parse_json(text.encode())
    assert row.uid("StudyInstanceUID") == "" or row.uid("StudyInstanceUID").isascii()
    number = row.whole_number("Rows")
    assert number is None or number >= 0
    assert row.text("Rows").isascii()
    assert len(row.text("Rows")) <= 64
    assert row.rows("Rows") is not None
