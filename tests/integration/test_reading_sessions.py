"""Reading sessions: what a reader says of where they read, and what a silence in one means."""

from __future__ import annotations

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.people import Round
from pacs_bridge.services import reading_sessions
from tests.databases import TestDatabase
from tests.who_world import SET, WhoWorld, an_observer, seed

MINUTE = 60.0


@pytest.fixture
def world(database: TestDatabase) -> WhoWorld:
    seed(database, ["R001"])
    with database.begin() as uow:
        uow.readers.set_alias("hospital", "clee", "R001")
    return WhoWorld(database)


def finish(world: WhoWorld, case: str) -> None:
    reading_sessions.finish_case("R001", SET, f"{SET}{case}", begin=world.begin, now=world.clock)


def close(world: WhoWorld) -> None:
    reading_sessions.close_session("R001", SET, begin=world.begin, now=world.clock)


def test_without_a_session_a_silence_says_nothing(world: WhoWorld) -> None:
    world.clock.pass_(3600)
    assert world.silence() == ""


def test_ten_minutes_without_anything_are_told_with_the_last_case_that_came(
    world: WhoWorld,
) -> None:
    world.open_session()
    world.mark("clee", 102)
    world.clock.pass_(10 * MINUTE - 1)
    assert world.silence() == ""
    world.clock.pass_(1)
    assert world.silence() == "Nothing has reached us since case 102. In your viewer: Save / Send."
    world.mark("clee", 101)
    assert world.silence() == ""


def test_a_session_in_which_nothing_came_at_all_is_told_from_its_beginning(world: WhoWorld) -> None:
    world.mark("clee", 102)
    world.clock.pass_(3600)
    world.open_session()
    world.clock.pass_(10 * MINUTE)
    assert world.silence().startswith("Nothing has reached us since you began at 13:00 UTC.")


def test_three_finished_cases_without_anything_are_told_at_once(world: WhoWorld) -> None:
    world.open_session()
    world.clock.pass_(1)
    for case in ("001", "101"):
        finish(world, case)
        finish(world, case)  # saying it twice is saying it once
    assert world.silence() == ""
    finish(world, "102")
    assert "Nothing has reached us" in world.silence()


def test_what_to_press_is_said_in_the_words_of_the_site(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.set_reading("hospital", hint="In IDS7: Ctrl+S, then Send.")
    world.open_session()
    world.clock.pass_(10 * MINUTE)
    assert world.silence().endswith("In IDS7: Ctrl+S, then Send.")


def test_objects_without_a_name_are_told_of_beside_the_silence(world: WhoWorld) -> None:
    world.open_session()
    world.mark(observer=an_observer(None))
    world.clock.pass_(10 * MINUTE)
    assert world.silence().endswith("But one object names no reader: say whether that is yours.")


def test_who_reads_on_the_sheet_is_told_of_no_silence(world: WhoWorld) -> None:
    world.open_session()
    with world.begin() as uow:
        uow.enrolments.set_way(SET, "R001", "sheet")
    world.clock.pass_(10 * MINUTE)
    assert world.silence() == ""


def test_a_session_ends_when_it_is_closed_and_by_itself_after_half_a_day(world: WhoWorld) -> None:
    world.open_session()
    close(world)
    world.clock.pass_(10 * MINUTE)
    assert world.silence() == ""
    world.open_session()
    world.clock.pass_(13 * 3600)
    assert world.silence() == ""


def test_opening_another_session_closes_the_first_and_the_same_changes_nothing(
    world: WhoWorld,
) -> None:
    for place in ("WS1", "WS1", "WS2"):
        world.open_session(at=place)
        world.clock.pass_(1)
    with world.begin() as uow:
        sessions = uow.sessions.of_reader("R001")
    assert [(s.workstation, s.closed_at is None) for s in sessions] == [
        ("WS2", True),
        ("WS1", False),
    ]


def test_a_session_needs_a_place_an_open_round_and_an_enrolled_reader(world: WhoWorld) -> None:
    for name in ("", " ", "x" * 65, "a\x07b"):
        with pytest.raises(RefusedInput, match="Name the workstation"):
            world.open_session(at=name)
    with pytest.raises(NotFound):
        world.open_session("R009")
    with pytest.raises(RefusedInput, match="Say first"):
        finish(world, "101")
    world.open_session()
    with pytest.raises(RefusedInput, match="no such case"):
        finish(world, "199")
    with world.begin() as uow:
        uow.rounds.put(Round(SET, world.clock(), world.clock()))
    with pytest.raises(RefusedInput, match="not open"):
        world.open_session(at="WS3")
