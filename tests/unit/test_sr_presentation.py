"""Presentation states to marks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.sr import codes
from pacs_bridge.sr.read import read_object
from pacs_bridge.sr.references import references
from tests.unit.sr_builders import (
    LCC,
    RCC,
    STUDY,
    a_code,
    a_graphic,
    a_reference,
    a_state,
    a_text,
    an_annotation,
)

SHAPES = [
    ("POINT", (10, 20), "POINT", (10, 20)),
    ("POLYLINE", (0, 0, 10, 0), "POLYLINE", (5, 0)),
    ("POLYLINE", (0, 0, 10, 0, 10, 10, 0, 10, 0, 0), "POLYGON", (5, 5)),
    ("INTERPOLATED", (0, 0, 10, 0, 10, 10), "INTERPOLATED", (7.5, 2.5)),
    ("CIRCLE", (50, 60, 55, 60), "CIRCLE", (50, 60)),
    ("ELLIPSE", (60, 80, 100, 80, 80, 70, 80, 90), "ELLIPSE", (80, 80)),
]


@pytest.mark.parametrize(("kind", "numbers", "shape", "centre"), SHAPES)
def test_each_shape_keeps_its_points_in_order(kind, numbers, shape, centre):
    read = read_object(a_state(an_annotation(a_graphic(kind, *numbers))))
    [mark] = read.marks
    assert mark.shape == shape
    assert mark.points == tuple(zip(numbers[::2], numbers[1::2], strict=True))
    assert mark.centre == pytest.approx(centre)
    assert (mark.image, mark.frame, mark.rating) == (RCC, None, None)
    assert read.kind == "presentation-state"
    assert read.refused is None


def test_who_and_when_are_told_with_their_evidence():
    read = read_object(a_state(OperatorsName="Someone^Else", TimezoneOffsetFromUTC="+0100"))
    assert (read.observer.name, read.observer.login) == ("READER1", "READER1")
    assert read.observer.evidence["OperatorsName"] == "Someone^Else"
    zone = timezone(timedelta(hours=1))
    assert read.observed_at == datetime(2024, 1, 2, 10, 15, tzinfo=zone)


def test_a_person_name_is_no_log_in_name_and_an_absent_offset_is_no_utc():
    read = read_object(a_state(ContentCreatorName="Doe^Jane"))
    assert (read.observer.name, read.observer.login) == ("Doe^Jane", None)
    assert read.observed_at is not None
    assert read.observed_at.tzinfo is None


def test_the_creator_s_code_is_the_id():
    who = Dataset()
    who.PersonIdentificationCodeSequence = a_code("R00042", "99PERFORMS")
    read = read_object(a_state(ContentCreatorIdentificationCodeSequence=[who]))
    assert read.observer.id == "R00042"


def test_a_text_in_the_same_graphic_group_belongs_to_its_graphic():
    far = a_graphic("POINT", 900, 900, GraphicGroupID=7)
    near = a_graphic("POINT", 10, 10)
    read = read_object(
        a_state(an_annotation(far, near, a_text("M4 mass", 11, 11, GraphicGroupID=7)))
    )
    assert [mark.rating for mark in read.marks] == [4, None]
    assert read.marks[0].finding == codes.MASS
    assert read.marks[0].group == "graphic group 7"
    assert "inferred-text" not in read.marks[0].flags


def test_a_text_linked_to_nothing_goes_to_the_nearest_graphic_and_says_so():
    far, near = a_graphic("POINT", 900, 900), a_graphic("POINT", 10, 10)
    read = read_object(a_state(an_annotation(far, near, a_text("M4", 100, 100))))
    assert [mark.rating for mark in read.marks] == [None, 4]
    assert read.marks[1].flags == ("inferred-text",)


def test_a_text_without_anchor_is_near_where_its_box_stands():
    box = a_text(
        "M5", BoundingBoxAnnotationUnits="PIXEL",
        BoundingBoxTopLeftHandCorner=[880.0, 880.0],
        BoundingBoxBottomRightHandCorner=[890.0, 890.0],
    )  # fmt: skip
    read = read_object(
        a_state(an_annotation(a_graphic("POINT", 10, 10), a_graphic("POINT", 900, 900), box))
    )
    assert [mark.rating for mark in read.marks] == [None, 5]


def test_a_text_alone_is_a_text_mark():
    [mark] = read_object(a_state(an_annotation(a_text("M4 mass", 10, 20)))).marks
    assert (mark.shape, mark.points, mark.text) == ("TEXT", ((10, 20),), "M4 mass")


@pytest.mark.parametrize("text", ["12.3 mm", "3", "Mean: 4", "Area 4 mm2", "2024", "4.5"])
def test_a_measurement_text_is_kept_and_rates_nothing(text):
    [mark] = read_object(
        a_state(an_annotation(a_graphic("POINT", 1, 1), a_text(f"{text} mm", 1, 1)))
    ).marks
    assert mark.rating is None
    assert mark.text == f"{text} mm"


def test_two_ratings_on_one_graphic_are_a_conflict():
    [mark] = read_object(
        a_state(an_annotation(a_graphic("POINT", 1, 1), a_text("M4", 1, 1), a_text("M2", 2, 2)))
    ).marks
    assert mark.rating is None
    assert "rating-conflict" in mark.flags


def test_decisions_count_for_the_breast_they_name_on_whatever_image():
    read = read_object(
        a_state(
            an_annotation(a_graphic("POINT", 1, 1), a_text("L RECALL M4", 1, 1)),
            an_annotation(a_text("R RTS", 1, 1), images=(LCC,)),
            images=(RCC, LCC),
        )
    )
    assert read.breasts == (BreastDecision("R", "RTS"), BreastDecision("L", "RECALL", 4))
    assert [mark.rating for mark in read.marks if mark.shape == "POINT"] == [None]


def test_two_decisions_for_one_breast_are_none_and_said():
    read = read_object(a_state(an_annotation(a_text("R RTS", 1, 1), a_text("R RECALL", 9, 9))))
    assert [breast.decision for breast in read.breasts] == [None]
    assert "two things for one breast" in (read.refused or "")


def test_an_annotation_without_images_lies_on_the_only_referenced_one():
    [mark] = read_object(a_state(an_annotation(a_graphic("POINT", 1, 1), images=()))).marks
    assert (mark.image, mark.flags) == (RCC, ())


def test_an_annotation_for_several_images_is_one_ambiguous_mark():
    for state in (
        a_state(an_annotation(a_graphic("POINT", 1, 1), images=()), images=(RCC, LCC)),
        a_state(an_annotation(a_graphic("POINT", 1, 1), images=(RCC, LCC))),
    ):
        [mark] = read_object(state).marks
        assert (mark.image, mark.flags) == ("", ("ambiguous-image",))


@pytest.mark.parametrize(
    ("frames", "frame", "flags"),
    [([5], 5, ()), ([5, 6], None, ("ambiguous-frame",)), ([0], None, ())],
)
def test_frames_are_counted_from_one(frames, frame, flags):
    annotation = an_annotation(
        a_graphic("POINT", 1, 1),
        ReferencedImageSequence=[a_reference(ReferencedFrameNumber=frames)],
    )
    [mark] = read_object(a_state(annotation)).marks
    assert (mark.frame, mark.flags) == (frame, flags)


def test_display_units_are_converted_by_the_area_that_names_the_image():
    other, mine = Dataset(), Dataset()
    for area, corner in ((other, [10, 10]), (mine, [3000, 4000])):
        area.DisplayedAreaTopLeftHandCorner = [1, 1]
        area.DisplayedAreaBottomRightHandCorner = corner
    mine.ReferencedImageSequence = [a_reference(RCC)]
    state = a_state(
        an_annotation(a_graphic("POINT", 0.25, 0.5, units="DISPLAY")),
        DisplayedAreaSelectionSequence=[other, mine],
        ImageRotation=90, ImageHorizontalFlip="Y",
    )  # fmt: skip
    [mark] = read_object(state).marks
    assert mark.points == ((1500, 1000),)


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (a_state(an_annotation(a_graphic("POINT", 0.5, 0.5, units="DISPLAY"))), "DISPLAY"),
        (a_state(an_annotation(a_graphic("POINT", 1, 1, units="INCH"))), "units"),
        (a_state(an_annotation(a_graphic("POINT", 1, 1, 2))), "broken coordinates"),
        (a_state(an_annotation(a_graphic("POINT", float("nan"), 1))), "broken coordinates"),
        (a_state(an_annotation(a_graphic("POINT", float("inf"), 1))), "broken coordinates"),
        (a_state(an_annotation(a_graphic("CIRCLE", 1, 1))), "broken coordinates"),
        (a_state(an_annotation(CompoundGraphicSequence=[Dataset()])), "compound"),
        (a_state(), "no drawing"),
        (a_state(an_annotation(a_graphic("POINT", 1, 1)),
                 SOPClassUID="1.2.840.10008.5.1.4.1.1.11.6"), "rendered view"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_a_sentence(state, word):
    read = read_object(state)
    assert read.marks == ()
    assert word in (read.refused or "")


def test_an_overlay_only_state_says_that_it_is_a_bitmap():
    state = a_state()
    state.add_new(Tag(0x6000, 0x3000), "OW", b"\x01\x00")
    assert "overlay bitmap" in (read_object(state).refused or "")


def test_a_compound_graphic_with_its_simple_twin_counts_once():
    compound = Dataset()
    compound.CompoundGraphicInstanceID = 3
    annotation = an_annotation(
        a_graphic("POINT", 1, 1, CompoundGraphicInstanceID=3), CompoundGraphicSequence=[compound]
    )
    read = read_object(a_state(annotation))
    assert [mark.flags for mark in read.marks] == [()]


def test_the_readable_part_is_read_and_flagged_with_what_is_missing():
    compound = Dataset()
    compound.CompoundGraphicInstanceID = 9
    annotation = an_annotation(a_graphic("POINT", 1, 1), CompoundGraphicSequence=[compound])
    read = read_object(a_state(annotation))
    assert read.marks[0].flags == ("unread-compound",)
    assert read.refused is None


def test_odd_bytes_do_not_stop_the_reading():
    state = a_state(an_annotation(a_graphic("POINT", 1, 1)))
    broken = a_graphic("POINT", 1, 1)
    tag = Tag("GraphicData")
    broken[tag] = RawDataElement(tag, "FL", 7, b"\x00" * 7, 0, False, True)
    state.GraphicAnnotationSequence[0].GraphicObjectSequence.append(broken)
    name = Tag("ContentCreatorName")
    state[name] = RawDataElement(name, "PN", 4, b"\xff\xfeAB", 0, False, True)
    read = read_object(state)
    assert len(read.marks) == 1
    assert "unread-graphic" in read.marks[0].flags


@pytest.mark.parametrize(
    ("declared", "stored"),
    [("ISO_IR 100", "latin-1"), ("ISO_IR 192", "utf-8"), ("", "utf-8"), ("", "latin-1"),
     ("ISO_IR 999", "utf-8"), ("ISO_IR 192", "latin-1")],
)  # fmt: skip
def test_a_note_is_read_whatever_character_set_is_declared(declared, stored):
    state = a_state(an_annotation(a_graphic("POINT", 1, 1), a_text("x", 1, 1)))
    if declared:
        state.SpecificCharacterSet = declared
    data = "M4 mässig".encode(stored)
    tag = Tag("UnformattedTextValue")
    text = state.GraphicAnnotationSequence[0].TextObjectSequence[0]
    text[tag] = RawDataElement(tag, "ST", len(data), data, 0, False, True)
    [mark] = read_object(state).marks
    assert mark.rating == 4
    assert mark.text.startswith("M4 m")


def test_a_text_of_a_megabyte_is_cut_and_does_not_hold_up_the_reading():
    state = a_state(an_annotation(a_graphic("POINT", 1, 1), a_text("M4 " * 350_000, 1, 1)))
    [mark] = read_object(state).marks
    assert mark.rating == 4
    assert len(mark.text) <= 4096


def test_tracking_ties_a_graphic_to_the_same_mark_elsewhere():
    graphic = a_graphic("POINT", 1, 1, TrackingID="mark-1", TrackingUID="1.2.3.77")
    [mark] = read_object(a_state(an_annotation(graphic))).marks
    assert (mark.tracking_uid, mark.group) == ("1.2.3.77", "1.2.3.77")


def test_references_name_studies_images_and_accession():
    found = references(a_state(an_annotation(a_graphic("POINT", 1, 1), images=(LCC,))))
    assert found.studies == (STUDY,)
    assert set(found.images) == {RCC, LCC}
    assert found.accession == "PERFORMS121101"


def test_a_text_in_the_group_of_a_graphic_on_another_image_is_not_that_graphics():
    other = an_annotation(
        a_text("M5", 300.0, 300.0, GraphicGroupID=1), images=(LCC,),
    )  # fmt: skip
    mark = an_annotation(a_graphic("POINT", 1, 2, GraphicGroupID=1), images=(RCC,))
    drawn, text = read_object(a_state(mark, other, images=(RCC, LCC))).marks
    assert (drawn.image, drawn.rating, drawn.text) == (RCC, None, "")
    assert (text.image, text.shape, text.rating) == (LCC, "TEXT", 5)


def test_a_text_in_the_group_of_a_graphic_elsewhere_on_its_image_is_that_graphics():
    mark = an_annotation(a_graphic("POINT", 1, 2, GraphicGroupID=1), GraphicLayer="ONE")
    text = an_annotation(a_text("M5", 300.0, 300.0, GraphicGroupID=1), GraphicLayer="TWO")
    [drawn] = read_object(a_state(mark, text)).marks
    assert (drawn.rating, drawn.flags) == (5, ())


def test_a_text_on_another_persons_layer_rates_nobody_elses_graphic():
    layers = []
    for name, words in (("ONE", "Lines"), ("TWO", "Jones^Mary")):
        layer = Dataset()
        layer.GraphicLayer, layer.GraphicLayerDescription = name, words
        layers.append(layer)
    mark = an_annotation(a_graphic("POINT", 1, 2, GraphicGroupID=1), GraphicLayer="ONE")
    text = an_annotation(a_text("M5", 3.0, 3.0, GraphicGroupID=1), GraphicLayer="TWO")
    read = read_object(a_state(mark, text, GraphicLayerSequence=layers))
    assert [(each.shape, each.rating) for each in read.marks] == [("POINT", None)]
    [theirs] = read.others
    assert [(each.shape, each.rating) for each in theirs.marks] == [("TEXT", 5)]
