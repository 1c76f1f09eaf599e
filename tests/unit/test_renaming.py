"""The file of a copy: the master's, byte for byte, but for what identifies it."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.renamed import (
    NamedFile,
    Renamed,
    RenamedArchive,
    name_files,
    open_renamed,
)
from pacs_bridge.archive.renaming import Renaming, rename_head
from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.domain.errors import NotFound, UnreadableObject
from pacs_bridge.domain.reader_copies import CopyNaming
from tests.mammograms import a_mammogram

NAMING = CopyNaming(b"k" * 32, "PERFORMS121", 7)
RENAMING = Renaming(
    NAMING.uid, {"PERFORMS121101": "PERFORMS12110107", "PERFORMS121^101": "PERFORMS121^101-07"}
)
IDENTIFIERS = {
    "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID",
    "ReferencedSOPInstanceUID", "IrradiationEventUID", "AccessionNumber", "PatientID",
    "PatientName",
}  # fmt: skip


def an_image(*, undefined: bool = False) -> Dataset:
    """A master's image: every identifier there is, at the top and deep inside."""
    ds = a_mammogram(rows=64, columns=48)
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.11", "2.25.12", "2.25.13"
    ds.FrameOfReferenceUID, ds.IrradiationEventUID = "2.25.14", ["2.25.15", "2.25.16"]
    ds.AccessionNumber = ds.PatientID = "PERFORMS121101"
    ds.PatientName, ds.StudyID = "PERFORMS121^101", "121101"
    deep, source, request = Dataset(), Dataset(), Dataset()
    deep.CodeValue, deep.CodingSchemeDesignator, deep.CodeMeaning = "1", "99X", "x"
    deep.ContextUID = "2.25.99"
    source.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2.1"
    source.ReferencedSOPInstanceUID = "2.25.17"
    source.PurposeOfReferenceCodeSequence = Sequence([deep])
    request.AccessionNumber, request.StudyInstanceUID = "PERFORMS121101", "2.25.12"
    ds.SourceImageSequence = Sequence([source, source])
    ds.RequestAttributesSequence = Sequence([request])
    ds.ReferencedStudySequence = Sequence([])
    if undefined:
        for element in ds.iterall():
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True
    return ds


def a_file(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The file of an image, in a transfer syntax."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.ImplementationClassUID = "2.25.314503499313121138318770108939692467435"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in (JPEGLSLossless, RLELossless):
        ds.compress(syntax, generate_instance_uid=False)
    else:
        ds.file_meta.TransferSyntaxUID = syntax
    file = BytesIO()
    dcmwrite(
        file, ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True,
        enforce_file_format=True,
    )  # fmt: skip
    return file.getvalue()


def renamed(file: bytes) -> bytes:
    head = rename_head(BytesIO(file), RENAMING)
    return head.data + file[head.rest :]


FORMS = pytest.mark.parametrize(
    ("syntax", "undefined"),
    [
        (ExplicitVRLittleEndian, False), (ExplicitVRLittleEndian, True),
        (ImplicitVRLittleEndian, False), (ImplicitVRLittleEndian, True),
        (JPEGLSLossless, False), (RLELossless, True),
    ],
    ids=str,
)  # fmt: skip


@FORMS
def test_only_identifiers_change_and_every_one_of_them_does(syntax: str, undefined: bool) -> None:
    """Read by another library, every element is the master's or the copy's name for it."""
    file = a_file(an_image(undefined=undefined), syntax)
    master, copied = (dcmread(BytesIO(data)) for data in (file, renamed(file)))
    mine = [(e.tag, e.VR, e.keyword, e.value) for e in master.iterall() if e.VR != "SQ"]
    other = [(e.tag, e.VR, e.keyword, e.value) for e in copied.iterall() if e.VR != "SQ"]
    assert [row[:3] for row in mine] == [row[:3] for row in other]
    changed = {b[2] for a, b in zip(mine, other, strict=True) if a[3] != b[3]}
    assert changed == IDENTIFIERS
    assert copied.SourceImageSequence[1].ReferencedSOPInstanceUID == NAMING.uid("2.25.17")
    assert copied.RequestAttributesSequence[0].StudyInstanceUID == copied.StudyInstanceUID
    assert copied.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0].ContextUID == "2.25.99"
    assert list(copied.IrradiationEventUID) == [NAMING.uid("2.25.15"), NAMING.uid("2.25.16")]
    assert [copied.AccessionNumber, copied.PatientID] == ["PERFORMS12110107"] * 2
    assert copied.file_meta.MediaStorageSOPInstanceUID == copied.SOPInstanceUID
    assert copied.file_meta.ImplementationClassUID == master.file_meta.ImplementationClassUID


@FORMS
def test_the_pixels_are_the_masters_byte_for_byte_and_decoded(syntax: str, undefined: bool) -> None:
    """What follows the head is the same bytes; what it decodes to has the same hash."""
    file = a_file(an_image(undefined=undefined), syntax)
    copy = renamed(file)
    master, copied = (dcmread(BytesIO(data)) for data in (file, copy))
    assert copied.PixelData == master.PixelData
    assert copy.endswith(file[rename_head(BytesIO(file), RENAMING).rest :])
    assert pixel_hash(copied) == pixel_hash(master)


