"""Every producer's states, reports and key objects: marks or a named refusal, never silence.

The table is what ``marks read`` makes of the objects in ``../shared/data/dicom``, a line a
producer. Each producer's objects are judged by something else, too, where there is any: the
area in ClearCanvas's own texts, the XML beside AIM's reports, the JSON beside those of OHIF
and dcmjs.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from functools import cache
from pathlib import Path

import pydicom
import pytest

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sr import sop_classes
from pacs_bridge.sr.files import open_file, read_file
from tests.peers import DATA, need_data

CORPUS = DATA / "dicom"
NO_DATA = "../shared/data/dicom does not ship with the project"
UNDERSTOOD = "no rating and no decision was understood"
PLACE = "marks no place"

TABLE: dict[str, tuple[int, int, int, tuple[str, ...]]] = {
    "aim_ncip": (12, 12, 0, ()),
    "amrgablla": (1, 0, 1, (PLACE,)),
    "clearcanvas": (5, 4, 1, (PLACE,)),
    "cornerstone_wado": (1, 0, 1, (UNDERSTOOD,)),
    "dcm4che": (1, 0, 1, (PLACE,)),
    "dcmjs": (2, 9, 0, ()),
    "dcmqi": (1, 0, 1, ("measures a segmentation",)),
    "dcmtk_gsps": (2, 0, 2, ("no drawing and no text",)),
    "dcmtk_mkreport": (13, 0, 13, (UNDERSTOOD,)),
    "dicomscope": (1, 0, 1, (UNDERSTOOD,)),
    "dwv": (8, 32, 0, ()),
    "fo_dicom": (1, 1, 0, ()),
    "highdicom": (1, 1, 0, ()),
    "ihe_toolkit2": (37, 0, 37, (PLACE,)),
    "ohif": (1, 3, 0, ()),
    "openrem": (6, 0, 6, ("Nobody marks anything", "without a drawn location")),
    "orthanc_tests": (2, 1, 1, (UNDERSTOOD,)),
    "pixelmed": (1, 3, 0, ()),
}
"""Producer to files, marks, files refused, and words of each reason."""


@cache
def objects_of(producer: str) -> dict[Path, ReadObject]:
    """What is read of each object of a producer that can hold marks."""
    found = {}
    for path in sorted((CORPUS / producer).rglob("*")):
        try:
            ds = open_file(path, ["SOPClassUID", "SOPInstanceUID"])
        except UnreadableObject:
            continue
        read, readable = read_file(path)
        if ds.get("SOPClassUID") in sop_classes.STATES_AND_REPORTS or read.kind == "overlay":
            assert readable
            found[path] = read
    return found


def corpus(name: str) -> Path:
    """A folder or file of the corpus, else skip."""
    return need_data(f"dicom/{name}")


@pytest.mark.parametrize("producer", TABLE)
def test_every_object_of_a_producer_gives_marks_or_a_named_refusal(producer):
    corpus(producer)
    found = objects_of(producer)
    for path, read in found.items():
        assert read.marks or read.breasts or (read.refused or "").endswith("."), path.name
        json.dumps(read.as_json(path.name), allow_nan=False)
    files, marks, refused, why = TABLE[producer]
    if len(found) != files:
        pytest.skip(f"the folder holds {len(found)} such files, not the {files} of the table")
    assert sum(len(read.marks) for read in found.values()) == marks
    reasons = [read.refused for read in found.values() if read.refused]
    assert len(reasons) == refused
    for reason in reasons:
        assert any(words in reason for words in why), reason
    for words in why:
        assert any(words in reason for reason in reasons), words


@pytest.mark.skipif(not CORPUS.exists(), reason=NO_DATA)
def test_no_producer_is_missing_in_the_table():
    present = {path.name for path in CORPUS.iterdir() if path.is_dir()}
    assert {each for each in present if objects_of(each)} <= set(TABLE)


# What others say of the same marks --------------------------------------------------------


def test_a_polygon_has_the_area_that_its_own_text_gives_it():
    """ClearCanvas states hold, as text, the area that ImageJ found for the same outline."""
    corpus("clearcanvas")
    checked = 0
    for read in objects_of("clearcanvas").values():
        for mark in read.marks:
            said = re.search(r"A=(\d+)px", mark.text)
            assert said is not None
            pairs = itertools.pairwise([*mark.points, mark.points[0]])
            area = abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2
            assert area == pytest.approx(int(said[1]), rel=0.05, abs=5)
            assert (mark.shape, mark.rating) == ("POLYGON", None)
            checked += 1
    assert checked >= 4


def test_an_ellipse_has_the_area_that_its_own_text_gives_it():
    """A state of a chest image: 119.58 cm² on a detector of 0.16 mm a pixel, as its text says."""
    path = corpus("orthanc_tests/HierarchicalAnonymization__2019-03-28__PR000000.dcm")
    [mark] = read_file(path)[0].marks
    said = re.search(r"Area: ([\d.]+) cm", mark.text)
    assert said is not None
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = mark.points
    semi_axes = math.hypot(bx - ax, by - ay) / 2, math.hypot(dx - cx, dy - cy) / 2
    area = math.pi * semi_axes[0] * semi_axes[1] * 0.16**2 / 100
    assert area == pytest.approx(float(said[1]), rel=0.01)
    assert mark.rating is None


def _named(tree: ElementTree.Element, name: str) -> list[dict[str, str]]:
    return [each.attrib for each in tree.iter() if each.tag.rsplit("}")[-1] == name]


def test_an_aim_report_names_place_image_reader_and_mark_as_its_xml_does():
    corpus("aim_ncip")
    checked = 0
    for path, read in objects_of("aim_ncip").items():
        twin = path.with_suffix(".xml")
        if not twin.exists():
            continue
        tree = ElementTree.fromstring(twin.read_bytes())
        places = sorted(_named(tree, "SpatialCoordinate"), key=lambda a: int(a["coordinateIndex"]))
        [mark] = read.marks
        assert mark.points == tuple((float(each["x"]), float(each["y"])) for each in places)
        assert {mark.image} == {each["imageReferenceUID"] for each in places}
        [reader] = _named(tree, "User")
        assert (read.observer.name, read.observer.login) == (reader["name"], reader["loginName"])
        assert not read.observer.device
        assert mark.tracking_uid == tree.attrib["uniqueIdentifier"]
        checked += 1
    assert checked


def _of_json(item: dict[str, object]) -> list[tuple[str, tuple[float, ...], str]]:
    """Graphic type, numbers and image of every coordinates item of a DICOM JSON tree."""
    found = []

    def values(of: dict[str, object], tag: str) -> list[object]:
        element = of.get(tag, {})
        return element.get("Value", []) if isinstance(element, dict) else []

    if values(item, "0040A040") == ["SCOORD"]:
        images = [
            str(values(reference, "00081155")[0])
            for child in values(item, "0040A730")
            for reference in values(child, "00081199")
        ]
        numbers = tuple(float(str(each)) for each in values(item, "00700022"))
        found.append((str(values(item, "00700023")[0]), numbers, images[0]))
    for child in values(item, "0040A730"):
        found += _of_json(child)
    return found


@pytest.mark.parametrize(
    ("report", "twin"),
    [
        ("ohif/SR_LEN_BDIR.dcm", "ohif/SR_LEN_BDIR.dicom.json"),
        ("dcmjs/test__sample-sr.dcm", "dcmjs/test__sample-sr.json"),
    ],
)
def test_marks_are_where_the_producer_s_own_json_has_them(report, twin):
    tree = json.loads(corpus(twin).read_text(encoding="utf-8"))
    wanted = _of_json(tree[0] if isinstance(tree, list) else tree)
    marks = read_file(corpus(report))[0].marks
    assert len(marks) == len(wanted) > 0
    for mark, (kind, numbers, image) in zip(marks, wanted, strict=True):
        assert (mark.shape.replace("POLYGON", "POLYLINE"), mark.image) == (kind, image)
        flat = [number for point in mark.points for number in point]
        assert flat == pytest.approx(numbers, rel=1e-6)


@pytest.mark.skipif(not CORPUS.exists(), reason=NO_DATA)
def test_marks_are_all_the_coordinates_that_a_bare_walk_finds():
    """Nothing lost, nothing doubled: a walk of the raw data sets is the judge."""
    checked = 0
    for producer in TABLE:
        for path, read in objects_of(producer).items():
            wanted = Counter(_bare(pydicom.dcmread(path, stop_before_pixels=True, force=True)))
            shapes = Counter(
                tuple(number for point in mark.points for number in point)
                for mark in read.marks
                if mark.shape != "TEXT"
            )
            assert shapes == wanted, path
            checked += sum(wanted.values())
    assert checked >= 60


def _bare(ds: pydicom.Dataset) -> list[tuple[float, ...]]:
    found = []
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                found += _bare(item)
        elif element.keyword == "GraphicData":
            found.append(tuple(float(each) for each in element.value))
    return found
