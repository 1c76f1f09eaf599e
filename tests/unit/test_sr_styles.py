"""Reports as independent encoders write them: nothing lost, invented, doubled or moved."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from typer.testing import CliRunner

from pacs_bridge.cli.marks import app
from pacs_bridge.domain.marks import NOT_A_LOCATION, BreastDecision
from pacs_bridge.sr import codes
from pacs_bridge.sr.files import read_file
from pacs_bridge.sr.geometry import polygon_centroid
from pacs_bridge.sr.notes import parse_note
from pacs_bridge.sr.place import Placed, place_marks
from pacs_bridge.sr.read import read_object
from tests.unit.sr_builders import (
    LCC,
    LMLO,
    RCC,
    RMLO,
    a_code,
    a_coded,
    a_group,
    a_reference,
    a_report,
    a_side,
    an_image_item,
    an_item,
    coordinates,
)

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
MAMMO_CAD = "1.2.840.10008.5.1.4.1.1.88.50"
FINDING, COMMENT = a_code("121071", "DCM", "Finding"), a_code("121106", "DCM", "Comment")
SUSPICION = a_code("SUSPICION", "99PERFORMS", "Suspicion")
FOLLOW_UP = a_code("111053", "DCM", "Recommended Follow-up")
MASS = a_coded(FINDING, a_code("129788004", "SCT", "Mass"))
CALCS = a_coded(FINDING, a_code("129769006", "SCT", "Cluster"))


def rated(rating: int) -> Dataset:
    return a_coded(SUSPICION, a_code(f"M{rating}", "99PERFORMS"))


def a_text(text: str, concept=COMMENT, *children: Dataset, **changes) -> Dataset:
    return an_item("TEXT", concept, *children, TextValue=text, **changes)


def a_number(concept, value: str, *children: Dataset) -> Dataset:
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, a_code("1", "UCUM")
    return an_item("NUM", concept, *children, MeasuredValueSequence=[measured])


def read(*groups: Dataset, **changes):
    return read_object(a_report(*groups, **changes))


def told(found) -> list[tuple]:
    return [(m.image, m.points, m.rating, codes.key(m.finding)[0]) for m in found.marks]


# Cornerstone and OHIF ---------------------------------------------------------------------

CENTRE = a_code("111010", "DCM", "Center")


def tool(name: str) -> Dataset:
    return a_text(f"Cornerstone3DTools@^0.1.0:{name}", a_code("112039"))


@pytest.mark.parametrize("kind", ["POINT", "POLYLINE"])
def test_an_arrow_marks_the_place_of_its_tip_however_its_tail_is_written(kind):
    arrow = a_number(CENTRE, "0", coordinates(kind, 100, 200, 300, 400))
    [mark] = read(a_group(tool("ArrowAnnotate"), a_text("M4 mass"), arrow)).marks
    assert (mark.shape, mark.centre, mark.rating) == (kind, (100, 200), 4)
    assert mark.points[0] == (100, 200)


def test_where_a_label_was_moved_and_what_an_outline_is_computed_from_are_no_places():
    label = coordinates("POINT", 500, 600, concept=a_code("TextPosition", "99CS3D"))
    knots = coordinates("MULTIPOINT", 1, 1, 9, 9, concept=a_code("ControlPoints", "99CS3D"))
    marks = read(a_group(a_text("M4"), coordinates("POLYLINE", 1, 1, 9, 9), label, knots)).marks
    assert [m.shape for m in marks if NOT_A_LOCATION not in m.flags] == ["POLYLINE"]
    assert len(marks) == 4


def test_a_key_image_is_no_mark_in_the_corner_of_the_image():
    corner = a_number(CENTRE, "0", coordinates("POINT", 0, 0))
    found = read(a_group(tool("Probe:KeyImage"), a_text("M4 mass"), corner))
    assert [(m.shape, m.rating, m.points) for m in found.marks] == [("TEXT", 4, ())]
    [mark] = read(a_group(tool("Probe"), a_text("M4 mass"), corner)).marks
    assert (mark.shape, mark.points) == ("POINT", ((0, 0),))


def test_a_rectangle_whose_last_side_is_not_drawn_lies_where_its_area_does():
    corners = (10, 10, 10, 30, 50, 30, 50, 10)
    sides = [
        a_number(name, "80", coordinates("POLYLINE", *corners))
        for name in (a_code("131191004", "SCT"), a_code("G-A166", "SRT", "Area"))
    ]
    [mark] = read(a_group(tool("RectangleRoi"), MASS, *sides)).marks
    assert (mark.shape, mark.centre) == ("POLYLINE", (30, 20))


# Which image, which frame -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "frame", "flags"),
    [
        ((7, 9), None, ("ambiguous-frame",)),
        ((7, 7), 7, ()),
        ((0,), None, ("ambiguous-frame",)),
        ((None, 7), 7, ()),
    ],
    ids=["two frames", "one frame twice", "no such frame", "the image and a frame of it"],
)
def test_a_mark_is_on_the_frame_that_all_its_references_name(frames, frame, flags):
    point = coordinates("POINT", 1, 1, image=None)
    point.ContentSequence = [
        an_image_item(RCC, **({} if number is None else {"ReferencedFrameNumber": number}))
        for number in frames
    ]
    [mark] = read(a_group(MASS, point)).marks
    assert (mark.image, mark.frame, mark.flags) == (RCC, frame, flags)


def test_coordinates_below_an_image_lie_on_it():
    groups = []
    for place, image in enumerate((LCC, LMLO), 1):
        item = an_image_item(image, "CONTAINS")
        item.ContentSequence = [coordinates("POINT", place, 1, image=None)]
        groups.append(item)
    marks = read(a_group(MASS, rated(3), *groups)).marks
    assert [(m.image, m.points, m.rating, m.flags) for m in marks] == [
        (LCC, ((1, 1),), 3, ()), (LMLO, ((2, 1),), 3, ()),
    ]  # fmt: skip


def test_an_image_called_a_composite_is_the_image_that_is_meant():
    chosen = an_image_item(LCC)
    chosen.ValueType = "COMPOSITE"
    point = coordinates("POINT", 1, 1, image=None)
    point.ContentSequence = [chosen]
    [mark] = read(a_group(MASS, point, an_image_item(RCC, "CONTAINS"))).marks
    assert (mark.image, mark.flags) == (LCC, ())


# What says what ---------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", ["root", "section", "group"])
def test_each_of_several_texts_speaks_for_the_coordinates_below_it(wrap):
    notes = [
        a_text("M4 mass", FINDING, coordinates("POINT", 1, 2)),
        a_text("M2 calcs", FINDING, coordinates("POINT", 3, 4, image=LCC)),
    ]
    section = an_item("CONTAINER", a_code("121070"), *notes)
    parts = {"root": notes, "section": [section], "group": [a_group(*notes)]}[wrap]
    assert told(read(*parts)) == [
        (RCC, ((1, 2),), 4, "129788004"), (LCC, ((3, 4),), 2, "129769006"),
    ]  # fmt: skip


def test_a_finding_that_holds_its_coordinates_is_rated_beside_them():
    held = a_coded(FINDING, a_code("129788004", "SCT"), coordinates("POINT", 1, 2))
    assert told(read(a_group(held, rated(4)))) == [(RCC, ((1, 2),), 4, "129788004")]
    assert told(read(an_item("CONTAINER", None, held, rated(4)))) == [
        (RCC, ((1, 2),), 4, "129788004")
    ]


def test_what_one_of_several_coordinates_says_of_itself_is_said_of_it_alone():
    points = [coordinates("POINT", n, 1, image=i) for n, i in ((1, RCC), (2, LCC), (3, LMLO))]
    points[0].ContentSequence.append(rated(4))
    points[1].ContentSequence.append(a_text("M2 calcs"))
    assert told(read(a_group(rated(1), *points))) == [
        (RCC, ((1, 1),), 4, ""),
        (LCC, ((2, 1),), 2, "129769006"),
        (LMLO, ((3, 1),), 1, ""),
    ]


def test_measurements_in_a_mere_list_are_no_parts_of_one_mark():
    lines = [
        a_number(a_code("410668003", "SCT"), "4", coordinates("POLYLINE", 1, 1, n, 9))
        for n in (5, 7)
    ]
    assert [m.group for m in read(*lines).marks] == [None, None]
    assert [m.group for m in read(a_group(*lines)).marks] == ["1.1.1", "1.1.1"]


def test_what_another_group_says_of_coordinates_is_said_of_one_mark():
    link = an_item("", relationship="INFERRED FROM", ReferencedContentItemIdentifier=[1, 1, 1, 1])
    del link.ValueType
    groups = (a_group(coordinates("POINT", 1, 2)), a_group(MASS, rated(4), link))
    assert told(read(*groups)) == [(RCC, ((1, 2),), 4, "129788004")]


@pytest.mark.parametrize(
    "opinion",
    [
        a_text("M4", SUSPICION), a_text("4", SUSPICION), a_number(SUSPICION, "4"),
        a_text("M4", a_code("OP", "99VENDOR", "Radiologist's opinion")),
    ],
    ids=["text", "digit", "number", "a name of the vendor"],
)  # fmt: skip
def test_a_rating_counts_in_whatever_form_it_is_given(opinion):
    assert told(read(a_group(MASS, opinion, coordinates("POINT", 1, 2))))[0][2] == 4


@pytest.mark.parametrize(
    ("meaning", "text"),
    [("Slice", "3"), ("Number of views", "4"), ("Axilla", "Left normal"), ("History", "L recall"),
     ("Something", "4")],
)  # fmt: skip
def test_a_text_about_something_else_rates_and_decides_nothing(meaning, text):
    other = a_text(text, a_code("X", "99VENDOR", meaning))
    found = read(a_group(MASS, rated(5), coordinates("POINT", 1, 2)), other)
    assert (told(found), found.breasts) == ([(RCC, ((1, 2),), 5, "129788004")], ())
    [mark] = read(a_group(MASS, other, coordinates("POINT", 1, 2))).marks
    assert (mark.rating, mark.text) == (None, "")


@pytest.mark.parametrize("heading", ["121060", "121062", "121068", "121109"])
def test_what_was_said_before_is_said_by_nobody_now(heading):
    section = an_item("CONTAINER", a_code(heading), a_text("L recall M4", FINDING))
    found = read(section, a_text("R RTS"))
    assert (found.marks, found.breasts) == ((), (BreastDecision("R", "RTS"),))


def test_a_birads_category_of_the_acr_s_own_scheme_is_no_finding():
    category = a_coded(FINDING, a_code("II.AC.b.4", "BI", "4 - Suspicious"))
    [mark] = read(a_group(category, MASS, coordinates("POINT", 1, 1))).marks
    assert (mark.flags, codes.key(mark.finding)) == ((), codes.key(codes.MASS))


def test_a_letter_between_two_findings_takes_no_time_to_speak_of():
    letter = "A mass is identified " + "in the upper outer quadrant " * 20 + "; calcs are not seen."
    assert codes.key(parse_note(letter).finding) == codes.key(codes.MASS)


# Machines ---------------------------------------------------------------------------------


def a_cad_finding(code: str, scheme: str, *children: Dataset) -> Dataset:
    return a_coded(a_code("111059"), a_code(code, scheme), *children)


def test_a_cluster_and_the_calcifications_in_it_are_each_what_they_are():
    single = [a_cad_finding("F-01776", "SRT", coordinates("POINT", n, 9)) for n in (1, 2)]
    cluster = a_cad_finding("F-01775", "SRT", coordinates("POINT", 5, 5), *single)
    marks = read(cluster, SOPClassUID=MAMMO_CAD).marks
    assert [codes.key(m.finding)[0] for m in marks] == ["129769006", "129770007", "129770007"]
    assert {m.flags for m in marks} == {("machine-mark",)}


@pytest.mark.parametrize("code", ["111100", "111101", "111102", "T-04100"])
def test_a_nipple_or_a_non_lesion_is_no_place_of_a_finding(code):
    found = a_cad_finding(code, "SRT" if code[0] == "T" else "DCM", coordinates("POINT", 1, 1))
    [mark] = read(found, SOPClassUID=MAMMO_CAD).marks
    assert NOT_A_LOCATION in mark.flags


def context(code: str, **changes) -> Dataset:
    kind = "CODE" if "ConceptCodeSequence" in changes else "PNAME"
    return an_item(kind, a_code(code), relationship="HAS OBS CONTEXT", **changes)


def test_a_group_of_a_program_is_no_person_s_and_one_of_a_person_with_a_device_is():
    person = context("121008", PersonName="Doe^Jane")
    device = context("121005", ConceptCodeSequence=a_code("121007"))
    algorithm = a_text("DeepMammo", a_code("111001"), relationship="HAS CONCEPT MOD")
    other = context("121008", PersonName="Roe^Ann")
    found = read(
        a_group(algorithm, MASS, coordinates("POINT", 1, 1)),
        a_group(other, device, CALCS, coordinates("POINT", 2, 2)),
        a_group(MASS, coordinates("POINT", 3, 3)),
        contexts=(person,),
    )
    assert [m.points[0][0] for m in found.marks] == [3]
    shares = {(s.observer.name, s.observer.device): s.marks for s in found.others}
    assert [m.flags for m in shares[None, True]] == [("machine-mark",)]
    assert [m.flags for m in shares["Roe^Ann", False]] == [()]


# Nothing is silent ------------------------------------------------------------------------


def a_measured_segment() -> Dataset:
    segment = an_item("IMAGE", a_code("121191"), ReferencedSOPSequence=[a_reference("1.2.3.66")])
    segment.ReferencedSOPSequence[0].ReferencedSOPClassUID = SEGMENTATION
    return segment


def test_a_segmentation_beside_a_mark_is_told_of():
    found = read(
        a_group(MASS, coordinates("POINT", 1, 1)), a_group(CALCS, rated(5), a_measured_segment())
    )
    assert [m.flags for m in found.marks] == [("unread-region",)]


def test_whoever_reads_a_file_by_hand_is_told_what_is_missing_and_what_is_asked(tmp_path: Path):
    groups = (
        a_group(MASS, rated(4), coordinates("POINT", 1, 1)),
        a_group(CALCS, a_measured_segment()),
        a_group(CALCS, rated(2), an_image_item(LCC)),
    )
    file = tmp_path / "report.dcm"
    file.write_bytes(written(a_report(*groups), implicit=False))
    told_of = " ".join(CliRunner().invoke(app, ["read", str(file)]).output.split())
    assert "It measures a segmentation" in told_of
    assert "The reader will be asked: You wrote “M2 calcification”" in told_of


@pytest.mark.parametrize(
    ("summary", "said"), [("111241", "found nothing"), ("111245", "did not finish")]
)
def test_a_program_that_marks_nothing_is_told_from_one_that_did_not_finish(summary, said):
    image = an_image_item(RCC, "CONTAINS")
    image.ContentSequence = [a_number(a_code("111026"), "100")]
    library = an_item("CONTAINER", a_code("111028"), image)
    report = a_report(SOPClassUID=MAMMO_CAD)
    report.ContentSequence = [library, a_coded(a_code("111017"), a_code(summary))]
    assert said in (read_object(report).refused or "")


def test_a_group_that_rates_and_draws_nothing_is_kept_and_asked_about():
    undrawn = a_group(CALCS, rated(5), an_image_item(LCC, "CONTAINS"))
    found = read(a_group(MASS, rated(4), coordinates("POINT", 1, 1)), undrawn)
    drawn, written = found.marks
    assert (drawn.rating, drawn.flags) == (4, ())
    assert (written.shape, written.image, written.rating) == ("TEXT", LCC, 5)
    assert codes.key(written.finding) == codes.key(codes.CALCIFICATIONS)
    assert {"unplaced-text", "unlinked-note"} <= set(written.flags)


def test_a_breast_s_rating_is_kept_without_a_decision():
    density = a_coded(a_code("129715009", "SCT"), a_code("129718006", "SCT"))
    found = read(a_group(a_side("R"), rated(3), density), a_group(a_side("L"), rated(2)))
    assert found.breasts == (
        BreastDecision("R", None, 3, "c"), BreastDecision("L", None, 2),
    )  # fmt: skip
    assert found.marks == ()


def test_a_decision_counts_for_both_breasts_that_its_group_names():
    found = read(a_group(a_side("R"), a_side("L"), a_coded(FOLLOW_UP, a_code("111140"))))
    assert found.breasts == (BreastDecision("R", "RTS"), BreastDecision("L", "RTS"))


def test_a_heading_names_the_breast():
    right = an_item(
        "CONTAINER", a_code("T-04020", "SRT"), a_coded(FOLLOW_UP, a_code("111591"))
    )  # fmt: skip
    assert read(right).breasts == (BreastDecision("R", "RECALL"),)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (a_coded(FOLLOW_UP, a_code("111144", "DCM", "Biopsy")), "follow-up"),
        (a_coded(a_code("111005"), a_code("II.AC.b.4", "BI")), "BI-RADS"),
    ],
)
def test_what_is_decided_on_another_scale_is_named(item, words):
    found = read(a_group(a_side("R"), item))
    assert (found.marks, found.breasts) == ((), ())
    assert words in (found.refused or "")


def test_a_coded_side_that_is_not_the_image_s_is_asked_about():
    group = a_group(MASS, a_side("R"), coordinates("POINT", 1, 1, image=LCC))
    known = {LCC: Placed("L", "CC", 100, 100), RMLO: Placed("R", "MLO", 100, 100)}
    [mark] = place_marks(read(group), known).marks
    assert (mark.laterality, mark.flags) == ("L", ("side-conflict",))
    group = a_group(MASS, a_side("R"), coordinates("POINT", 1, 1, image=RMLO))
    assert place_marks(read(group), known).marks[0].flags == ()


def test_a_report_of_somebody_s_own_class_is_read_as_a_report():
    found = read(a_group(MASS, rated(4), coordinates("POINT", 1, 1)), SOPClassUID="1.2.3.4.5")
    assert (found.kind, [m.rating for m in found.marks]) == ("measurement-report", [4])


# Bytes ------------------------------------------------------------------------------------


def written(report: Dataset, *, implicit: bool) -> bytes:
    file = io.BytesIO()
    report.save_as(file, implicit_vr=implicit, little_endian=True)
    return file.getvalue()


@pytest.mark.parametrize("implicit", [True, False], ids=["implicit", "explicit"])
def test_a_report_that_is_cut_off_gives_no_part_of_its_marks(tmp_path: Path, implicit):
    groups = [a_group(MASS, rated(n), coordinates("POINT", n, 1)) for n in (1, 2, 3)]
    whole = written(a_report(*groups), implicit=implicit)
    file = tmp_path / "report.dcm"
    for end in range(len(whole) // 3, len(whole), 61):
        file.write_bytes(whole[:end])
        found, _ = read_file(file)
        assert (found.marks, bool(found.refused)) == ((), True), end
    for behind in (b"", b"\0" * 256, b"\r\n-- end --\r\n"):
        file.write_bytes(whole + behind)
        assert [m.rating for m in read_file(file)[0].marks] == [1, 2, 3]


def test_a_part_that_cannot_be_taken_apart_is_told_of():
    group = a_group(CALCS, coordinates("POINT", 2, 2))
    raw = written(a_report(a_group(MASS, coordinates("POINT", 1, 1)), group), implicit=True)
    length = raw.rindex(b"\x40\x00\x30\xa7") + 4  # of the last coordinates' own content
    torn = raw[:length] + b"\xff" * 4 + raw[length + 4 :]
    found = read_object(pydicom.dcmread(io.BytesIO(torn), force=True))
    assert [(m.points, m.flags) for m in found.marks] == [(((1, 1),), ("unread-part",))]


@pytest.mark.parametrize("charset", [None, "ISO_IR 100", "ISO_IR 192"])
def test_a_text_in_utf_8_is_read_as_it_was_typed_whatever_is_declared(charset):
    report = a_report(a_group(a_text("M4 Größe"), coordinates("POINT", 1, 1)))
    report.SpecificCharacterSet = "ISO_IR 192"
    raw = written(report, implicit=False)
    said = b"\x0a\x00ISO_IR 192"
    assert raw.count(said) == 1
    declared = {None: b"ISO_IR 6  ", "ISO_IR 100": b"ISO_IR 100"}.get(charset, b"ISO_IR 192")
    ds = pydicom.dcmread(io.BytesIO(raw.replace(said, b"\x0a\x00" + declared)), force=True)
    [mark] = read_object(ds).marks
    assert (mark.rating, mark.text) == (4, "M4 Größe")


@given(st.lists(st.tuples(*[st.floats(0, 4096, width=32)] * 2), min_size=3, max_size=12))
def test_the_centre_of_a_polygon_lies_within_what_encloses_it(points):
    x, y = polygon_centroid(points)
    xs, ys = zip(*points, strict=True)
    assert min(xs) - 1e-6 <= x <= max(xs) + 1e-6
    assert min(ys) - 1e-6 <= y <= max(ys) + 1e-6
