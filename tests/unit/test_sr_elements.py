"""Values out of foreign data sets: taken from their bytes where they can be, the same anyhow."""

from __future__ import annotations

import struct
import warnings
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs_bridge.sr import elements

TEXTS = (
    "ValueType", "CodeValue", "CodeMeaning", "LongCodeValue", "UID",
    "TextValue", "UnformattedTextValue", "URNCodeValue", "ContentDate", "ContentTime",
    "StationAETitle", "PatientAge", "DateTime", "InstitutionAddress", "PersonName",
    "NumericValue", "Manufacturer",
)  # fmt: skip
CHARACTER_SETS = (
    "", "ISO_IR 100", "ISO_IR 192", "ISO_IR 13", "GB18030", "ISO 2022 IR 6\\ISO 2022 IR 87",
)  # fmt: skip
LETTERS = st.text("AZaz09 \\~^=.\0\r\n\t\x1b", max_size=12).map(str.encode)


def an_element(keyword: str, value: bytes) -> bytes:
    tag, vr = tag_for_keyword(keyword), dictionary_VR(keyword)
    value += b" " * (len(value) % 2)
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    long = vr in ("UT", "UC", "UR")
    return head + struct.pack("<2xL" if long else "<H", len(value)) + value


@given(st.sampled_from(TEXTS), st.sampled_from(CHARACTER_SETS), st.binary(max_size=12) | LETTERS)
@example("ValueType", "", b"SCOORD\\NUM ")
@example("TextValue", "ISO_IR 13", b"a\\b~c")
@example("CodeMeaning", "ISO 2022 IR 6\\ISO 2022 IR 87", b"\x1b$B;3ED\x1b(B")
@example("UID", "", b"1.2.3\0")
def test_a_text_is_the_same_out_of_its_bytes_as_converted(keyword, declared, value):
    elements.tolerate_odd_values()
    parts = {"SpecificCharacterSet": declared.encode(), keyword: value}
    tags = sorted(parts, key=tag_for_keyword)
    data = b"".join(an_element(each, parts[each]) for each in tags)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that are none in the character set declared
        first, second = (dcmread(BytesIO(data), force=True) for _ in range(2))
        assert second[keyword].tag == tag_for_keyword(keyword)  # it is converted in place
        said = elements.text(second, keyword)
        # What was converted and replaced is lost; out of its bytes it is not.
        assert "\ufffd" in said or elements.text(first, keyword) == said


@pytest.mark.parametrize(("value", "wanted"), [(b"1\\2\\3", 1), (b"1\\2\\3\\4", None), (b"", None)])
def test_room_coordinates_come_in_threes(value, wanted):
    ds = dcmread(BytesIO(an_element("ImagePositionPatient", value)), force=True)
    found = elements.triplets(ds, "ImagePositionPatient")
    assert (None if found is None else len(found)) == wanted
