"""Accounts, readers, sites, rounds and enrolments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.accounts import AccountStore
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.migrate import migrate
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Role
from pacs_bridge.services.passwords import (
    check_password,
    hash_password,
    make_password,
    verify_password,
)
from pacs_bridge.services.people import (
    add_account,
    add_reader,
    add_site,
    enrol,
    open_round,
    parse_email,
    parse_moment,
    parse_reader,
    parse_roles,
    set_alias,
)
from pacs_bridge.services.release import release_due

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SET = "PERFORMS121"
Begin = Callable[[], UnitOfWork]


def now() -> datetime:
    return NOW


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    engine = make_engine(f"sqlite:///{tmp_path / 'people.sqlite'}")
    migrate(engine)
    make = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), _queue)
    with make() as uow:
        endpoint = Endpoint("ROYAL", "10.0.0.1", 104, ("store",))
        uow.pacs.put(Pacs("royal", (endpoint,)), NOW)
        uow.case_sets.add(a_passport())
    yield make
    engine.dispose()


def _queue(transaction: object, job: str, *args: object, **more: object) -> None:
    """Take a job and do nothing: mails are not sent here."""


def a_passport() -> Passport:
    case = Case(f"{SET}001", 1, "practice", f"{SET}001", "A", "19600101", "F", ())
    return Passport(SET, "SA12 part 1", "PERFORMS", NOW, (case,))


def a_ready_load(begin: Begin) -> None:
    with begin() as uow:
        load = uow.loads.plan(a_passport(), "royal", NOW)
        uow.loads.keep_sweep(load.load_id, [], Readiness.READY, 0, NOW)


def releasing(begin: Begin) -> Callable[[], int]:
    return partial(release_due, begin=begin, now=now)


class TestPasswords:
    def test_a_made_password_is_long_readable_and_never_the_same(self) -> None:
        made = {make_password() for _ in range(50)}
        assert len(made) == 50
        assert all(len(each) == 23 and each.count("-") == 3 for each in made)
        assert not {character for each in made for character in each} & set("il1o0 ")

    def test_a_hash_proves_its_password_and_no_other(self) -> None:
        kept = hash_password("correct-horse-battery")
        assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert verify_password("correct-horse-battery", kept)
        assert not verify_password("correct-horse-batterY", kept)
        assert kept != hash_password("correct-horse-battery")

    def test_the_same_letters_from_two_keyboards_are_one_password(self) -> None:
        assert verify_password("cafe\u0301-au-lait-42", hash_password("caf\u00e9-au-lait-42"))

    @pytest.mark.parametrize(
        "broken", ["", "plain", "$argon2id$v=19$m=1,t=1,p=1$x$y", "$2b$12$abc"]
    )
    def test_what_is_no_hash_lets_nobody_in(self, broken: str) -> None:
        assert not verify_password("", broken)

    @pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaaaaaa", "abababababab", "x" * 257])
    def test_a_weak_password_is_refused(self, weak: str) -> None:
        with pytest.raises(RefusedInput):
            check_password(weak)


class TestWhatPeopleType:
    @pytest.mark.parametrize("text", ["Admin@Localhost", " a.b+c@unit-3.hospital.org "])
    def test_an_address_is_taken_in_lower_case(self, text: str) -> None:
        assert parse_email(text) == text.strip().lower()

    @pytest.mark.parametrize(
        "text",
        ["", "a", "a@", "@b", "a b@c", "a@b c", "a@b@c", "<a>@b", "a\n@b", f"{'a' * 65}@b", "a@-b"],
    )
    def test_what_is_no_address_is_refused(self, text: str) -> None:
        with pytest.raises(RefusedInput):
            parse_email(text)

    @given(st.text(max_size=40))
    def test_a_reader_code_never_carries_what_a_page_or_path_could_mistake(self, text: str) -> None:
        try:
            code = parse_reader(text)
        except RefusedInput:
            return
        assert code.isascii()
        assert code.replace("-", "").replace("_", "").isalnum()

    def test_a_day_and_a_moment_are_read_as_utc(self) -> None:
        day = datetime(2026, 12, 1, tzinfo=UTC)
        assert parse_moment("2026-12-01") == day
        assert parse_moment("2026-12-01", end_of_day=True) == day + timedelta(days=1)
        assert parse_moment("20261201", end_of_day=True) == day + timedelta(days=1)
        assert parse_moment("2026-12-01T09:00", end_of_day=True) == day + timedelta(hours=9)
        assert parse_moment("2026-12-01T09:00+02:00") == day + timedelta(hours=7)

    @pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01", "9999-12-31"])
    def test_what_is_no_moment_is_refused(self, text: str) -> None:
        with pytest.raises(RefusedInput):
            parse_moment(text, end_of_day=True)

    def test_roles_are_the_three_there_are(self) -> None:
        assert parse_roles(["Reader", "admin"]) == (Role.READER, Role.ADMIN)
        with pytest.raises(RefusedInput):
            parse_roles(["root"])


class TestAccounts:
    def test_an_account_is_found_by_whoever_signs_in(self, begin: Begin, tmp_path: Path) -> None:
        add_site("royal-unit", pacs="royal", begin=begin)
        number = add_account(
            "Contact@Royal.example", "hash", [Role.CONTACT], begin=begin, now=now,
            sites=["royal-unit"],
        )  # fmt: skip
        engine = make_engine(f"sqlite:///{tmp_path / 'people.sqlite'}")
        store = AccountStore(sessionmaker(engine), sessionmaker(engine))
        found = store.find_user(email="CONTACT@royal.example", case_insensitive=True)
        assert found is not None
        assert (found.id, found.may, found.pacs) == (number, {Role.CONTACT}, ("royal",))
        assert store.find_user(fs_uniquifier=found.fs_uniquifier).id == number  # type: ignore[union-attr]
        assert store.find_user(email="other@royal.example") is None
        engine.dispose()

    def test_giving_an_account_again_changes_it_and_ends_its_sessions(self, begin: Begin) -> None:
        first = add_account("a@b.example", "one", [Role.ADMIN], begin=begin, now=now)
        again = add_account(
            "A@b.example", "two", [Role.READER, Role.READER], begin=begin, now=now, reader="R1"
        )
        assert first == again
        with begin() as uow:
            account = uow.accounts.get(first)
            assert (account.roles, account.reader) == ((Role.READER,), "R1")
            assert uow.accounts.count() == 1
            assert uow.readers.exists("R1")

    @pytest.mark.parametrize(
        ("roles", "reader", "sites"),
        [
            ([], None, []),
            ([Role.READER], None, []),
            ([Role.ADMIN], "R1", []),
            ([Role.CONTACT], None, []),
        ],
    )
    def test_an_account_that_could_do_nothing_or_too_much_is_refused(
        self, roles: list[Role], reader: str | None, sites: list[str], begin: Begin
    ) -> None:
        with pytest.raises(RefusedInput):
            add_account(
                "a@b.example", "hash", roles, begin=begin, now=now, reader=reader, sites=sites
            )
        with begin() as uow:
            assert uow.accounts.count() == 0

    def test_a_contact_of_an_unknown_site_is_refused(self, begin: Begin) -> None:
        with pytest.raises(NotFound, match="no site nowhere"):
            add_account(
                "a@b.example", "hash", [Role.CONTACT], begin=begin, now=now, sites=["nowhere"]
            )


class TestReaders:
    def test_a_login_leads_to_its_reader_in_that_pacs_only(self, begin: Begin) -> None:
        add_reader("R1", begin=begin, now=now)
        set_alias("royal", " JSmith ", "R1", begin=begin)
        with begin() as uow:
            assert uow.readers.of_login("royal", ["jsmith"]) == "R1"
            assert uow.readers.of_login("other", ["jsmith"]) is None

    def test_an_alias_needs_its_pacs_and_its_reader(self, begin: Begin) -> None:
        with pytest.raises(NotFound, match="no reader"):
            set_alias("royal", "jsmith", "R1", begin=begin)
        add_reader("R1", begin=begin, now=now)
        with pytest.raises(NotFound, match="no PACS"):
            set_alias("elsewhere", "jsmith", "R1", begin=begin)


class TestRounds:
    def a_round(self, begin: Begin, **changes: datetime) -> None:
        when = {"opens_at": NOW - timedelta(days=1), "closes_at": NOW + timedelta(days=9)} | changes
        open_round(SET, **when, begin=begin, release=releasing(begin))

    def a_reader(self, begin: Begin, *, consent: bool = True) -> Enrolment:
        add_site("royal-unit", pacs="royal", begin=begin)
        add_reader("R1", begin=begin, now=now)
        wanted = Enrolment(SET, "R1", "royal-unit", consent=consent)
        return enrol(wanted, begin=begin, release=releasing(begin))

    def test_a_reader_enrolled_into_a_ready_load_of_an_open_round_is_released_at_once(
        self, begin: Begin
    ) -> None:
        a_ready_load(begin)
        self.a_round(begin)
        assert self.a_reader(begin).released_at == NOW

    def test_one_without_consent_is_not_until_it_is_given(self, begin: Begin) -> None:
        a_ready_load(begin)
        self.a_round(begin)
        assert self.a_reader(begin, consent=False).released_at is None
        assert self.a_reader(begin, consent=True).released_at == NOW

    def test_one_enrolled_early_is_released_when_the_round_opens(self, begin: Begin) -> None:
        a_ready_load(begin)
        self.a_round(begin, opens_at=NOW + timedelta(days=1))
        assert self.a_reader(begin).released_at is None
        self.a_round(begin)
        with begin() as uow:
            found = uow.enrolments.find(SET, "R1")
        assert found is not None
        assert found.released_at == NOW

    def test_one_whose_images_are_not_there_waits(self, begin: Begin) -> None:
        self.a_round(begin)
        assert self.a_reader(begin).released_at is None

    def test_what_does_not_exist_is_named(self, begin: Begin) -> None:
        with pytest.raises(NotFound, match="no round"):
            self.a_reader(begin)
        self.a_round(begin)
        for wanted, said in (
            (Enrolment(SET, "R9", "royal-unit"), "no reader R9"),
            (Enrolment(SET, "R1", "elsewhere"), "no site elsewhere"),
            (
                Enrolment(SET, "R1", "royal-unit", copy=7),
                "Copy 07 of PERFORMS121 has not been made",
            ),
        ):
            with pytest.raises(NotFound, match=said):
                enrol(wanted, begin=begin, release=releasing(begin))
        with pytest.raises(NotFound, match="no case set PERFORMS999"):
            open_round(
                "PERFORMS999", opens_at=NOW, closes_at=NOW + timedelta(days=1), begin=begin,
                release=releasing(begin),
            )  # fmt: skip

    def test_a_round_that_closes_before_it_opens_is_refused(self, begin: Begin) -> None:
        with pytest.raises(RefusedInput, match="closes after it opens"):
            self.a_round(begin, closes_at=NOW - timedelta(days=2))
