"""Whose an object is: evidence in its order, and whatever is not certain waits for a person."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import Observer
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.services import people, whose
from tests.builders import a_case, a_mark, a_passport, a_read_object
from tests.databases import TestDatabase
from tests.who_world import SET, WhoWorld, an_observer, seed

SHARED = "breastunit"


@pytest.fixture
def world(database: TestDatabase) -> WhoWorld:
    seed(database)
    with database.begin() as uow:
        uow.readers.set_alias("hospital", "CLee", "R001")
        uow.readers.set_alias("hospital", "Jones^Mary^^Dr", "R002")
    return WhoWorld(database)


def owner(world: WhoWorld, **evidence: str) -> str | None:
    return world.owner(world.mark(observer=Observer(evidence=evidence)))


@pytest.mark.parametrize(
    ("evidence", "reader"),
    [
        ({"ContentCreatorName": "clee"}, "R001"),
        ({"ContentCreatorName": "JONES^MARY"}, "R002"),
        ({"ContentCreatorName": "Jones^Mary^^Prof^"}, "R002"),
        ({"ContentCreatorName": "Jones^Maria"}, None),
        ({"ContentCreatorName": "Jones^Mary^A"}, None),
        ({"ContentCreatorName": "clee2"}, None),
        ({"ContentCreatorIdentificationCodeSequence": "CLEE", "ContentCreatorName": "L^C"}, "R001"),
        ({"ContentCreatorName": "unknown^unknown", "OperatorsName": "clee"}, "R001"),
        ({"ContentCreatorName": "Stranger^A", "OperatorsName": "clee"}, None),
        ({"ContentCreatorName": "clee", "OperatorsName": "Jones^Mary"}, None),
        ({"121008 DCM": "unknown^unknown", "AuthorObserverSequence": "Jones^Mary"}, "R002"),
        ({"121008 DCM": "Stranger^A", "VerifyingObserverSequence": "Jones^Mary"}, None),
        ({"128774 DCM": "clee", "121008 DCM": "Lee^Clara"}, "R001"),
        ({"StationName": "clee", "ContentCreatorName": "clee"}, None),
        ({"ContentCreatorName": ""}, None),
        ({"InstitutionName": "clee"}, None),
    ],
    ids=str,
)  # fmt: skip
def test_the_first_that_names_a_person_is_believed_and_none_by_likeness(
    world: WhoWorld, evidence: dict[str, str], reader: str | None
) -> None:
    assert owner(world, **evidence) == reader


@pytest.mark.parametrize("name", ["unknown^unknown", "ADMIN", "IDS7 user", "WEASIS", "^", "-"])
def test_no_alias_makes_a_reader_of_what_viewers_write_for_anybody(
    world: WhoWorld, name: str
) -> None:
    with pytest.raises(RefusedInput, match="own log-in"):
        people.set_alias("hospital", name, "R001", begin=world.begin)
    with world.begin() as uow:  # even one that stands there from before
        uow.readers.set_alias("hospital", name, "R001")
    assert owner(world, ContentCreatorName=name) is None


def test_a_log_in_flagged_as_shared_names_nobody_whatever_the_table_says(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.share("hospital", "CLee", "the contact said so", world.clock())
    assert owner(world, ContentCreatorName="clee") is None
    with pytest.raises(RefusedInput, match="Several people"):
        people.set_alias("hospital", "clee", "R001", begin=world.begin)


def test_where_all_log_ins_are_shared_none_names_anybody(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.logins.set_reading("hospital", logins="shared")
    assert owner(world, ContentCreatorName="clee") is None


def test_the_title_of_the_sending_program_is_no_persons_name(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.readers.set_alias("hospital", "HOSPITAL", "R001")
    assert owner(world, ContentCreatorName="hospital") is None


def test_a_report_of_two_people_is_split_by_a_person_and_by_no_guess(world: WhoWorld) -> None:
    both = {"121008 DCM": "clee", "121008 DCM (2)": "Jones^Mary"}
    uid = world.mark(observer=Observer(evidence=both))
    assert world.owner(uid) is None
    assert world.reason(uid) == "It names several people; say whose it is, mark by mark."
    assert (world.asked("R001"), world.asked("R002")) == ([], [])
    world.decide(uid, "R001")
    assert world.owner(uid) == "R001"


def test_a_second_person_whom_nobody_knows_makes_a_report_wait_too(world: WhoWorld) -> None:
    both = {"121008 DCM": "clee", "121008 DCM (2)": "Stranger^A"}
    assert owner(world, **both) is None


def test_one_person_named_twice_is_one_person(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.readers.set_alias("hospital", "Lee^Clara", "R001")
    assert owner(world, **{"121008 DCM": "Lee^Clara", "128774 DCM (2)": "clee"}) == "R001"


def test_a_programs_marks_are_its_own_and_never_a_persons(world: WhoWorld) -> None:
    device = Observer(device=True, evidence={"121013 DCM": "Spotter 2", "121008 DCM": ""})
    uid = world.mark(observer=device)
    assert "A device made it" in world.reason(uid)
    assert world.asked("R001") == []
    with world.begin() as uow:
        uow.readers.add("AI01", world.clock())
        uow.readers.set_machine("AI01", machine=True)
        uow.readers.set_alias("hospital", "Spotter 2", "AI01")
    assert world.owner(world.mark(observer=device)) == "AI01"
    assert owner(world, ContentCreatorName="Spotter 2") is None


def test_a_colleague_who_says_to_read_at_that_workstation_makes_it_wait(world: WhoWorld) -> None:
    world.open_session("R002", at="Room 4")
    signed = an_observer("clee", station="ROOM 4")
    assert world.owner(world.mark(observer=signed)) is None
    assert world.owner(world.mark(observer=an_observer("clee", station="ROOM 5"))) == "R001"
    world.open_session("R001", at="room 4")
    assert world.owner(world.mark(observer=signed)) == "R001"


def test_a_reading_session_alone_gives_nobody_anything(world: WhoWorld) -> None:
    world.open_session("R002", at="Room 4")
    assert world.owner(world.mark(observer=an_observer(None, station="Room 4"))) is None


def own_copy(world: WhoWorld, number: int) -> None:
    """Give reader R001 copy 7 of the set."""
    case = a_case(number, accession=f"{SET}{number:03d}07")
    (study,) = case.studies
    images = tuple(
        replace(image, sop_instance_uid=f"1.7.{place}")
        for place, image in enumerate(study.instances())
    )
    series = replace(study.series[0], instances=images, series_instance_uid="1.7.20")
    study = replace(study, series=(series,), study_instance_uid="1.7.30")
    passport = replace(a_passport(number), copy=7, cases=(replace(case, studies=(study,)),))
    with world.begin() as uow:
        uow.case_sets.add(passport)
        uow.enrolments.put(Enrolment(SET, "R001", "north", copy=7, consent=True))


def on_copy(world: WhoWorld, login: str | None) -> str:
    read = a_read_object(
        observer=an_observer(login), marks=(a_mark(image="1.7.0"),),
        referenced_images=("1.7.0",), referenced_studies=("1.7.30",),
    )  # fmt: skip
    return world.save(read, accession=f"{SET}10107")


@pytest.mark.parametrize(
    ("login", "reader"),
    [(None, "R001"), (SHARED, "R001"), ("clee", "R001"), ("Jones^Mary", None)],
    ids=str,
)
def test_what_lies_on_a_readers_own_copy_is_theirs_unless_it_names_another(
    world: WhoWorld, login: str | None, reader: str | None
) -> None:
    own_copy(world, 101)
    uid = on_copy(world, login)
    assert world.owner(uid) == reader


def test_an_alias_of_one_hospital_is_none_of_another(world: WhoWorld) -> None:
    with world.begin() as uow:
        uow.pacs.put(Pacs("other", (Endpoint("OTHER", "127.0.0.2", 104, ()),)), world.clock())
        uow.readers.set_alias("other", "mjones", "R002")
    assert owner(world, ContentCreatorName="mjones") is None


# Two readers, one log-in ---------------------------------------------------------------------


def one_day(world: WhoWorld, seed_of_day: int, steps: int = 14) -> None:
    """Let two readers do whatever readers do, in any order, under one log-in.

    After each step no object is anybody's but its author's.
    """
    chance = random.Random(seed_of_day)
    authors: dict[str, str] = {}
    waiting: list[tuple[str, tuple[int, int, int, int]]] = []
    logins = [SHARED] if chance.random() < 0.7 else [SHARED, "unknown^unknown"]

    def ask(reader: str) -> None:
        made = world.ask(reader).handshake
        assert made is not None
        waiting[:] = [each for each in waiting if each[0] != reader]
        pieces = [made.code]
        if chance.random() < 0.5:  # one state an image
            pieces = [
                tuple(n if p == place else 0 for p, n in enumerate(made.code))  # type: ignore[misc]
                for place in range(4)
                if made.code[place]
            ]
        waiting.extend((reader, piece) for piece in pieces)

    def draw(reader: str) -> None:
        mine = [each for each in waiting if each[0] == reader]
        if mine:
            waiting.remove(mine[0])
            authors[world.draw(mine[0][1], chance.choice(logins))] = reader

    def mark(reader: str) -> None:
        authors[world.mark(chance.choice(logins), chance.choice([101, 102]))] = reader

    def claim(reader: str) -> None:
        true = [uid for uid in world.asked(reader) if authors[uid] == reader]
        world.claim(*true, reader=reader)

    def not_mine(reader: str) -> None:
        world.none_of(
            *(uid for uid in world.asked(reader) if authors[uid] != reader), reader=reader
        )

    def session(reader: str) -> None:
        world.open_session(reader, at=chance.choice(["WS1", "WS2"]))

    does = [ask, draw, draw, mark, mark, claim, not_mine, session]
    for _ in range(steps):
        chance.choice(does)(chance.choice(["R001", "R002"]))
        world.clock.pass_(chance.choice([1.0, 60.0, 400.0]))
        for uid, author in authors.items():
            assert world.owner(uid) in (None, author), (uid, author)
            other = "R002" if author == "R001" else "R001"
            assert uid not in [u for n in (1, 101, 102) for u in world.in_reading(other, n)]


DAYS = range(5)
DAY_OF_THE_LEAK = 4


@pytest.mark.parametrize("day", DAYS)
def test_no_interleaving_of_two_readers_with_one_log_in_gives_a_mark_to_the_wrong_one(
    database: TestDatabase, day: int
) -> None:
    seed(database)
    world = WhoWorld(database)
    one_day(world, day)
    assert set(world.aliases()) <= {SHARED}


def test_a_planted_leak_is_found_by_that_very_test(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whose, "_doubt", lambda *_: "")  # as if a shown log-in were nobody else's
    seed(database)
    with pytest.raises(AssertionError):
        one_day(WhoWorld(database), DAY_OF_THE_LEAK)
