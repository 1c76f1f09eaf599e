"""A colleague's marks that a viewer saves again are nobody else's without a question."""

from __future__ import annotations

from typing import Any

import pytest

from pacs_bridge.domain.marks import Observer, ReadObject
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.whose import look_again
from tests.builders import a_mark, a_read_object, both_decided
from tests.databases import TestDatabase
from tests.reading_world import SETTLE, PathArchive, ReadingWorld


@pytest.fixture
def world(database: TestDatabase) -> ReadingWorld:
    return ReadingWorld(database)


def by(login: str, uid: str, *places: float, track: str = "", **changes: Any) -> ReadObject:
    marks = tuple(
        a_mark(
            points=((x, 9.0),), centre=(x, 9.0), tracking_uid=f"{track}.{x:.0f}" if track else None
        )
        for x in places
    )
    told = {"marks": marks, "breasts": both_decided(), "observer": Observer(login=login)}
    return a_read_object(uid, **(told | changes))


def asked(world: ReadingWorld, reader: str) -> list[float]:
    marks = world.receipt(reader).marks
    return [m.centre[0] for m in marks if "under another name" in m.question]


def test_a_mark_that_bears_another_readers_tracking_uid_is_asked_about(
    world: ReadingWorld,
) -> None:
    world.take(by("jsmith", "1.2.3.1", 5.0, track="1.9"))
    world.take(by("mjones", "1.2.3.2", 5.0, 50.0, track="1.9"))
    assert (asked(world, "R001"), asked(world, "R002")) == ([], [5.0])
    assert world.settle("R002") == "asked"
    (mark, _) = world.receipt("R002").marks
    world.answer(mark.key, "drop", "R002")
    assert world.settle("R002") == "closed"
    sent = {each["reader"]: len(each["marks"]) for each in world.sent()}
    assert sent == {"R002": 1}
    with world.begin() as uow:
        (event,) = uow.events.newest(kind="marks-copied")
    assert (event.subject, event.detail["others"]) == ("1.2.3.2", ["R001"])


def test_what_continues_another_readers_report_asks_of_what_it_repeats(
    world: ReadingWorld,
) -> None:
    world.take(by("jsmith", "1.2.3.1", 5.0))
    world.take(by("mjones", "1.2.3.2", 5.0, 50.0, predecessors=("1.2.3.1",)))
    assert (asked(world, "R001"), asked(world, "R002")) == ([], [5.0])
    assert [m.state for m in world.receipt("R001").marks] == ["read"]


def test_two_readers_who_mark_one_place_are_asked_nothing(world: ReadingWorld) -> None:
    world.take(by("jsmith", "1.2.3.1", 5.0, track="1.8"))
    world.take(by("mjones", "1.2.3.2", 5.0, track="1.9"))
    world.take(by("jsmith", "1.2.3.3", 5.0, track="1.8", predecessors=("1.2.3.1",)))
    assert (asked(world, "R001"), asked(world, "R002")) == ([], [])


def test_whose_mark_was_copied_is_asked_nothing_when_it_is_looked_into_anew(
    world: ReadingWorld,
) -> None:
    """As it is whenever an administrator says something of the log-ins."""
    reads = {
        "1.2.3.1": by("jsmith", "1.2.3.1", 5.0, track="1.9"),
        "1.2.3.2": by("mjones", "1.2.3.2", 5.0, 50.0, track="1.9"),
    }
    for read in reads.values():
        world.take(read)
    with world.begin() as uow:
        look_again(uow, reads, "again", world.clock(), SETTLE)
    for uid in reads:
        extract_object(
            uid, begin=world.begin, archive=PathArchive(), read_file=lambda _, uid=uid: reads[uid],  # type: ignore[arg-type, misc]
            now=world.clock, settle=SETTLE,
        )  # fmt: skip
    assert (asked(world, "R001"), asked(world, "R002")) == ([], [5.0])
