"""Rows of associations gather for a moment and are lost by nothing short of a kill."""

from __future__ import annotations

import secrets
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import StoreBusy
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.services import association_log
from pacs_bridge.services.association_log import AssociationLog, KnownCallers
from pacs_bridge.services.associations import Admission
from tests.databases import TestDatabase
from tests.dcmtk import attempt
from tests.nodes import register, running_node
from tests.waiting import wait_until

RELEASED = AssociationOutcome.RELEASED


def a_log(database: TestDatabase, **changes: object) -> AssociationLog:
    told = {"begin": database.begin, "read": database.begin, **changes}
    return AssociationLog(our_ae_title="PACSBRIDGE", now=database.clock, **told)  # type: ignore[arg-type]


def a_caller(**changes: str) -> Caller:
    told = {"ae_title": "HOSPITAL", "address": "127.0.0.1", **changes}
    return Caller(called_ae_title="PACSBRIDGE", association_id=secrets.token_hex(16), **told)


def rows(database: TestDatabase) -> list[Association]:
    with database.begin() as uow:
        return uow.associations.newest(2_000)


def test_many_at_once_are_all_kept_as_they_ended(database: TestDatabase) -> None:
    register(database)
    log = a_log(database)

    def come_and_go() -> None:
        for _ in range(50):
            admission, caller = log.admit(a_caller())
            assert admission is Admission.ACCEPTED
            row = Association(caller.association_id, database.clock(), caller)
            log.end(replace(row, outcome=RELEASED, ended_at=database.clock(), echoes=1))

    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    kept = rows(database)
    assert len(kept) == 400
    assert {(row.outcome, row.echoes, row.caller.pacs) for row in kept} == {
        (RELEASED, 1, "hospital")
    }


def test_rows_wait_for_a_database_that_is_away(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(association_log, "_AGAIN_SECONDS", 0.05)
    away = threading.Event()
    away.set()

    def begin() -> UnitOfWork:
        if away.is_set():
            raise StoreBusy("The database is busy; the same call works later.")
        return database.begin()

    log = a_log(database, begin=begin)
    log.admit(a_caller())
    assert not log.flush(0.2)
    away.clear()
    assert log.flush(60)
    assert len(rows(database)) == 1
    log.close()


def test_who_waits_for_long_lets_nobody_in(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(database)
    monkeypatch.setattr(association_log, "_MOST_WAITING", 0)
    with pytest.raises(StoreBusy):
        a_log(database).admit(a_caller())


def test_a_log_that_was_closed_begins_anew(database: TestDatabase) -> None:
    register(database)
    log = a_log(database)
    for _ in range(2):
        log.admit(a_caller())
        log.close()
    assert len(rows(database)) == 2


def test_a_known_caller_is_believed_for_a_moment_only(database: TestDatabase) -> None:
    find = KnownCallers(database.begin, seconds=0.0)
    assert find("HOSPITAL", "127.0.0.1") is None
    register(database)
    assert find("HOSPITAL", "127.0.0.1") is not None
    with database.begin() as uow:
        uow.pacs.put(replace(uow.pacs.get("hospital"), endpoints=()), database.clock())
    assert find("HOSPITAL", "127.0.0.1") is None


def test_every_association_becomes_events(database: TestDatabase) -> None:
    register(database)
    log = a_log(database)
    _, caller = log.admit(a_caller())
    assert log.flush(60)
    row = Association(caller.association_id, database.clock(), caller, RELEASED, stored=2)
    log.end(replace(row, ended_at=database.clock(), requests={"C-FIND": 1}))
    log.admit(a_caller(ae_title="STRANGER\x1b"))
    log.close()
    with database.begin() as uow:
        events = {event.kind: event for event in uow.events.newest()}
    assert events["association-opened"].subject == "hospital"
    ended = events["association-ended"].detail
    assert (ended["stored"], ended["requests"], ended["tls"]) == (2, {"C-FIND": 1}, False)
    assert ended["association"] == caller.association_id
    rejected = events["association-rejected"]
    assert (rejected.subject, rejected.detail["ae_title"]) == ("", "(unfit AE title)")


def test_what_goes_on_in_an_association_is_seen_at_little_cost(database: TestDatabase) -> None:
    register(database)
    commits = []

    def begin() -> UnitOfWork:
        commits.append(1)
        return database.begin()

    log = a_log(database, begin=begin)
    _, caller = log.admit(a_caller())
    assert log.flush(60)
    row = Association(caller.association_id, database.clock(), caller)
    for count in range(1, 1_001):
        log.note(replace(row, stored=count))
    wait_until(lambda: rows(database)[0].stored == 1_000, "the count to be kept")
    assert len(commits) < 10
    log.end(replace(row, outcome=RELEASED, stored=1_001))
    log.close()
    assert [(r.outcome, r.stored) for r in rows(database)] == [(RELEASED, 1_001)]


@pytest.mark.peer("dcmtk")
def test_requests_of_every_kind_are_counted(database: TestDatabase, tmp_path: Path) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        words = ("-aet", "HOSPITAL", "-S", "-k", "QueryRetrieveLevel=STUDY", "--repeat", "2")
        attempt("findscu", node.port, *words, called="PACSBRIDGE")
        (row,) = wait_until(
            lambda: [r for r in node.rows() if r.outcome is not AssociationOutcome.OPEN], "the end"
        )
    assert row.requests == {"C-FIND": 2}
