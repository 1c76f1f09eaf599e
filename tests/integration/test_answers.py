"""What a reader answers on our page, over a real database."""

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.marks import NEEDS_CONFIRMATION, BreastDecision
from pacs_bridge.domain.receipts import MarkState
from tests.builders import a_mark, a_read_object, both_decided
from tests.reading_world import CASE, ReadingWorld


@pytest.fixture
def world(database) -> ReadingWorld:
    return ReadingWorld(database)


def asked(world, **changes):
    """A case with one mark that carries a flag."""
    world.take(a_read_object(marks=(a_mark(flags=("inferred-text",), **changes),)))
    (mark,) = world.receipt().marks
    return mark


def test_what_carries_a_flag_is_asked_and_not_scored(world):
    mark = asked(world, text="M4")
    assert (mark.state, mark.question) == (
        MarkState.ASKED,
        "Does your note “M4” belong to the mark on R CC?",
    )
    assert world.settle() == "asked"
    assert (world.receipt().state, world.sent()) == ("asked", [])


def test_a_confirmed_mark_goes_to_scoring(world):
    receipt = world.answer(asked(world).key, "confirm")
    assert [mark.state for mark in receipt.marks] == [MarkState.CONFIRMED]
    assert world.settle() == "closed"
    assert [len(sent["marks"]) for sent in world.sent()] == [1]


def test_a_mark_taken_back_goes_nowhere(world):
    world.answer(asked(world).key, "drop")
    assert world.settle() == "closed"
    assert [sent["marks"] for sent in world.sent()] == [[]]


def test_a_mended_mark_goes_to_scoring_as_it_was_mended(world):
    receipt = world.answer(asked(world).key, "mend", rating=5, finding="ill-defined mass")
    assert receipt.marks[0].words == "R CC, ill-defined mass, 5"
    world.settle()
    assert [mark["rating"] for mark in world.sent()[0]["marks"]] == [5]


def test_a_confirmed_bitmap_counts(world):
    box = ((10.0, 10.0), (20.0, 30.0))
    blob = a_mark(shape="BITMAP", points=box, centre=(15.0, 20.0), flags=(NEEDS_CONFIRMATION,))
    world.take(a_read_object(marks=(blob,)))
    (mark,) = world.receipt().marks
    assert mark.state is MarkState.ASKED
    world.answer(mark.key, "confirm")
    assert world.settle() == "closed"
    assert [mark["shape"] for mark in world.sent()[0]["marks"]] == ["BITMAP"]


def test_an_answer_holds_until_the_mark_reads_otherwise(world):
    key = asked(world, rating=3).key
    world.answer(key, "confirm")
    changed = a_mark(flags=("inferred-text",), rating=5)
    world.take(a_read_object("1.2.3.2", marks=(changed,)))
    (mark,) = world.receipt().marks
    assert (mark.key, mark.state) == (key, MarkState.ASKED)


def test_the_same_answer_twice_is_one_answer(world):
    key = asked(world).key
    world.answer(key, "confirm", token="t1")
    world.answer(key, "confirm", token="t1")
    with world.begin() as uow:
        assert len(uow.answers.of_reading(f"{CASE}-R001")) == 1
    assert [job for job, _ in world.jobs.jobs].count("close") == 2  # the object's and the answer's


def test_an_answer_after_scoring_makes_a_new_revision(world):
    world.take(a_read_object())
    assert world.settle() == "closed"
    world.answer(world.receipt().marks[0].key, "mend", rating=2)
    assert world.settle() == "closed"
    assert [(s["revision"], s["marks"][0]["rating"]) for s in world.sent()] == [(1, 4), (2, 2)]


def test_a_case_is_read_wholly_on_our_sheet(world):
    world.place(rating=4, finding="mass")
    world.decide("R", "RECALL", rating=4)
    receipt = world.decide("L", "RTS")
    assert (receipt.state, receipt.questions) == ("open", ())
    assert world.settle() == "closed"
    (sent,) = world.sent()
    assert [mark["points"] for mark in sent["marks"]] == [[[50.0, 60.0]]]
    assert [b["decision"] for b in sent["breasts"]] == ["RECALL", "RTS"]


def test_a_mark_that_is_drawn_and_on_the_sheet_is_one_mark(world):
    world.take(a_read_object())
    receipt = world.place(points=[(100.4, 200.4)], rating=4)
    assert [(mark.state, mark.sources) for mark in receipt.marks] == [
        (MarkState.PLACED, ("presentation-state", "sheet"))
    ]


def test_a_mark_of_the_sheet_may_be_taken_back(world):
    receipt = world.place()
    receipt = world.answer(receipt.marks[0].key, "drop")
    assert [mark.state for mark in receipt.marks] == [MarkState.DROPPED]


