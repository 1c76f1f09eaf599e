"""Room coordinates (SCOORD3D): on the frame whose plane they lie on, else refused by name."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from pacs_bridge.domain.marks import NOT_A_LOCATION
from pacs_bridge.domain.questions import UNREAD_OBJECT
from pacs_bridge.sr.asking import flag_notes
from pacs_bridge.sr.files import images_in
from pacs_bridge.sr.place import place_marks
from pacs_bridge.sr.planes import Room, stack_of
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    LCC,
    RCC,
    a_code,
    a_group,
    a_mammogram,
    a_report,
    an_image_item,
    an_item,
    coordinates,
)

TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
EXTENSIBLE = "1.2.840.10008.5.1.4.1.1.88.35"
COMPREHENSIVE_3D = "1.2.840.10008.5.1.4.1.1.88.34"
FRAME_OF_REFERENCE = "1.2.3.6"
ALONG = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def an_item_of(**values) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def a_tomosynthesis(
    frames: int = 5, *, image: str = RCC, first=(0.0, 0.0, 0.0), along=ALONG, gap: float = 1.0,
    spacing=(0.1, 0.1), rows: int = 512, columns: int = 416, reference: str = FRAME_OF_REFERENCE,
) -> Dataset:  # fmt: skip
    """Header of a tomosynthesis image: what all frames share, and where each lies."""
    ds = a_mammogram("R", "CC", rows, columns)
    ds.SOPClassUID, ds.SOPInstanceUID = TOMOSYNTHESIS, image
    ds.SeriesInstanceUID = f"{image}.1"
    ds.FrameOfReferenceUID, ds.NumberOfFrames = reference, frames
    normal = np.cross(*along)
    measures = an_item_of(PixelSpacing=list(spacing), SpacingBetweenSlices=gap)
    turned = an_item_of(ImageOrientationPatient=[f"{each:.12g}" for each in (*along[0], *along[1])])
    ds.SharedFunctionalGroupsSequence = [
        an_item_of(PixelMeasuresSequence=[measures], PlaneOrientationSequence=[turned])
    ]
    places = [np.array(first) + number * gap * normal for number in range(frames)]
    ds.PerFrameFunctionalGroupsSequence = [
        an_item_of(
            PlanePositionSequence=[
                an_item_of(ImagePositionPatient=[f"{each:.12g}" for each in place])
            ]
        )
        for place in places
    ]
    return ds


def in_room(kind: str, *numbers: float, reference: str = FRAME_OF_REFERENCE, **changes) -> Dataset:
    return an_item(
        "SCOORD3D", a_code("111030", "DCM"), GraphicType=kind, GraphicData=list(numbers),
        ReferencedFrameOfReferenceUID=reference, **changes,
    )  # fmt: skip


def a_room(*images: Dataset) -> Room:
    return Room.of(stack for stack in map(stack_of, images) if stack is not None)


def read_in(room: Room | None, *items: Dataset, sop_class: str = COMPREHENSIVE_3D):
    return read_object(a_report(a_group(*items), SOPClassUID=sop_class), room=room)


def test_the_worked_example_of_the_reference():
    [mark] = read_in(a_room(a_tomosynthesis()), in_room("POINT", 5, 2, 0)).marks
    assert mark.points == (pytest.approx((50.5, 20.5), abs=1e-4),)
    assert (mark.image, mark.frame, mark.shape, mark.flags) == (RCC, 1, "POINT", ())


def random_plane(random: np.random.Generator):
    """Two directions at right angles, turned anywhere."""
    first = random.normal(size=3)
    first /= np.linalg.norm(first)
    second = np.cross(first, random.normal(size=3))
    return tuple(first), tuple(second / np.linalg.norm(second))


@pytest.mark.parametrize("kind", ["POINT", "POLYLINE", "POLYGON", "ELLIPSE", "MULTIPOINT"])
def test_of_a_thousand_random_planes_every_point_comes_back(kind):
    random = np.random.default_rng(len(kind))
    count = {"POINT": 1, "ELLIPSE": 4, "POLYGON": 6, "POLYLINE": 3, "MULTIPOINT": 3}[kind]
    worst = 0.0
    for _ in range(200):
        along, spacing = random_plane(random), tuple(random.uniform(0.05, 0.3, 2))
        first, gap = random.uniform(-300, 300, 3), random.uniform(0.5, 3)
        image = a_tomosynthesis(
            3, first=first, along=along, gap=gap, spacing=spacing, rows=2560, columns=2048
        )
        frame = int(random.integers(1, 4))
        wanted = random.uniform((0, 0), (2048, 2560), (count, 2))
        if kind == "POLYGON":
            wanted[-1] = wanted[0]
        normal = np.cross(*along)
        seen = [
            first
            + (x - 0.5) * spacing[1] * np.array(along[0])
            + (y - 0.5) * spacing[0] * np.array(along[1])
            + ((frame - 1) + random.uniform(-0.45, 0.45)) * gap * normal
            for x, y in wanted
        ]
        report = a_report(a_group(in_room(kind, *np.ravel(seen).tolist())))
        report.SOPClassUID = EXTENSIBLE
        marks = read_object(through_bytes(report), room=a_room(through_bytes(image))).marks
        points = [point for mark in marks for point in mark.points]
        assert len(marks) == (3 if kind == "MULTIPOINT" else 1)
        assert {mark.frame for mark in marks} == {frame}
        assert {mark.shape for mark in marks} == {"POINT" if kind == "MULTIPOINT" else kind}
        worst = max(worst, float(np.abs(np.array(points) - wanted).max()))
    assert worst < 0.01


def through_bytes(ds: Dataset) -> Dataset:
    """As it comes out of a file: numbers of 32 bits, decimals of 16 letters."""
    file = BytesIO()
    ds.save_as(file, implicit_vr=False, little_endian=True)
    file.seek(0)
    return dcmread(file, force=True)


@pytest.mark.parametrize(
    ("height", "frame"), [(0.0, 1), (0.49, 1), (0.51, 2), (4.4, 5), (-0.5, 1), (4.5, 5)]
)
def test_a_point_is_on_the_frame_within_half_of_the_spacing(height, frame):
    [mark] = read_in(a_room(a_tomosynthesis()), in_room("POINT", 5, 2, height)).marks
    assert mark.frame == frame


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (in_room("POINT", 5, 2, -0.6), "no single frame"),
        (in_room("POINT", 5, 2, 4.6), "no single frame"),
        (in_room("POLYLINE", 5, 2, 0, 9, 2, 3), "no single frame"),
        (in_room("ELLIPSOID", *([1.0] * 18)), "bodies"),
        (in_room("POINT", 5, 2, 0, reference="1.2.3.66"), "without a frame of reference"),
        (in_room("POINT", 5, 2), "broken coordinates"),
        (in_room("POINT", 5, 2, float("nan")), "broken coordinates"),
        (in_room("ELLIPSE", 5, 2, 0), "broken coordinates"),
    ],
)
def test_what_lies_on_no_frame_is_refused_by_name_and_the_rest_is_read(item, word):
    room = a_room(a_tomosynthesis())
    read = read_in(room, item)
    assert read.marks == ()
    assert word in (read.refused or "")
    [mark] = read_in(room, item, in_room("POINT", 5, 2, 1)).marks
    assert any(flag.startswith("unread-") for flag in mark.flags)


@pytest.mark.parametrize("room", [None, Room(), a_room(a_mammogram("R", "CC"))])
def test_on_projections_room_coordinates_are_refused_in_a_sentence(room):
    read = read_in(room, in_room("POINT", 5, 2, 0))
    assert read.marks == ()
    assert "room coordinates" in (read.refused or "")


def test_what_is_refused_in_the_room_is_asked_about():
    for room in (None, a_room(a_tomosynthesis())):
        [lost] = flag_notes(read_in(room, in_room("POINT", 5, 2, 77))).marks
        assert (lost.shape, lost.flags) == ("TEXT", (UNREAD_OBJECT,))
        assert "SCOORD3D" in lost.text


def test_an_image_that_says_of_one_frame_not_where_it_lies_has_no_place_in_the_room():
    image = a_tomosynthesis()
    assert stack_of(image) is not None
    del image.PerFrameFunctionalGroupsSequence[2].PlanePositionSequence
    assert stack_of(image) is None
    bare = a_tomosynthesis()
    del bare.PerFrameFunctionalGroupsSequence
    assert stack_of(bare) is None


def test_between_images_in_one_frame_of_reference_nobody_guesses():
    alike = [a_tomosynthesis(image=image) for image in (RCC, LCC)]
    read = read_in(a_room(*alike), in_room("POINT", 5, 2, 0))
    assert read.marks == ()
    assert "several images" in (read.refused or "")
    named = read_in(a_room(*alike), an_image_item(LCC), in_room("POINT", 5, 2, 0))
    assert [(each.image, each.frame) for each in named.marks] == [(LCC, 1)]
    above = a_tomosynthesis(image=LCC, first=(0.0, 0.0, 50.0))
    other = read_in(a_room(alike[0], above), an_image_item(RCC), in_room("POINT", 5, 2, 50))
    assert other.marks == ()
    beside = a_tomosynthesis(image=LCC, first=(100.0, 0.0, 0.0))
    read = read_in(a_room(alike[0], beside), in_room("POINT", 105, 2, 0))
    assert [(each.image, each.points[0]) for each in read.marks] == [
        (LCC, pytest.approx((50.5, 20.5)))
    ]


def test_a_series_of_single_slices_is_as_good_as_frames():
    slices = []
    for number in range(4):
        ds = a_mammogram("R", "CC", SOPInstanceUID=f"1.2.3.5.{number}")
        ds.FrameOfReferenceUID, ds.SeriesInstanceUID = FRAME_OF_REFERENCE, "1.2.3.51"
        ds.ImagePositionPatient = [0, 0, 2 * number]
        ds.ImageOrientationPatient, ds.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.1, 0.2]
        ds.SliceThickness = 9
        slices.append(ds)
    [mark] = read_in(a_room(*slices), in_room("POINT", 5, 2, 4.9)).marks
    assert (mark.image, mark.frame) == ("1.2.3.5.2", None)
    assert mark.points[0] == pytest.approx((25.5, 20.5))
    assert read_in(a_room(*slices), in_room("POINT", 5, 2, 7.1)).marks == ()


def test_coordinates_on_an_image_and_in_the_room_are_parts_of_one_group():
    items = (coordinates("POINT", 1, 1), in_room("POINT", 5, 2, 1))
    first, second = read_in(a_room(a_tomosynthesis()), *items).marks
    assert first.group == second.group is not None
    assert (first.frame, second.frame) == (None, 2)


def test_a_reference_point_in_the_room_is_no_location():
    label = in_room("POINT", 5, 2, 0)
    label.ConceptNameCodeSequence = a_code("122438", "DCM")
    [mark] = read_in(a_room(a_tomosynthesis()), label).marks
    assert mark.flags == (NOT_A_LOCATION,)


def test_what_highdicom_writes_in_the_room_is_read_with_the_folder_of_images(tmp_path):
    from highdicom.sr import CodedConcept, ImageRegion3D, Scoord3DContentItem

    folder = tmp_path / "images"
    folder.mkdir()
    image = a_tomosynthesis(first=(10.0, -20.0, 30.0))
    image.save_as(folder / "a.dcm", implicit_vr=False, little_endian=True)
    ring = np.array([[11, -19, 32], [13, -19, 32], [13, -16, 32], [11, -19, 32]], float)
    region = ImageRegion3D("POLYGON", ring, FRAME_OF_REFERENCE)
    point = Scoord3DContentItem(
        CodedConcept("111010", "DCM", "Center"), "POINT", np.array([[12.0, -18.0, 34.0]]),
        FRAME_OF_REFERENCE, relationship_type="CONTAINS",
    )  # fmt: skip
    report = a_report(a_group(region, point), SOPClassUID=EXTENSIBLE)
    known = images_in(folder)
    read = read_object(through_bytes(report), room=known.room)
    outline, centre = place_marks(read, known.placed).marks
    assert (outline.shape, outline.frame, outline.laterality) == ("POLYGON", 3, "R")
    assert outline.points[1] == pytest.approx((30.5, 10.5), abs=1e-3)
    assert (centre.frame, centre.points[0]) == (5, pytest.approx((20.5, 20.5), abs=1e-3))
    assert "outside-image" not in outline.flags + centre.flags
