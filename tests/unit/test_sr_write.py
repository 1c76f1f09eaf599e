"""What we write is read back the same, and is the same each time."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import codes
from pacs_bridge.sr.geometry import centre_of
from pacs_bridge.sr.read import read_object
from pacs_bridge.sr.write import derive_uid, group_by_size, write_gsps, write_report
from tests.unit.sr_builders import LCC, RCC, RMLO, a_mammogram, four_views

WHEN = datetime(2024, 1, 2, 10, 15, tzinfo=UTC)
WHO = {"login": "READER1", "series_uid": "1.2.3.50", "sop_uid": "1.2.3.51", "when": WHEN}
DECISIONS = (BreastDecision("R", "RTS"), BreastDecision("L", "RECALL", 4))


def a_mark(shape="ELLIPSE", points=((60, 80), (100, 80), (80, 70), (80, 90)), **changes):
    values = {
        "image": RCC, "frame": None, "shape": shape, "points": points,
        "centre": centre_of(shape, points), "finding": codes.MASS, "rating": 4,
        "tracking_uid": "1.2.3.77", **changes,
    }  # fmt: skip
    return Mark(**values)


def sent(ds):
    """The object as it arrives elsewhere."""
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, ds, enforce_file_format=True)
    buffer.seek(0)
    return pydicom.dcmread(buffer)


SHAPES = [
    ("POINT", ((12.25, 30.75),)),
    ("CIRCLE", ((50, 60), (55, 60))),
    ("ELLIPSE", ((60, 80), (100, 80), (80, 70), (80, 90))),
    ("POLYLINE", ((0, 0), (10, 5), (20, 0))),
    ("POLYGON", ((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))),
]


@pytest.mark.parametrize("write", [write_gsps, write_report])
@pytest.mark.parametrize(("shape", "points"), SHAPES)
def test_a_mark_comes_back_as_it_was(write, shape, points):
    mark = a_mark(shape, points)
    read = read_object(sent(write(four_views(), [mark], DECISIONS, **WHO)))
    [back] = [each for each in read.marks if each.shape != "TEXT"]
    assert (back.shape, back.points, back.image) == (shape, points, RCC)
    assert (back.rating, back.tracking_uid) == (4, "1.2.3.77")
    assert codes.key(back.finding) == codes.key(codes.MASS)
    assert not back.flags
    assert read.breasts == DECISIONS
    assert read.observer.login == "READER1"
    assert read.observed_at == WHEN
    assert read.refused is None


@pytest.mark.parametrize("write", [write_gsps, write_report])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_point_comes_back_within_single_precision(write, data):
    rows, columns = 4096, 3328
    where = st.tuples(st.floats(0, columns), st.floats(0, rows))
    points = tuple(data.draw(st.lists(where, min_size=2, max_size=20)))
    mark = a_mark("POLYLINE", points, centre=points[0])
    images = [a_mammogram("R", "CC", rows=rows, columns=columns)]
    [back] = [m for m in read_object(write(images, [mark], [], **WHO)).marks if m.shape != "TEXT"]
    assert np.abs(np.array(back.points) - np.array(points)).max() <= 0.0005


@pytest.mark.parametrize("write", [write_gsps, write_report])
def test_the_same_reading_is_written_the_same_to_the_byte(write):
    one, two = (write(four_views(), [a_mark()], DECISIONS, **WHO) for _ in range(2))
    assert sent(one) == sent(two)


@pytest.mark.parametrize("write", [write_gsps, write_report])
def test_a_case_without_marks_still_says_its_decisions(write):
    read = read_object(sent(write(four_views(), [], DECISIONS, **WHO)))
    assert read.breasts == DECISIONS
    assert all(mark.shape == "TEXT" for mark in read.marks)


def test_every_decision_and_density_survives_a_report():
    breasts = (BreastDecision("R", "TECH", 1, "a"), BreastDecision("L", "RTS", None, "d"))
    assert read_object(write_report(four_views(), [], breasts, **WHO)).breasts == breasts


@pytest.mark.parametrize("write", [write_gsps, write_report])
def test_a_frame_of_a_tomosynthesis_is_kept(write):
    image = a_mammogram("R", "CC", NumberOfFrames=8)
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.13.1.3"
    shared, window = Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = "512", "1024"
    shared.FrameVOILUTSequence = [window]
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [Dataset() for _ in range(8)]
    read = read_object(write([image], [a_mark(frame=5)], [], **WHO))
    assert read.marks[0].frame == 5


@pytest.mark.parametrize("write", [write_gsps, write_report])
def test_a_mark_outside_its_image_is_refused(write):
    with pytest.raises(RefusedInput, match="outside"):
        write(four_views(), [a_mark("POINT", ((1, 9999),))], [], **WHO)


@pytest.mark.parametrize("write", [write_gsps, write_report])
def test_images_of_two_studies_are_refused(write):
    images = [a_mammogram("R", "CC"), a_mammogram("L", "CC", StudyInstanceUID="1.2.3.99")]
    with pytest.raises(RefusedInput, match="two studies"):
        write(images, [], DECISIONS, **WHO)


def test_a_report_of_nothing_is_refused():
    with pytest.raises(RefusedInput, match="a mark or a decision"):
        write_report(four_views(), [], [], **WHO)


def test_images_of_two_sizes_go_into_two_states():
    images = [a_mammogram("R", "CC"), a_mammogram("R", "MLO", rows=600), a_mammogram("L", "CC")]
    groups = group_by_size(images)
    assert [[str(i.SOPInstanceUID) for i in group] for group in groups] == [[RCC, LCC], [RMLO]]
    assert all(write_gsps(group, [a_mark()], [], **WHO) for group in groups)


def test_a_person_s_name_stands_beside_the_log_in():
    report = read_object(write_report(four_views(), [], DECISIONS, name="Doe^Jane", **WHO))
    assert (report.observer.name, report.observer.login) == ("Doe^Jane", "READER1")
    state = read_object(write_gsps(four_views(), [], DECISIONS, name="Doe^Jane", **WHO))
    assert (state.observer.login, state.observer.evidence["OperatorsName"]) == (
        "READER1",
        "Doe^Jane",
    )


def test_derived_uids_are_stable_valid_and_different():
    assert derive_uid("a", 1) == derive_uid("a", 1)
    assert derive_uid("a", "bc") != derive_uid("ab", "c")
    assert pydicom.uid.UID(derive_uid("a")).is_valid
