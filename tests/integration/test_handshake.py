"""The practice-case handshake: what is drawn proves who draws, and a shared log-in nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.handshake import HandshakeState
from pacs_bridge.domain.people import Enrolment, Round
from pacs_bridge.services import handshake
from tests.builders import a_read_object
from tests.databases import TestDatabase
from tests.who_world import SET, WhoWorld, an_observer, seed

CODE = (2, 0, 0, 1)
OTHER = (0, 3, 0, 0)
MINUTE = 60.0


@pytest.fixture
def alone(database: TestDatabase) -> WhoWorld:
    seed(database, ["R001"])
    return WhoWorld(database)


@pytest.fixture
def world(database: TestDatabase) -> WhoWorld:
    seed(database)
    return WhoWorld(database)


def state(world: WhoWorld, reader: str = "R001") -> HandshakeState:
    found = world.stands(reader).handshake
    assert found is not None
    return found.state


def test_a_reader_is_told_what_to_draw_and_on_which_case(alone: WhoWorld) -> None:
    asked = alone.ask(code=CODE)
    assert asked.task == "2 marks on R CC, 1 mark on L MLO, none else"
    assert asked.accession == "PERFORMS121001"


def test_what_was_drawn_as_asked_binds_the_log_in_and_is_told_at_once(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    uid = alone.draw(CODE, "CLee")
    assert state(alone) is HandshakeState.PROVEN
    assert alone.aliases() == {"clee": ("R001", True)}
    assert alone.owner(uid) == "R001"
    assert "leaves your PACS" in alone.stands().said[0]
    assert [e.subject for e in alone.events("handshake-proven")] == ["R001"]
    with alone.begin() as uow:
        assert [line.message.to for line in uow.mails.newest()] == ["r001@north.example"]
    assert alone.owner(alone.mark("CLEE")) == "R001"


def test_marks_that_waited_under_the_log_in_are_given_once_it_is_known(alone: WhoWorld) -> None:
    before = alone.mark("clee")
    assert alone.owner(before) is None
    alone.ask(code=CODE)
    alone.draw(CODE, "clee")
    assert alone.owner(before) == "R001"
    assert alone.asked() == []


def test_one_state_an_image_is_one_drawing(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    alone.draw((2, 0, 0, 0), "clee")
    assert state(alone) is HandshakeState.OPEN
    alone.draw((0, 0, 0, 1), "clee")
    assert state(alone) is HandshakeState.PROVEN


def test_a_whole_save_of_an_older_drawing_with_the_new_marks_is_the_new_drawing(
    alone: WhoWorld,
) -> None:
    old = list(alone.drawing((1, 1, 0, 0)))
    head = a_read_object(observer=an_observer("clee"), breasts=(), referenced_images=("1.2.1.4.1",),
                         referenced_studies=("1.2.1.1",))  # fmt: skip
    alone.save(replace(head, marks=tuple(old)), accession="PERFORMS121001")
    alone.clock.pass_(MINUTE)
    alone.ask(code=CODE)
    new = list(alone.drawing(CODE))
    alone.save(replace(head, marks=(*old, *new)), accession="PERFORMS121001")
    assert state(alone) is HandshakeState.PROVEN


def test_marks_without_any_text_or_name_prove_the_viewer_and_bind_nothing(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    uid = alone.draw(CODE, "unknown^unknown")
    now = alone.stands()
    assert state(alone) is HandshakeState.PROVEN
    assert "They name nobody; you will be asked which are yours." in now.said
    assert (alone.aliases(), alone.owner(uid), now.way) == ({}, None, "native")


def test_marks_on_a_test_case_prove_nothing(alone: WhoWorld) -> None:
    alone.ask(code=(1, 0, 0, 2))
    alone.mark("clee")
    assert state(alone) is HandshakeState.OPEN


def test_half_of_one_drawing_is_never_taken_for_another_whole_one(world: WhoWorld) -> None:
    one, other = world.ask("R001").handshake, world.ask("R002").handshake
    assert one is not None
    assert other is not None
    assert any(a > b for a, b in zip(one.code, other.code, strict=True))
    assert any(a < b for a, b in zip(one.code, other.code, strict=True))


def test_two_unnamed_readers_who_draw_at_once_are_told_apart_by_what_they_draw(
    world: WhoWorld,
) -> None:
    world.ask("R001", CODE)
    world.ask("R002", OTHER)
    world.draw(OTHER)
    assert (state(world, "R001"), state(world, "R002")) == ("open", "proven")
    world.draw(CODE)
    assert state(world, "R001") is HandshakeState.PROVEN


def test_pieces_that_may_be_two_readers_together_prove_nothing(world: WhoWorld) -> None:
    world.ask("R001", (2, 0, 0, 1))
    world.ask("R002", (1, 1, 0, 1))
    world.draw((2, 0, 0, 0))
    world.draw((0, 0, 0, 1))  # whose is this one?
    assert (state(world, "R001"), state(world, "R002")) == ("open", "open")


def test_a_log_in_is_not_believed_while_a_colleagues_is_unknown(world: WhoWorld) -> None:
    world.ask("R001", CODE)
    world.draw(CODE, "breastunit")
    uid = world.mark("breastunit")
    assert world.owner(uid) is None
    assert "may be shared" in world.reason(uid)
    world.ask("R002", OTHER)
    world.draw(OTHER, "mjones")
    assert world.owner(uid) == "R001"


def test_a_hospital_whose_readers_have_log_ins_of_their_own_need_not_wait(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.set_reading("hospital", logins="own")
    world.ask("R001", CODE)
    world.draw(CODE, "clee")
    assert world.owner(world.mark("clee")) == "R001"


def test_a_log_in_of_two_readers_is_nobodys_and_both_are_told(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.set_reading("hospital", logins="own")  # as the hospital believed
    world.ask("R001", CODE)
    world.draw(CODE, "breastunit")
    taken = world.mark("breastunit")
    assert world.owner(taken) == "R001"
    world.ask("R002", OTHER)
    world.draw(OTHER, "breastunit")
    assert (world.owner(taken), world.aliases()) == (None, {})
    assert (world.way("R001"), world.way("R002")) == ("sheet", "sheet")
    assert len(world.events("login-shared")) == 1
    assert any("same log-in" in said for said in world.stands("R002").said)
    assert world.owner(world.mark("breastunit")) is None


def test_who_reads_an_own_copy_needs_no_log_in_of_their_own(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.share("hospital", "breastunit", "said so", world.clock())
        uow.enrolments.put(Enrolment(SET, "R001", "north", way="native", consent=True))
    world.ask("R001", CODE)
    world.draw(CODE, "breastunit")
    assert world.way("R001") == "sheet"


@pytest.mark.parametrize(
    ("drawn", "why"),
    [
        (None, "Nothing arrived from hospital on case PERFORMS121001"),
        ((1, 0, 0, 1), "what arrived was 1 mark on R CC, 1 mark on L MLO"),
        ((0, 0, 0, 0), "holds no mark"),
    ],
    ids=["nothing", "wrong counts", "markless"],
)
def test_a_handshake_that_fails_says_why_and_leads_to_the_sheet(
    alone: WhoWorld, drawn: tuple[int, int, int, int] | None, why: str
) -> None:
    alone.ask(code=CODE)
    if drawn is not None:
        alone.draw(drawn, "clee")
    alone.clock.pass_(20 * MINUTE)
    now = alone.stands()
    assert (state(alone), now.way) == ("failed", "sheet")
    assert len(now.said) == 1
    assert why in now.said[0]


def test_a_handshake_that_succeeds_takes_a_failure_back(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    handshake.give_up(SET, "R001", begin=alone.begin, now=alone.clock)
    assert alone.way() == "sheet"
    asked = alone.ask()
    assert asked.handshake is not None
    assert asked.handshake.code != CODE
    alone.draw(asked.handshake.code, "clee")
    assert alone.way() == "native"


def test_a_failure_says_nothing_of_what_another_reader_drew(world: WhoWorld) -> None:
    world.ask("R001", CODE)
    world.ask("R002", OTHER)
    world.draw((0, 0, 1, 2), "mjones")
    world.clock.pass_(20 * MINUTE)
    said = world.stands("R001").said[0]
    assert "1 mark on R MLO" not in said
    assert said.startswith("Nothing that arrived")


def test_what_comes_too_late_proves_nothing(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    alone.clock.pass_(20 * MINUTE)
    alone.draw(CODE, "clee")
    assert alone.aliases() == {}
    assert state(alone) is HandshakeState.FAILED


def test_what_was_drawn_before_it_was_asked_for_proves_nothing(alone: WhoWorld) -> None:
    alone.draw(CODE, "clee")
    alone.clock.pass_(MINUTE)
    alone.ask(code=CODE)
    assert state(alone) is HandshakeState.OPEN


def test_asking_again_makes_another_code_and_forgets_the_first(alone: WhoWorld) -> None:
    alone.ask(code=CODE)
    asked = alone.ask().handshake
    assert asked is not None
    assert asked.code != CODE
    alone.draw(CODE, "clee")
    assert state(alone) is HandshakeState.OPEN


def test_nobody_is_asked_who_is_not_enrolled_or_whose_round_has_closed(alone: WhoWorld) -> None:
    with pytest.raises(NotFound):
        alone.ask("R009")
    with alone.begin() as uow:
        uow.rounds.put(Round(SET, alone.clock(), alone.clock()))
    with pytest.raises(RefusedInput, match="has closed"):
        alone.ask()
