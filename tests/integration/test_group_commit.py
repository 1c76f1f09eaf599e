"""Who commits together is kept together, fails alone, and is told only what is true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import ConflictingObject, NotFound, StoreBusy
from pacs_bridge.services.group_commit import GroupCommit, Work
from tests.databases import TestDatabase
from tests.nodes import a_request, our_state, register, taking
from tests.waiting import wait_until


class Begins:
    """Opens units of work, counts them, and holds the first until it may go on."""

    def __init__(self, begin: Callable[[], UnitOfWork]) -> None:
        self._begin, self.count = begin, 0
        self.entered, self.go_on = threading.Event(), threading.Event()

    def __call__(self) -> UnitOfWork:
        self.count += 1
        if self.count == 1:
            self.entered.set()
            assert self.go_on.wait(60)
        return self._begin()


def note(subject: str, database: TestDatabase) -> Work:
    return lambda uow: uow.events.add(database.clock(), "noted", subject)


def noted(database: TestDatabase) -> set[str]:
    with database.begin() as uow:
        return {event.subject for event in uow.events.newest(100, kind="noted")}


def together(
    commit: GroupCommit, begins: Begins, first: Callable[[], None], rest: list[Callable[[], None]]
) -> list[Exception | None]:
    """Call `first`, and while its commit is held all the others; gives what each raised."""
    outcomes: list[Exception | None] = [None] * (1 + len(rest))

    def call(number: int, what: Callable[[], None]) -> None:
        try:
            what()
        except Exception as error:  # noqa: BLE001
            outcomes[number] = error

    calls = [first, *rest]
    threads = [threading.Thread(target=call, args=each) for each in enumerate(calls)]
    threads[0].start()
    assert begins.entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    wait_until(lambda: len(commit._waiting) == len(rest), "all to queue")
    begins.go_on.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return outcomes


def test_who_comes_during_a_commit_shares_the_next(database: TestDatabase) -> None:
    begins = Begins(database.begin_for_many)
    commit = GroupCommit(begins)
    calls = [lambda n=n: commit(note(f"n{n}", database)) for n in range(9)]
    assert together(commit, begins, calls[0], calls[1:]) == [None] * 9
    assert begins.count == 2
    assert noted(database) == {f"n{n}" for n in range(9)}


def test_a_group_has_a_greatest_size_and_nobody_is_left_behind(database: TestDatabase) -> None:
    begins = Begins(database.begin_for_many)
    commit = GroupCommit(begins, most=3)
    calls = [lambda n=n: commit(note(f"n{n}", database)) for n in range(9)]
    assert together(commit, begins, calls[0], calls[1:]) == [None] * 9
    assert begins.count == 4
    assert len(noted(database)) == 9


def test_a_member_that_fails_does_not_fail_the_others(database: TestDatabase) -> None:
    begins = Begins(database.begin_for_many)
    commit = GroupCommit(begins)

    def fail(uow: UnitOfWork) -> None:
        note("half", database)(uow)
        raise NotFound("There is no such thing.")

    calls: list[Callable[[], None]] = [lambda n=n: commit(note(f"n{n}", database)) for n in "abc"]
    outcomes = together(commit, begins, calls[0], [calls[1], lambda: commit(fail), calls[2]])
    assert [type(each) for each in outcomes] == [type(None), type(None), NotFound, type(None)]
    assert noted(database) == {"na", "nb", "nc"}


def test_a_database_that_is_busy_is_said_to_each_and_asked_only_once(
    database: TestDatabase,
) -> None:
    def busy() -> UnitOfWork:
        if begins.count > 1:
            raise StoreBusy("The database is busy; the same call works later.")
        return database.begin()

    begins = Begins(busy)
    commit = GroupCommit(begins)
    calls = [lambda n=n: commit(note(f"n{n}", database)) for n in range(4)]
    outcomes = together(commit, begins, calls[0], calls[1:])
    assert [type(each) for each in outcomes] == [type(None), *[StoreBusy] * 3]
    assert begins.count == 2
    commit_later = GroupCommit(database.begin_for_many)
    commit_later(note("later", database))
    assert noted(database) == {"n0", "later"}


def test_after_a_failure_the_next_one_is_served(database: TestDatabase) -> None:
    commit = GroupCommit(database.begin_for_many)

    def fail(_: UnitOfWork) -> None:
        raise NotFound("There is no such thing.")

    with pytest.raises(NotFound):
        commit(fail)
    commit(note("next", database))
    assert noted(database) == {"next"}


def test_one_object_from_many_at_once_is_one_object_and_one_job(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    begins = Begins(database.begin_for_many)
    commit = GroupCommit(begins)
    receive = taking(database, LocalArchive(tmp_path / "archive"), commit)
    calls = [lambda: receive(a_request(our_state("1.2.3.1")))] * 4
    assert together(commit, begins, calls[0], calls[1:]) == [None] * 4
    with database.begin() as uow:
        assert uow.objects.counts() == {"received": 1}
        assert [each.sop_instance_uid for each in uow.arrivals.oldest(9)] == ["1.2.3.1"]


def test_of_two_contents_under_one_uid_in_one_group_one_is_taken(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    begins = Begins(database.begin_for_many)
    commit = GroupCommit(begins)
    receive = taking(database, LocalArchive(tmp_path / "archive"), commit)
    outcomes = together(
        commit, begins, lambda: receive(a_request(our_state("1.2.3.1"))),
        [
            lambda: receive(a_request(our_state("1.2.3.2", PatientComments="a"))),
            lambda: receive(a_request(our_state("1.2.3.2", PatientComments="b"))),
        ],
    )  # fmt: skip
    assert sum(isinstance(each, ConflictingObject) for each in outcomes) == 1
    assert outcomes.count(None) == 2
    with database.begin() as uow:
        assert uow.objects.counts() == {"received": 2}