def test_a_breast_without_decision_is_asked_for(world):
    world.take(a_read_object(breasts=(BreastDecision("R", "RECALL"),)))
    assert world.receipt().questions == ("What do you decide of the left breast?",)
    assert world.settle() == "open"


def test_silence_is_never_normal(world):
    assert world.receipt().state == "unread"
    assert [line.state for line in world.list().lines] == ["unread"] * 3
    assert world.settle() == "open"
    assert world.sent() == []


def test_a_case_declared_normal_returns_both_breasts(world):
    world.normal()
    assert world.settle() == "closed"
    assert world.sent()[0]["breasts"] == [
        {"laterality": side, "decision": "RTS", "rating": None, "density": None} for side in "RL"
    ]


def test_a_case_with_marks_is_not_declared_normal(world):
    world.take(a_read_object())
    with pytest.raises(RefusedInput, match="take them back"):
        world.normal()


def test_the_rest_is_normal_only_where_exactly_the_unread_cases_are_named(world):
    world.take(a_read_object())
    assert world.list().unread == ("PERFORMS121001", "PERFORMS121102")
    for wrong in ([], ["PERFORMS121102"], ["PERFORMS121001", "PERFORMS121101", "PERFORMS121102"]):
        with pytest.raises(RefusedInput, match="look at it again"):
            world.rest_normal(wrong)
    assert world.rest_normal(["PERFORMS121001", "PERFORMS121102"], token="end") == 2
    assert world.rest_normal(["PERFORMS121001", "PERFORMS121102"], token="end") == 2
    assert world.list().unread == ()
    assert world.settle(case="PERFORMS121102") == "closed"
    assert world.settle(case="PERFORMS121001") == "kept"


def test_nobody_is_shown_or_answers_another_readers_case(world):
    mark = asked(world)
    assert world.receipt("R002").state == "unread"
    assert world.receipt("R002").marks == ()
    with pytest.raises(NotFound):
        world.answer(mark.key, "confirm", reader="R002")
    for reader, case in (("R003", CASE), ("R001", "PERFORMS12110105"), ("R001", "nonsense")):
        with pytest.raises(NotFound, match="You do not read"):
            world.receipt(reader, case)


@pytest.mark.parametrize(
    "changes",
    [{"image": "1.2.102.4.1"}, {"image": "1.2.3"}, {"points": [(500.0, 10.0)]}, {"points": []},
     {"rating": 6}, {"finding": "dragon"}, {"shape": "TEXT"}],
    ids=["another case", "no image", "outside", "no point", "rating", "finding", "shape"],
)  # fmt: skip
def test_a_mark_that_cannot_be_is_not_put_on_the_sheet(world, changes):
    with pytest.raises(RefusedInput):
        world.place(**changes)
    assert world.receipt().state == "unread"


def test_what_a_reader_decides_here_stands_until_the_viewer_says_otherwise(world):
    world.take(a_read_object(breasts=both_decided("RTS")))
    world.decide("R", "RECALL")
    world.take(a_read_object("1.2.3.2", breasts=both_decided("RTS")))
    assert world.receipt().breasts[0].decision == "RECALL"
    world.take(a_read_object("1.2.3.3", breasts=both_decided("TECH")))
    assert "your viewer says technical recall" in world.receipt().questions[0]
    assert world.settle() == "asked"


def test_a_mark_put_twice_at_one_place_of_the_sheet_is_one_mark_and_says_what_was_said_last(world):
    world.take(a_read_object(breasts=both_decided()))
    for rating in (4, 2):
        world.place(points=[(100.0, 200.5)], rating=rating)  # where one is drawn, too
        world.place(points=[(300.0, 200.0)], rating=rating)
    assert [m.centre for m in world.receipt().marks] == [(100.0, 200.0), (300.0, 200.0)]
    key = world.receipt().marks[1].key
    world.answer(key, "drop")
    world.place(points=[(300.0, 200.0)], rating=5)
    assert [m.state for m in world.receipt().marks][1:] == ["placed"]


def test_a_mark_that_comes_after_the_case_was_said_to_be_normal_is_asked_about(world):
    world.normal()
    world.take(a_read_object(breasts=()))  # it was on its way
    assert world.settle() == "asked"
    assert ["on the right breast" in each for each in world.receipt().questions] == [True]
    assert [b.decision for b in world.receipt().breasts] == ["RTS"]
    world.decide("R", "RECALL")
    assert world.settle() == "closed"
    (sent,) = world.sent()
    assert [b["decision"] for b in sent["breasts"]] == ["RECALL", "RTS"]


def test_a_mark_taken_back_after_that_leaves_the_case_normal(world):
    world.normal()
    world.take(a_read_object(breasts=()))
    world.answer(world.receipt().marks[0].key, "drop")
    assert (world.settle(), world.sent()[0]["marks"]) == ("closed", [])
