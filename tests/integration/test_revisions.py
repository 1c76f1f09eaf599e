"""What a later save, a late one and the end of a round make of a reading, over a database."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.receipts import MarkState
from pacs_bridge.services.close import end_rounds
from pacs_bridge.services.extend import extend_reader
from pacs_bridge.services.pacs_change import Changes, change_pacs
from pacs_bridge.services.people import open_round
from pacs_bridge.sr.site_words import site_words
from tests.builders import a_mark, a_read_object, both_decided
from tests.reading_world import ReadingWorld

OTHER = a_mark(points=((300.0, 400.0),), centre=(300.0, 400.0))


@pytest.fixture
def world(database) -> ReadingWorld:
    return ReadingWorld(database)


def saves_whole(world) -> None:
    with world.begin() as uow:
        profile = replace(uow.profiles.get("hospital"), saves_whole=True)
        uow.profiles.put("hospital", profile, world.clock())


def states(world):
    return [mark.state for mark in world.receipt().marks]


def test_new_strokes_in_a_later_save_come_beside_the_old_ones(world):
    world.take(a_read_object("1.2.3.1"))
    world.take(a_read_object("1.2.3.2", marks=(OTHER,)))
    assert world.settle() == "closed"
    assert [len(sent["marks"]) for sent in world.sent()] == [2]


def test_a_mark_that_a_whole_save_no_longer_holds_is_asked_about(world):
    saves_whole(world)
    world.take(a_read_object("1.2.3.1", marks=(a_mark(), OTHER)))
    world.take(a_read_object("1.2.3.2", marks=(OTHER,)))
    first, second = world.receipt().marks
    assert (first.state, second.state) == (MarkState.ASKED, MarkState.READ)
    assert first.question == (
        "You drew a mark on R CC, and your last save does not hold it any more: do you still "
        "mean it?"
    )
    assert world.settle() == "asked"
    world.answer(first.key, "drop")
    assert world.settle() == "closed"
    assert [mark["points"] for mark in world.sent()[0]["marks"]] == [[[300.0, 400.0]]]


def test_a_save_without_marks_takes_none_away(world):
    saves_whole(world)
    world.take(a_read_object("1.2.3.1"))
    assert world.take(a_read_object("1.2.3.2", marks=(), breasts=())) == "parked"
    assert states(world) == [MarkState.READ]


def test_a_report_that_names_its_predecessor_replaces_it_in_plain_sight(world):
    world.take(a_read_object("1.2.3.1", kind="measurement-report", marks=(a_mark(), OTHER)))
    world.take(
        a_read_object(
            "1.2.3.2", kind="measurement-report", marks=(OTHER,), predecessors=("1.2.3.1",)
        )
    )
    assert states(world) == [MarkState.DROPPED, MarkState.READ]
    assert world.settle() == "closed"
    assert len(world.sent()[0]["marks"]) == 1


def test_another_readers_report_replaces_nothing(world):
    world.take(a_read_object("1.2.3.1"))
    theirs = replace(a_read_object().observer, login="mjones")
    world.take(a_read_object("1.2.3.2", observer=theirs, marks=(OTHER,), predecessors=("1.2.3.1",)))
    assert states(world) == [MarkState.READ]
    assert [mark.points for mark in world.receipt("R002").marks] == [OTHER.points]


def test_the_clock_of_a_workstation_orders_its_saves_with_a_time_zone_or_without(world):
    for number, minute, decision in (("1", 9, "RECALL"), ("2", 5, "RTS")):
        made = datetime(2026, 11, 22, 12, minute)  # noqa: DTZ001  as objects give it
        breasts = both_decided(decision)
        read = a_read_object(f"1.2.3.{number}", observed_at=made, breasts=breasts)
        assert world.take(read) == "read"
    assert world.receipt().breasts[0].decision == "RECALL"


def test_two_decisions_of_one_moment_are_asked_about(world):
    for number, decision in (("1", "RTS"), ("2", "RECALL")):
        world.take(
            a_read_object(
                f"1.2.3.{number}", observed_at=world.clock(), breasts=both_decided(decision)
            )
        )
    (question,) = world.receipt().questions
    assert "return to screening and recall" in question
    assert world.settle() == "asked"
    world.decide("R", "RECALL")
    assert world.settle() == "closed"


def test_an_object_after_the_round_is_kept_and_told_and_not_scored(world):
    world.take(a_read_object("1.2.3.1"))
    world.settle()
    world.clock.pass_(timedelta(days=31).total_seconds())
    assert world.take(a_read_object("1.2.3.2", marks=(OTHER,))) == "read"
    receipt = world.receipt()
    assert (receipt.late, len(receipt.marks), receipt.state) == (1, 1, "closed")
    assert len(world.sent()) == 1
    with world.begin() as uow:
        (event,) = uow.events.newest(kind="object-late")
    assert event.subject == "1.2.3.2"


def test_a_reader_who_has_longer_is_not_late(world):
    with world.begin() as uow:
        uow.enrolments.extend("PERFORMS121", "R001", world.clock() + timedelta(days=60))
    world.clock.pass_(timedelta(days=31).total_seconds())
    world.take(a_read_object())
    assert world.receipt().late == 0
    assert world.settle() == "closed"


def test_at_the_end_of_the_round_a_reading_closes_without_what_was_not_confirmed(world):
    unsure = replace(OTHER, flags=("inferred-text",))
    world.take(a_read_object(marks=(a_mark(), unsure)))
    assert world.settle() == "asked"
    assert end_rounds(begin=world.begin, now=world.clock) == 0
    world.clock.pass_(timedelta(days=31).total_seconds())
    assert end_rounds(begin=world.begin, now=world.clock) == 1
    assert [len(sent["marks"]) for sent in world.sent()] == [1]
    assert world.receipt().marks[1].question == (
        "It was not confirmed before the round ended, and does not count."
    )
    with world.begin() as uow:
        (event,) = uow.events.newest(kind="reading-ended")
    assert event.detail["left_out"] == 1


def test_a_reading_that_is_not_decided_at_the_end_waits_for_a_person(world):
    world.take(a_read_object(breasts=(BreastDecision("R", "RECALL"),)))
    world.clock.pass_(timedelta(days=31).total_seconds())
    end_rounds(begin=world.begin, now=world.clock)
    assert (world.reading().state, world.sent()) == ("parked", [])


@pytest.mark.parametrize(
    ("text", "flags", "question"),
    [
        (
            "M4",
            (),
            "You wrote “M4” (R CC), and we see no drawing that belongs to it: is it a mark?",
        ),
        ("xyzzy", (), "We did not understand your note “xyzzy” (R CC): what do you mean by it?"),
        (
            "recall",
            ("side-not-said",),
            "You wrote “recall” and named no breast: decide each breast below.",
        ),
    ],
)  # fmt: skip
def test_a_text_that_says_no_mark_is_asked_about(world, text, flags, question):
    note = a_mark(shape="TEXT", text=text, flags=flags, rating=None)
    world.take(a_read_object(marks=(a_mark(), note)))
    assert world.receipt().marks[1].question == question
    assert world.settle() == "asked"


def test_a_decision_in_words_asks_nothing(world):
    note = a_mark(
        shape="TEXT", text="R RECALL M4", flags=("unplaced-text",), points=(), rating=None
    )
    world.take(a_read_object(marks=(a_mark(), note)))
    assert world.settle() == "closed"


def test_an_object_that_could_not_be_read_holds_its_reading(world):
    world.take(a_read_object("1.2.3.1"))
    refused = "Some graphics have broken coordinates; draw them again."
    assert world.take(a_read_object("1.2.3.2", marks=(), breasts=(), refused=refused)) == "read"
    lost = world.receipt().marks[1]
    assert (lost.state, lost.text) == (MarkState.ASKED, refused)
    assert world.settle() == "asked"
    world.answer(lost.key, "confirm")
    assert world.settle() == "closed"


def test_what_a_letter_means_is_decided_by_the_words_of_its_pacs(world):
    note = a_mark(shape="TEXT", text="nearly OKAY", points=(), rating=None)
    world.words["hospital"] = site_words({"findings": {"OKAY": "mass"}})
    world.take(a_read_object(marks=(a_mark(), note)))
    assert world.receipt().marks[1].question.startswith("You wrote “nearly OKAY” (R CC), and ")


def test_a_viewer_that_saves_anew_is_found_out_on_the_practice_case(world):
    practice = {"referenced_images": ("1.2.1.4.1",), "referenced_studies": ("1.2.1.1",)}
    mark = a_mark(image="1.2.1.4.1")
    for number in "12":
        read = a_read_object(f"1.2.3.{number}", marks=(mark,), **practice)
        world.take(read, accession="PERFORMS121001")
        with world.begin() as uow:
            assert uow.profiles.get("hospital").saves_whole is (True if number == "2" else None)
    world.take(a_read_object("1.2.3.3", marks=(a_mark(),)))
    world.take(a_read_object("1.2.3.4", marks=(OTHER,)))
    assert states(world) == [MarkState.ASKED, MarkState.READ]


@pytest.mark.parametrize(("resave", "state"), [("whole", "asked"), ("beside", "closed")])
def test_how_viewers_save_may_be_said_of_a_pacs(world, resave, state):
    world.take(a_read_object("1.2.3.1", marks=(a_mark(), OTHER)))
    world.take(a_read_object("1.2.3.2", marks=(OTHER,)))
    assert world.settle() == "asked"
    endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ("store", "query", "calls-from"))
    with world.begin() as uow:
        uow.pacs.put(Pacs("hospital", (endpoint,), plain=True), world.clock())
    change_pacs("hospital", Changes(resave=resave), begin=world.begin, now=world.clock)
    assert world.jobs.jobs[-1] == ("close", ("PERFORMS121101-R001",))
    assert world.settle() == state
    with pytest.raises(RefusedInput, match="say which"):
        change_pacs("hospital", Changes(resave="often"), begin=world.begin, now=world.clock)


@pytest.mark.parametrize("whom", ["one", "all"])
def test_what_came_late_counts_once_its_reader_has_longer(world, whom):
    world.take(a_read_object("1.2.3.1", breasts=(BreastDecision("R", "RECALL"),)))
    world.clock.pass_(timedelta(days=31).total_seconds())
    end_rounds(begin=world.begin, now=world.clock)
    world.take(a_read_object("1.2.3.2", marks=(OTHER,)))
    other = {"referenced_images": ("1.2.102.4.1",), "referenced_studies": ("1.2.102.1",)}
    mark = a_mark(image="1.2.102.4.1")
    world.take(a_read_object("1.2.3.3", marks=(mark,), **other), accession="PERFORMS121102")
    assert (world.reading().state, world.receipt().late) == ("parked", 1)
    until = world.clock() + timedelta(days=9)
    ports = {"begin": world.begin, "now": world.clock, "settle": 60.0}
    if whom == "one":
        with pytest.raises(RefusedInput, match="later end"):
            extend_reader("PERFORMS121", "R001", until - timedelta(days=30), **ports)
        assert extend_reader("PERFORMS121", "R001", until, **ports).extended_to == until
    else:
        opened = until - timedelta(days=40)
        open_round(
            "PERFORMS121", opens_at=opened, closes_at=until, release=lambda: 0, **ports
        )  # fmt: skip
    assert [job for job, _ in world.jobs.jobs[-2:]] == ["close", "close"]
    assert world.settle() == "closed"
    assert world.settle(case="PERFORMS121102") == "closed"
    assert sorted(len(sent["marks"]) for sent in world.sent()) == [1, 2]
