"""What the pre-scan passes can be walked to its end; what it refuses, it refuses with a reason."""

from __future__ import annotations

import io
import mmap
import random
import struct
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.filereader import read_dataset

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.prescan import is_explicit, scan
from tests.nodes import encode, our_report, our_state
from tests.peers import DATA
from tests.unit.sr_builders import (
    a_code,
    a_coded,
    a_graphic,
    a_group,
    a_report,
    a_text,
    an_annotation,
    coordinates,
)

UNDEFINED = 0xFFFFFFFF


def explicit(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    group, element = tag >> 16, tag & 0xFFFF
    size = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<HH2sHL", group, element, vr, 0, size) + value
    return struct.pack("<HH2sH", group, element, vr, size) + value


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return implicit(0xFFFEE000, content, length)


def sequence(content: bytes, length: int | None = None) -> bytes:
    return explicit(0x0040A730, b"SQ", content, length)


ITEM_END, SEQUENCE_END = implicit(0xFFFEE00D, b""), implicit(0xFFFEE0DD, b"")


def nested(depth: int, *, undefined: bool) -> bytes:
    content = b""
    for _ in range(depth):
        if undefined:
            inner = item(content + ITEM_END, UNDEFINED) + SEQUENCE_END
            content = sequence(inner, UNDEFINED)
        else:
            content = sequence(item(content))
    return content


def a_rich_state() -> Dataset:
    return our_state(GraphicAnnotationSequence=[
        an_annotation(a_graphic("POLYLINE", 1.0, 2.0, 3.0, 4.0), a_text("R RECALL M4", 5.0, 6.0)),
        an_annotation(a_graphic("ELLIPSE", *map(float, range(8)))),
    ])  # fmt: skip


def a_rich_report() -> Dataset:
    group = a_group(coordinates("POINT", 10.0, 20.0), a_coded(a_code("121071"), a_code("4147007")))
    return our_report(
        PatientName="X^Y", BitsAllocated=16, NumberOfFrames="1",
        ContentSequence=a_report(group).ContentSequence,
    )  # fmt: skip


def test_a_sound_object_tells_its_size_and_what_it_belongs_to() -> None:
    ds = our_report(uid="1.2.3.77")
    ds.CurrentRequestedProcedureEvidenceSequence = [Dataset()]
    ds.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID = "1.2.7.7"
    ds.CurrentRequestedProcedureEvidenceSequence[0].AccessionNumber = "INSIDE"
    found = scan(encode(ds), explicit=True)
    assert (found.sop_class_uid, found.sop_instance_uid) == (ds.SOPClassUID, "1.2.3.77")
    assert (found.study_instance_uid, found.accession_number) == ("1.2.101.1", "PERFORMS121101")
    assert found.referenced_studies == {"1.2.7.7"}
    assert found.depth == 2
    assert found.items >= 4
    assert found.elements >= 15


def test_references_are_found_at_any_depth_in_every_encoding() -> None:
    for how in ({}, {"implicit": True}, {"undefined": True}):
        found = scan(encode(our_state(), **how), explicit="implicit" not in how)
        assert found.referenced_instances == {"1.2.101.4.1"}, how
        assert found.study_instance_uid == "1.2.101.1", how


def test_an_accession_number_inside_a_sequence_counts_where_the_top_has_none() -> None:
    ds = our_state(AccessionNumber="")
    request = Dataset()
    request.AccessionNumber = "PERFORMS121101"
    ds.ReferencedRequestSequence = [request]
    assert scan(encode(ds), explicit=True).accession_number == "PERFORMS121101"


@pytest.mark.parametrize("undefined", [True, False])
def test_nesting_is_taken_to_the_limit_and_refused_beyond(undefined: bool) -> None:
    assert scan(nested(32, undefined=undefined), explicit=True).depth == 32
    with pytest.raises(UnreadableObject, match="deeper than 32"):
        scan(nested(33, undefined=undefined), explicit=True)


def test_ten_thousand_levels_are_refused_at_once() -> None:
    bomb = nested(10_000, undefined=True)
    began = time.thread_time()
    with pytest.raises(UnreadableObject, match="deeper"):
        scan(bomb, explicit=True)
    assert time.thread_time() - began < 1  # of a processor, however many share it; takes 1 ms


def test_two_hundred_thousand_empty_items_are_refused_before_the_last() -> None:
    bomb = sequence(item(b"") * 200_000)
    began = time.thread_time()
    with pytest.raises(UnreadableObject, match="more than 20000 items"):
        scan(bomb, explicit=True)
    assert time.thread_time() - began < 2


def test_too_many_elements_are_refused() -> None:
    many = b"".join(explicit(0x00091001 + n, b"LO", b"") for n in range(11))
    assert scan(many, explicit=True, limits=Limits(elements=11)).elements == 11
    with pytest.raises(UnreadableObject, match="more than 10 elements"):
        scan(many, explicit=True, limits=Limits(elements=10))


BROKEN = {
    "a length that runs past the end": explicit(0x00080060, b"CS", b"PR", 0xFFF0),
    "a header cut off": explicit(0x00080060, b"CS", b"PR") + b"\x08\0\x70",
    "a long header cut off": explicit(0x00420011, b"OB", b"")[:9],
    "an unknown VR": explicit(0x00080060, b"ZZ", b"PR"),
    "no VR": b"\x08\0\x60\0\0\0\0\0PR",
    "tags out of order": explicit(0x00080060, b"CS", b"PR") + explicit(0x00080050, b"SH", b"A "),
    "one tag twice": explicit(0x00080060, b"CS", b"PR") * 2,
    "group 0002 in the data set": explicit(0x00020010, b"UI", b"1."),
    "an item outside a sequence": item(b""),
    "a delimiter outside a sequence": SEQUENCE_END,
    "an element where an item must be": sequence(explicit(0x00080060, b"CS", b"PR")),
    "an item longer than its sequence": sequence(item(b"", 100)),
    "an element longer than its item": sequence(item(explicit(0x00080060, b"CS", b"", 80))),
    "a sequence that never ends": sequence(item(b""), UNDEFINED),
    "an item that never ends": sequence(item(b"", UNDEFINED) + SEQUENCE_END, UNDEFINED),
    "a delimiter with a length": sequence(implicit(0xFFFEE0DD, b"", 4), UNDEFINED),
    "text without a length": explicit(0x0040A160, b"UT", b"abc", UNDEFINED),
    "a float of six bytes": explicit(0x00700022, b"FL", bytes(6)),
    "a fragment without a length": explicit(
        0x7FE00010, b"OB", item(b"", UNDEFINED) + SEQUENCE_END, UNDEFINED
    ),
    "an unknown-VR number of three bytes": explicit(0x00280010, b"UN", b"abc"),
}  # fmt: skip


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_structure_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(UnreadableObject) as refused:
        scan(data, explicit=True)
    assert str(refused.value).endswith(".")
    assert str(refused.value).isprintable()


def test_no_value_of_the_object_is_in_the_reason() -> None:
    data = encode(our_state(PatientName="PLANTED^SURNAME")) + b"\x08\0"
    with pytest.raises(UnreadableObject) as refused:
        scan(data, explicit=True)
    assert "PLANTED" not in str(refused.value)


def test_an_implicit_object_that_looks_explicit_is_refused() -> None:
    # every reader guesses by these two letters, and would read something else
    data = implicit(0x00080005, b" " * 0x5343)
    with pytest.raises(UnreadableObject, match="no reader can tell"):
        scan(data, explicit=False)


def test_sequences_coded_as_unknown_are_walked_too() -> None:
    inner = implicit(0x00081155, b"1.2.3.4 ")
    known = explicit(0x00081115, b"UN", item(inner))
    private = explicit(0x00091010, b"UN", item(inner) + SEQUENCE_END, UNDEFINED)
    assert scan(known, explicit=True).referenced_instances == {"1.2.3.4"}
    assert scan(private, explicit=True).referenced_instances == {"1.2.3.4"}


def test_pixels_are_stepped_over_whether_native_or_compressed() -> None:
    native = explicit(0x7FE00010, b"OW", bytes(1 << 20))
    fragments = item(b"") + item(bytes(1 << 20)) + SEQUENCE_END
    compressed = explicit(0x7FE00010, b"OB", fragments, UNDEFINED)
    assert scan(native, explicit=True).elements == 1
    assert scan(compressed, explicit=True).items == 2


def test_a_file_is_scanned_without_being_read_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(encode(our_state()))
        file.write(explicit(0x7FE00010, b"OW", b"", 200 << 20))
        file.truncate(file.tell() + (200 << 20))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert scan(data, explicit=True).sop_instance_uid == "1.2.3.9.1"


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"])
def test_deflated_and_big_endian_are_refused(syntax: str) -> None:
    with pytest.raises(UnreadableObject, match="explicit VR little endian"):
        is_explicit(syntax)


def _walk_with_pydicom(data: bytes, *, is_implicit: bool) -> None:
    """Look at every element, as somebody will; only a value that is no number may fail."""
    ds = read_dataset(io.BytesIO(data), is_implicit, True)
    stack = [ds]
    while stack:
        current = stack.pop()
        for tag in list(current.keys()):
            try:
                element = current[tag]
            except (ValueError, TypeError):
                raw = current.get_item(tag)
                if raw.VR in (None, "DS", "IS", "UN"):
                    continue  # a number spelt wrongly: for the worker that reads values
                raise
            if element.VR == "SQ":
                stack.extend(element.value)


def _mutations(data: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            place = chance.randrange(len(changed))
            match chance.randrange(6):
                case 0:
                    changed[place] = chance.randrange(256)
                case 1:
                    changed[place] ^= 1 << chance.randrange(8)
                case 2:
                    del changed[place : place + chance.choice((1, 2, 4, 8, 16))]
                case 3:
                    changed[place:place] = chance.randbytes(chance.choice((1, 2, 4, 8)))
                case 4:
                    changed[place : place + 4] = chance.choice(
                        (b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", bytes(4))
                    )
                case 5:
                    start = chance.randrange(len(changed))
                    changed[place:place] = changed[start : start + chance.randrange(40)]
            if not changed:
                break
        yield bytes(changed)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("builder", [a_rich_state, a_rich_report])
def test_whatever_passes_can_be_walked_to_its_end(builder: object, seed: int) -> None:
    chance = random.Random(seed)
    passed = refused = 0
    for how in ({}, {"implicit": True}, {"undefined": True}):
        sound = encode(builder(), **how)  # type: ignore[operator]
        for data in _mutations(sound, chance):
            try:
                scan(data, explicit="implicit" not in how)
            except UnreadableObject:
                refused += 1
                continue
            passed += 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _walk_with_pydicom(data, is_implicit="implicit" in how)
    assert passed > 20
    assert refused > 100


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200), explicit=st.booleans())
def test_any_bytes_are_passed_or_refused_and_nothing_else(data: bytes, explicit: bool) -> None:
    try:
        found = scan(data, explicit=explicit)
    except UnreadableObject:
        return
    assert found.elements <= len(data) // 8


def test_real_objects_of_many_makers_pass() -> None:
    if not DATA.exists():
        pytest.skip("../shared/data is not here; it does not ship with the project")
    passed, refused = 0, []
    for path in sorted((DATA / "dicom").rglob("*")):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            head = file.read(136)
        if head[128:136] != b"DICM\x02\0\0\0":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            meta = pydicom.filereader.read_file_meta_info(path)
        syntax = str(meta.get("TransferSyntaxUID", ""))
        if syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2", ""):
            continue
        start = 144 + meta.FileMetaInformationGroupLength
        try:
            scan(path.read_bytes()[start:], explicit=is_explicit(syntax))
            passed += 1
        except UnreadableObject:
            refused.append(path.name)
    assert passed > 100
    assert len(refused) <= 0.05 * passed, refused  # the collections hold broken files on purpose
