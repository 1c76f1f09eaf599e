"""What is taken away from a reading after it was scored is asked about, and told; never silent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.marks import Observer, Share
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.people import Round
from pacs_bridge.services.claim_decisions import decide_claim
from pacs_bridge.services.close import end_rounds
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.whose import look_again
from pacs_bridge.sr.read import read_object
from tests.builders import a_mark, a_read_object, both_decided
from tests.databases import TestDatabase
from tests.reading_world import CASE, SETTLE, PathArchive, ReadingWorld
from tests.unit.sr_builders import a_code, a_reference, an_item

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"


@pytest.fixture
def world(database: TestDatabase) -> ReadingWorld:
    return ReadingWorld(database)


def scored(world: ReadingWorld, **changes: Any) -> None:
    world.take(a_read_object(breasts=both_decided(), **changes))
    assert world.settle() == "closed"


def give(world: ReadingWorld, uid: str, reader: str | None, **changes: Any) -> None:
    """Decide as an administrator whose an object is, and look into it again."""
    decide_claim(
        uid, reader, because="asked them", begin=world.begin, now=world.clock, settle=SETTLE
    )
    read = a_read_object(uid, breasts=both_decided(), **changes)
    extract_object(
        uid, begin=world.begin, archive=PathArchive(), read_file=lambda _: read,  # type: ignore[arg-type]
        now=world.clock, settle=SETTLE,
    )  # fmt: skip


def events(world: ReadingWorld, kind: str) -> list[Any]:
    with world.begin() as uow:
        return uow.events.newest(kind=kind)


def test_a_scored_reading_of_which_nothing_is_left_is_asked_about_and_told(
    world: ReadingWorld,
) -> None:
    scored(world)
    give(world, "1.2.3.1", "R002")
    assert [world.settle(), world.settle()] == ["asked", "asked"]
    receipt = world.receipt()
    assert (receipt.state, receipt.marks) == ("asked", ())
    assert "taken away since it was scored" in receipt.questions[0]
    assert [(e.subject, e.detail["revision"]) for e in events(world, "reading-emptied")] == [
        (f"{CASE}-R001", 1)
    ]
    line = next(each for each in world.list().lines if each.accession == CASE)
    assert (line.state, line.words) == ("asked", "What we had was taken away.")
    assert len(world.sent()) == 1  # nothing was emptied at the scorer


def test_its_reader_may_answer_here_and_the_scorer_gets_the_answer(world: ReadingWorld) -> None:
    scored(world)
    give(world, "1.2.3.1", "R002")
    assert world.settle() == "asked"
    world.normal()
    assert world.settle() == "closed"
    last = world.sent()[-1]
    assert (last["revision"], last["marks"]) == (2, [])


def test_what_comes_again_answers_it_too(world: ReadingWorld) -> None:
    scored(world)
    give(world, "1.2.3.1", None, observer=a_read_object().observer.__class__(login="stranger"))
    assert world.settle() == "asked"
    give(world, "1.2.3.1", "R001")
    assert world.settle() == "closed"
    assert (world.receipt().state, world.receipt().questions) == ("closed", ())


def test_it_is_none_of_the_rest_that_is_declared_normal(world: ReadingWorld) -> None:
    scored(world)
    give(world, "1.2.3.1", "R002")
    assert world.settle() == "asked"
    unread = world.list().unread
    assert CASE not in unread
    assert world.rest_normal(unread) == len(unread)


def test_at_the_rounds_end_it_is_parked_and_told_and_stays_as_it_was_scored(
    world: ReadingWorld,
) -> None:
    scored(world)
    give(world, "1.2.3.1", "R002")
    assert world.settle() == "asked"
    world.clock.pass_(timedelta(days=31).total_seconds())
    assert end_rounds(begin=world.begin, now=world.clock) >= 1
    told = [e for e in events(world, "reading-unfinished") if e.subject == f"{CASE}-R001"]
    assert [e.detail["emptied"] for e in told] == [1]
    assert [each["reader"] for each in world.sent()].count("R001") == 1


# Rejection notes --------------------------------------------------------------------------


def note(*uids: str, title: str = "113001", uid: str = "1.2.3.99") -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.StudyInstanceUID = KEY_OBJECT, uid, "1.2.101.1"
    ds.ValueType, ds.ConceptNameCodeSequence = "CONTAINER", a_code(title)
    ds.ContentSequence = [
        an_item("TEXT", a_code("113012"), TextValue="R RTS, L RTS"),
        *(an_item("IMAGE", ReferencedSOPSequence=[a_reference(each)]) for each in uids),
    ]
    return ds


def test_a_rejected_save_is_asked_about_and_its_reading_stays_scored_until_answered(
    world: ReadingWorld,
) -> None:
    scored(world)
    assert world.take(read_object(note("1.2.3.1"))) == "parked"
    assert world.settle() == "asked"
    (mark,) = world.receipt().marks
    assert (mark.state, "was deleted there" in mark.question) == ("asked", True)
    assert len(world.receipt().questions) == 2  # of each breast's decision
    assert [e.subject for e in events(world, "object-rejected")] == ["1.2.3.1"]
    assert len(world.sent()) == 1
    world.answer(mark.key, "drop")
    world.decide("R", "RTS")
    world.decide("L", "RTS")
    assert world.settle() == "closed"
    assert world.sent()[-1]["marks"] == []


def test_what_another_save_holds_too_is_not_asked_about(world: ReadingWorld) -> None:
    scored(world)
    world.take(a_read_object("1.2.3.2", breasts=both_decided()))
    world.take(read_object(note("1.2.3.1")))
    assert world.settle() == "closed"
    assert [mark.question for mark in world.receipt().marks] == [""]


@pytest.mark.parametrize("title", ["113039", "113000"])
def test_other_key_objects_and_the_end_of_a_retention_reject_nothing(
    world: ReadingWorld, title: str
) -> None:
    scored(world)
    world.take(read_object(note("1.2.3.1", title=title)))
    assert events(world, "object-rejected") == []
    assert [mark.question for mark in world.receipt().marks] == [""]


def test_no_pacs_rejects_what_another_sent(world: ReadingWorld) -> None:
    scored(world)
    caller = Caller("OTHER", "PACSBRIDGE", "127.0.0.2", "elsewhere")
    world.take(read_object(note("1.2.3.1")), caller=caller)
    assert events(world, "object-rejected") == []


def test_a_note_that_comes_twice_asks_once_and_after_the_round_changes_nothing(
    world: ReadingWorld,
) -> None:
    scored(world)
    world.take(read_object(note("1.2.3.1")))
    world.take(read_object(note("1.2.3.1", uid="1.2.3.98")))
    assert len(events(world, "object-rejected")) == 1
    with world.begin() as uow:
        opened = uow.rounds.find("PERFORMS121")
        assert opened is not None
        uow.rounds.put(Round("PERFORMS121", opened.opens_at, world.clock()))
    world.take(a_read_object("1.2.3.5", marks=(a_mark(),), observer=a_read_object().observer))
    world.take(read_object(note("1.2.3.5", uid="1.2.3.97")))
    assert [e.detail["late"] for e in events(world, "object-rejected")][:1] == [True]


# Notes that overtake what they reject ---------------------------------------------------------


def test_a_note_that_comes_before_its_object_takes_effect_when_that_comes(
    world: ReadingWorld,
) -> None:
    assert world.take(read_object(note("1.2.3.1"))) == "parked"
    assert events(world, "object-rejected") == []
    world.take(a_read_object(breasts=both_decided()))
    assert world.settle() == "asked"
    (mark,) = world.receipt().marks
    assert (mark.state, "was deleted there" in mark.question) == ("asked", True)
    assert len(world.receipt().questions) == 2
    told = [(e.subject, e.detail["reader"], e.detail["late"]) for e in rejected(world)]
    assert told == [("1.2.3.1", "R001", False)]
    assert world.sent() == []
    world.take(read_object(note("1.2.3.1", uid="1.2.3.98")))  # said again: nothing new
    assert len(rejected(world)) == 1


def test_nobody_but_the_pacs_that_sends_an_object_has_rejected_it_before(
    world: ReadingWorld,
) -> None:
    caller = Caller("OTHER", "PACSBRIDGE", "127.0.0.2", "elsewhere")
    world.take(read_object(note("1.2.3.1")), caller=caller)
    world.take(a_read_object(breasts=both_decided()))
    assert (world.settle(), rejected(world)) == ("closed", [])


def test_what_was_rejected_before_it_came_and_names_nobody_is_asked_of_who_claims_it(
    world: ReadingWorld,
) -> None:
    world.take(read_object(note("1.2.3.1")))
    world.take(a_read_object(observer=Observer(), breasts=both_decided()))
    assert [e.detail["reader"] for e in rejected(world)] == [""]
    give(world, "1.2.3.1", "R001", observer=Observer())
    assert world.settle() == "asked"
    assert len(rejected(world)) == 1


def test_a_part_of_an_object_that_was_rejected_before_it_came_is_rejected_too(
    world: ReadingWorld,
) -> None:
    world.take(read_object(note("1.2.3.1")))
    share = Share(Observer(login="mjones"), (a_mark(),), both_decided())
    read = a_read_object(breasts=both_decided(), others=(share,))
    world.take(read)
    for uid in [args[0] for job, args in world.jobs.jobs if job == "extract"]:
        extract_object(
            uid, begin=world.begin, archive=PathArchive(), read_file=lambda _: read,  # type: ignore[arg-type]
            now=world.clock, settle=SETTLE,
        )  # fmt: skip
    assert [world.settle("R001"), world.settle("R002")] == ["asked", "asked"]
    assert sorted(e.detail["reader"] for e in rejected(world)) == ["R001", "R002"]


def rejected(world: ReadingWorld) -> list[Any]:
    return events(world, "object-rejected")


def test_what_a_deleted_report_had_replaced_is_asked_about_and_never_gone_in_silence(
    world: ReadingWorld,
) -> None:
    world.take(a_read_object("1.2.3.1", breasts=both_decided()))
    other = a_mark(points=((300.0, 40.0),), centre=(300.0, 40.0))
    world.take(
        a_read_object("1.2.3.2", marks=(other,), breasts=both_decided(), predecessors=("1.2.3.1",))
    )
    assert [m.state for m in world.receipt().marks] == ["dropped", "read"]
    world.take(read_object(note("1.2.3.2")))
    assert [m.state for m in world.receipt().marks] == ["asked", "asked"]
    assert world.settle() == "asked"


def test_a_note_that_came_after_the_round_changes_nothing_whatever_is_looked_into_later(
    world: ReadingWorld,
) -> None:
    scored(world)
    with world.begin() as uow:
        opened = uow.rounds.find("PERFORMS121")
        assert opened is not None
        uow.rounds.put(Round("PERFORMS121", opened.opens_at, world.clock()))
    world.take(read_object(note("1.2.3.1")))
    assert [e.detail["late"] for e in rejected(world)] == [True]
    with world.begin() as uow:
        look_again(uow, ["1.2.3.1"], "again", world.clock(), SETTLE)
    read = a_read_object(breasts=both_decided())
    extract_object(
        "1.2.3.1", begin=world.begin, archive=PathArchive(), read_file=lambda _: read,  # type: ignore[arg-type]
        now=world.clock, settle=SETTLE,
    )  # fmt: skip
    assert world.settle() == "closed"
    assert [m.state for m in world.receipt().marks] == ["read"]
    assert len(world.sent()) == 1
