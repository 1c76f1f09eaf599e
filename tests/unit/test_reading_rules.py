"""The rules by which objects become one reading."""

from datetime import timedelta

import pytest

from pacs_bridge.domain.marks import NOT_A_LOCATION, BreastDecision, Code
from pacs_bridge.domain.reading import (
    Reading,
    highest_rating,
    join_breasts,
    join_marks,
    judge_closed,
    same_mark,
)
from tests.builders import NOON, a_mark, a_read_object, both_decided


def a_reading(**changes):
    values = {
        "reading_uid": "PERFORMS121101-R001", "revision": 1, "set_name": "PERFORMS121",
        "accession": "PERFORMS121101", "reader": "R001", "marks": (a_mark(),),
        "breasts": both_decided(), "sources": ("1.2.3.1",), "closed_at": NOON,
    }  # fmt: skip
    return Reading(**(values | changes))


def test_marks_within_one_pixel_are_one_mark():
    near = a_mark(points=((100.9, 199.1),), centre=(100.9, 199.1))
    assert same_mark(a_mark(), near)


def test_marks_more_than_one_pixel_apart_are_two_marks():
    assert not same_mark(a_mark(), a_mark(points=((101.1, 200.0),)))


@pytest.mark.parametrize(
    "other",
    [a_mark(image="1.2.101.4.3"), a_mark(frame=2), a_mark(shape="CIRCLE"),
     a_mark(points=((100.0, 200.0), (101.0, 201.0)))],
    ids=["another image", "another frame", "another shape", "more points"],
)  # fmt: skip
def test_marks_that_differ_in_what_they_draw_are_two_marks(other):
    assert not same_mark(a_mark(), other)


def test_a_tracking_uid_makes_one_mark_of_two_shapes():
    ellipse = a_mark(tracking_uid="1.9", shape="ELLIPSE", points=((0.0, 0.0),) * 4)
    assert same_mark(a_mark(tracking_uid="1.9"), ellipse)


def test_the_same_mark_in_two_kinds_of_object_counts_once():
    state = a_read_object("1.2.3.1", marks=(a_mark(tracking_uid="1.9"),))
    report = a_read_object(
        "1.2.3.2", kind="measurement-report", marks=(a_mark(tracking_uid="1.9"),)
    )
    assert len(join_marks([state, report])) == 1


def test_a_later_rating_of_the_same_mark_wins_and_a_later_silence_changes_nothing():
    first = a_read_object("1.2.3.1", marks=(a_mark(rating=3),))
    changed = a_read_object("1.2.3.2", marks=(a_mark(rating=5),))
    silent = a_read_object("1.2.3.3", marks=(a_mark(rating=None),))
    assert [m.rating for m in join_marks([first, changed, silent])] == [5]


def test_a_mark_missing_from_a_newer_object_is_not_deleted():
    first = a_read_object("1.2.3.1")
    assert len(join_marks([first, a_read_object("1.2.3.2", marks=())])) == 1


def test_labels_and_outlines_never_enter_a_reading():
    label = a_mark(flags=(NOT_A_LOCATION,))
    text = a_mark(shape="TEXT", points=())
    assert join_marks([a_read_object(marks=(label, text))]) == ()


def test_the_later_decision_on_a_breast_wins():
    first = a_read_object("1.2.3.1", breasts=(BreastDecision("R", "RTS", 2),))
    later = a_read_object("1.2.3.2", breasts=(BreastDecision("R", "RECALL"),))
    assert join_breasts([first, later]) == (BreastDecision("R", "RECALL", 2),)


def test_a_breast_is_rated_by_its_most_suspicious_lesion():
    marks = (a_mark(rating=2), a_mark(rating=5), a_mark(rating=4, laterality="L"))
    assert highest_rating("R", marks, (BreastDecision("R", "RECALL", 3),)) == 5
    assert highest_rating("L", (), ()) is None


def test_a_reading_with_one_breast_undecided_stays_open():
    breasts = (BreastDecision("R", "RECALL"), BreastDecision("L", None, 2))
    assert not judge_closed(breasts, NOON, NOON + timedelta(hours=1), timedelta(seconds=60))


def test_a_reading_closes_only_after_the_settle_time():
    settle = timedelta(seconds=60)
    assert not judge_closed(both_decided(), NOON, NOON + timedelta(seconds=59), settle)
    assert judge_closed(both_decided(), NOON, NOON + timedelta(seconds=60), settle)


def test_what_goes_to_scoring_holds_no_text_a_reader_typed():
    reading = a_reading(marks=(a_mark(text="call Mrs Bloggs back", item="item 3"),))
    assert "Bloggs" not in str(reading.as_payload())


def test_two_revisions_that_say_the_same_have_one_essence():
    again = a_reading(revision=2, sources=("1.2.3.1", "1.2.3.2"), closed_at=NOON + timedelta(1))
    assert again.essence() == a_reading().essence()
    assert again.content_hash() != a_reading().content_hash()


@pytest.mark.parametrize(
    "changes",
    [{"marks": (a_mark(rating=5),)}, {"breasts": both_decided("RTS")}, {"marks": ()},
     {"marks": (a_mark(finding=Code("129788004", "SCT")),)}],
    ids=["rating", "decision", "fewer marks", "finding"],
)  # fmt: skip
def test_a_reading_that_says_something_else_has_another_essence(changes):
    assert a_reading(**changes).essence() != a_reading().essence()


def test_an_unclassified_finding_says_no_more_than_none():
    unclassified = a_mark(finding=Code("111099", "DCM", "Selected region"))
    assert a_reading(marks=(unclassified,)).essence() == a_reading().essence()
