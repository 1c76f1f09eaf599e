"""Compound graphics, layers, areas and images of presentation states, and every transform."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from pacs_bridge.sr.compound import as_simple, rotate
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    GSPS,
    LCC,
    RCC,
    a_graphic,
    a_reference,
    a_state,
    a_text,
    an_annotation,
)

BLENDING, ADVANCED_BLENDING = GSPS[:-1] + "4", GSPS[:-1] + "8"
OTHER_PLANE_STATES = [GSPS[:-1] + end for end in ("2", "3", "4", "5", "8", "12")]
RENDERED_STATES = [GSPS[:-1] + end for end in ("6", "7", "9", "10", "11")]


def a_compound(kind: str, *numbers: float, units: str = "PIXEL", **changes) -> Dataset:
    ds = Dataset()
    ds.CompoundGraphicType, ds.CompoundGraphicUnits = kind, units
    ds.GraphicDimensions, ds.NumberOfGraphicPoints = 2, len(numbers) // 2
    ds.GraphicData = list(numbers)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def read_compounds(*compounds: Dataset, simple: tuple[Dataset, ...] = (), **changes):
    annotation = an_annotation(*simple, CompoundGraphicSequence=list(compounds))
    return read_object(a_state(annotation, **changes))


def test_a_box_of_an_ellipse_becomes_its_axes():
    [mark] = read_compounds(a_compound("ELLIPSE", 100, 200, 180, 240)).marks
    assert mark.shape == "ELLIPSE"
    assert mark.points == ((100, 220), (180, 220), (140, 200), (140, 240))
    assert mark.centre == (140, 220)
    [tall] = read_compounds(a_compound("ELLIPSE", 200, 100, 240, 180)).marks
    assert tall.points == ((220, 100), (220, 180), (200, 140), (240, 140))


def test_a_turn_is_counter_clockwise_as_seen():
    assert rotate((10, 0), (0, 0), 90) == pytest.approx((0, -10))
    box = a_compound(
        "RECTANGLE", 100, 200, 180, 240, RotationAngle=90.0, RotationPoint=[100.0, 200.0]
    )
    [mark] = read_compounds(box).marks
    assert mark.shape == "POLYGON"
    wanted = [(100, 200), (100, 120), (140, 120), (140, 200), (100, 200)]
    assert [c for p in mark.points for c in p] == pytest.approx([c for p in wanted for c in p])
    assert mark.centre == pytest.approx((120, 160))


@pytest.mark.parametrize(
    ("kind", "numbers", "shape"),
    [
        ("ARROW", (1, 2, 30, 40), "POLYLINE"), ("RULER", (1, 2, 30, 40), "POLYLINE"),
        ("AXIS", (10, 10, 150, 10), "POLYLINE"), ("CROSSHAIR", (7, 8), "POINT"),
        ("INFINITELINE", (1, 2, 3, 4), "POLYLINE"), ("MULTILINE", (1, 1, 2, 2, 3, 1), "POLYLINE"),
        ("CUTLINE", (1, 2, 3, 4), "POLYLINE"), ("RANGELINE", (1, 2, 3, 4), "POLYLINE"),
    ],
)  # fmt: skip
def test_each_compound_type_is_a_mark(kind, numbers, shape):
    [mark] = read_compounds(a_compound(kind, *numbers)).marks
    assert (mark.shape, mark.image) == (shape, RCC)
    assert mark.item == "annotation 1 on layer LAYER, compound graphic 1"
    assert as_simple(kind, mark.points, 0, None) is not None


@pytest.mark.parametrize(
    "compound",
    [
        a_compound("SPIRAL", 1, 1, 2, 2), a_compound("ELLIPSE", 1, 1), Dataset(),
        a_compound("RECTANGLE", 1, 1, 1, 9), a_compound("RULER", 1, 1, 2, 2, units="INCH"),
        a_compound("RULER", 1, 1, float("nan"), 2),
    ],
    ids=["unknown type", "too few points", "empty", "no area", "unknown units", "no number"],
)  # fmt: skip
def test_a_broken_compound_graphic_is_said(compound):
    read = read_compounds(compound)
    assert read.marks == ()
    assert "compound" in (read.refused or "")


def test_of_a_compound_graphic_and_its_simple_twin_the_twin_counts_once():
    twin = a_graphic("ELLIPSE", 1.25, 2, 9, 2, 5, 0, 5, 4, CompoundGraphicInstanceID=3)
    box = a_compound("ELLIPSE", 1, 0, 9, 4, CompoundGraphicInstanceID=3)
    [mark] = read_compounds(box, simple=(twin,)).marks
    assert mark.points == ((1.25, 2), (9, 2), (5, 0), (5, 4))


def test_of_a_ruler_and_its_ticks_the_ruler_counts_once():
    ticks = [a_graphic("POLYLINE", x, 0, x, 5, CompoundGraphicInstanceID=3) for x in (0, 10, 20)]
    ruler = a_compound("RULER", 0, 0, 20, 0, CompoundGraphicInstanceID=3)
    [mark] = read_compounds(ruler, simple=tuple(ticks)).marks
    assert (mark.points, mark.flags) == (((0, 0), (20, 0)), ())


def test_simple_twins_of_a_broken_compound_graphic_stay():
    ticks = [a_graphic("POINT", x, 0, CompoundGraphicInstanceID=3) for x in (0, 10)]
    broken = a_compound("SPIRAL", 0, 0, CompoundGraphicInstanceID=3)
    marks = read_compounds(broken, simple=tuple(ticks)).marks
    assert [(mark.shape, mark.group) for mark in marks] == [("POINT", "compound graphic 3")] * 2


def test_a_text_of_the_same_compound_graphic_belongs_to_it():
    box = a_compound("ELLIPSE", 1, 0, 9, 4, CompoundGraphicInstanceID=3)
    note = a_text("M4 mass", 900, 900, CompoundGraphicInstanceID=3)
    marks = read_compounds(box, simple=(a_graphic("POINT", 899, 899), note)).marks
    assert [(mark.shape, mark.rating) for mark in marks] == [("POINT", None), ("ELLIPSE", 4)]


def an_area(*corners: int, image: str | None = None, frames: tuple[int, ...] = ()) -> Dataset:
    ds = Dataset()
    ds.DisplayedAreaTopLeftHandCorner, ds.DisplayedAreaBottomRightHandCorner = (
        list(corners[:2]), list(corners[2:]),
    )  # fmt: skip
    if image:
        changes = {"ReferencedFrameNumber": list(frames)} if frames else {}
        ds.ReferencedImageSequence = [a_reference(image, **changes)]
    return ds


def test_a_compound_graphic_in_display_units_turns_as_it_is_seen():
    """Flipped, a counter-clockwise turn as seen is a clockwise one in the stored image."""
    [mark] = read_compounds(
        a_compound(
            "MULTILINE", 0.4, 0.5, 0.3, 0.5, units="DISPLAY", RotationAngle=90.0,
            RotationPoint=[0.4, 0.5],
        ),
        DisplayedAreaSelectionSequence=[an_area(100, 1, 1, 100)], ImageHorizontalFlip="Y",
    ).marks  # fmt: skip
    # Seen at (40, 50) and (30, 50); turned about the first the second is seen at (40, 60).
    assert [c for p in mark.points for c in p] == pytest.approx([60, 50, 60, 60])


def test_each_text_coordinate_is_converted_by_its_own_units():
    far, near = a_graphic("POINT", 1, 1), a_graphic("POINT", 90, 90)
    box = a_text(
        "M5", BoundingBoxAnnotationUnits="DISPLAY",
        BoundingBoxTopLeftHandCorner=[0.8, 0.8], BoundingBoxBottomRightHandCorner=[0.9, 0.9],
    )  # fmt: skip
    areas = {"DisplayedAreaSelectionSequence": [an_area(1, 1, 100, 100)]}
    marks = read_object(a_state(an_annotation(far, near, box), **areas)).marks
    assert [mark.rating for mark in marks] == [None, 5]


def test_a_text_that_stands_nowhere_is_given_to_no_graphic_of_several():
    box = a_text("M5", 0.5, 0.5, units="DISPLAY")
    marks = read_object(
        a_state(an_annotation(a_graphic("POINT", 1, 1), a_graphic("POINT", 9, 9), box))
    ).marks
    assert [(mark.shape, mark.rating) for mark in marks] == [
        ("POINT", None), ("POINT", None), ("TEXT", 5),
    ]  # fmt: skip
    assert "unplaced-text" in marks[2].flags


def test_the_displayed_area_of_the_frame_is_used():
    annotation = an_annotation(
        a_graphic("POINT", 0.5, 0.5, units="DISPLAY"),
        ReferencedImageSequence=[a_reference(RCC, ReferencedFrameNumber=[6])],
    )
    areas = [
        an_area(1, 1, 10, 10, image=RCC, frames=(5,)),
        an_area(1, 1, 200, 100, image=RCC, frames=(6, 7)),
    ]
    [mark] = read_object(a_state(annotation, DisplayedAreaSelectionSequence=areas)).marks
    assert (mark.points, mark.frame) == (((100, 50),), 6)


@pytest.mark.parametrize("sop_class", OTHER_PLANE_STATES)
def test_every_state_on_stored_pixels_is_read_alike(sop_class):
    state = a_state(an_annotation(a_graphic("POINT", 3, 4), images=()), SOPClassUID=sop_class)
    [mark] = read_object(state).marks
    assert (mark.points, mark.image, mark.flags) == (((3, 4),), RCC, ())


@pytest.mark.parametrize("sop_class", RENDERED_STATES)
def test_on_a_rendered_view_the_text_is_kept_and_the_drawing_refused(sop_class):
    annotation = an_annotation(a_graphic("POINT", 3, 4), a_text("M4 mass", 3, 4))
    read = read_object(a_state(annotation, SOPClassUID=sop_class))
    [mark] = read.marks
    assert (mark.shape, mark.text, mark.points) == ("TEXT", "M4 mass", ())
    assert "rendered view" in (read.refused or "")


@pytest.mark.parametrize("sop_class", [BLENDING, ADVANCED_BLENDING])
def test_the_images_of_a_blending_state_stand_in_what_it_blends(sop_class):
    state = a_state(an_annotation(a_graphic("POINT", 3, 4), images=()), SOPClassUID=sop_class)
    blended = Dataset()
    blended.ReferencedSeriesSequence = state.ReferencedSeriesSequence
    del state.ReferencedSeriesSequence
    keyword = "BlendingSequence" if sop_class == BLENDING else "AdvancedBlendingSequence"
    setattr(state, keyword, [blended])
    [mark] = read_object(state).marks
    assert (mark.image, mark.flags) == (RCC, ())


def test_a_state_that_lists_no_image_lies_on_the_only_one_it_names_and_says_so():
    state = a_state(an_annotation(a_graphic("POINT", 3, 4), images=()))
    del state.ReferencedSeriesSequence
    [nowhere] = read_object(state).marks
    assert (nowhere.image, nowhere.flags) == ("", ("ambiguous-image",))
    state.SourceImageSequence = [a_reference(LCC)]
    [mark] = read_object(state).marks
    assert (mark.image, mark.flags) == (LCC, ("inferred-image",))


# Every transform and unit -----------------------------------------------------------------

COLUMNS, ROWS = 3328, 4096
COUNTS = {"POINT": 1, "POLYLINE": 5, "INTERPOLATED": 6, "CIRCLE": 2, "ELLIPSE": 4}


def seen_at(points: np.ndarray, box: tuple[int, int, int, int], rotation: int, flipped: bool):
    """Where stored points are seen, as fractions of the area: the area turned, then flipped."""
    left, top, right, bottom = box
    s = (points[:, 0] - (left - 1)) / (right - left + 1)
    t = (points[:, 1] - (top - 1)) / (bottom - top + 1)
    for _ in range(rotation // 90):  # a quarter turn clockwise: the left edge becomes the top
        s, t = 1 - t, s
    return np.column_stack([1 - s if flipped else s, t])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("flipped", [False, True])
def test_ten_thousand_geometries_come_back_through_every_transform_and_unit(rotation, flipped):
    random = np.random.default_rng(rotation + flipped)
    left, top = (int(random.integers(-50, 900)) for _ in range(2))
    box = (left, top, left + int(random.integers(50, 2400)), top + int(random.integers(50, 3000)))
    shapes, graphics = [], []
    for number in range(1250):
        kind = list(COUNTS)[number % len(COUNTS)]
        units = ("PIXEL", "DISPLAY", "MATRIX")[number % 3]
        points = random.uniform((-20, -20), (COLUMNS + 20, ROWS + 20), (COUNTS[kind], 2))
        shapes.append(points)
        stored = seen_at(points, box, rotation, flipped) if units == "DISPLAY" else points
        graphics.append(a_graphic(kind, *stored.ravel().tolist(), units=units))
    state = a_state(
        an_annotation(*graphics),
        DisplayedAreaSelectionSequence=[an_area(*box, image=RCC)],
        ImageRotation=rotation, ImageHorizontalFlip="Y" if flipped else "N",
    )  # fmt: skip
    file = BytesIO()
    state.save_as(file, implicit_vr=False, little_endian=True)  # numbers of 32 bits from here
    file.seek(0)
    read = read_object(dcmread(file, force=True))
    assert len(read.marks) == len(shapes) == 1250
    worst = max(
        float(np.abs(np.array(mark.points) - points).max())
        for mark, points in zip(read.marks, shapes, strict=True)
    )
    assert worst < 0.01
