"""What other encoders write of every kind of mark is read like what it was made from.

DCMTK and PixelMed take objects built element by element, in which every graphic type, every
compound type and an overlay stand, and write them anew: other transfer syntaxes, other lengths
of sequences, other rounding of numbers. What they wrote is read as what went in.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.tag import Tag

from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sr.files import read_file
from pacs_bridge.sr.write import write_report
from tests.integration.test_marks_like_viewers import save
from tests.integration.test_marks_read import DECISIONS, MASS, WHO, run
from tests.peers import PIXELMED_JAR, need
from tests.unit.sr_builders import (
    LCC,
    LMLO,
    RCC,
    RMLO,
    a_graphic,
    a_report,
    a_state,
    a_text,
    an_annotation,
    four_views,
)
from tests.unit.test_sr_compound import a_compound, an_area
from tests.unit.test_sr_room import EXTENSIBLE, a_room, a_tomosynthesis, in_room

CURVE = (12.5, 20.25, 40.125, 18.0, 61.75, 44.5, 30.0, 60.0)
COMPOUNDS = {
    "MULTILINE": (1, 2, 3, 4, 5, 6), "INFINITELINE": (10, 10, 60, 60), "CUTLINE": (9, 9, 90, 9),
    "RANGELINE": (5, 5, 50, 5), "RULER": (20, 30, 90, 30), "AXIS": (1, 9, 90, 9, 1, 90),
    "CROSSHAIR": (44, 55), "ARROW": (70, 70, 80, 90), "RECTANGLE": (100, 200, 180, 240),
    "ELLIPSE": (100, 200, 180, 240),
}  # fmt: skip


def every_graphic() -> Dataset:
    """A state with one of each graphic type, some in DISPLAY units of a turned image."""
    drawn = (
        a_graphic("POINT", 7.5, 8.25, GraphicGroupID=1),
        a_graphic("POLYLINE", *CURVE),
        a_graphic("INTERPOLATED", *CURVE, *CURVE[:2], TrackingID="a", TrackingUID="1.2.3.71"),
        a_graphic("CIRCLE", 100.5, 90.5, 120.5, 90.5),
        a_graphic("ELLIPSE", 10, 50, 90, 50, 50, 30, 50, 70),
        a_graphic("CIRCLE", 0.25, 0.5, 0.3, 0.5, units="DISPLAY"),
    )
    note = a_text("M4 mass R", 8.0, 8.0, GraphicGroupID=1)
    return a_state(
        an_annotation(*drawn, note),
        DisplayedAreaSelectionSequence=[an_area(1, 512, 416, 1, image=RCC)],
        ImageRotation=90, ImageHorizontalFlip="N",
    )  # fmt: skip


def every_compound() -> Dataset:
    compounds = [
        a_compound(kind, *numbers, CompoundGraphicInstanceID=number)
        for number, (kind, numbers) in enumerate(COMPOUNDS.items(), 1)
    ]
    compounds[-1].RotationAngle, compounds[-1].RotationPoint = 30.0, [140.0, 220.0]
    twin = a_graphic("POLYLINE", 20, 30, 90, 30, CompoundGraphicInstanceID=5)
    return a_state(an_annotation(twin, CompoundGraphicSequence=compounds))


def an_overlay_only() -> Dataset:
    plane = np.zeros((512, 416), np.uint8)
    plane[100:110, 200:220] = plane[300:320, 40:44] = 1
    state = a_state(ContentLabel="IDS7", ContentDescription="IDS7 Overlay")
    bits = np.packbits(plane.ravel(), bitorder="little").tobytes()
    for element, vr, value in (
        (0x0010, "US", 512), (0x0011, "US", 416), (0x0040, "CS", "G"), (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1), (0x0102, "US", 0), (0x1001, "CS", "LAYER1"), (0x3000, "OW", bits),
    ):  # fmt: skip
        state.add_new(Tag(0x6000, element), vr, value)
    return state


def a_whole_study() -> Dataset:
    """As a mammography workstation may save it: all views in one state, each with its own."""
    views = (RCC, LCC, RMLO, LMLO)
    annotations = [
        an_annotation(
            a_graphic("CIRCLE", 100 + number, 90, 120 + number, 90, GraphicGroupID=1),
            a_graphic("ELLIPSE", 0.4, 0.5, 0.6, 0.5, 0.5, 0.45, 0.5, 0.55, units="DISPLAY"),
            a_text(f"M{number + 1}", 101.0 + number, 90.0, GraphicGroupID=1),
            images=(view,), GraphicLayer=f"IMAGE{number}",
        )
        for number, view in enumerate(views)
    ]  # fmt: skip
    areas = [an_area(1 + 10 * number, 1, 416, 512, image=view) for number, view in enumerate(views)]
    return a_state(*annotations, images=views, DisplayedAreaSelectionSequence=areas)


def a_report_of_ours() -> Dataset:
    return write_report(four_views(), [MASS], DECISIONS, **WHO)


MADE = {
    "graphics": (every_graphic, 6), "compounds": (every_compound, len(COMPOUNDS)),
    "overlay": (an_overlay_only, 2), "whole study": (a_whole_study, 8),
    "report": (a_report_of_ours, 1),
}  # fmt: skip
"""What is written anew, and how many marks are in it."""


@cache
def as_made(name: str) -> Dataset:
    return MADE[name][0]()


def read_as_made(name: str, folder: Path) -> tuple[Path, ReadObject]:
    path = save(as_made(name), folder / "made.dcm")
    read, _ = read_file(path)
    assert len(read.marks) == MADE[name][1]
    assert read.refused is None
    return path, read


DCMTK = {
    "implicit, lengths undefined": ("+ti", "-e"), "explicit, lengths given": ("+te", "+e"),
    "explicit, lengths undefined": ("+te", "-e"), "big-endian": ("+tb", "-e"),
    "deflated": ("+td", "+e"),
}  # fmt: skip


@pytest.mark.parametrize("form", DCMTK)
@pytest.mark.parametrize("name", MADE)
def test_what_dcmtk_writes_anew_is_read_alike(name, form, tmp_path):
    path, wanted = read_as_made(name, tmp_path)
    again = tmp_path / "again.dcm"
    command = [need("dcmconv", "dcmtk"), *DCMTK[form], path, again]
    subprocess.run(command, check=True, timeout=180, capture_output=True)
    assert read_file(again)[0] == wanted


@pytest.mark.parametrize("name", ["graphics", "compounds", "whole study", "report"])
def test_what_dcmtk_writes_out_of_a_dump_is_read_alike(name, tmp_path):
    """Every value goes through text, and every element is made by DCMTK."""
    path, wanted = read_as_made(name, tmp_path)
    dump = subprocess.run(
        [need("dcmdump", "dcmtk"), "+L", "-q", "-Un", path],
        check=True, timeout=180, capture_output=True,
    )  # fmt: skip
    (tmp_path / "dump.txt").write_bytes(dump.stdout)
    again = tmp_path / "again.dcm"
    command = [need("dump2dcm", "dcmtk"), "+l", "65535", tmp_path / "dump.txt", again]
    subprocess.run(command, check=True, timeout=180, capture_output=True)
    assert read_file(again)[0] == wanted


@pytest.mark.parametrize("name", ["graphics", "compounds", "whole study", "report"])
def test_what_pixelmed_writes_anew_is_read_alike(name, tmp_path):
    path, wanted = read_as_made(name, tmp_path)
    again, xml = tmp_path / "again.dcm", tmp_path / "again.xml"
    java = [need("java", "default-jre-headless"), "-cp", need(PIXELMED_JAR, "libpixelmed-java")]
    maker = "com.pixelmed.dicom.XMLRepresentationOfDicomObjectFactory"
    for what, source, target in (("toXML", path, xml), ("toDICOM", xml, again)):
        with target.open("wb") as file:
            command = [*java, maker, what, source]
            subprocess.run(command, check=True, timeout=180, stdout=file, stderr=subprocess.DEVNULL)
    assert dcmread(again).file_meta.ImplementationVersionName.startswith("PIXELMED")
    found = read_file(again)[0]
    assert unplaced(found) == unplaced(wanted)
    for mark, other in zip(found.marks, wanted.marks, strict=True):  # it writes two decimals
        assert np.abs(np.array(mark.points) - np.array(other.points)).max() < 0.01
        assert mark.centre == pytest.approx(other.centre, abs=0.01)


def unplaced(read: ReadObject) -> ReadObject:
    marks = tuple(replace(mark, points=(), centre=(0.0, 0.0)) for mark in read.marks)
    return replace(read, marks=marks)


def test_room_coordinates_that_dcmtk_wrote_lie_on_the_same_frame(tmp_path):
    room = a_room(a_tomosynthesis())
    ring = (1, 2, 3.2, 9, 2, 3.1, 9, 8, 3, 1, 2, 3.2)
    report = a_report(in_room("POLYGON", *ring), SOPClassUID=EXTENSIBLE)
    path, again = save(report, tmp_path / "made.dcm"), tmp_path / "again.dcm"
    command = [need("dcmconv", "dcmtk"), "+ti", "-e", path, again]
    subprocess.run(command, check=True, timeout=180, capture_output=True)
    [mark] = read_file(again, room=room)[0].marks
    assert (mark.shape, mark.image, mark.frame) == ("POLYGON", RCC, 4)
    assert mark.points[1] == pytest.approx((90.5, 20.5), abs=0.01)
    assert read_file(again)[0].marks == ()
    folder = tmp_path / "images"
    folder.mkdir()
    save(a_tomosynthesis(), folder / "tomosynthesis.dcm")
    _, said = run(again, "--images", folder, "--json")
    [told] = json.loads(said)["marks"]
    assert (told["frame"], told["laterality"], told["flags"]) == (4, "R", [])
    assert told["points"][1] == pytest.approx([90.5, 20.5], abs=0.01)


def test_each_view_of_a_state_of_a_whole_study_keeps_its_marks_rating_and_area(tmp_path):
    _, read = read_as_made("whole study", tmp_path)
    circles = [mark for mark in read.marks if mark.shape == "CIRCLE"]
    ellipses = [mark for mark in read.marks if mark.shape == "ELLIPSE"]
    views = [RCC, LCC, RMLO, LMLO]
    assert [(mark.image, mark.rating) for mark in circles] == [
        (view, number) for number, view in enumerate(views, 1)
    ]
    assert [mark.image for mark in ellipses] == views
    for number, mark in enumerate(ellipses):
        width = 416 - 10 * number
        assert mark.centre == pytest.approx((10 * number + width / 2, 256), abs=0.01)
    assert not any(mark.flags for mark in read.marks)
