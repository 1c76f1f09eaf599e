"""PostgreSQL keeps what SQLite promises: tables, turns of writers, one picture, plain refusals."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, UniqueConstraint, text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.orm import sessionmaker

from pacs_bridge.config import Config, DatabaseConfig
from pacs_bridge.db.engine import make_engine, make_jobs_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.db.migrate import is_current, migrate
from pacs_bridge.db.postgresql import Standing, stand
from pacs_bridge.db.tables import all_tables
from pacs_bridge.db.trouble import TellingSession, not_taken
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import RefusedInput, StorageFull, StoreBusy
from pacs_bridge.domain.objects import Originator
from pacs_bridge.wiring.doctor import examine
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.jobs import build_jobs
from pacs_bridge.wiring.node import build_node
from pacs_bridge.wiring.web import serve_web
from tests.builders import a_received_object
from tests.databases import TestDatabase, opened
from tests.nodes import associated, our_state, register, running_node, send_raw
from tests.peers import ROOT
from tests.postgres import Cluster, postgres, postgres_url
from tests.waiting import wait_until

__all__ = ["postgres", "postgres_url"]  # fixtures


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    engine = make_engine(postgres_url)
    yield engine
    engine.dispose()


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": "pb_alembic",
                "include_object": lambda _, name, kind, *__: kind != "table" or name[:3] == "pb_",
                "compare_type": True,
            },
        )
        found = compare_metadata(context, all_tables())
    return [each for each in found if not says_its_key_again(each)]


def says_its_key_again(difference: tuple[object, ...]) -> bool:
    """Whether it is a constraint over just a table's key, which PostgreSQL keeps once."""
    constraint = difference[1]
    if not isinstance(constraint, UniqueConstraint):
        return False
    key = all_tables().tables[constraint.table.name].primary_key
    return set(constraint.columns.keys()) == set(key.columns.keys())


def test_a_new_database_has_the_tables_of_the_code_and_repeating_changes_nothing(
    engine: Engine,
) -> None:
    assert is_current(engine)
    migrate(engine)
    assert differences(engine) == []


@pytest.fixture
def database(postgres_url: str) -> Iterator[TestDatabase]:
    with opened(postgres_url) as database:
        register(database)
        yield database


ADD = """\
import sys
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.domain.objects import Originator
from pacs_bridge.wiring.doctor import examine
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.jobs import build_jobs
from pacs_bridge.wiring.node import build_node
from pacs_bridge.wiring.web import serve_web
from tests.builders import a_received_object

units = GroupUnits(make_engine(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    with units() as uow:
        assert uow.arrivals.add(a_received_object(f"1.2.4.{number}"), b"bytes")
units.close()
"""


