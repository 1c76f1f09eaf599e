"""Structured reports as each family of viewers writes them: every one the same few marks."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_bridge.sr import codes
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    COMPREHENSIVE,
    LCC,
    RCC,
    a_code,
    a_coded,
    a_group,
    a_reference,
    a_report,
    a_state,
    an_annotation,
    an_image_item,
    an_item,
    coordinates,
)
from tests.unit.sr_builders import a_text as a_state_text

BASIC_TEXT = COMPREHENSIVE[:-2] + "11"
MAMMO_CAD = COMPREHENSIVE[:-2] + "50"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
FINDING = a_code("121071", "DCM", "Finding")
LENGTH = a_code("410668003", "SCT", "Length")
COMMENT = a_code("121106", "DCM", "Comment")


def a_text(text: str, concept=COMMENT, *children: Dataset, **changes) -> Dataset:
    return an_item("TEXT", concept, *children, TextValue=text, **changes)


def a_number(*children: Dataset, concept=LENGTH, value: str | None = "12") -> Dataset:
    item = an_item("NUM", concept, *children)
    if value is not None:
        measured = Dataset()
        measured.NumericValue = value
        measured.MeasurementUnitsCodeSequence = a_code("%", "UCUM", "percent")
        item.MeasuredValueSequence = [measured]
    return item


def tracked(uid: str = "1.2.3.77") -> Dataset:
    name = a_code("112040", "DCM", "Tracking Unique Identifier")
    return an_item("UIDREF", name, relationship="HAS OBS CONTEXT", UID=uid)


def by_reference(*path: int, relationship: str = "INFERRED FROM") -> Dataset:
    ds = Dataset()
    ds.RelationshipType, ds.ReferencedContentItemIdentifier = relationship, list(path)
    return ds


def free_text(text: str) -> Dataset:
    return a_coded(FINDING, a_code("CORNERSTONEFREETEXT", "CORNERSTONEJS", text))


MASS = a_coded(FINDING, a_code("129788004", "SCT", "Mass"))
OLD_MASS = a_coded(FINDING, a_code("F-01791", "SRT", "Mass"))
LINE = (10, 10, 30, 10)


@pytest.mark.parametrize(
    "group",
    [
        a_group(tracked(), MASS, coordinates("POLYLINE", *LINE)),
        a_group(tracked(), OLD_MASS, coordinates("POLYLINE", *LINE)),
        a_group(tracked(), MASS, a_number(coordinates("POLYLINE", *LINE))),
        a_group(tracked(), MASS, a_number(coordinates("POLYLINE", *LINE), value=None)),
        a_group(
            tracked(), MASS,
            a_number(coordinates("POLYLINE", *LINE)), a_number(coordinates("POLYLINE", *LINE)),
        ),
        a_group(tracked(), MASS, coordinates("POLYLINE", *LINE, image=None), an_image_item()),
        an_item(
            "CONTAINER", a_code("zzz002", "99NCIAIM"), tracked(), MASS,
            an_item("CONTAINER", a_code("zzz030", "99NCIAIM"),
                    a_text("x", a_code("zzz022", "99NCIAIM"), coordinates("POLYLINE", *LINE))),
        ),
        an_item("CONTAINER", None, tracked(), MASS, coordinates("POLYLINE", *LINE)),
        coordinates("POLYLINE", *LINE),
    ],
    ids=["TID 1410", "old codes", "OHIF", "OHIF arrow", "the same under two measurements",
         "image beside", "AIM", "no template", "bare"],
)  # fmt: skip
def test_one_drawn_line_is_one_mark_in_every_dialect(group):
    if group.ValueType == "SCOORD":
        group.ContentSequence.extend([tracked(), MASS])
    read = read_object(a_report(group))
    [mark] = read.marks
    assert (mark.shape, mark.points, mark.image) == ("POLYLINE", ((10, 10), (30, 10)), RCC)
    assert codes.key(mark.finding) == codes.key(codes.MASS)
    assert mark.tracking_uid == mark.group == "1.2.3.77"
    assert read.refused is None


def test_a_group_that_names_coordinates_by_reference_describes_them():
    elsewhere = an_item("CONTAINER", None, coordinates("POINT", 5, 6))
    group = a_group(tracked(), MASS, a_number(by_reference(1, 1, 1, 1)))
    [mark] = read_object(a_report(elsewhere, group)).marks
    assert (mark.points, mark.tracking_uid) == (((5, 6),), "1.2.3.77")
    assert codes.key(mark.finding) == codes.key(codes.MASS)


def test_a_free_text_code_without_a_measured_value_is_read_as_a_note():
    arrow = a_number(coordinates("POINT", 5, 6), concept=a_code("111030", "DCM"), value=None)
    [mark] = read_object(a_report(a_group(tracked(), free_text("MILL 4 R"), arrow))).marks
    assert (mark.rating, mark.text) == (4, "MILL 4 R")
    assert codes.key(mark.finding) == codes.key(codes.MASS)


def test_an_image_s_coordinates_in_a_multipoint_are_points_of_one_mark():
    marks = read_object(a_report(a_group(tracked(), coordinates("MULTIPOINT", 1, 2, 3, 4)))).marks
    assert [(mark.shape, mark.points, mark.group) for mark in marks] == [
        ("POINT", ((1, 2),), "1.2.3.77"), ("POINT", ((3, 4),), "1.2.3.77"),
    ]  # fmt: skip


def test_an_assessment_category_is_kept_as_birads_and_rates_nothing():
    category = a_coded(
        a_code("111005", "DCM", "Assessment Category"), a_code("II.AC.b.4", "BI", "4 - Suspicious")
    )
    [mark] = read_object(a_report(a_group(category, coordinates("POINT", 1, 1)))).marks
    assert (mark.rating, mark.text) == (None, "BI-RADS: 4 - Suspicious")


@pytest.mark.parametrize("concept", [FINDING, a_code("111005", "DCM")])
def test_a_category_given_as_a_finding_is_no_finding(concept):
    category = a_coded(concept, a_code("397144001", "SCT", "Category 4"))
    [mark] = read_object(a_report(a_group(category, MASS, coordinates("POINT", 1, 1)))).marks
    assert (mark.rating, mark.text, mark.flags) == (None, "BI-RADS: 4", ())
    assert codes.key(mark.finding) == codes.key(codes.MASS)


def test_room_coordinates_are_refused_by_name_and_the_others_read():
    item = an_item("SCOORD3D", a_code("111030", "DCM"), GraphicType="POINT", GraphicData=[1, 2, 3])
    read = read_object(a_report(a_group(item)))
    assert read.marks == ()
    assert "room coordinates" in (read.refused or "")
    [mark] = read_object(a_report(a_group(item), a_group(coordinates("POINT", 1, 1)))).marks
    assert mark.flags == ("unread-3d",)


def test_a_measured_segmentation_is_refused_by_name():
    segment = an_item("IMAGE", a_code("121191", "DCM"), ReferencedSOPSequence=[a_reference()])
    segment.ReferencedSOPSequence[0].ReferencedSOPClassUID = SEGMENTATION
    read = read_object(a_report(a_group(tracked(), MASS, segment, a_number())))
    assert read.marks == ()
    assert "segmentation" in (read.refused or "")


# Text alone -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "concept",
    [COMMENT, FINDING, None, a_code("CODE_02", "99_VENDOR", "Diagnosis")],
    ids=["comment", "finding", "no name", "a name of the vendor"],
)
def test_a_text_report_that_says_a_rating_is_a_mark_without_a_place(concept):
    report = a_report(a_text("M4 R", concept), an_image_item(), SOPClassUID=BASIC_TEXT)
    report.ConceptNameCodeSequence = a_code("121144", "DCM", "Document Title")
    read = read_object(report)
    [mark] = read.marks
    assert (mark.shape, mark.rating, mark.text, mark.points) == ("TEXT", 4, "M4 R", ())
    assert (mark.image, "unplaced-text" in mark.flags) == (RCC, True)
    assert (read.kind, read.refused) == ("other-sr", None)


def test_a_text_report_decides_the_breasts_it_names():
    report = a_report(
        a_text("R RTS", a_code("CODE_02", "99_VENDOR")), a_text("L RECALL M4"),
        SOPClassUID=BASIC_TEXT,
    )  # fmt: skip
    read = read_object(report)
    assert [(b.laterality, b.decision, b.rating) for b in read.breasts] == [
        ("R", "RTS", None), ("L", "RECALL", 4),
    ]  # fmt: skip
    assert (read.marks, read.refused) == ((), None)


def test_a_letter_is_no_mark_and_is_refused_by_name():
    letter = (
        "This 78-year-old was seen by Dr Fukuda, who found an indurated mass of 3 cm and 4 more"
    )
    read = read_object(a_report(a_text(letter), SOPClassUID=BASIC_TEXT))
    assert read.marks == ()
    assert "no rating and no decision was understood" in (read.refused or "")


def test_a_note_of_a_mark_is_not_counted_again_as_a_mark_of_its_own():
    group = a_group(tracked(), a_text("M4 mass"), coordinates("POINT", 1, 1))
    assert [m.shape for m in read_object(a_report(group)).marks] == ["POINT"]
    two = a_report(group, a_text("M2", relationship="CONTAINS"))
    assert [(m.shape, m.rating) for m in read_object(two).marks] == [("POINT", 4), ("TEXT", 2)]


@pytest.mark.parametrize("text", ["recall", "RTS", "normal", "TR"])
def test_a_decision_that_names_no_breast_is_kept_and_asked_about(text):
    [mark] = read_object(a_report(a_text(text), SOPClassUID=BASIC_TEXT)).marks
    assert (mark.text, "side-not-said" in mark.flags) == (text, True)
    [mark] = read_object(a_state(an_annotation(a_state_text(text, 1, 1)))).marks
    assert (mark.text, mark.flags) == (text, ("side-not-said",))


KEY_OBJECT = COMPREHENSIVE[:-2] + "59"


@pytest.mark.parametrize(
    ("text", "rating", "flag"), [("M4 mass", 4, "unplaced-text"), ("recall", None, "side-not-said")]
)
def test_a_note_in_a_key_object_is_kept_and_its_images_are_told(text, rating, flag):
    description = a_text(text, a_code("113012", "DCM", "Key Object Description"))
    report = a_report(SOPClassUID=KEY_OBJECT)
    report.ConceptNameCodeSequence = a_code("113000", "DCM", "Of Interest")
    report.ContentSequence = [description, an_image_item(LCC, "CONTAINS")]
    read = read_object(report)
    [mark] = read.marks
    assert (read.kind, mark.text, mark.rating, mark.image) == ("key-object", text, rating, LCC)
    assert flag in mark.flags
    assert (read.observer.evidence["title"], read.refused) == ("Of Interest", None)


# Machines ---------------------------------------------------------------------------------


def a_cad_report(*findings: Dataset) -> Dataset:
    impression = an_item("CONTAINER", a_code("111034", "DCM"), *findings)
    summary = a_coded(a_code("111017", "DCM"), a_code("111242", "DCM"), impression)
    library = an_item("CONTAINER", a_code("111028", "DCM"), an_image_item(LCC, "CONTAINS"))
    report = a_report(SOPClassUID=MAMMO_CAD)
    report.ConceptNameCodeSequence = a_code("111036", "DCM", "Mammography CAD Report")
    report.ContentSequence = [library, summary]
    return report


def a_cad_finding(*children: Dataset, intent: str = "111150") -> Dataset:
    return a_coded(
        a_code("111059", "DCM", "Single Image Finding"), a_code("F-01775", "SRT", "Cluster"),
        a_coded(a_code("111056", "DCM"), a_code(intent, "DCM"), relationship="HAS CONCEPT MOD"),
        *children,
    )  # fmt: skip


def a_cad_place(concept: str, kind: str, *numbers: float) -> Dataset:
    item = coordinates(kind, *numbers, image=None, concept=a_code(concept, "DCM"))
    item.ContentSequence = [by_reference(1, 1, 1, relationship="SELECTED FROM")]
    item.RelationshipType = "HAS PROPERTIES"
    return item


def test_a_cad_finding_s_centre_and_outline_are_parts_of_one_mark_of_a_device():
    certainty = a_number(concept=a_code("111012", "DCM", "Certainty of Finding"), value="85")
    finding = a_cad_finding(
        certainty, a_cad_place("111010", "POINT", 20, 20),
        a_cad_place("111041", "POLYLINE", 10, 10, 30, 10, 30, 30, 10, 30, 10, 10),
    )  # fmt: skip
    read = read_object(a_cad_report(finding))
    assert (read.kind, read.observer.device) == ("cad-sr", True)
    assert [(m.shape, m.image, m.group, m.flags) for m in read.marks] == [
        ("POINT", LCC, "1.2.1.1", ("machine-mark",)),
        ("POLYGON", LCC, "1.2.1.1", ("machine-mark",)),
    ]
    assert {m.text for m in read.marks} == {"Certainty of Finding: 85 %"}
    assert {m.rating for m in read.marks} == {None}
    assert {codes.key(m.finding) for m in read.marks} == {codes.key(codes.CALCIFICATIONS)}


def test_what_a_cad_program_does_not_present_is_no_location():
    hidden = a_cad_finding(a_cad_place("111010", "POINT", 20, 20), intent="111152")
    [mark] = read_object(a_cad_report(hidden)).marks
    assert set(mark.flags) == {"machine-mark", "not-for-presentation", "not-a-location"}


def test_coordinates_behind_a_cad_finding_belong_to_the_finding_before_them():
    first, second = a_cad_finding(), a_cad_finding()
    second.ConceptCodeSequence = a_code("129788004", "SCT", "Mass")
    read = read_object(
        a_cad_report(
            first,
            a_cad_place("111010", "POINT", 1, 1),
            second,
            a_cad_place("111010", "POINT", 2, 2),
        )
    )
    assert [(m.points[0][0], codes.key(m.finding)) for m in read.marks] == [
        (1, codes.key(codes.CALCIFICATIONS)), (2, codes.key(codes.MASS)),
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["67", "68", "73", "76", "40", "71"])
def test_reports_on_dose_and_the_like_are_recognised_and_named(end):
    read = read_object(a_report(SOPClassUID=COMPREHENSIVE[:-2] + end))
    assert (read.kind, read.marks) == ("not-marks", ())
    assert "Nobody marks anything" in (read.refused or "")


def test_a_dose_report_in_a_general_class_is_recognised_by_its_title():
    report = a_report(a_group(a_number()))
    report.ConceptNameCodeSequence = a_code("113701", "DCM", "X-Ray Radiation Dose Report")
    read = read_object(report)
    assert (read.kind, "Nobody marks" in (read.refused or "")) == ("not-marks", True)
