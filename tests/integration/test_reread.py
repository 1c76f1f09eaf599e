"""What could not be read is read once more when our readers are newer, or its case is known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.reread import reread_due
from pacs_bridge.sr.version import READER_VERSION
from tests.builders import a_mark, a_passport, a_read_object, both_decided
from tests.databases import TestDatabase
from tests.reading_world import SETTLE, PathArchive, ReadingWorld

UID = "1.2.3.1"
UNREAD = "unread-overlay"


class World(ReadingWorld):
    """Reads an object once with an older reader, and as often as is due with ours."""

    def once(self, read: ReadObject, **changes: Any) -> str:
        state = self.take(read, **changes)
        with self.begin() as uow:
            uow.objects.set_read_by(read.sop_instance_uid, READER_VERSION - 1)
        return state

    def due(self) -> int:
        self.clock.pass_(1)
        return reread_due(begin=self.begin, now=self.clock, settle=SETTLE)

    def again(self, read: ReadObject) -> str:
        return extract_object(
            read.sop_instance_uid, begin=self.begin, archive=PathArchive(),
            read_file=lambda _: read, now=self.clock, settle=SETTLE,  # type: ignore[arg-type]
        )  # fmt: skip

    def state_of(self, uid: str = UID) -> tuple[str, int]:
        with self.begin() as uow:
            received = uow.objects.find(uid)
        assert received is not None
        return received.state, received.read_by


@pytest.fixture
def world(database: TestDatabase) -> World:
    return World(database)


REFUSED = a_read_object(marks=(), breasts=(), refused="Its overlay bitmap is broken.")
WHOLE = a_read_object(breasts=both_decided())


def test_what_an_older_reader_refused_is_read_once_more_and_then_left(world: World) -> None:
    assert world.once(REFUSED) == "parked"
    assert [world.due(), world.due()] == [1, 0]
    assert world.again(WHOLE) == "read"
    assert (world.due(), world.state_of()) == (0, ("read", READER_VERSION))
    assert world.settle() == "closed"
    assert len(world.sent()) == 1


def test_what_is_refused_again_is_not_asked_for_for_ever(world: World) -> None:
    world.once(REFUSED)
    assert world.due() == 1
    assert world.again(REFUSED) == "parked"
    assert (world.due(), world.state_of()) == (0, ("parked", READER_VERSION))


def test_what_was_read_whole_is_not_read_again(world: World) -> None:
    world.once(WHOLE)
    jobs = len(world.jobs.jobs)
    assert (world.due(), world.state_of()) == (0, ("read", READER_VERSION))
    assert len(world.jobs.jobs) == jobs


def test_what_more_is_read_of_a_scored_reading_is_asked_about(world: World) -> None:
    partial = a_read_object(breasts=both_decided(), marks=(a_mark(flags=(UNREAD,)),))
    world.once(partial)
    unread = next(m for m in world.receipt().marks if m.key.startswith("unread-"))
    world.answer(unread.key, "confirm")
    assert world.settle() == "closed"
    assert world.due() == 1
    more = a_mark(points=((300.0, 300.0),), centre=(300.0, 300.0))
    assert world.again(a_read_object(breasts=both_decided(), marks=(a_mark(), more))) == "read"
    assert world.settle() == "asked"
    asked = [m for m in world.receipt().marks if m.state == "asked"]
    assert [m.centre for m in asked] == [(300.0, 300.0)]
    assert "read more of what you saved" in asked[0].question
    assert len(world.sent()) == 1
    world.answer(asked[0].key, "confirm")
    assert world.settle() == "closed"
    assert [len(each["marks"]) for each in world.sent()] == [1, 2]


def test_a_mark_that_is_read_no_more_stays_and_is_asked_about(world: World) -> None:
    world.once(a_read_object(breasts=both_decided(), refused="Some graphics are broken."))
    assert world.settle() == "closed"
    assert world.due() == 1
    other = a_mark(points=((300.0, 300.0),), centre=(300.0, 300.0))
    again = a_read_object(breasts=both_decided(), marks=(other,))
    assert world.again(again) == "read"
    questions = {m.centre: m.question for m in world.receipt().marks}
    assert "without this mark" in questions[100.0, 200.0]
    assert "read more" in questions[300.0, 300.0]
    with world.begin() as uow:  # whoever looks into it again asks the same
        uow.claims.take_back(UID)
    assert world.again(again) == "read"
    assert {m.centre: m.question for m in world.receipt().marks} == questions


def test_of_a_reading_that_nobody_scored_or_answered_nothing_is_asked(world: World) -> None:
    world.once(REFUSED)
    world.due()
    world.again(WHOLE)
    assert [mark.state for mark in world.receipt().marks] == ["read"]


def test_what_named_no_case_is_read_once_its_case_is_known(world: World) -> None:
    mark = a_mark(image="1.2.103.4.1")
    stray = a_read_object(
        marks=(mark,), referenced_images=("1.2.103.4.1",), referenced_studies=("1.2.103.1",)
    )
    assert world.take(stray, accession=None) == "parked"
    assert [world.due(), world.due()] == [0, 0]
    with world.begin() as uow:
        uow.case_sets.add(_of_set_122())
    assert [world.due(), world.due()] == [1, 0]
    assert world.again(stray) in ("read", "parked")
    assert world.due() == 0


def _of_set_122() -> Any:
    from dataclasses import replace

    passport = a_passport(103)
    (case,) = passport.cases
    case = replace(case, accession="PERFORMS122103", patient_id="PERFORMS122103")
    return replace(passport, set_name="PERFORMS122", cases=(case,))


def test_of_a_round_that_has_closed_nothing_is_read_again(world: World) -> None:
    world.once(REFUSED)
    world.clock.pass_(timedelta(days=31).total_seconds())
    assert (world.due(), world.state_of()) == (0, ("parked", READER_VERSION))