def test_two_processes_that_add_at_once_number_what_they_add_one_after_the_other(
    database: TestDatabase, postgres_url: str
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", ADD, postgres_url],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    other.stdin.write("\n")
    other.stdin.flush()
    for number in range(10):
        with database.begin_for_many() as uow:
            assert uow.arrivals.add(a_received_object(f"1.2.3.{number}"), b"bytes")
            uow.events.add(database.clock(), "noted", "a")
    other.communicate(timeout=240)
    assert other.returncode == 0
    with database.begin() as uow:
        arrived = uow.connect().execute(text("SELECT arrival FROM pb_object")).scalars()
        assert sorted(arrived) == list(range(1, 21))


def test_a_writer_waits_for_that_of_another_process_and_sees_what_it_wrote(
    database: TestDatabase, postgres_url: str, engine: Engine
) -> None:
    """What one looks for before adding it is found, though the other had not ended then."""
    came = []

    def second() -> None:
        with database.begin_for_many() as uow:
            came.append(uow.arrivals.add(a_received_object("1.2.3.1"), b"second"))

    thread = threading.Thread(target=second)
    with engine.begin() as other:
        thread.start()
        wait_until(lambda: waiting(other) == 1, "the second to wait")
        with UnitOfWork(sessionmaker(bind=other)) as uow:
            assert uow.arrivals.add(a_received_object("1.2.3.1"), b"first")
    thread.join(240)
    assert came == [False]


def waiting(connection: Connection) -> int:
    """How many wait for the turn of writers in this database."""
    found: int = connection.execute(
        text(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
            "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        )
    ).scalar_one()
    return found


def test_who_has_waited_long_enough_is_told_that_the_database_is_busy(
    database: TestDatabase, postgres_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs_bridge.db.engine.BUSY_MILLISECONDS", 50)
    with opened(postgres_url) as hasty:
        for begin in (hasty.begin, hasty.begin_for_many):
            with engine.begin(), pytest.raises(StoreBusy, match="busy"), begin() as uow:
                uow.connect()
            with begin() as uow:
                assert not uow.arrivals.any()


def test_who_reads_sees_one_moment_and_waits_for_nobody(
    database: TestDatabase, postgres_url: str
) -> None:
    reading = make_engine(postgres_url, immediate=False)
    with UnitOfWork(sessionmaker(reading)) as looking:
        assert not looking.arrivals.any()
        with database.begin() as uow:
            assert uow.arrivals.add(a_received_object(), b"bytes")
            assert not looking.arrivals.any()
        assert not looking.arrivals.any()
    with UnitOfWork(sessionmaker(reading)) as looking:
        assert looking.arrivals.data("1.2.3.1") == b"bytes"
    reading.dispose()


def test_a_size_may_be_more_than_two_gigabytes(database: TestDatabase) -> None:
    with database.begin() as uow:
        uow.arrivals.announce(a_received_object(size=3 << 30))
    with database.begin() as uow:
        found = uow.objects.find("1.2.3.1")
        assert found is not None
        assert found.size == 3 << 30


def test_text_that_is_too_long_or_holds_a_nul_costs_nothing(database: TestDatabase) -> None:
    """SQLite takes both: a column's length is what is enough, not what is allowed."""
    long = a_received_object(reason="r" * 2_000, originator=Originator("A\0B", 1))
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(long, b"bytes")
        uow.events.add(database.clock(), "noted", "A\0B" + "s" * 200, said="C\0D")
    with database.begin() as uow:
        found = uow.objects.find("1.2.3.1")
        assert found is not None
        assert found.reason == "r" * 2_000
        assert found.originator == Originator("A\ufffdB", 1)
        [event] = uow.events.newest(kind="noted")
        assert event.subject == "A\ufffdB" + "s" * 61
        assert event.detail == {"said": "C\0D"}


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'said' USING ERRCODE = '{}'; END $$"


REFUSALS: dict[str, type[Exception]] = {
    "53100": StorageFull,  # disk full
    "40001": StoreBusy,  # serialization failure
    "40P01": StoreBusy,  # deadlock
    "53300": StoreBusy,  # too many connections
    "57014": StoreBusy,  # a statement that was cancelled
    "25006": StoreBusy,  # a server that only follows, after a fail-over
    "22P02": DBAPIError,  # a value that it does not take: repeating would not help
    "42501": DBAPIError,  # a right that we have not
}


def test_what_the_server_refuses_is_said_in_our_words_and_leaves_nothing(
    database: TestDatabase,
) -> None:
    def refused(begin: Begin, state: str) -> None:
        with begin() as uow:
            assert uow.arrivals.add(a_received_object(), b"bytes")
            uow.connect().exec_driver_sql(RAISE.format(state))

    for begin in (database.begin, database.begin_for_many):
        for state, expected in REFUSALS.items():
            with pytest.raises(expected) as raised:
                refused(begin, state)
            cause = getattr(raised.value.__cause__, "orig", None) or raised.value.orig
            assert cause.sqlstate == state
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(a_received_object(), b"bytes")


def test_of_two_that_wait_for_one_another_one_is_told_to_come_again(
    database: TestDatabase, postgres_url: str, engine: Engine
) -> None:
    """As the jobs' library and a person's own tool may, which take no turns."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE word (name text PRIMARY KEY, said int)"))
        connection.execute(text("INSERT INTO word VALUES ('a', 0), ('b', 0)"))
    change = "UPDATE word SET said = said + 1 WHERE name = '{}'"
    bare = make_engine(postgres_url, immediate=False)  # takes no turn
    outcomes: list[object] = []

    def change_both(first: str, then: str, met: threading.Barrier) -> None:
        try:
            with UnitOfWork(sessionmaker(bare)) as uow:
                uow.connect().execute(text("SET LOCAL TRANSACTION ISOLATION LEVEL READ COMMITTED"))
                uow.connect().execute(text(change.format(first)))
                met.wait(240)
                uow.connect().execute(text(change.format(then)))
            outcomes.append(None)
        except StoreBusy as error:
            outcomes.append(error)

    met = threading.Barrier(2)
    threads = [threading.Thread(target=change_both, args=(*names, met)) for names in ("ab", "ba")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert sorted(type(each).__name__ for each in outcomes) == ["NoneType", "StoreBusy"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT sum(said) FROM word")).scalar_one() == 2
    bare.dispose()


def test_a_connection_lost_in_the_middle_keeps_nothing_and_the_same_call_works_again(
    database: TestDatabase, postgres: Cluster, postgres_url: str
) -> None:
    def cut_off(begin: Begin) -> None:
        with begin() as uow:
            assert uow.arrivals.add(a_received_object(), b"bytes")
            postgres.hang_up(postgres_url)
            uow.arrivals.any()

    def cut_off_at_the_end(begin: Begin) -> None:
        with begin() as uow:
            assert uow.arrivals.add(a_received_object(), b"bytes")
            postgres.hang_up(postgres_url)

    def cut_off_as_it_fails(begin: Begin) -> None:
        with begin() as uow:
            uow.arrivals.any()
            postgres.hang_up(postgres_url)
            raise StoreBusy("of its own")

    for begin in (database.begin, database.begin_for_many):
        for lose in (cut_off, cut_off_at_the_end, cut_off_as_it_fails):
            with pytest.raises(StoreBusy):
                lose(begin)
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(a_received_object(), b"bytes")


def test_a_connection_that_is_found_closed_is_a_server_that_was_lost() -> None:
    closed = psycopg.InterfaceError("the connection is closed")
    lost = InterfaceError("", None, closed, connection_invalidated=True)
    assert isinstance(not_taken(lost), StoreBusy)
    assert not_taken(InterfaceError("", None, closed)) is None


def test_who_commits_for_many_does_not_notice_a_server_that_was_started_again(
    database: TestDatabase, postgres: Cluster, postgres_url: str
) -> None:
    for number in range(2):
        with database.begin_for_many() as uow:
            assert uow.arrivals.add(a_received_object(f"1.2.3.{number}"), b"bytes")
        postgres.hang_up(postgres_url)  # while nothing is going on


def test_a_server_that_is_away_is_said_to_be_away(tmp_path: Path) -> None:
    engine = make_engine(f"postgresql://bridge@/name?host={tmp_path}")
    for begin in (partial(UnitOfWork, sessionmaker(engine)), GroupUnits(engine)):
        with pytest.raises(StoreBusy, match="doctor"), begin() as uow:
            uow.connect()
    with pytest.raises(StoreBusy, match="doctor"):
        stand(engine)
    with pytest.raises(StoreBusy), sessionmaker(engine, class_=TellingSession)() as session:
        session.execute(text("SELECT 1"))
    engine.dispose()


def test_a_node_whose_server_is_away_has_objects_sent_again_and_loses_none(
    database: TestDatabase, postgres: Cluster, postgres_url: str, tmp_path: Path
) -> None:
    before, meanwhile = our_state("1.2.3.1"), our_state("1.2.3.2")
    with (
        running_node(database, tmp_path) as node,
        associated(node.port, before.SOPClassUID) as association,
    ):
        assert send_raw(association, before).Status == 0
        with postgres.away(postgres_url):
            assert send_raw(association, meanwhile).Status == 0xA700
        assert send_raw(association, meanwhile).Status == 0
        assert send_raw(association, before).Status == 0  # it may have been sent again, too
        assert node.hand_over() == 2
        assert database.jobs.jobs == [("extract", ("1.2.3.1",)), ("extract", ("1.2.3.2",))]


@pytest.mark.parametrize(
    "url", ["mysql://root:secret@db/name", "postgresql://bridge:secret@db:port/name", "a folder"]
)
def test_an_address_of_no_database_of_ours_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RefusedInput, match=r"database\.url") as raised:
        make_engine(url)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_may_be_written_as_others_write_it(scheme: str, postgres: Cluster) -> None:
    engine = make_engine(postgres.url("postgres").replace("postgresql:", f"{scheme}:"))
    assert stand(engine).encoding == "UTF8"
    engine.dispose()


def test_a_commit_is_durable_whatever_the_server_thinks_best(
    engine: Engine, postgres: Cluster, postgres_url: str
) -> None:
    postgres.ask(f"ALTER DATABASE {postgres.name_of(postgres_url)} SET synchronous_commit = off")
    jobs = make_jobs_engine(postgres_url)
    for made in (engine, jobs):
        with made.connect() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    jobs.dispose()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"durable": False}, "fsync"),
        ({"standby": True}, "leading one"),
        ({"encoding": "LATIN1"}, "UTF8"),
        ({"owned": False}, "OWNER TO"),
        ({"version": 12}, "too old"),
    ],
)
def test_a_server_that_is_not_fit_is_told_of_with_what_to_do(
    changes: dict[str, Any], told: str
) -> None:
    fit = Standing(15, "UTF8", connections=100, durable=True, standby=False, owned=True)
    trouble = replace(fit, **changes).trouble
    assert told in trouble
    assert bool(told) == bool(trouble)


def test_a_server_without_the_disk_s_sync_is_seen(engine: Engine) -> None:
    """As that of these tests is."""
    assert not stand(engine).durable
    assert stand(engine).owned


def an_installation(home: Path, url: str) -> Installation:
    return Installation(Config(home=home, database=DatabaseConfig(url)))


def test_nothing_starts_over_a_server_that_would_lose_what_it_confirmed(
    postgres_url: str, tmp_path: Path
) -> None:
    installation = an_installation(tmp_path, postgres_url)
    for start in (build_node, build_jobs, serve_web):
        with pytest.raises(RefusedInput, match="fsync"):
            start(installation)
    installation.engine.dispose()


def test_the_doctor_says_why_a_server_does_not_answer_and_asks_it_nothing_more(
    postgres: Cluster, tmp_path: Path
) -> None:
    for url, why in (
        (f"postgresql://bridge:secret@/name?host={tmp_path}", "No such file"),
        (postgres.url("nobody_made_it"), "does not exist"),
    ):
        installation = an_installation(tmp_path, url)
        *_, last = examine(installation)
        assert (last.subject, last.good) == ("database server", False)
        assert why in last.says
        assert "database.url" in last.says
        assert "secret" not in last.says
        installation.engine.dispose()
