"""What is judged piece by piece is judged as if it were whole: same facts, same refusals."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import LIMITS, Limits
from pacs_bridge.upper_layer.prescan import scan
from pacs_bridge.upper_layer.seen import Seen
from pacs_bridge.upper_layer.stream_scan import StreamScan
from tests.nodes import encode, our_report, our_state
from tests.peers import DATA
from tests.unit.test_prescan import BROKEN, a_rich_report, a_rich_state
from tests.unit.test_prescan_agrees import ENCODINGS, data_sets, real_data_sets

BUILD = (our_state, our_report, a_rich_state, a_rich_report)
SIZES = (1, 2, 7, 13, 64, 1000, 1 << 20)


def pieces(data: bytes, size: int) -> Iterator[memoryview]:
    view = memoryview(data)
    return (view[start : start + size] for start in range(0, len(data), size))


def streamed(
    data: bytes,
    size: int,
    *,
    explicit: bool,
    limits: Limits = LIMITS,
    content: list[bytes] | None = None,
) -> Seen | None:
    """What is seen of an object in pieces of one size; None where it is refused."""
    stream = StreamScan(explicit=explicit, limits=limits, content=content)
    try:
        for piece in pieces(data, size):
            stream.feed(piece)
        return stream.finish()
    except UnreadableObject:
        return None


def facts_of_stream(seen: Seen | None) -> object:
    if seen is None:
        return None
    return (
        seen.elements, seen.items, seen.depth, seen.sop_class_uid, seen.sop_instance_uid,
        seen.study_instance_uid, seen.accession_number,
        seen.referenced_instances, seen.referenced_studies, seen.compressed,
    )  # fmt: skip


def facts_of_whole(data: bytes, *, explicit: bool, limits: Limits = LIMITS) -> object:
    try:
        found = scan(data, explicit=explicit, limits=limits)
    except UnreadableObject:
        return None
    return (
        found.elements, found.items, found.depth, found.sop_class_uid, found.sop_instance_uid,
        found.study_instance_uid, found.accession_number, found.referenced_instances,
        found.referenced_studies, found.compressed,
    )  # fmt: skip


def agree(data: bytes, *sizes: int, explicit: bool, limits: Limits = LIMITS) -> None:
    whole = facts_of_whole(data, explicit=explicit, limits=limits)
    parts: list[bytes] = []
    if whole is not None:
        scan(data, explicit=explicit, limits=limits, content=parts)
    for size in sizes:
        assert facts_of_stream(streamed(data, size, explicit=explicit, limits=limits)) == whole
        gathered: list[bytes] = []
        how = {"explicit": explicit, "limits": limits, "content": gathered}
        assert facts_of_stream(streamed(data, size, **how)) == whole
        assert whole is None or b"".join(gathered) == b"".join(parts)


@given(data=st.data(), explicit=st.booleans())
def test_made_objects_sound_and_damaged_are_judged_alike(
    data: st.DataObject, explicit: bool
) -> None:
    made = data.draw(data_sets(explicit=explicit))
    agree(made, 1, data.draw(st.sampled_from(SIZES)), explicit=explicit)


@given(data=st.data(), explicit=st.booleans())
def test_limits_are_drawn_at_the_same_place(data: st.DataObject, explicit: bool) -> None:
    made = data.draw(data_sets(explicit=explicit))
    few = st.integers(0, 6)
    limits = Limits(data.draw(few), data.draw(few), data.draw(few))
    agree(made, data.draw(st.sampled_from(SIZES)), explicit=explicit, limits=limits)


@pytest.mark.parametrize("how", ENCODINGS, ids=str)
@pytest.mark.parametrize("build", BUILD)
def test_reports_and_states_in_every_encoding_are_judged_alike(
    build: Callable[[], Dataset], how: dict[str, bool]
) -> None:
    agree(encode(build(), **how), *SIZES, explicit=not how.get("implicit"))


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("explicit", [True, False])
def test_broken_objects_are_refused_in_pieces_too(data: bytes, explicit: bool) -> None:
    sizes = SIZES[1:] if len(data) < 1 << 20 else SIZES[-1:]
    agree(data, *sizes, explicit=explicit)


@given(seed=st.integers(0, 2**32), how=st.sampled_from(ENCODINGS), size=st.sampled_from(SIZES))
def test_objects_with_changed_bytes_are_judged_alike(
    seed: int, how: dict[str, bool], size: int
) -> None:
    chance = random.Random(seed)
    changed = bytearray(encode(BUILD[seed % len(BUILD)](), **how))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed))
        if chance.random() < 0.3:
            del changed[place : place + chance.randint(1, 9)]
        else:
            changed[place] = chance.choice((0, 1, 0xFF, 0xFE, 0xE0, chance.randrange(256)))
        if not changed:
            break
    agree(bytes(changed), size, explicit=not how.get("implicit"))


def test_images_of_many_makers_are_judged_alike() -> None:
    if not DATA.is_dir():
        pytest.skip("the folder of test data is not here")
    sound = 0
    for data, explicit in real_data_sets():
        whole = facts_of_whole(data, explicit=explicit)
        for size in (4093, 16_378):
            assert facts_of_stream(streamed(data, size, explicit=explicit)) == whole
        sound += whole is not None
    assert sound > 20


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    if vr in (b"OB", b"OW", b"SQ"):
        return head + b"\0\0" + struct.pack("<L", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def test_a_large_value_is_passed_without_being_kept() -> None:
    stream = StreamScan(explicit=True)
    stream.feed(element(0x00080018, b"UI", b"1.2.3\0"))
    stream.feed(struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 256 << 20))
    piece = memoryview(bytes(1 << 20))
    for _ in range(256):
        stream.feed(piece)
        assert stream._rest == b""
    assert stream.finish().sop_instance_uid == "1.2.3"


def test_an_object_that_promises_more_than_comes_is_refused_at_its_end() -> None:
    stream = StreamScan(explicit=True)
    stream.feed(struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, 1000) + bytes(999))
    with pytest.raises(UnreadableObject, match="longer than what is left at \\(7FE0,0010\\)"):
        stream.finish()


@pytest.mark.parametrize(("tag", "is_one"), [(0x60003000, True), (0x60FE3000, True),
                                             (0x60003002, False), (0x61003000, False)])  # fmt: skip
def test_bits_of_an_overlay_are_noticed(tag: int, is_one: bool) -> None:
    stream = StreamScan(explicit=True)
    stream.feed(element(tag, b"OW", bytes(16)))
    assert stream.finish().has_overlay is is_one


def test_how_far_it_has_come_at_the_top_is_known() -> None:
    stream = StreamScan(explicit=True)
    study = element(0x0020000D, b"UI", b"1.2.3.4\0")
    inner = element(0x00081155, b"UI", b"1.2.9\0")
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
    stream.feed(element(0x00081140, b"SQ", item) + study[:-1])
    assert (stream.seen.top, stream.seen.study_instance_uid) == (0x00081140, "")
    stream.feed(study[-1:])
    assert (stream.seen.top, stream.seen.study_instance_uid) == (0x0020000D, "1.2.3.4")
    assert stream.finish().referenced_instances == {"1.2.9"}
