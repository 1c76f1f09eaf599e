"""What is large in a received object is read only where it is needed, and too much of it never."""

from __future__ import annotations

import struct
from pathlib import Path

import pydicom
import pytest

from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.jobs.limits import LimitedReader
from pacs_bridge.sr.files import MOST_WORDS, open_received
from pacs_bridge.sr.read import read_object
from pacs_bridge.wiring.jobs import read_archived
from tests.nodes import as_file, encode, our_report, our_state

EXPLICIT = "1.2.840.10008.1.2.1"
CONTENT = b"\x40\x00\x30\xa7SQ"


def with_bitmap(rows: int, columns: int) -> pydicom.Dataset:
    """A state with a square drawn into its overlay."""
    ds = our_state()
    row = bytearray(columns // 8)
    row[10:20] = b"\xff" * 10
    ds.add_new(0x60000010, "US", rows)
    ds.add_new(0x60000011, "US", columns)
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    bits = bytes(columns // 8) * 100 + bytes(row) * 40 + bytes(columns // 8) * (rows - 140)
    ds.add_new(0x60003000, "OW", bits)
    return ds


def full_of_text(path: Path, size: int) -> Path:
    """A report whose list of content is so long."""
    ds = our_report()
    text = encode(ds.ContentSequence[0])
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(text)) + text
    items = item * (size // len(item) + 1)
    data = encode(ds)
    data = data[: data.index(CONTENT)] + CONTENT + struct.pack("<HL", 0, len(items)) + items
    path.write_bytes(file_head(str(ds.SOPClassUID), str(ds.SOPInstanceUID), EXPLICIT) + data)
    return path


def test_the_bits_of_a_large_overlay_are_read_where_marks_are_looked_for(tmp_path: Path) -> None:
    path = as_file(tmp_path / "state.dcm", with_bitmap(1024, 1024))
    read = read_archived(path)
    assert [mark.shape for mark in read.marks] == ["BITMAP"]
    assert read == read_object(pydicom.dcmread(path))


def test_what_nobody_asks_for_stays_in_the_file(tmp_path: Path) -> None:
    ds = our_report()
    ds.add_new(0x00420011, "OB", bytes(MOST_WORDS + 1000))
    opened = open_received(as_file(tmp_path / "report.dcm", ds))
    [left] = [each for each in opened.values() if each.tag == 0x00420011]
    assert left.value is None
    assert read_object(opened).kind == read_object(our_report()).kind


def test_more_words_than_are_read_are_refused_by_name_and_little_memory(tmp_path: Path) -> None:
    reader = LimitedReader(read_archived)
    try:
        with pytest.raises(GiveUp, match="more than 16 MB of lists and texts"):
            reader(full_of_text(tmp_path / "report.dcm", MOST_WORDS))
        assert reader(as_file(tmp_path / "small.dcm", our_report())).sop_instance_uid
    finally:
        reader.close()
