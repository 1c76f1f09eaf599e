"""Marks of the sheet that are moved, reshaped and called one finding, over a real database."""

from __future__ import annotations

from typing import Any

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.receipts import MarkState, Receipt
from pacs_bridge.services.sheet import link_marks, move_mark, part_mark
from tests.builders import a_mark, a_read_object, both_decided
from tests.databases import TestDatabase
from tests.reading_world import CASE, SETTLE, ReadingWorld

RCC, LCC, RMLO = "1.2.101.4.1", "1.2.101.4.2", "1.2.101.4.3"


@pytest.fixture
def world(database: TestDatabase) -> ReadingWorld:
    return ReadingWorld(database)


def ports(world: ReadingWorld) -> dict[str, Any]:
    return {"begin": world.begin, "now": world.clock, "settle": SETTLE}


def move(world: ReadingWorld, key: str, reader: str = "R001", **changes: Any) -> Receipt:
    said = {"shape": "POINT", "points": [(80.0, 90.0)], "rating": 4, "finding": None} | changes
    return move_mark(reader, CASE, key, **said, **ports(world))


def link(world: ReadingWorld, key: str, other: str, **more: Any) -> Receipt:
    return link_marks("R001", CASE, key, other, **ports(world), **more)


def part(world: ReadingWorld, key: str) -> Receipt:
    return part_mark("R001", CASE, key, **ports(world))


def placed(world: ReadingWorld, **changes: Any) -> str:
    return world.place(**changes).marks[-1].key


def decide(world: ReadingWorld) -> None:
    world.decide("R", "RECALL")
    world.decide("L", "RTS")


def test_a_mark_of_the_sheet_lies_where_it_was_moved_to_and_is_one_mark(
    world: ReadingWorld,
) -> None:
    key = placed(world)
    world.answer(key, "mend", rating=2)
    receipt = move(world, key, shape="CIRCLE", points=[(80, 90), (90, 90)], rating=5, token="t")
    move(world, key, shape="CIRCLE", points=[(80, 90), (90, 90)], rating=5, token="t")
    (mark,) = receipt.marks
    assert (mark.key, mark.state, mark.may_move) == (key, MarkState.PLACED, True)
    assert (mark.shape, mark.points, mark.rating) == ("CIRCLE", ((80, 90), (90, 90)), 5)
    decide(world)
    assert world.settle() == "closed"
    assert [(m["shape"], m["centre"]) for m in world.sent()[0]["marks"]] == [("CIRCLE", [80, 90])]
    assert world.answer(key, "drop").marks[0].state is MarkState.DROPPED
    with pytest.raises(RefusedInput, match="was taken back"):
        move(world, key)
    with world.begin() as uow:
        kinds = [str(answer.kind) for answer in uow.answers.of_reading(f"{CASE}-R001")]
    assert kinds == ["place", "mend", "move", "decide", "decide", "drop"]


def test_only_a_mark_of_ones_own_sheet_is_moved_and_only_on_its_image(
    world: ReadingWorld,
) -> None:
    world.take(a_read_object(marks=(a_mark(),)))
    drawn = world.receipt().marks[0].key
    key = placed(world)
    with pytest.raises(RefusedInput, match="drawn in your viewer"):
        move(world, drawn)
    with pytest.raises(RefusedInput, match="lies on the image"):
        move(world, key, points=[(99999.0, 5.0)])
    with pytest.raises(NotFound):
        move(world, key, reader="R002")
    with pytest.raises(NotFound, match="not there any more"):
        move(world, "sheet-77")
    assert world.receipt().marks[-1].points == ((50.0, 60.0),)


def test_two_marks_on_two_views_are_one_finding_and_no_longer(world: ReadingWorld) -> None:
    one, two = placed(world), placed(world, image=RMLO)
    alone = placed(world, points=[(90.0, 90.0)])
    link(world, one, two, token="once")
    link(world, one, two, token="once")
    receipt = link(world, two, one)  # said the other way round: said already
    assert [mark.together for mark in receipt.marks] == [(two,), (one,), ()]
    assert [mark.also for mark in receipt.marks] == [("R MLO",), ("R CC",), ()]
    decide(world)
    world.settle()
    first, second, third = (mark.get("link") for mark in world.sent()[-1]["marks"])
    assert first == second is not None
    assert third is None
    with pytest.raises(RefusedInput, match="two on one view"):
        link(world, alone, two)
    move(world, two)  # it is the same finding, wherever it lies
    assert world.receipt().marks[0].together == (two,)
    assert [mark.together for mark in part(world, one).marks] == [(), (), ()]
    part(world, one)
    world.settle()
    assert [mark.get("link") for mark in world.sent()[-1]["marks"]] == [None, None, None]


def test_what_a_viewer_links_may_be_parted_and_its_marks_linked_with_the_sheets(
    world: ReadingWorld,
) -> None:
    side = {"laterality": "R", "tracking_uid": "1.2.3.7"}
    marks = (
        a_mark(image=RCC, view="CC", **side),
        a_mark(image=RMLO, view="MLO", **side),
        a_mark(image=LCC, view="CC", laterality="L"),
    )
    world.take(a_read_object(marks=marks, breasts=both_decided()))
    cc, mlo, other = (mark.key for mark in world.receipt().marks)
    assert world.receipt().marks[0].together == (mlo,)
    part(world, cc)
    again = (*marks[:2], marks[2])
    world.take(a_read_object("1.2.3.2", marks=again, breasts=both_decided()))
    assert world.receipt().marks[0].together == ()
    sheet = placed(world, points=[(300.0, 310.0)])
    link(world, sheet, mlo)
    for wrong in (other, cc):
        with pytest.raises(RefusedInput):
            link(world, sheet, wrong)
    assert world.receipt().marks[1].together == (sheet,)


def test_a_finding_keeps_its_marks_where_the_viewer_saves_one_of_them_too(
    world: ReadingWorld,
) -> None:
    one, two = placed(world), placed(world, image=RMLO)
    link(world, one, two)
    mark = a_mark(points=((50.2, 60.1),), centre=(50.2, 60.1))
    world.take(a_read_object(marks=(mark,)))
    first, second = world.receipt().marks
    assert (first.together, second.together) == ((second.key,), (first.key,))
    assert first.key != one
