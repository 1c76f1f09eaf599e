"""Drawings that a state holds twice, and those that only share a number."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    LCC,
    RCC,
    a_graphic,
    a_reference,
    a_state,
    a_text,
    an_annotation,
)

CIRCLE = (500, 500, 700, 500)


def a_compound(kind: str, *numbers: float, **changes) -> Dataset:
    ds = a_graphic("POINT", *numbers, CompoundGraphicType=kind, CompoundGraphicUnits="PIXEL")
    for keyword in ("GraphicType", "GraphicAnnotationUnits"):
        delattr(ds, keyword)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def with_compounds(*parts: Dataset, **changes) -> Dataset:
    compounds = [part for part in parts if "CompoundGraphicType" in part]
    others = [part for part in parts if "CompoundGraphicType" not in part]
    return an_annotation(*others, CompoundGraphicSequence=compounds, **changes)


def marks_of(*annotations: Dataset, **changes):
    return read_object(a_state(*annotations, **changes)).marks


@pytest.mark.parametrize("numbers", [(1, 1), (None, None), (0, 0), (1, 2)])
def test_two_compound_graphics_are_two_marks_however_they_are_numbered(numbers):
    said = [{} if n is None else {"CompoundGraphicInstanceID": n} for n in numbers]
    marks = marks_of(
        with_compounds(
            a_compound("ELLIPSE", 10, 10, 30, 20, **said[0]),
            a_compound("RECTANGLE", 100, 100, 130, 120, **said[1]),
        )
    )
    assert [mark.shape for mark in marks] == ["ELLIPSE", "POLYGON"]
    assert len({mark.group or number for number, mark in enumerate(marks)}) == 2


@pytest.mark.parametrize("number", [1, 7])
def test_of_compound_graphics_with_one_number_each_keeps_its_own_twin(number):
    share = {"CompoundGraphicInstanceID": number}
    marks = marks_of(
        with_compounds(
            a_graphic("POLYLINE", 100, 100, 130, 100, 130, 120, 100, 120, 100, 100, **share),
            a_graphic("ELLIPSE", 10, 15, 30, 15, 20, 10, 20, 20, **share),
            a_graphic("POLYLINE", 5, 5, 9, 9, **share),  # the head of the arrow
            a_compound("ELLIPSE", 10, 10, 30, 20, **share),
            a_compound("RECTANGLE", 100, 100, 130, 120, **share),
            a_compound("ARROW", 0, 0, 9, 9, **share),
        )
    )
    assert sorted(mark.centre for mark in marks) == [(4.5, 4.5), (20, 15), (115, 110)]


def test_a_twin_on_another_layer_is_no_second_mark_and_its_text_rates_the_first():
    marks = marks_of(
        with_compounds(a_compound("ELLIPSE", 10, 10, 30, 20, CompoundGraphicInstanceID=1)),
        an_annotation(
            a_graphic("ELLIPSE", 10, 15, 30, 15, 20, 10, 20, 20, CompoundGraphicInstanceID=1),
            a_text("M4 mass", 20, 15),
            GraphicLayer="TWIN",
        ),
    )
    assert [(mark.shape, mark.rating) for mark in marks] == [("ELLIPSE", 4)]


def test_the_same_drawing_on_two_images_or_by_two_persons_is_two():
    circle = a_graphic("CIRCLE", *CIRCLE)
    two = marks_of(
        an_annotation(circle, images=(RCC,)), an_annotation(circle, images=(LCC,)),
        images=(RCC, LCC),
    )  # fmt: skip
    assert [mark.image for mark in two] == [RCC, LCC]
    layers = []
    for name in ("MARY", "JOHN"):
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerDescription = name, f"Reader^{name}"
        layers.append(layer)
    shared = read_object(
        a_state(
            an_annotation(circle, GraphicLayer="MARY"), an_annotation(circle, GraphicLayer="JOHN"),
            GraphicLayerSequence=layers,
        )
    )  # fmt: skip
    assert [len(share.marks) for share in shared.others] == [1, 1]


def a_layer(name: str, description: str) -> Dataset:
    ds = Dataset()
    ds.GraphicLayer, ds.GraphicLayerDescription = name, description
    return ds


def test_a_layer_is_its_persons_whatever_its_name_and_of_two_persons_nobodys():
    one = an_annotation(a_graphic("POINT", 5, 5), GraphicLayer="A,B")
    read = read_object(a_state(one, GraphicLayerSequence=[a_layer("A,B", "Jones^Mary")]))
    assert (read.marks, [share.observer.name for share in read.others]) == ((), ["Jones^Mary"])
    layers = [a_layer("A,B", "Jones^Mary"), a_layer("A,B", "Smith^John")]
    read = read_object(a_state(one, GraphicLayerSequence=layers))
    assert (read.marks, [share.observer.name for share in read.others]) == ((), [None])


def test_drawings_of_two_groups_or_tracks_at_one_place_stay_two():
    for said in ({"GraphicGroupID": 1}, {"GraphicGroupID": 2}), (
        {"TrackingUID": "1.2.3"}, {"TrackingUID": "1.2.4"},
    ):  # fmt: skip
        graphics = [a_graphic("CIRCLE", *CIRCLE, **each) for each in said]
        assert len(marks_of(an_annotation(*graphics))) == 2


@given(st.permutations(range(4)), st.data())
def test_no_order_and_no_numbering_loses_or_doubles_a_drawing(order, data):
    boxes = [(100 * n + 10, 50 * n + 10, 100 * n + 60, 50 * n + 40) for n in range(4)]
    number = data.draw(st.sampled_from([lambda n: 1, lambda n: n + 1, lambda n: n // 2]))
    has_twin = data.draw(st.tuples(*[st.booleans()] * 4))
    parts = []
    for n in order:
        left, top, right, bottom = boxes[n]
        share = {"CompoundGraphicInstanceID": number(n)}
        parts.append(a_compound("RECTANGLE", *boxes[n], **share))
        if has_twin[n]:
            ring = (left, top, right, top, right, bottom, left, bottom, left, top)
            parts.append(a_graphic("POLYLINE", *ring, **share))
    marks = marks_of(with_compounds(*parts))
    middles = [((a + c) / 2, (b + d) / 2) for a, b, c, d in boxes]
    assert sorted(mark.centre for mark in marks) == middles


@pytest.mark.parametrize("label", ["5", "0", "12.5", "-3", "4 mm", "1 cm"])
@pytest.mark.parametrize("kind", ["RULER", "AXIS"])
def test_a_number_at_a_tick_of_a_ruler_is_no_rating(kind, label):
    share = {"CompoundGraphicInstanceID": 1}
    [mark] = marks_of(
        with_compounds(a_compound(kind, 10, 10, 90, 10, **share), a_text(label, 90, 10, **share))
    )
    assert (mark.rating, mark.text) == (None, "")


def test_a_rating_typed_at_a_ruler_or_a_box_is_one():
    share = {"CompoundGraphicInstanceID": 1}
    for kind, text in ("RULER", "M4"), ("RECTANGLE", "4"):
        box = a_compound(kind, 10, 10, 90, 20, **share)
        [mark] = marks_of(with_compounds(box, a_text(text, 90, 10, **share)))
        assert mark.rating == 4


def test_a_text_that_touches_one_line_is_of_that_drawing_however_far_its_middle_is():
    large, small = a_graphic("CIRCLE", *CIRCLE), a_graphic("CIRCLE", 730, 500, 740, 500)
    marks = marks_of(an_annotation(large, small, a_text("M5", 700, 500), a_text("M2", 730, 500)))
    assert [mark.rating for mark in marks] == [5, 2]
    ring = a_graphic("POLYLINE", 0, 0, 400, 0, 400, 400, 0, 400, 0, 0)
    near = a_graphic("POINT", 420, 100)
    for text, ratings in (a_text("M3", 400, 100), [3, None]), (a_text("M3", 418, 100), [None, 3]):
        assert [mark.rating for mark in marks_of(an_annotation(ring, near, text))] == ratings


@pytest.mark.parametrize("frames", [([3], [5]), ([3, 5],), ([3], []), ([], [5])])
def test_an_image_named_twice_with_other_frames_is_on_no_single_one(frames):
    named = [
        a_reference(RCC, **({"ReferencedFrameNumber": each} if each else {})) for each in frames
    ]
    one = an_annotation(a_graphic("POINT", 1, 1), ReferencedImageSequence=named)
    [mark] = marks_of(one)
    assert mark.frame is None
    several = {frame for each in frames for frame in each}
    if all(frames):
        assert "ambiguous-frame" in mark.flags
        assert len(several) == 2
    state = a_state(an_annotation(a_graphic("POINT", 1, 1), images=()))
    state.ReferencedSeriesSequence[0].ReferencedImageSequence = named
    assert [mark.frame for mark in read_object(state).marks] == [None]


def an_area(*corners: int, image: str = RCC, frames: tuple[int, ...] = ()) -> Dataset:
    ds = Dataset()
    ds.DisplayedAreaTopLeftHandCorner = list(corners[:2])
    ds.DisplayedAreaBottomRightHandCorner = list(corners[2:])
    ds.ReferencedImageSequence = [a_reference(image, ReferencedFrameNumber=f) for f in frames] or [
        a_reference(image)
    ]
    return ds


def test_of_two_displayed_areas_for_one_image_none_is_guessed():
    point = a_graphic("POINT", 0.5, 0.5, units="DISPLAY")
    areas = [an_area(1, 1, 100, 200), an_area(1, 1, 300, 400)]
    for some, seen in (areas, None), (areas[:1] * 2, (50, 100)):
        read = read_object(a_state(an_annotation(point), DisplayedAreaSelectionSequence=some))
        assert [mark.centre for mark in read.marks] == ([seen] if seen else [])
        assert (read.refused is None) == (seen is not None)


def test_an_area_that_names_each_frame_by_itself_holds_for_all_of_them():
    point = a_graphic("POINT", 0.5, 0.5, units="DISPLAY")
    one = an_annotation(point, ReferencedImageSequence=[a_reference(RCC, ReferencedFrameNumber=2)])
    areas = [an_area(1, 1, 100, 200, frames=(1, 2))]
    [mark] = marks_of(one, DisplayedAreaSelectionSequence=areas)
    assert (mark.centre, mark.frame) == ((50, 100), 2)


LINE = ((0.1, 0.1), (0.2, 0.1), (0.3, 0.2), (0.4, 0.5))


@pytest.mark.parametrize(
    ("points", "shape"),
    [
        (LINE, "POLYLINE"), ((*LINE, LINE[0]), "POLYGON"),
        ((*LINE, (0.1 + 0.5 / 3000, 0.1)), "POLYGON"), ((*LINE, (0.1 + 2 / 3000, 0.1)), "POLYLINE"),
    ],
)  # fmt: skip
def test_in_display_units_a_line_is_closed_within_a_pixel_as_in_any(points, shape):
    line = a_graphic("POLYLINE", *itertools.chain(*points), units="DISPLAY")
    areas = [an_area(1, 1, 3000, 4000)]
    [mark] = marks_of(an_annotation(line), DisplayedAreaSelectionSequence=areas)
    assert mark.shape == shape


def test_several_points_in_one_graphic_are_as_many_marks_of_one_group():
    marks = marks_of(an_annotation(a_graphic("MULTIPOINT", 1, 2, 3, 4)))
    assert [mark.centre for mark in marks] == [(1, 2), (3, 4)]
    assert len({mark.group for mark in marks} - {None}) == 1


def test_where_an_annotation_names_no_frame_those_of_its_state_hold():
    one = an_annotation(a_graphic("POINT", 1, 1))
    for frames, frame in ([3], 3), ([3, 4], None):
        state = a_state(one)
        state.ReferencedSeriesSequence[0].ReferencedImageSequence = [
            a_reference(RCC, ReferencedFrameNumber=frames)
        ]
        [mark] = read_object(state).marks
        assert (mark.frame, "ambiguous-frame" in mark.flags) == (frame, frame is None)


def test_a_compound_graphic_in_display_units_without_an_area_is_refused_for_that():
    box = a_compound("RECTANGLE", 0.1, 0.1, 0.2, 0.2, CompoundGraphicUnits="DISPLAY")
    refused = read_object(a_state(with_compounds(box))).refused or ""
    assert "DISPLAY" in refused
    assert "broken" not in refused