@FORMS
def test_renaming_twice_to_the_masters_names_gives_the_masters_file_back(
    syntax: str, undefined: bool
) -> None:
    """Not a byte is lost on the way: lengths, padding and order are what they were."""
    file = a_file(an_image(undefined=undefined), syntax)
    back = {NAMING.uid(f"2.25.{n}"): f"2.25.{n}" for n in range(11, 18)}
    words = {new: old for old, new in RENAMING.words.items()}
    head = rename_head(BytesIO(renamed(file)), Renaming(lambda uid: back.get(uid, uid), words))
    assert head.data + renamed(file)[head.rest :] == file


@pytest.mark.parametrize("keep", [0, 100, 140, 200, 700])
def test_a_master_that_ends_in_its_head_is_refused_in_words(keep: int) -> None:
    """Nothing half is ever sent as a copy."""
    with pytest.raises(UnreadableObject, match="restore it from a backup"):
        rename_head(BytesIO(a_file(an_image())[:keep]), RENAMING)


# The archive that has them -------------------------------------------------------------------


class Shelf:
    """A master in an archive that can also give its copy."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder, self.asked = folder, 0
        self.file = a_file(an_image())
        self.master = LocalArchive(folder / "archive").put(self.file)
        source = folder / "archive" / self.master[:2] / self.master
        (self.named,) = name_files(source, self.master, [RENAMING])
        self.source = source
        self.archive = RenamedArchive(folder / "archive", folder / "made", self._find, **options)

    def _find(self, content_hash: str) -> Renamed | None:
        self.asked += 1
        return Renamed(self.master, RENAMING) if content_hash == self.named.content_hash else None

    def made(self) -> list[Path]:
        return sorted((self.folder / "made").glob("*/*"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_head_that_is_longer_than_most_is_renamed_to_its_end() -> None:
    """Tomosynthesis describes each frame; nothing behind the first block is left as it was."""
    ds = an_image()
    item = ds.SourceImageSequence[0]
    ds.SourceImageSequence = Sequence([item] * 3000)
    file = a_file(ds)
    assert len(file) > 300_000
    copied = dcmread(BytesIO(renamed(file)))
    assert {str(each.ReferencedSOPInstanceUID) for each in copied.SourceImageSequence} == {
        NAMING.uid("2.25.17")
    }
    assert copied.PixelData == ds.PixelData


def test_a_copy_is_read_without_anything_being_written(shelf: Shelf) -> None:
    """From any place in it, as of any file."""
    whole = renamed(shelf.file)
    with shelf.archive.open(shelf.named.content_hash) as file:
        assert file.read() == whole
        for place in (0, 130, 700, len(whole) - 10):
            file.seek(place)
            assert file.read(600) == whole[place : place + 600]
        assert file.seek(-4, os.SEEK_END) == len(whole) - 4
        assert file.read() == whole[-4:]
    assert shelf.made() == []


def test_the_file_of_a_copy_is_made_when_somebody_wants_one_and_not_before(shelf: Shelf) -> None:
    """It has the hash by which it is asked for, like everything in the archive."""
    assert shelf.archive.has(shelf.named.content_hash)
    assert shelf.made() == []
    data = shelf.archive.path(shelf.named.content_hash).read_bytes()
    assert data == renamed(shelf.file)
    assert hashlib.sha256(data).hexdigest() == shelf.named.content_hash
    assert shelf.named == NamedFile(hashlib.sha256(data).hexdigest(), len(data))
    assert len(shelf.made()) == 1


def test_the_master_is_opened_without_asking_whether_it_is_a_copy(shelf: Shelf) -> None:
    with shelf.archive.open(shelf.master) as file:
        assert file.read() == shelf.file
    assert shelf.asked == 0


def test_what_is_neither_here_nor_a_copy_is_not_here(shelf: Shelf) -> None:
    assert not shelf.archive.has("0" * 64)
    with pytest.raises(NotFound):
        shelf.archive.open("0" * 64)


def test_files_of_copies_are_thrown_away_when_nobody_uses_them(shelf: Shelf) -> None:
    """One in use stays; the next that opens one that went has it made again."""
    made = shelf.archive.path(shelf.named.content_hash)
    assert shelf.archive.forget_unused() == 0
    os.utime(made, (0, 0))
    assert shelf.archive.forget_unused() == 1
    assert not made.exists()
    assert shelf.archive.path(shelf.named.content_hash).read_bytes() == renamed(shelf.file)


def test_a_copy_of_a_master_that_was_changed_is_not_given_out(shelf: Shelf) -> None:
    """A flipped bit in a pixel would be another picture than the one that was signed."""
    data = bytearray(shelf.file)
    data[-1] ^= 1
    shelf.source.write_bytes(data)
    with pytest.raises(UnreadableObject, match="Restore the archive"):
        shelf.archive.path(shelf.named.content_hash)
    with pytest.raises(UnreadableObject, match="changed since it was imported"):
        name_files(shelf.source, shelf.master, [RENAMING])
    assert shelf.made() == []


def test_a_copy_whose_master_is_gone_is_not_here(shelf: Shelf) -> None:
    shelf.source.unlink()
    assert not shelf.archive.has(shelf.named.content_hash)
    with pytest.raises(NotFound):
        shelf.archive.path(shelf.named.content_hash)


def test_several_copies_are_named_in_one_reading(shelf: Shelf) -> None:
    other = CopyNaming(b"k" * 32, "PERFORMS121", 8)
    renamings = [RENAMING, Renaming(other.uid, {})]
    named = name_files(shelf.source, shelf.master, renamings)
    for each, renaming in zip(named, renamings, strict=True):
        with open_renamed(shelf.source, renaming) as file:
            data = file.read()
        assert each == NamedFile(hashlib.sha256(data).hexdigest(), len(data))
