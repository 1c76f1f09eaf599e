"""States and reports as named viewers save them, through files, and through another encoder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import codes
from pacs_bridge.sr.files import read_file
from pacs_bridge.sr.write import write_report
from tests.integration.test_marks_read import DECISIONS, MASS, WHO
from tests.peers import need
from tests.unit.sr_builders import (
    RCC,
    a_graphic,
    a_reference,
    a_state,
    a_text,
    an_annotation,
    four_views,
)


def save(ds: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(path, enforce_file_format=True)
    return path


def test_weasis_saves_a_flattened_ellipse_and_its_note_for_the_only_image(tmp_path):
    """Implicit VR, no image in the annotation, frame 1, lines joined by CRLF, a private block."""
    angles = np.linspace(0, 2 * np.pi, 48)
    outline = np.column_stack([300 + 40 * np.cos(angles), 500 + 25 * np.sin(angles)])
    note = a_text(
        "MILL 4\r\nr MLO", BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[345.0, 480.0],
        BoundingBoxBottomRightHandCorner=[420.0, 510.0],
        BoundingBoxTextHorizontalJustification="LEFT",
    )  # fmt: skip
    state = a_state(
        an_annotation(
            a_graphic("POLYLINE", *outline.ravel().tolist(), GraphicFilled="N"),
            note, images=(), GraphicLayer="MEASURE",
        ),
        ContentLabel="GSPS", ContentDescription="Weasis Graphics and Annotations",
        ContentCreatorName="reader7",
    )  # fmt: skip
    series = state.ReferencedSeriesSequence[0]
    series.ReferencedImageSequence = [a_reference(RCC, ReferencedFrameNumber=[1])]
    block = state.private_block(0x0071, "weasis/model/xml/2.5", create=True)
    block.add_new(0x01, "OB", b"\x1f\x8b not for us")
    read, _ = read_file(save(state, tmp_path / "weasis.dcm", ImplicitVRLittleEndian))
    [mark] = read.marks
    assert (mark.shape, mark.image, mark.frame, mark.rating) == ("POLYGON", RCC, 1, 4)
    assert mark.centre == pytest.approx((300, 500), abs=0.01)
    assert codes.key(mark.finding) == codes.key(codes.MASS)
    assert mark.item == "annotation 1 on layer MEASURE, graphic 1"
    assert read.observer.login == "reader7"


def test_a_rectangle_with_an_automatic_length_is_no_rating(tmp_path):
    """Impax: a closed line of five points, a text box LEFT, the tool in the layer's name."""
    length = a_text(
        "4.3 mm", BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[10.0, 10.0], BoundingBoxBottomRightHandCorner=[60.0, 20.0],
    )  # fmt: skip
    rectangle = a_graphic("POLYLINE", 10, 30, 60, 30, 60, 90, 10, 90, 10, 30)
    read, _ = read_file(save(a_state(an_annotation(rectangle, length)), tmp_path / "impax.dcm"))
    [mark] = read.marks
    assert (mark.shape, mark.centre, mark.rating, mark.text) == (
        "POLYGON",
        (35, 60),
        None,
        "4.3 mm",
    )


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_ids7_saves_a_bitmap_in_the_state_and_nothing_else(tmp_path, syntax):
    plane = np.zeros((512, 416), np.uint8)
    plane[100:110, 200:220] = 1
    plane[105, 199] = 1
    bits = np.packbits(plane.ravel(), bitorder="little").tobytes()
    if syntax == ExplicitVRBigEndian:  # words of 16 bits, the high byte first
        bits = np.frombuffer(bits, "<u2").astype(">u2").tobytes()
    state = a_state(ContentLabel="IDS7", ContentDescription="IDS7 Overlay")
    for element, vr, value in (
        (0x0010, "US", 512), (0x0011, "US", 416), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1), (0x0102, "US", 0), (0x1001, "CS", "LAYER1"), (0x3000, "OW", bits),
    ):  # fmt: skip
        state.add_new(Tag(0x6000, element), vr, value)
    read, _ = read_file(save(state, tmp_path / "ids7.dcm", syntax))
    [mark] = read.marks
    assert (mark.shape, mark.points) == ("BITMAP", ((199, 100), (220, 110)))
    assert (mark.image, mark.flags, read.refused) == (RCC, ("needs-confirmation",), None)


def test_what_dcmtk_writes_anew_of_a_report_is_read_alike(tmp_path):
    """DCMTK's own encoder, by way of its XML: other VR order, other sequence lengths."""
    to_xml, to_dicom = need("dsr2xml", "dcmtk"), need("xml2dsr", "dcmtk")
    point = Mark(RCC, None, "POINT", ((7.5, 8.25),), (7.5, 8.25), codes.CALCIFICATIONS, 2)
    first = tmp_path / "ours.dcm"
    write_report(four_views(), [MASS, point], DECISIONS, **WHO).save_as(first)
    subprocess.run([to_xml, first, tmp_path / "a.xml"], check=True, timeout=180)
    again = tmp_path / "again.dcm"
    subprocess.run([to_dicom, tmp_path / "a.xml", again], check=True, timeout=180)
    wanted, found = read_file(first)[0], read_file(again)[0]
    assert len(found.marks) == 2
    assert found.marks == wanted.marks
    assert found.breasts == wanted.breasts == (
        BreastDecision("R", "RECALL", 4), BreastDecision("L", "RTS"),
    )  # fmt: skip
    assert found.observer.login == "READER1"
