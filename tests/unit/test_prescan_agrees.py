"""The fast walk says of every object what a plain one says: sizes, references, digest, refusal."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_bridge.archive.content import same_content
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.prescan import scan
from pacs_bridge.upper_layer.seen import Seen
from tests.nodes import encode, our_report, our_state
from tests.peers import DATA
from tests.unit import plain_walk
from tests.unit.test_prescan import BROKEN, a_rich_report, a_rich_state

UNDEFINED = 0xFFFFFFFF
TAGS = (
    0x00080000, 0x00080005, 0x00080016, 0x00080018, 0x00080050, 0x00080060, 0x00081115,
    0x00081155, 0x00091001, 0x0020000D, 0x00280010, 0x00280106, 0x0040A160, 0x0040A730,
    0x00700022, 0x00700023, 0x7FE00010, 0xFFFCFFFC, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD,
)  # fmt: skip
VRS = (b"UI", b"CS", b"SH", b"LO", b"UT", b"UN", b"SQ", b"US", b"FL", b"OB", b"PN", b"LT", b"ZZ")
ENCODINGS = ({}, {"implicit": True}, {"undefined": True}, {"implicit": True, "undefined": True})


def agree(data: bytes, *, explicit: bool, limits: Limits = plain_walk.LIMITS) -> None:
    for what in (scan_both, digest_both):
        plain, fast = what(data, explicit, limits)
        assert fast == plain


def scan_both(data: bytes, explicit: bool, limits: Limits) -> tuple[object, object]:
    return (
        outcome(lambda: plain_walk.scan(data, explicit=explicit, limits=limits)),
        outcome(lambda: _fields(data, explicit, limits)),
    )


def _fields(data: bytes, explicit: bool, limits: Limits) -> tuple[object, ...]:
    found = scan(data, explicit=explicit, limits=limits)
    return (
        found.elements, found.items, found.depth, found.sop_class_uid, found.sop_instance_uid,
        found.study_instance_uid, found.accession_number, found.referenced_instances,
        found.referenced_studies,
    )  # fmt: skip


def digest_both(data: bytes, explicit: bool, _limits: Limits) -> tuple[object, object]:
    plain = outcome(lambda: plain_walk.same_content(data, explicit=explicit))
    fast = outcome(lambda: same_content(data, explicit=explicit))
    if isinstance(plain, tuple) and plain[0] == "UnsupportedObject" and isinstance(fast, tuple):
        return (), ()  # compressed and damaged: which of the two is said first does not matter
    return plain, fast


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except PacsBridgeError as error:
        return type(error).__name__, str(error)


@st.composite
def data_sets(draw: st.DrawFn, *, explicit: bool, depth: int = 0) -> bytes:
    """Elements that are mostly sound, sometimes in a wrong order, with a wrong length or VR."""
    tags = draw(st.lists(st.sampled_from(TAGS), max_size=6))
    if draw(st.integers(0, 5)):
        tags = sorted(set(tags))
    return b"".join(draw(elements(tag, explicit=explicit, depth=depth)) for tag in tags)


@st.composite
def elements(draw: st.DrawFn, tag: int, *, explicit: bool, depth: int) -> bytes:
    nested = depth < 3 and draw(st.booleans())
    vr = draw(st.sampled_from((b"SQ", b"UN"))) if nested else draw(st.sampled_from(VRS))
    if nested:
        inner = explicit and vr == b"SQ"
        value = b"".join(
            draw(items(explicit=inner, depth=depth + 1)) for _ in range(draw(st.integers(0, 3)))
        )
    else:
        value = draw(st.sampled_from((b"", b"1.2.3\0", b" A\\B ", b"PERFORMS121101", bytes(8))))
    length = len(value)
    odd = draw(st.integers(0, 9))
    if odd < 3 and (nested or odd == 0):
        value, length = value + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), UNDEFINED
    elif odd == 3:
        length += draw(st.sampled_from((-1, 1, 8, 60_000)))
    length = max(0, length)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack("<L", length) + value
    if vr in (b"UN", b"SQ", b"UT", b"OB"):
        return head + vr + b"\0\0" + struct.pack("<L", length) + value
    return head + vr + struct.pack("<H", length & 0xFFFF) + value


@st.composite
def items(draw: st.DrawFn, *, explicit: bool, depth: int) -> bytes:
    content = draw(data_sets(explicit=explicit, depth=depth))
    if draw(st.booleans()):
        return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content
    open_item = struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)
    return open_item + content + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)


@given(data=st.data(), explicit=st.booleans())
def test_made_objects_sound_and_damaged_are_judged_alike(
    data: st.DataObject, explicit: bool
) -> None:
    agree(data.draw(data_sets(explicit=explicit)), explicit=explicit)


@given(data=st.data(), explicit=st.booleans())
def test_limits_are_drawn_at_the_same_place(data: st.DataObject, explicit: bool) -> None:
    made = data.draw(data_sets(explicit=explicit))
    few = st.integers(0, 6)
    limits = Limits(data.draw(few), data.draw(few), data.draw(few))
    plain, fast = scan_both(made, explicit, limits)
    assert fast == plain


BUILD = (our_state, our_report, a_rich_state, a_rich_report)


@pytest.mark.parametrize("how", ENCODINGS, ids=str)
@pytest.mark.parametrize("build", BUILD)
def test_reports_and_states_in_every_encoding_are_judged_alike(
    build: Callable[[], Dataset], how: dict[str, bool]
) -> None:
    agree(encode(build(), **how), explicit=not how.get("implicit"))


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("explicit", [True, False])
def test_broken_objects_are_refused_with_the_same_words(data: bytes, explicit: bool) -> None:
    agree(data, explicit=explicit)


@given(seed=st.integers(0, 2**32), how=st.sampled_from(ENCODINGS))
def test_objects_with_changed_bytes_are_judged_alike(seed: int, how: dict[str, bool]) -> None:
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
    agree(bytes(changed), explicit=not how.get("implicit"))


def real_data_sets() -> Iterator[tuple[bytes, bool]]:
    for path in sorted(path for path in DATA.rglob("*") if path.is_file())[:400]:
        with path.open("rb") as file:
            if file.read(132)[128:] != b"DICM":
                continue
            file.seek(0)
            syntax = pydicom.filereader.read_partial(file, lambda *_: True).file_meta.get(
                "TransferSyntaxUID", ""
            )
            if syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", ""):
                continue
            yield file.read(), syntax != "1.2.840.10008.1.2"


def test_objects_of_many_makers_are_judged_alike() -> None:
    if not DATA.is_dir():
        pytest.skip("the folder of test data is not here")
    sound = 0
    for data, explicit in real_data_sets():
        agree(data, explicit=explicit)
        sound += isinstance(outcome(lambda: scan(data, explicit=explicit)), Seen)  # noqa: B023
    assert sound > 20


def test_words_seen_before_are_counted_and_limited_as_if_they_were_new() -> None:
    data = encode(a_rich_report())
    whole = scan(data, explicit=True)
    agree(data, explicit=True)
    for fewer in (0, 1, 2, 5):
        for limits in (
            Limits(elements=whole.elements - fewer),
            Limits(items=whole.items - fewer),
            Limits(depth=max(0, whole.depth - fewer)),
        ):
            agree(data, explicit=True, limits=limits)


def test_a_word_seen_before_hides_no_reference() -> None:
    ds = our_state()
    series = ds.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    series.ReferencedSOPInstanceUID = "1.2.101.77.1"
    for _ in range(2):
        assert scan(encode(ds), explicit=True).referenced_instances == {"1.2.101.77.1"}
