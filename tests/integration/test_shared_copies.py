"""What lies on a reader's own copy under a shared log-in counts once its reader says so."""

from __future__ import annotations

from typing import Any

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.receipts import Receipt
from pacs_bridge.services import answers
from pacs_bridge.services.logins import set_logins
from pacs_bridge.services.own_saves import state_own
from pacs_bridge.services.receipts import show_receipt
from tests.databases import TestDatabase
from tests.isolation_world import SET, SETTLE, SHARED, Unit

CASE = f"{SET}101"


@pytest.fixture
def unit(database: TestDatabase) -> Unit:
    return Unit(database, Isolation.COPIES)


def saved(unit: Unit, author: str = "R001", on: int = 1, login: str = SHARED) -> str:
    """Let somebody save on a copy, and let it settle; gives the object."""
    one = unit.save(author, 101, copy=on, login=login)
    unit.arrive(one)
    settle(unit)
    return one.mark.sop_instance_uid


def settle(unit: Unit) -> None:
    unit.clock.pass_(SETTLE)
    unit.work()


def receipt(unit: Unit, reader: str = "R001") -> Receipt:
    return show_receipt(reader, CASE, begin=unit.begin, now=unit.clock)


def say(unit: Unit, *, mine: bool, reader: str = "R001") -> int:
    done = state_own(reader, CASE, mine=mine, begin=unit.begin, now=unit.clock, settle=SETTLE)
    settle(unit)
    return done


def logins(unit: Unit, **said: Any) -> None:
    set_logins("hospital", begin=unit.begin, now=unit.clock, settle=SETTLE, **said)
    settle(unit)


def test_marks_and_decisions_are_asked_about_and_nothing_goes_to_scoring(unit: Unit) -> None:
    saved(unit)
    shown = receipt(unit)
    assert (shown.state, shown.unsure) == ("asked", 1)
    assert [m.question.endswith("did you draw it yourself?") for m in shown.marks] == [True]
    assert len([q for q in shown.questions if "a log-in that several people use" in q]) == 2
    assert [b.decision for b in shown.breasts] == []
    assert unit.sent() == []


def test_one_statement_says_it_of_all_that_came_of_the_case(unit: Unit) -> None:
    for _ in range(2):
        saved(unit)
    assert say(unit, mine=True) == 2
    shown = receipt(unit)
    assert (shown.unsure, shown.questions, len(shown.marks)) == (0, (), 2)
    assert not [m for m in shown.marks if "draw it yourself" in m.question]
    with pytest.raises(RefusedInput, match="waits for that any more"):
        say(unit, mine=True)


def test_what_a_reader_disowns_leaves_their_reading_for_an_administrator(unit: Unit) -> None:
    uid = saved(unit, author="R002", on=1)  # a colleague opened the wrong copy
    assert say(unit, mine=False) == 1
    assert receipt(unit).marks == ()
    with unit.begin() as uow:
        (waiting,) = uow.claims.waiting()
        kept = uow.objects.find(uid)
    assert (waiting.object_uid, waiting.claimable) == (uid, False)
    assert kept is not None
    assert (kept.reader, "says that it is not theirs" in kept.reason) == (None, True)
    assert unit.sent() == []
    unit.decide(unit.saved[-1], "R002")
    assert [m.state for m in receipt(unit, "R002").marks] == ["read"]


def test_marks_may_be_answered_one_by_one_and_breasts_decided(unit: Unit) -> None:
    saved(unit)
    (mark,) = receipt(unit).marks
    ports: Any = {"begin": unit.begin, "now": unit.clock, "settle": SETTLE}
    answers.answer_mark("R001", CASE, mark.key, "confirm", **ports)
    for side in "RL":
        answers.decide_breast("R001", CASE, side, "RTS", **ports)
    settle(unit)
    assert [len(each["marks"]) for each in unit.sent()] == [1]
    say(unit, mine=True)  # and what was saved says otherwise of the right breast than the page
    assert "which counts?" in receipt(unit).questions[0]


@pytest.mark.parametrize("login", ["own-R001", "OWN-r001"])
def test_who_names_themselves_is_asked_nothing(unit: Unit, login: str) -> None:
    saved(unit, login=login)
    assert (receipt(unit).unsure, len(unit.sent())) == (0, 1)


def test_where_no_log_in_is_shared_the_copy_tells_whose_it_is(unit: Unit) -> None:
    logins(unit, unshare=[SHARED])
    saved(unit)
    assert (receipt(unit).unsure, len(unit.sent())) == (0, 1)
    logins(unit, share=[SHARED])  # found out later: what was counted is asked about
    assert (receipt(unit).state, receipt(unit).unsure) == ("asked", 1)
    logins(unit, unshare=[SHARED])
    assert (receipt(unit).unsure, len(unit.sent())) == (0, 1)


def test_a_rating_of_somebody_else_perhaps_joins_no_decision(unit: Unit) -> None:
    saved(unit, login="own-R001")
    one = unit.save("R001", 101, copy=1)
    uid = one.mark.sop_instance_uid
    rated = (BreastDecision("R", "RECALL", 5), BreastDecision("L", "RTS"))
    unit.reads[uid] = unit.reads[uid].__class__(**{**vars(unit.reads[uid]), "breasts": rated})
    unit.arrive(one)
    settle(unit)
    assert [b.rating for b in receipt(unit).breasts] == [None, None]
    say(unit, mine=True)
    assert [b.rating for b in receipt(unit).breasts] == [5, None]


def test_nothing_of_a_practice_case_is_asked(unit: Unit) -> None:
    one = unit.save("R001", 1)
    unit.arrive(one)
    shown = show_receipt("R001", f"{SET}001", begin=unit.begin, now=unit.clock)
    assert (shown.unsure, [m.state for m in shown.marks]) == (0, ["read"])
