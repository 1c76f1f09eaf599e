"""The exposure guard where our page opens a case; what it must not flag; and lifting a flag."""

from __future__ import annotations

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.exposure import CAD
from pacs_bridge.domain.marks import Observer
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.pulling import HeldMark
from pacs_bridge.services.exposure_lift import lift_exposure, list_exposed
from pacs_bridge.services.logins import set_logins
from pacs_bridge.services.receipts import show_receipt
from tests.builders import a_read_object, both_decided
from tests.databases import TestDatabase
from tests.isolation_world import SET, SETTLE, Saved, Unit

READING = f"{SET}101-R001"


def unshared(database: TestDatabase, mode: Isolation = Isolation.SHEET) -> Unit:
    unit = Unit(database, mode)
    with unit.begin() as uow:
        uow.logins.unshare("hospital", "breastunit")
    unit.work()
    return unit


def an_ai_report(unit: Unit, number: int = 101, name: str = "1") -> Saved:
    study = unit.case(number, 0).studies[0].study_instance_uid
    mark = HeldMark(study, "1.2.88.7", f"1.2.88.{number}.{name}", min(CAD), modality="SR")
    unit.pacs.held.append(mark)
    unit.reads[mark.sop_instance_uid] = a_read_object(
        mark.sop_instance_uid, observer=Observer(device="AI"), breasts=both_decided()
    )
    return Saved("AI", mark, f"{SET}{number}")


def decide(unit: Unit, reader: str = "R001", number: int = 101) -> None:
    for side in "RL":
        unit.decide_breast(reader, number, side)
    unit.work()


def lift(unit: Unit, because: str = "It was our own test.", reading: str = READING) -> None:
    lift_exposure("hospital", reading, because, begin=unit.begin, now=unit.clock)
    unit.work()


def asked(unit: Unit) -> list[tuple[str, ...]]:
    return [args for job, args in unit.database.jobs.jobs if job == "watch_exposure"]


# Where our page opens a case -------------------------------------------------------------------


def test_what_came_is_judged_as_the_case_is_opened_and_the_page_says_so(
    database: TestDatabase,
) -> None:
    unit = unshared(database)
    unit.arrive(an_ai_report(unit))
    assert unit.exposed() == {}
    assert unit.open_case("R001", 101)
    shown = show_receipt("R001", f"{SET}101", begin=unit.begin, now=unit.clock)
    assert "lay beside its images that is not yours" in shown.exposed
    assert not unit.open_case("R001", 101)
    assert list(unit.exposed()) == [READING]


def test_the_pacs_is_asked_about_that_case_alone_and_once_a_minute(database: TestDatabase) -> None:
    unit = unshared(database)
    before = len(asked(unit))
    for _ in range(3):
        unit.open_case("R001", 101)
    assert asked(unit)[before:] == [("hospital", SET, f"{SET}101")]
    unit.clock.pass_(60)
    unit.open_case("R001", 101)
    assert len(asked(unit)) == before + 2
    an_ai_report(unit, 101)
    an_ai_report(unit, 102)
    assert set(unit.watch(f"{SET}101").flagged) == {READING, f"{SET}101-R002"}
    assert not [each for each in unit.exposed() if "102" in each]


def test_no_page_opens_the_pacs_where_nothing_can_be_led_by_it(database: TestDatabase) -> None:
    unit = unshared(database)
    before = len(asked(unit))
    unit.open_case("R001", 1)  # practice: people are asked to draw
    decide(unit)
    unit.open_case("R001", 101)
    assert len(asked(unit)) == before
    with pytest.raises(NotFound):
        unit.open_case("R009", 101)


def test_a_readers_own_drawing_on_its_way_flags_nobody_who_opens_the_case(
    database: TestDatabase,
) -> None:
    unit = unshared(database, Isolation.PRIVATE)
    one = unit.save("R001", 101, login="own-R001")
    assert not unit.open_case("R001", 101)
    unit.watch(f"{SET}101")
    unit.arrive(one)
    assert not unit.open_case("R001", 101)
    assert unit.exposed() == {}


# What it must not flag --------------------------------------------------------------------------


def closed_beside_another(database: TestDatabase) -> Unit:
    """R001 has decided; afterwards R002's drawing came, where everybody sees it."""
    unit = unshared(database)
    one = unit.save("R001", 101, login="own-R001")
    unit.arrive(one)
    unit.remove(one)
    unit.clock.pass_(SETTLE * 2)
    unit.work()
    unit.arrive(unit.save("R002", 101, login="own-R002"))
    unit.clock.pass_(SETTLE * 2)
    unit.work()
    return unit


def flags_of_r001(unit: Unit) -> list[str]:
    return [each for each in (*unit.watch().flagged, *unit.exposed()) if each.endswith("R001")]


def test_what_came_after_the_decision_flags_nothing_also_before_the_reading_has_settled(
    database: TestDatabase,
) -> None:
    unit = unshared(database)
    one = unit.save("R001", 101, login="own-R001")
    unit.arrive(one)
    unit.remove(one)
    unit.clock.pass_(5)
    unit.arrive(unit.save("R002", 101, login="own-R002"))
    assert flags_of_r001(unit) == []


