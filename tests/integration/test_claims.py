"""The claim queue: shown to those whose it may be, moved by a statement, undone by another."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pacs_bridge.domain.claims import Saying
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.services.claim_decisions import waiting_objects
from pacs_bridge.services.close import close_reading
from tests.databases import TestDatabase
from tests.who_world import SET, SETTLE, WhoWorld, an_observer, seed

READING = f"{SET}101"


@pytest.fixture
def world(database: TestDatabase) -> WhoWorld:
    seed(database)
    return WhoWorld(database)


def unnamed(world: WhoWorld, station: str = "MAMMO-WS2") -> str:
    return world.mark(observer=an_observer(None, station=station))


def test_what_names_nobody_waits_and_is_shown_to_both_readers(world: WhoWorld) -> None:
    uid = unnamed(world)
    assert (world.asked("R001"), world.asked("R002")) == ([uid], [uid])
    (group,) = world.claimable("R001").groups
    assert (group.station, group.objects[0].kind) == ("MAMMO-WS2", "presentation-state")


def test_objects_of_one_sitting_are_shown_together_and_others_apart(world: WhoWorld) -> None:
    first = unnamed(world)
    world.clock.pass_(20 * 60)
    second, elsewhere = unnamed(world), unnamed(world, "OTHER-WS")
    world.clock.pass_(3600)
    later = unnamed(world)
    groups = [[w.object_uid for w in each.objects] for each in world.claimable().groups]
    assert groups == [[first, second], [elsewhere], [later]]


def test_a_claim_gives_the_objects_to_the_reader_with_its_statement(world: WhoWorld) -> None:
    uids = [unnamed(world), unnamed(world)]
    assert world.claim(*uids) == 2
    assert [world.owner(uid) for uid in uids] == ["R001", "R001"]
    assert world.in_reading("R001") == uids
    assert (world.asked("R001"), world.asked("R002")) == ([], [])
    with world.begin() as uow:
        (said,) = uow.claims.said_of(uids)[uids[0]]
    assert said.statement == "These 2 objects of 22 Nov 2026 12:00 UTC from MAMMO-WS2 are mine."
    assert world.events("objects-claimed")[0].detail["objects"] == uids


def test_claiming_again_changes_nothing(world: WhoWorld) -> None:
    uid = unnamed(world)
    assert (world.claim(uid), world.claim(uid)) == (1, 0)


def test_what_somebody_claimed_meanwhile_is_refused_with_all_that_was_claimed_beside_it(
    world: WhoWorld,
) -> None:
    one, two = unnamed(world), unnamed(world)
    world.claim(one, reader="R002")
    with pytest.raises(RefusedInput, match="look at the list again"):
        world.claim(one, two, reader="R001")
    assert (world.owner(one), world.owner(two)) == ("R002", None)


def test_nothing_that_names_a_reader_can_be_claimed_by_another(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.readers.set_alias("hospital", "clee", "R001")
    uid = world.mark("clee")
    with pytest.raises(RefusedInput):
        world.claim(uid, reader="R002")
    assert world.owner(uid) == "R001"


def test_a_reader_at_another_hospital_is_asked_about_nothing_here(world: WhoWorld) -> None:
    uid = unnamed(world)
    with world.begin() as uow:
        elsewhere = uow.pacs.get("hospital")
        uow.pacs.put(type(elsewhere)("other", elsewhere.endpoints), world.clock())
        uow.sites.put(Site("south", "other"))
        uow.enrolments.put(Enrolment(SET, "R002", "south", consent=True))
    assert world.asked("R002") == []
    with pytest.raises(RefusedInput):
        world.claim(uid, reader="R002")


def test_a_reader_of_a_copy_is_asked_about_nothing_on_the_master(world: WhoWorld) -> None:
    uid = unnamed(world)
    with world.begin() as uow:
        uow.enrolments.put(Enrolment(SET, "R002", "north", copy=7, consent=True))
    assert world.asked("R002") == []
    assert world.asked("R001") == [uid]


def test_who_is_not_enrolled_is_shown_nothing(world: WhoWorld) -> None:
    with pytest.raises(NotFound):
        world.claimable("R009")


def test_a_practice_case_can_be_claimed_like_any_other(world: WhoWorld) -> None:
    uid = world.draw((1, 0, 0, 0))
    world.claim(uid)
    assert world.in_reading("R001", 1) == [uid]


def test_none_of_these_are_mine_leaves_them_to_others_and_tells_when_nobody_is_left(
    world: WhoWorld,
) -> None:
    uid = unnamed(world)
    assert world.none_of(uid, reader="R001") == 1
    assert (world.asked("R001"), world.asked("R002")) == ([], [uid])
    assert world.events("claim-nobodys") == []
    world.none_of(uid, reader="R002")
    assert [e.subject for e in world.events("claim-nobodys")] == [uid]
    assert world.claim(uid, reader="R001") == 1  # whoever thinks again may


def test_a_dispute_makes_it_nobodys_until_an_administrator_decides(world: WhoWorld) -> None:
    uid = unnamed(world)
    world.claim(uid, reader="R001")
    assert [w.object_uid for g in world.claimable("R002").others for w in g.objects] == [uid]
    world.dispute(uid, reader="R002")
    assert (world.owner(uid), world.in_reading("R001")) == (None, [])
    assert world.reason(uid) == "Two readers say that it is theirs; say whose it is."
    assert (world.asked("R001"), world.asked("R002")) == ([], [])
    world.decide(uid, "R002", because="The rota says so.")
    assert (world.owner(uid), world.in_reading("R002")) == ("R002", [uid])
    with pytest.raises(RefusedInput):
        world.dispute(uid, reader="R001")


def test_the_case_of_anothers_claim_is_not_told_before_it_is_read(world: WhoWorld) -> None:
    uid = unnamed(world)
    world.claim(uid, reader="R001")

    def told() -> list[str]:
        return [
            each.accession for group in world.claimable("R002").others for each in group.objects
        ]

    assert told() == [""]
    world.claim(unnamed(world), reader="R002")
    assert close(world, "R002") == "closed"
    assert told() == [READING]


def test_nobody_disputes_their_own_claim(world: WhoWorld) -> None:
    uid = unnamed(world)
    world.claim(uid, reader="R001")
    with pytest.raises(RefusedInput):
        world.dispute(uid, reader="R001")
    assert world.owner(uid) == "R001"


def test_an_administrator_takes_a_claim_back_and_everybody_is_asked_again(world: WhoWorld) -> None:
    uid = unnamed(world)
    world.claim(uid)
    world.decide(uid, None, because="A slip.")
    assert (world.owner(uid), world.asked("R001"), world.asked("R002")) == (None, [uid], [uid])
    world.claim(uid, reader="R002")
    assert world.owner(uid) == "R002"
    with world.begin() as uow:
        said = [each.saying for each in uow.claims.said_of([uid])[uid]]
    assert said == [Saying.CLAIM, Saying.UNDO, Saying.CLAIM]


def test_an_administrator_gives_a_reason_or_nothing_changes(world: WhoWorld) -> None:
    uid = unnamed(world)
    with pytest.raises(RefusedInput, match="Say why"):
        world.decide(uid, "R001", because="  ")
    with pytest.raises(NotFound):
        world.decide("1.2.3.4.5", "R001")
    with pytest.raises(NotFound):
        world.decide(uid, "R009")
    assert world.owner(uid) is None


def close(world: WhoWorld, reader: str) -> str:
    world.clock.pass_(SETTLE)
    return close_reading(f"{READING}-{reader}", begin=world.begin, now=world.clock, settle=SETTLE)


def test_a_claimed_case_is_scored_and_revised_when_the_claim_is_taken_back(world: WhoWorld) -> None:
    one, other = unnamed(world), unnamed(world)
    world.claim(one, other)
    assert close(world, "R001") == "closed"
    world.decide(other, "R002")
    assert close(world, "R001") == "closed"
    with world.begin() as uow:
        payloads = [dict(item.payload) for item in uow.outbox.in_state("waiting")]
    assert [len(each["marks"]) for each in payloads] == [2, 1]
    assert [each["sources"] for each in payloads] == [[one, other], [one]]


def test_a_closing_is_queued_each_time_an_object_comes_to_a_reader(world: WhoWorld) -> None:
    uid = unnamed(world)
    world.claim(uid)
    first = world.jobs.jobs.count(("close", (f"{READING}-R001",)))
    world.clock.pass_(1)
    world.decide(uid, None, because="A slip.")
    world.clock.pass_(1)
    world.claim(uid)
    assert world.jobs.jobs.count(("close", (f"{READING}-R001",))) >= first + 2


def test_after_the_round_has_closed_nothing_is_claimed_any_more(world: WhoWorld) -> None:
    uid = unnamed(world)
    opened = world.clock() - timedelta(days=1)
    with world.begin() as uow:
        uow.rounds.put(Round(SET, opened, world.clock()))
    assert not world.claimable().open
    for say in (lambda: world.claim(uid), lambda: world.none_of(uid)):
        with pytest.raises(RefusedInput, match="has closed"):
            say()
    with pytest.raises(RefusedInput, match="has closed"):
        world.decide(uid, "R001")
    assert world.owner(uid) is None


def test_open_sessions_are_shown_as_hints_and_a_colleague_is_not_named(world: WhoWorld) -> None:
    world.open_session("R001", at="MAMMO-WS2")
    uid = unnamed(world)
    assert world.claimable("R001").groups[0].hint == (
        "You said that you were reading at MAMMO-WS2 then."
    )
    world.open_session("R002", at="MAMMO-WS2")
    unnamed(world)
    hint = world.claimable("R001").groups[0].hint
    assert "Another reader said that they were reading, too; both of you are asked." in hint
    assert "R002" not in hint
    assert world.owner(uid) is None
    assert [each.reading_there for each in waiting_objects(begin=world.begin)] == [
        ("R001", "R002"), ("R001", "R002"),
    ]  # fmt: skip
    assert len(world.events("sessions-overlap")) == 1


def test_a_closing_is_queued_also_for_what_comes_back_within_one_second(world: WhoWorld) -> None:
    (uid,) = (unnamed(world),)
    world.claim(uid)
    for reader in (None, "R001"):
        world.clock.pass_(0.1)
        world.decide(uid, reader)
    closings = [args for job, args in world.jobs.jobs if job == "close"]
    assert closings.count(("PERFORMS121101-R001",)) >= 3
