"""One drawing, however it is written down and however often; two drawings, however alike."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_bridge.domain.answers import GivenAnswer
from pacs_bridge.domain.folding import fold
from pacs_bridge.domain.marks import Mark, Shape
from pacs_bridge.domain.reading import same_geometry
from pacs_bridge.domain.receipts import Answer, MarkState
from pacs_bridge.domain.revision import Save, replaced
from pacs_bridge.sr.geometry import centre_of
from tests.builders import NOON, a_mark, a_read_object, both_decided

Points = tuple[tuple[float, float], ...]


def drawn(shape: Shape, *points: tuple[float, float], **changes: Any) -> Mark:
    return a_mark(shape=shape, points=points, centre=centre_of(shape, points), **changes)


def save(number: int, *marks: Mark, **changes: Any) -> Save:
    read = a_read_object(
        f"1.2.3.{number}", marks=marks, breasts=both_decided(),
        predecessors=changes.pop("predecessors", ()),
    )  # fmt: skip
    return Save(f"1.2.3.{number}", read, number, NOON, "royal WS1", "royal", **changes)


def centres(*saves: Save) -> list[tuple[float, float]]:
    """Where marks lie that count or are asked about."""
    marks = fold(saves).marks
    return sorted(each.mark.centre for each in marks if each.state is not MarkState.DROPPED)


SQUARE: Points = ((10.0, 10.0), (90.0, 10.0), (90.0, 60.0), (10.0, 60.0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (drawn("CIRCLE", (50, 50), (60, 50)), drawn("CIRCLE", (50, 50), (50, 40))),
        (drawn("ELLIPSE", (10, 20), (50, 20), (30, 10), (30, 30)),
         drawn("ELLIPSE", (50, 20), (10, 20), (30, 30), (30, 10))),
        (drawn("ELLIPSE", (10, 20), (50, 20), (30, 10), (30, 30)),
         drawn("ELLIPSE", (30, 30), (30, 10), (10, 20), (50, 20))),
        (drawn("POLYGON", *SQUARE), drawn("POLYGON", *SQUARE[2:], *SQUARE[:2])),
        (drawn("POLYGON", *SQUARE), drawn("POLYGON", *SQUARE, SQUARE[0])),
        (drawn("POLYGON", *SQUARE), drawn("POLYGON", *reversed(SQUARE))),
    ],
    ids=["rim", "ends", "axes", "first corner", "closed", "backwards"],
)  # fmt: skip
def test_one_drawing_written_down_in_two_ways_is_one_mark(one: Mark, other: Mark) -> None:
    assert same_geometry(one, other)
    assert same_geometry(other, one)
    assert len(centres(save(1, one), save(2, other))) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (drawn("CIRCLE", (50, 50), (60, 50)), drawn("CIRCLE", (50, 50), (62, 50))),
        (drawn("CIRCLE", (50, 50), (60, 50)), drawn("CIRCLE", (52, 50), (62, 50))),
        (drawn("ELLIPSE", (10, 20), (50, 20), (30, 10), (30, 30)),
         drawn("ELLIPSE", (30, 0), (30, 40), (20, 20), (40, 20))),
        (drawn("POLYGON", *SQUARE), drawn("POLYGON", *SQUARE[:3])),
        (drawn("POLYGON", *SQUARE),
         drawn("POLYGON", SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3])),
        (drawn("POLYLINE", *SQUARE), drawn("POLYLINE", *SQUARE[1:], SQUARE[0])),
    ],
    ids=["radius", "place", "turned", "fewer corners", "crossed", "open line"],
)  # fmt: skip
def test_two_drawings_are_two_marks(one: Mark, other: Mark) -> None:
    assert not same_geometry(one, other)
    assert len(centres(save(1, one), save(2, other))) == 2


@settings(deadline=None, derandomize=True, max_examples=100)
@given(
    corners=st.lists(
        st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=3, max_size=12, unique=True
    ),
    first=st.integers(0, 11),
    backwards=st.booleans(),
    closed=st.booleans(),
    shift=st.floats(-0.9, 0.9),
)
def test_a_polygon_is_the_same_from_any_corner_and_either_way(
    corners: list[tuple[int, int]], first: int, backwards: bool, closed: bool, shift: float
) -> None:
    begin = first % len(corners)
    again = corners[begin:] + corners[:begin]
    again = again[::-1] if backwards else again
    again = [*again, again[0]] if closed else again
    one = drawn("POLYGON", *((float(x), float(y)) for x, y in corners))
    other = drawn("POLYGON", *((x + shift, y - shift) for x, y in again))
    assert same_geometry(one, other)
    assert len(centres(save(1, one), save(2, other))) == 1


def test_no_mark_is_lost_because_its_viewer_gives_several_one_tracking_uid() -> None:
    one, two = (
        a_mark(points=((x, 9.0),), centre=(x, 9.0), tracking_uid="1.9") for x in (5.0, 99.0)
    )
    assert centres(save(1, one), save(2, one, two)) == [(5.0, 9.0), (99.0, 9.0)]
    assert centres(save(1, one, two), save(2, two, one)) == [(5.0, 9.0), (99.0, 9.0)]
    moved = a_mark(points=((50.0, 50.0),), centre=(50.0, 50.0), tracking_uid="1.9")
    assert centres(save(1, one, two), save(2, moved, two)) == [(50.0, 50.0), (99.0, 9.0)]


def test_two_ratings_of_one_place_in_one_save_are_asked_about() -> None:
    (mark,) = fold([save(1, a_mark(rating=3), a_mark(rating=5))]).marks
    assert (mark.state, "more than one rating" in mark.question) == (MarkState.ASKED, True)
    later = fold([save(1, a_mark(rating=3)), save(2, a_mark(rating=5))])
    assert [(m.state, m.mark.rating) for m in later.marks] == [(MarkState.READ, 5)]


def test_documents_that_name_each_other_as_predecessors_replace_nothing() -> None:
    one = save(1, a_mark(), predecessors=("1.2.3.2",))
    other = save(2, drawn("POINT", (300.0, 300.0)), predecessors=("1.2.3.1",))
    third = save(3, drawn("POINT", (9.0, 9.0)), predecessors=("1.2.3.2",))
    assert set(replaced([one, other])) == set()
    assert set(replaced([one, other, third])) == {"1.2.3.2"}
    assert len(centres(one, other)) == 2


def test_a_circle_lies_where_its_rim_says_within_a_pixel() -> None:
    for turn in range(0, 360, 15):
        rim = (50 + 10 * math.cos(math.radians(turn)), 50 + 10 * math.sin(math.radians(turn)))
        assert same_geometry(drawn("CIRCLE", (50, 50), (60, 50)), drawn("CIRCLE", (50, 50), rim))


def test_an_answer_is_not_forgotten_with_the_first_form_of_its_mark() -> None:
    first = save(1, drawn("POINT", (100.0, 200.0)))
    second = save(2, drawn("POINT", (100.4, 200.4)), drawn("POINT", (9.0, 9.0)))
    (named, *_) = fold([first, second]).marks
    dropped = GivenAnswer(1, Answer.DROP, NOON, key=named.key, seen=named.seen)
    assert [m.state for m in fold([first, second], [dropped]).marks] == ["dropped", "read"]
    left = fold([second], [dropped]).marks  # the first is somebody else's by now
    assert [(m.state, m.mark.centre) for m in left] == [
        ("asked", (100.4, 200.4)), ("read", (9.0, 9.0)),
    ]  # fmt: skip
    again = GivenAnswer(2, Answer.DROP, NOON, key=left[0].key, seen=left[0].seen)
    assert [m.state for m in fold([second], [dropped, again]).marks] == ["dropped", "read"]
