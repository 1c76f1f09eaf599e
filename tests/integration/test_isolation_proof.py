"""Proving step by step that a PACS keeps readers apart; and one reader at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.exposure import CAD
from pacs_bridge.domain.isolation import CHANGED
from pacs_bridge.domain.marks import Observer
from pacs_bridge.domain.pacs import Endpoint, Isolation
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.pulling import HeldMark
from pacs_bridge.services.isolation import (
    IsolationNow,
    say_what_was_seen,
    show_isolation,
    take_back,
)
from pacs_bridge.services.isolation_ask import ask_isolation
from pacs_bridge.services.receipts import list_receipts, show_receipt
from pacs_bridge.services.turns import show_turns
from tests.builders import a_read_object, both_decided
from tests.databases import TestDatabase
from tests.isolation import proven
from tests.isolation_world import SET, Saved, Unit


def ask(unit: Unit, **more: Any) -> IsolationNow:
    return ask_isolation(
        "hospital", begin=unit.begin, finder=unit.pacs, retriever=unit.pacs, now=unit.clock, **more
    )


def seen(unit: Unit, second: str = "R002", *, saw_none: bool = True) -> IsolationNow:
    return say_what_was_seen(
        "hospital", second, "Room 1", typed="", saw_none=saw_none, begin=unit.begin, now=unit.clock
    )


def shown(unit: Unit) -> IsolationNow:
    return show_isolation("hospital", begin=unit.begin, now=unit.clock)


def practise(unit: Unit, reader: str = "R001", copy: int | None = None) -> Any:
    """Let a reader draw on the practice case, and the mark come to us."""
    one = unit.save(reader, 1, copy=copy, login=f"own-{reader}")
    unit.arrive(one)
    return one


def unshared(database: TestDatabase, mode: Isolation) -> Unit:
    unit = Unit(database, mode, claims_it=False)
    with unit.begin() as uow:
        uow.logins.unshare("hospital", "breastunit")
    return unit


def test_private_takes_a_mark_that_came_and_a_second_person_who_saw_none(
    database: TestDatabase,
) -> None:
    unit = unshared(database, Isolation.PRIVATE)
    assert shown(unit).standing.effective is Isolation.SHEET
    with pytest.raises(RefusedInput, match="proves nothing"):
        seen(unit)
    assert "none has come yet" in ask(unit).facts[0].detail
    practise(unit)
    asked = ask(unit)
    assert [fact.works for fact in asked.facts] == [True, True, True]
    assert "only the viewer can hide it" in asked.facts[1].detail
    assert not asked.standing.is_proven  # that DICOM shows it says nothing about the viewer
    with pytest.raises(RefusedInput, match="not the one who drew"):
        seen(unit, "R001")
    done = seen(unit)
    assert done.standing.effective is Isolation.PRIVATE
    assert done.as_dict()["proven"] is True
    assert unit.way("R001").way == "native"  # type: ignore[union-attr]


def test_marks_that_the_second_person_saw_undo_it(database: TestDatabase) -> None:
    unit = unshared(database, Isolation.PRIVATE)
    practise(unit)
    ask(unit)
    assert seen(unit).standing.is_proven
    assert not seen(unit, saw_none=False).standing.is_proven
    assert unit.way("R001").way == "sheet"  # type: ignore[union-attr]


def test_copies_take_two_copies_of_which_one_holds_the_mark(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.COPIES, claims_it=False)
    practise(unit, copy=1)
    assert ask(unit).standing.effective is Isolation.COPIES


def test_a_pacs_that_shows_the_mark_on_another_copy_keeps_nobody_apart(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.COPIES, claims_it=False)
    mark = practise(unit, copy=1).mark
    other = unit.case(1, 2).studies[0].study_instance_uid
    unit.pacs.held.append(
        HeldMark(other, mark.series_instance_uid, mark.sop_instance_uid, mark.sop_class_uid,
                 modality="PR")
    )  # fmt: skip
    asked = ask(unit)
    assert not asked.standing.is_proven
    assert any("shows it there, too" in fact.detail for fact in asked.facts)


@pytest.mark.parametrize("by_note", [True, False])
def test_sequential_takes_marks_that_were_there_and_have_gone(
    database: TestDatabase, by_note: bool
) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL, claims_it=False)
    one = practise(unit)
    unit.claim_own("R001")
    assert not ask(unit).standing.is_proven
    if by_note:
        assert ask(unit, reject=unit.pacs.reject).standing.is_proven
        assert unit.pacs.rejected == [one.mark.sop_instance_uid]
    else:
        unit.remove(one)
        assert ask(unit).standing.is_proven


def test_what_is_not_answered_has_not_gone(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL, claims_it=False)
    one = practise(unit)
    unit.claim_own("R001")
    ask(unit)
    unit.remove(one)
    unit.pacs.silent = True
    assert not ask(unit).standing.is_proven
    unit.pacs.silent = False
    assert ask(unit).standing.is_proven


def test_a_proof_is_lost_by_a_change_of_the_pacs_and_by_a_persons_word(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.COPIES)
    assert shown(unit).standing.is_proven
    assert not take_back("hospital", "A colleague's marks showed.", begin=unit.begin,
                         now=unit.clock).standing.is_proven  # fmt: skip
    with unit.begin() as uow:
        assert uow.events.newest(kind="isolation-lost")
        for each in proven(uow.pacs.get("hospital"), unit.clock()):
            uow.isolation.add(each)
    assert shown(unit).standing.is_proven
    moved = replace(endpoint_of(unit), port=11104)
    with unit.begin() as uow:
        uow.pacs.put(replace(uow.pacs.get("hospital"), endpoints=(moved,)), unit.clock())
    now = shown(unit)
    assert now.standing.why == CHANGED
    assert now.next.startswith("Load a copy")


def endpoint_of(unit: Unit) -> Endpoint:
    with unit.begin() as uow:
        return uow.pacs.get("hospital").endpoints[0]


def test_readers_take_turns_and_none_begins_before_the_marks_have_gone(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    assert (unit.way("R001").way, unit.way("R002")) == ("native", None)  # type: ignore[union-attr]
    one = unit.save("R001", 101)
    unit.finish("R001")
    unit.clear()
    turn = show_turns("hospital", SET, begin=unit.begin).turn
    assert turn is not None
    assert turn.left == {f"{SET}101": "1 object still there"}
    [mail] = [m for m in unit.mails("it@north.example") if "remove" in m.subject]
    assert one.mark.sop_instance_uid in mail.body
    unit.remove(one)
    unit.pacs.silent = True
    unit.clear()
    assert unit.way("R002") is None  # no answer is no proof
    unit.pacs.silent = False
    unit.clear()
    assert unit.way("R002").way == "native"  # type: ignore[union-attr]
    assert unit.way("R001").way == "wait"  # type: ignore[union-attr]
    assert [m.subject for m in unit.mails("r002@north.example")] == [
        f"{SET}: it is your turn to read"
    ]


def test_who_waits_is_told_that_another_reads_and_since_when_and_no_name(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    with unit.begin() as uow:
        uow.enrolments.release(SET, "R002", unit.clock())  # from before one read at a time
    (words,) = list_receipts("R002", SET, begin=unit.begin, now=unit.clock).notes
    assert words.startswith("Not yet: another reader is reading in your PACS since ")
    assert "R001" not in words


def test_the_contact_hands_a_forgotten_turn_on(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    unit.hand_on()
    unit.clear()
    assert unit.way("R002").way == "native"  # type: ignore[union-attr]


def test_the_contact_names_who_is_next_and_the_order_goes_on_after_that(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    with unit.begin() as uow:
        uow.readers.add("R003", unit.clock())
        uow.enrolments.put(Enrolment(SET, "R003", "north", consent=True))
    one = unit.save("R001", 101)
    unit.hand_on(to="R003")
    assert (unit.way("R002"), unit.way("R003")) == (None, None)  # the marks are there
    unit.remove(one)
    unit.clear()
    now = show_turns("hospital", SET, begin=unit.begin)
    assert (now.turn and now.turn.reader, now.waiting, now.named) == ("R003", ("R002",), "")
    unit.hand_on(to="R001")  # for another turn
    unit.hand_on(to="R001")
    unit.clear()
    assert unit.way("R001").way == "native"  # type: ignore[union-attr]
    unit.hand_on()
    unit.clear()
    assert unit.way("R002").way == "native"  # type: ignore[union-attr]
    with unit.begin() as uow:
        named = [(e.subject, e.detail["set"]) for e in uow.events.newest(kind="turn-named")]
    assert named == [("R001", SET), ("R003", SET)]
    unit.hand_on()
    unit.clear()
    assert show_turns("hospital", SET, begin=unit.begin).turn is None
    unit.hand_on(to="R003")  # nobody has the turn: whoever is named begins
    assert unit.way("R003").way == "native"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reader", "why"),
    [
        ("R001", "has the turn just now"),
        ("R009", "name one of R001, R002, R003"),
        ("R003", "has not consented yet"),
    ],
)
def test_nobody_is_named_who_cannot_have_the_turn(
    database: TestDatabase, reader: str, why: str
) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    with unit.begin() as uow:
        uow.readers.add("R003", unit.clock())
        uow.enrolments.put(Enrolment(SET, "R003", "north"))
    with pytest.raises(RefusedInput, match=why):
        unit.hand_on(to=reader)
    assert show_turns("hospital", SET, begin=unit.begin).named == ""


def test_where_readers_take_no_turns_nobody_is_named(database: TestDatabase) -> None:
    with pytest.raises(RefusedInput, match="do not take turns"):
        Unit(database, Isolation.COPIES).hand_on(to="R002")


def test_where_notes_work_the_marks_of_a_turn_are_rejected(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.SEQUENTIAL)
    with unit.begin() as uow:
        uow.proofs.put("hospital", "rejection", {"works": True}, unit.clock())
    one = unit.save("R001", 101)
    unit.finish("R001")
    unit.clear()
    assert unit.pacs.rejected == [one.mark.sop_instance_uid]
    assert unit.way("R002").way == "native"  # type: ignore[union-attr]


def an_ai_report(unit: Unit, number: int = 101) -> HeldMark:
    study = unit.case(number, 0).studies[0].study_instance_uid
    sop_class = min(CAD)
    mark = HeldMark(study, "1.2.88.7", f"1.2.88.{number}", sop_class, modality="SR")
    unit.pacs.held.append(mark)
    return mark


def test_a_report_of_an_ai_flags_every_reader_who_has_not_decided_and_tells_the_contact_once(
    database: TestDatabase,
) -> None:
    unit = unshared(database, Isolation.SHEET)
    for side in "RL":
        unit.decide_breast("R001", 101, side)
    unit.work()
    unit.clock.pass_(60)
    an_ai_report(unit)
    assert unit.watch().flagged == (f"{SET}101-R002",)  # R001 had decided before
    an_ai_report(unit, 102)
    assert set(unit.watch().flagged) == {f"{SET}102-R001", f"{SET}102-R002"}
    mails = [m for m in unit.mails("it@north.example") if "beside" in m.subject]
    assert len(mails) == 1
    assert f"exclude {SET}* from that rule" in mails[0].body
    receipt = show_receipt("R002", f"{SET}101", begin=unit.begin, now=unit.clock)
    assert "a report of a CAD or AI program lay beside its images" in receipt.exposed


def test_a_decision_after_an_object_came_is_flagged_though_it_was_looked_for_later(
    database: TestDatabase,
) -> None:
    unit = unshared(database, Isolation.SHEET)
    mark = an_ai_report(unit)
    unit.reads[mark.sop_instance_uid] = a_read_object(
        mark.sop_instance_uid, observer=Observer(device="AI"), breasts=both_decided()
    )
    unit.arrive(Saved("AI", mark, f"{SET}101"))
    unit.clock.pass_(60)
    for side in "RL":
        unit.decide_breast("R001", 101, side)
    unit.work()
    unit.pacs.held.clear()  # and it was gone again before anybody asked
    assert f"{SET}101-R001" in unit.watch().flagged
    sent = unit.sent()
    assert [(each["revision"], each.get("exposed", False)) for each in sent] == [
        (1, False),
        (2, True),
    ]


def test_a_readers_own_marks_flag_nobody_where_they_are_hidden(database: TestDatabase) -> None:
    unit = Unit(database, Isolation.PRIVATE)
    with unit.begin() as uow:
        uow.logins.unshare("hospital", "breastunit")
    for reader in ("R001", "R002"):
        unit.arrive(unit.save(reader, 101, login=f"own-{reader}"))
    assert unit.watch().flagged == ()


def test_marks_that_lie_there_and_do_not_come_are_fetched_to_know_whose_they_are(
    database: TestDatabase,
) -> None:
    unit = Unit(database, Isolation.COPIES)
    unit.save("R001", 101)
    assert unit.watch().unclear == 1
    assert ("pull_marks", ("hospital",)) not in database.jobs.jobs
    unit.clock.pass_(600)
    assert unit.watch().flagged == ()
    assert database.jobs.jobs.count(("pull_marks", ("hospital",))) == 1
    unit.watch()
    assert database.jobs.jobs.count(("pull_marks", ("hospital",))) == 1