def test_a_reading_that_is_opened_again_by_us_was_decided_when_it_was(
    database: TestDatabase,
) -> None:
    unit = closed_beside_another(database)
    set_logins("hospital", logins="own", begin=unit.begin, now=unit.clock, settle=SETTLE)
    assert flags_of_r001(unit) == []  # its object is just being looked into anew
    unit.work()
    assert flags_of_r001(unit) == []
    unit.clock.pass_(SETTLE * 2)
    assert flags_of_r001(unit) == []


def test_what_is_fetched_was_said_when_it_was_seen_for_the_first_time(
    database: TestDatabase,
) -> None:
    unit = unshared(database)
    one = unit.save("R001", 101, login="own-R001")
    unit.watch()
    unit.clock.pass_(5)
    unit.arrive(unit.save("R002", 101, login="own-R002"))
    assert flags_of_r001(unit) == []  # that may have been R001's, who had decided then
    unit.clock.pass_(600)
    unit.arrive(one)  # the PACS forwards nothing: it is fetched by the clock
    assert flags_of_r001(unit) == []


def test_a_mark_of_which_nothing_is_heard_for_half_an_hour_excuses_nothing(
    database: TestDatabase,
) -> None:
    unit = unshared(database)
    unit.save("R001", 101, login="own-R001")
    unit.watch()
    unit.clock.pass_(5)
    unit.arrive(unit.save("R002", 101, login="own-R002"))
    assert flags_of_r001(unit) == []
    unit.clock.pass_(30 * 60)
    assert flags_of_r001(unit) == [READING, READING]


def test_what_its_reader_says_after_that_is_flagged(database: TestDatabase) -> None:
    unit = closed_beside_another(database)
    decide(unit)
    assert flags_of_r001(unit) == [READING, READING]


# Lifting ----------------------------------------------------------------------------------------


def flagged(database: TestDatabase) -> Unit:
    """A reading that was decided beside a report of a program, and went out flagged."""
    unit = unshared(database)
    unit.arrive(an_ai_report(unit))
    unit.clock.pass_(60)
    decide(unit)
    unit.watch()
    unit.work()
    assert READING in unit.exposed()
    assert unit.sent()[-1]["exposed"] is True
    return unit


def test_a_lifted_flag_sends_the_reading_again_without_it_and_keeps_the_reason(
    database: TestDatabase,
) -> None:
    unit = flagged(database)
    for because in ("", " ", "x" * 301):
        with pytest.raises(RefusedInput, match="why the flag is wrong"):
            lift(unit, because)
    lift(unit)
    assert "exposed" not in unit.sent()[-1]
    assert [each["revision"] for each in unit.sent()] == [1, 2, 3]
    shown = show_receipt("R001", f"{SET}101", begin=unit.begin, now=unit.clock)
    assert shown.exposed == ""
    listed = list_exposed("hospital", begin=unit.begin).as_dict()
    assert [each["reading"] for each in listed["exposed"]] == [f"{SET}101-R002"]
    assert [each["because"] for each in listed["lifted"]] == ["It was our own test."]
    with unit.begin() as uow:
        assert [e.subject for e in uow.events.newest(kind="exposure-lifted")] == [READING]


def test_lifting_again_changes_nothing_and_what_was_never_flagged_is_refused(
    database: TestDatabase,
) -> None:
    unit = flagged(database)
    lift(unit)
    lift(unit, "Once more.")
    assert len(list_exposed("hospital", begin=unit.begin).lifted) == 1
    assert len(unit.sent()) == 3
    for wrong in (f"{SET}102-R001", "nonsense"):
        with pytest.raises(NotFound, match="is not marked as exposed"):
            lift(unit, reading=wrong)


def test_what_was_lifted_flags_no_more_and_what_comes_later_does(database: TestDatabase) -> None:
    unit = flagged(database)
    lift(unit)
    assert unit.watch().flagged == ()
    assert not unit.open_case("R001", 101)
    another = an_ai_report(unit, name="2")
    unit.arrive(another)
    unit.clock.pass_(60)
    decide(unit)  # says so again, beside the new report
    unit.place("R001", 101)
    unit.work()
    assert unit.watch().flagged == (READING,)
    unit.work()
    assert unit.sent()[-1]["exposed"] is True
    lift(unit, "That, too.")
    assert "exposed" not in unit.sent()[-1]


def test_what_was_gone_before_it_reached_us_was_in_nobodys_sight(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    one = unit.save("R001", 101, login="own-R001")
    unit.finish("R001")
    unit.clear()
    unit.remove(one)
    unit.clear()  # R002's turn begins
    unit.clock.pass_(60)
    unit.arrive(one)  # it was on its way to us all the time
    assert not unit.open_case("R002", 101)
    assert unit.watch().flagged == ()
