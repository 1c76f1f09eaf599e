"""Structured reports and key objects to marks."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from pacs_bridge.domain.marks import NOT_A_LOCATION, BreastDecision
from pacs_bridge.sr import codes
from pacs_bridge.sr.place import Placed, place_marks
from pacs_bridge.sr.read import READERS, read_object
from pacs_bridge.sr.references import references
from pacs_bridge.sr.sop_classes import STATES_AND_REPORTS
from tests.unit.sr_builders import (
    LCC,
    RCC,
    STUDY,
    a_code,
    a_coded,
    a_graphic,
    a_group,
    a_report,
    a_side,
    a_state,
    a_text,
    an_annotation,
    an_image_item,
    an_item,
    coordinates,
)

SUSPICION = a_code("SUSPICION", "99PERFORMS")
FINDING = a_code("121071")
FOLLOW_UP = a_code("111053")


def a_full_group(**changes):
    return a_group(
        an_item("TEXT", a_code("112039"), TextValue="mark-1", relationship="HAS OBS CONTEXT"),
        an_item("UIDREF", a_code("112040"), UID="1.2.3.77", relationship="HAS OBS CONTEXT"),
        a_coded(FINDING, changes.get("finding", a_code("129788004", "SCT"))),
        a_coded(SUSPICION, changes.get("suspicion", a_code("M4", "99PERFORMS"))),
        coordinates("ELLIPSE", 60, 80, 100, 80, 80, 70, 80, 90),
    )


def test_a_planar_group_is_a_mark_with_its_finding_rating_and_tracking():
    read = read_object(a_report(a_full_group()))
    [mark] = read.marks
    assert read.kind == "measurement-report"
    assert (mark.shape, mark.centre, mark.image, mark.rating) == ("ELLIPSE", (80, 80), RCC, 4)
    assert codes.key(mark.finding) == codes.key(codes.MASS)
    assert (mark.tracking_uid, mark.group, mark.item) == ("1.2.3.77", "1.2.3.77", "1.1.1.5")


def test_an_old_code_is_the_same_finding():
    [mark] = read_object(a_report(a_full_group(finding=a_code("F-01791", "SRT")))).marks
    assert codes.key(mark.finding) == codes.key(codes.MASS)


def test_a_birads_category_is_no_rating():
    group = a_full_group(suspicion=a_code("397144001", "SCT", "Category 4"))
    assert read_object(a_report(group)).marks[0].rating is None


def test_coordinates_under_a_measurement_are_marks_of_one_group():
    group = a_group(
        an_item("UIDREF", a_code("112040"), UID="1.2.3.78"),
        an_item("NUM", a_code("G-A185", "SRT"), coordinates("POLYLINE", 0, 0, 9, 9)),
        an_item("NUM", a_code("G-A186", "SRT"), coordinates("POLYLINE", 0, 9, 9, 0)),
        an_item("NUM", a_code("410668003", "SCT"), coordinates("POLYLINE", 0, 0, 9, 9)),
    )
    marks = read_object(a_report(group)).marks
    assert [mark.points for mark in marks] == [((0, 0), (9, 9)), ((0, 9), (9, 0))]
    assert {mark.group for mark in marks} == {"1.2.3.78"}


def test_a_multipoint_is_a_point_each_of_one_group():
    marks = read_object(a_report(a_group(coordinates("MULTIPOINT", 1, 2, 3, 4, 5, 6)))).marks
    assert [(mark.shape, mark.centre) for mark in marks] == [
        ("POINT", (1, 2)), ("POINT", (3, 4)), ("POINT", (5, 6)),
    ]  # fmt: skip
    assert len({mark.group for mark in marks}) == 1
    assert marks[0].group is not None


def test_a_label_position_is_no_location():
    label = coordinates("POINT", 5, 5, concept=a_code("122438"))
    marks = read_object(a_report(a_group(coordinates("POINT", 1, 1), label))).marks
    assert [NOT_A_LOCATION in mark.flags for mark in marks] == [False, True]


def test_an_image_named_by_reference_is_followed():
    link = an_item("", relationship="SELECTED FROM", ReferencedContentItemIdentifier=[1, 1, 1])
    del link.ValueType
    point = coordinates("POINT", 1, 1, image=None)
    point.ContentSequence = [link]
    library = an_item(
        "CONTAINER",
        a_code("111028"),
        an_image_item(LCC, "CONTAINS"),
        an_image_item(RCC, "CONTAINS"),
    )
    report = a_report(a_group(point), contexts=(library,))
    assert read_object(report).marks[0].image == LCC


def test_coordinates_without_image_are_placed_only_where_there_is_one():
    alone = a_report(a_group(coordinates("POINT", 1, 1, image=None), an_image_item(RCC)))
    assert [(m.image, m.flags) for m in read_object(alone).marks] == [(RCC, ("inferred-image",))]
    both = a_report(
        a_group(coordinates("POINT", 1, 1, image=None), an_image_item(RCC), an_image_item(LCC))
    )
    assert [(m.image, m.flags) for m in read_object(both).marks] == [("", ("ambiguous-image",))]


def test_room_coordinates_are_refused_with_the_reason():
    point = an_item("SCOORD3D", GraphicType="POINT", GraphicData=[1.0, 2.0, 3.0])
    read = read_object(a_report(a_group(point)))
    assert read.marks == ()
    assert "SCOORD3D" in (read.refused or "")


@pytest.mark.parametrize(
    ("code", "decision"), [("111140", "RTS"), ("111591", "RECALL"), ("111590", "TECH")]
)
def test_a_coded_decision_counts_for_its_breast(code, decision):
    group = a_group(
        a_side("L"),
        a_coded(FOLLOW_UP, a_code(code)),
        a_coded(SUSPICION, a_code("M4", "99PERFORMS")),
        a_coded(a_code("129715009", "SCT"), a_code("129718006", "SCT")),
        an_image_item(LCC, "CONTAINS"),
    )
    read = read_object(a_report(group))
    assert read.breasts == (BreastDecision("L", decision, 4, "c"),)
    assert read.refused is None


def test_a_decision_without_a_breast_is_said():
    read = read_object(a_report(a_group(a_coded(FOLLOW_UP, a_code("111591")))))
    assert read.breasts == ()
    assert "names no breast" in (read.refused or "")


def test_free_text_of_the_reader_is_parsed_and_a_code_goes_first():
    free = a_coded(FINDING, a_code("CORNERSTONEFREETEXT", "CST4", "M5 mass"))
    [mark] = read_object(a_report(a_group(free, coordinates("POINT", 1, 1)))).marks
    assert (mark.rating, mark.text) == (5, "M5 mass")
    coded = a_coded(SUSPICION, a_code("M2", "99PERFORMS"))
    [mark] = read_object(a_report(a_group(free, coded, coordinates("POINT", 1, 1)))).marks
    assert mark.rating == 2


def test_a_comment_decides_the_breast_it_names():
    comment = an_item("TEXT", a_code("121106"), TextValue="R RTS\nL RECALL M4")
    read = read_object(a_report(a_group(comment)))
    assert [(b.laterality, b.decision) for b in read.breasts] == [("R", "RTS"), ("L", "RECALL")]


def test_coordinates_may_hold_their_own_description():
    label = an_item("TEXT", a_code("125309"), TextValue="M3 mass", relationship="HAS PROPERTIES")
    first, second = coordinates("POINT", 1, 1), coordinates("POINT", 9, 9)
    first.ContentSequence.append(label)
    report = a_report(first, second)
    assert [mark.rating for mark in read_object(report).marks] == [3, None]


def an_observer(code: str, **changes) -> Dataset:
    return an_item(
        changes.pop("kind", "TEXT"), a_code(code), relationship="HAS OBS CONTEXT", **changes
    )


def test_the_person_who_observed_is_told():
    contexts = (
        an_observer("121005", kind="CODE", ConceptCodeSequence=a_code("121006")),
        an_observer("121008", kind="PNAME", PersonName="Doe^Jane^^^"),
        an_observer("128774", TextValue="READER1"),
        an_observer("128775", TextValue="R00042"),
    )
    observer = read_object(a_report(a_full_group(), contexts=contexts)).observer
    assert (observer.name, observer.login, observer.id) == ("Doe^Jane", "READER1", "R00042")
    assert not observer.device


def test_a_device_alone_is_a_machine_s_report():
    contexts = (
        an_observer("121005", kind="CODE", ConceptCodeSequence=a_code("121007")),
        an_observer("121013", TextValue="CADBOX"),
    )
    assert read_object(a_report(a_full_group(), contexts=contexts)).observer.device
    author = Dataset()
    author.PersonName = "Doe^Jane"
    read = read_object(a_report(a_full_group(), contexts=contexts, AuthorObserverSequence=[author]))
    assert (read.observer.device, read.observer.name) == (False, "Doe^Jane")


def test_predecessors_and_studies_are_told():
    series, study = Dataset(), Dataset()
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.3", "1.2.3.9.9"
    series.SeriesInstanceUID, series.ReferencedSOPSequence = "1.2.3.5", [reference]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = "1.2.3.6", [series]
    report = a_report(a_full_group(), PredecessorDocumentsSequence=[study])
    read = read_object(report)
    assert read.predecessors == ("1.2.3.9.9",)
    assert read.referenced_images == (RCC,)
    assert read.referenced_studies == (STUDY, "1.2.3.6")
    assert references(report).images == (RCC,)


@pytest.mark.parametrize(
    ("sop_class", "kind"),
    [
        ("88.11", "other-sr"), ("88.22", "other-sr"), ("88.34", "other-sr"), ("88.35", "other-sr"),
        ("88.50", "cad-sr"), ("88.59", "key-object"), ("88.67", "not-marks"),
        ("11.2", "presentation-state"),
    ],
)  # fmt: skip
def test_each_kind_of_object_is_recognised(sop_class, kind):
    empty = a_report(SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{sop_class}")
    empty.ConceptNameCodeSequence = a_code("18748-4", "LN", "Report")
    read = read_object(empty)
    assert read.kind == kind
    assert read.refused or kind == "not-marks"


def test_every_state_and_report_class_has_a_reader_or_holds_no_marks():
    silent = {uid for uid in STATES_AND_REPORTS if uid not in READERS}
    assert {read_object(a_report(SOPClassUID=uid)).kind for uid in silent} == {"not-marks"}


def test_a_machine_s_finding_is_never_a_person_s():
    finding = a_coded(
        a_code("111059"),
        a_code("F-01775", "SRT"),
        coordinates("POINT", 1, 1, concept=a_code("111010")),
    )
    read = read_object(a_report(finding, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.50"))
    assert read.observer.device
    assert codes.key(read.marks[0].finding) == codes.key(codes.CALCIFICATIONS)


def test_a_key_object_tells_its_title_and_text():
    text = an_item("TEXT", a_code("113012"), TextValue="R RECALL")
    key = a_report(contexts=(text,), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59")
    key.ConceptNameCodeSequence = a_code("113000", "DCM", "Of Interest")
    read = read_object(key)
    assert read.observer.evidence["title"] == "Of Interest"
    assert read.breasts == (BreastDecision("R", "RECALL"),)


def test_a_deep_tree_is_cut_and_said():
    node = a_group(coordinates("POINT", 1, 1))
    for _ in range(100):
        node = a_group(node)
    read = read_object(a_report(node))
    assert read.marks == ()
    assert "larger than is read" in (read.refused or "")


def test_an_object_without_anything_is_not_marks():
    read = read_object(Dataset())
    assert read.kind == "not-marks"
    assert "SOP class" in (read.refused or "")


IMAGES = {RCC: ("R", "CC", 100, 80), LCC: ("L", "CC", 100, 80)}


def test_side_and_view_come_from_the_image():
    placed = place_marks(read_object(a_report(a_full_group())), IMAGES)
    assert (placed.marks[0].laterality, placed.marks[0].view) == ("R", "CC")
    assert placed.marks[0].flags == ("outside-image",)


@pytest.mark.parametrize(
    ("point", "text", "flags"),
    [
        ((80, 100), "", ()), ((80.1, 1), "", ("outside-image",)), ((-1, 1), "", ("outside-image",)),
        ((1, 1), "M4 L", ("inferred-text", "side-conflict")), ((1, 1), "M4 R", ("inferred-text",)),
    ],
)  # fmt: skip
def test_a_mark_that_does_not_fit_its_image_is_flagged(point, text, flags):
    texts = [a_text(text, 1, 1)] if text else []
    state = a_state(an_annotation(a_graphic("POINT", *point), *texts))
    [mark] = place_marks(read_object(state), IMAGES).marks
    assert mark.flags == flags


@pytest.mark.parametrize(
    ("frame", "flags"),
    [(None, ("ambiguous-frame",)), (1, ()), (60, ()), (61, ("outside-image",))],
)
def test_a_mark_on_an_image_of_many_frames_is_on_one_that_there_is(frame, flags):
    state = a_state(an_annotation(a_graphic("POINT", 1, 1)))
    if frame is not None:
        named = state.GraphicAnnotationSequence[0].ReferencedImageSequence[0]
        named.ReferencedFrameNumber = frame
    known = {RCC: Placed("R", "CC", 100, 80, 60)}
    [mark] = place_marks(read_object(state), known).marks
    assert (mark.frame, mark.flags) == (frame, flags)


def test_a_mark_on_an_image_of_nobody_is_flagged():
    [mark] = place_marks(read_object(a_report(a_full_group())), {}).marks
    assert mark.flags == ("unknown-image",)
    assert mark.laterality is None
