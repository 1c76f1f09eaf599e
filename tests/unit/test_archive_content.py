"""One object is recognised in every encoding, and no two objects are taken for one."""

from __future__ import annotations

import io
from collections.abc import Callable

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_bridge.archive.content import same_content
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.errors import UnreadableObject, UnsupportedObject
from tests.nodes import encode, our_report, our_state
from tests.unit.sr_builders import a_graphic, a_text, an_annotation
from tests.unit.test_prescan import SEQUENCE_END, UNDEFINED, explicit, implicit, item


def a_state() -> Dataset:
    graphic = a_graphic("POLYLINE", 1.0, 2.0, 3.5, 4.25)
    ds = our_state(GraphicAnnotationSequence=[an_annotation(graphic, a_text("R"))])
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.Modality, ds.InstanceNumber, ds.SoftwareVersions = "PR", 7, ["1.0", "build 7"]
    return ds


def digest(ds: Dataset, **how: bool) -> str:
    return same_content(encode(ds, **how), explicit=not how.get("implicit"))


@pytest.mark.parametrize("build", [a_state, our_report])
def test_encodings_of_one_object_have_one_digest(build: Callable[[], Dataset]) -> None:
    plain = digest(build())
    assert digest(build(), implicit=True) == plain
    assert digest(build(), undefined=True) == plain
    assert digest(build(), implicit=True, undefined=True) == plain


def test_padding_group_lengths_and_trailing_padding_are_not_content() -> None:
    plain = explicit(0x00080016, b"UI", b"1.2.3\0") + explicit(0x00080060, b"CS", b"PR")
    padded = (
        explicit(0x00080000, b"UL", b"\x20\0\0\0")
        + explicit(0x00080016, b"UI", b"1.2.3")
        + explicit(0x00080060, b"CS", b" PR ")
        + explicit(0xFFFCFFFC, b"OB", b"\0\0")
    )
    assert same_content(padded, explicit=True) == same_content(plain, explicit=True)


def test_an_unknown_vr_and_the_true_one_are_the_same() -> None:
    known = explicit(0x00080060, b"CS", b"PR") + explicit(0x00081115, b"SQ", item(b""))
    unknown = explicit(0x00080060, b"UN", b"PR") + explicit(0x00081115, b"UN", item(b""))
    assert same_content(known, explicit=True) == same_content(unknown, explicit=True)


CHANGES: dict[str, Callable[[Dataset], None]] = {
    "a text": lambda ds: setattr(ds, "AccessionNumber", "PERFORMS121102"),
    "a point": lambda ds: setattr(_graphic(ds), "GraphicData", [1.0, 2.0, 3.5, 4.5]),
    "one more item": lambda ds: ds.GraphicAnnotationSequence.append(Dataset()),
    "one item less": lambda ds: ds.GraphicAnnotationSequence.pop(),
    "an element more": lambda ds: setattr(ds, "PatientComments", "x"),
    "an element less": lambda ds: delattr(ds, "Modality"),
    "an empty element": lambda ds: setattr(ds, "PatientComments", ""),
    "the order of values": lambda ds: setattr(ds, "SoftwareVersions", ["build 7", "1.0"]),
    "one value for two": lambda ds: setattr(ds, "SoftwareVersions", ["1.0build 7"]),
    "a leading blank of a text": lambda ds: setattr(_text(ds), "UnformattedTextValue", " R"),
}  # fmt: skip


def _graphic(ds: Dataset) -> Dataset:
    return ds.GraphicAnnotationSequence[0].GraphicObjectSequence[0]


def _text(ds: Dataset) -> Dataset:
    return ds.GraphicAnnotationSequence[0].TextObjectSequence[0]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_every_change_of_content_changes_the_digest(change: Callable[[Dataset], None]) -> None:
    ds = a_state()
    change(ds)
    assert digest(ds) != digest(a_state())


def test_a_number_that_looks_like_padding_is_content() -> None:
    blank, zero = (explicit(0x00280010, b"US", value) for value in (b"\x20\0", b"\0\0"))
    assert same_content(blank, explicit=True) != same_content(zero, explicit=True)


def test_where_an_element_stands_is_content() -> None:
    inside, outside = Dataset(), Dataset()
    inside.ReferencedSeriesSequence = Sequence([Dataset()])
    inside.ReferencedSeriesSequence[0].StudyID = "7"
    outside.ReferencedSeriesSequence = Sequence([Dataset()])
    outside.StudyID = "7"
    assert digest(inside) != digest(outside)


def test_compressed_pixels_are_refused_not_guessed() -> None:
    data = explicit(0x7FE00010, b"OB", item(b"") + SEQUENCE_END, UNDEFINED)
    with pytest.raises(UnsupportedObject):
        same_content(data, explicit=True)


def test_a_damaged_object_has_no_digest() -> None:
    with pytest.raises(UnreadableObject):
        same_content(implicit(0x00080060, b"PR", 80), explicit=False)


@given(text=st.text(alphabet="AB \\", max_size=30))
def test_padding_at_the_end_never_counts(text: str) -> None:
    raw = text.encode()
    bare = same_content(explicit(0x00080060, b"CS", raw), explicit=True)
    assert same_content(explicit(0x00080060, b"CS", raw + b" \0"), explicit=True) == bare


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34"])
def test_the_head_makes_received_bytes_a_file_that_others_read(uid: str) -> None:
    data = encode(our_state(uid))
    file = file_head("1.2.840.10008.5.1.4.1.1.11.1", uid, "1.2.840.10008.1.2.1") + data
    ds = pydicom.dcmread(io.BytesIO(file))
    assert ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID == uid
    assert file[:128] == bytes(128)
    assert file.endswith(data)
