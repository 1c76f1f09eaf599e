"""The unit of work of the one who commits for many is one like any other."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, OperationalError

from pacs_bridge.db.driver import ask_sqlite
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.db.prepared import Prepared, _compile
from pacs_bridge.db.repositories import arrivals
from pacs_bridge.db.tables.objects import ObjectRow
from pacs_bridge.domain.errors import NotFound, StoreBusy
from tests.builders import a_received_object
from tests.databases import TestDatabase, of_sqlite
from tests.nodes import register


@pytest.fixture
def database(database: TestDatabase) -> TestDatabase:
    register(database)
    return database


def kept(database: TestDatabase) -> tuple[int, bool, int]:
    """How many objects, whether bytes wait, how many events."""
    with database.begin() as uow:
        objects = sum(uow.objects.counts().values())
        return objects, uow.arrivals.any(), len(uow.events.newest(kind="noted"))


def test_bytes_rows_and_whatever_else_are_one_transaction(database: TestDatabase) -> None:
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(a_received_object(), b"bytes")
        uow.events.add(database.clock(), "noted", "a")
        uow.enqueue("extract", "1.2.3", key="extract-1.2.3")
    assert kept(database) == (1, True, 1)
    assert database.jobs.jobs == [("extract", ("1.2.3",))]


@pytest.mark.parametrize("with_session", [False, True])
def test_what_fails_leaves_nothing_and_the_next_is_served(
    database: TestDatabase, with_session: bool
) -> None:
    def fail() -> None:
        with database.begin_for_many() as uow:
            assert uow.arrivals.add(a_received_object(), b"bytes")
            if with_session:
                uow.events.add(database.clock(), "noted", "a")
            raise NotFound("There is no such thing.")

    for _ in range(2):
        with pytest.raises(NotFound):
            fail()
    assert kept(database) == (0, False, 0)
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(a_received_object(), b"bytes")
    assert kept(database) == (1, True, 0)


@of_sqlite
def test_a_database_that_refuses_is_busy_and_gets_a_new_connection(database: TestDatabase) -> None:
    def refuse() -> None:
        with database.begin_for_many() as uow:
            uow.arrivals.add(a_received_object(), b"bytes")
            uow._connection.execute(text("SELECT nonsense"))

    with database.begin_for_many() as uow:
        first = uow._connection
    with pytest.raises(StoreBusy) as raised:
        refuse()
    assert isinstance(raised.value.__cause__, OperationalError)
    assert first.closed
    with database.begin_for_many() as uow:
        assert uow.arrivals.add(a_received_object(), b"bytes")
    assert kept(database) == (1, True, 0)


def test_two_at_once_are_served_one_after_the_other(database: TestDatabase) -> None:
    inside, done = threading.Event(), threading.Event()

    def second() -> None:
        with database.begin_for_many() as uow:
            inside.set()
            uow.arrivals.add(a_received_object("1.2.3.2"), b"second")
        done.set()

    thread = threading.Thread(target=second)
    with database.begin_for_many() as uow:
        thread.start()
        uow.arrivals.add(a_received_object("1.2.3.1"), b"first")
        assert not inside.is_set()
    assert done.wait(60)
    thread.join()
    assert kept(database)[0] == 2


def test_an_object_is_added_once_and_never_for_a_paused_pacs(database: TestDatabase) -> None:
    with database.begin() as uow:
        assert [uow.arrivals.add(a_received_object(), b"bytes") for _ in range(2)] == [True, False]
        uow.pacs.set_paused("hospital", paused=True)
        assert not uow.arrivals.add(a_received_object("1.2.3.99"), b"bytes")
    assert kept(database)[0] == 1


def test_a_prepared_statement_stores_moments_as_every_other_does(database: TestDatabase) -> None:
    moment = datetime(2025, 3, 1, 10, 0, 0, 5, timezone(timedelta(hours=1)))
    received = a_received_object(received_at=moment)
    with database.begin() as uow:
        uow.arrivals.add(received, b"bytes")
        stored = uow.objects.find(received.sop_instance_uid)
        found = Prepared(
            select(ObjectRow.sop_instance_uid).where(ObjectRow.received_at == bindparam("at"))
        ).run(uow.open_session().connection(), {"at": moment})
        assert found.first() == (received.sop_instance_uid,)
    assert stored is not None
    assert stored.received_at == moment.astimezone(UTC)
    assert stored.state == "received"


def test_the_statements_are_made_for_postgresql_too() -> None:
    for statement in (arrivals._ADD_OBJECT, arrivals._ADD, arrivals._ANY, arrivals._DATA):
        compiled = _compile(statement._statement, postgresql.dialect(paramstyle="pyformat"))
        assert not compiled.positional
        assert all(f"%({name})" in compiled.text for name in compiled.names)


@of_sqlite
def test_what_the_driver_refuses_is_refused_as_by_sqlalchemy(database: TestDatabase) -> None:
    with database.begin() as uow:
        connection = uow.open_session().connection()
        for text_, kind in (
            ("SELECT nonsense", OperationalError),
            ("INSERT INTO pb_arrival (data) VALUES (NULL)", IntegrityError),
        ):
            with pytest.raises(kind) as theirs:
                connection.exec_driver_sql(text_)
            with pytest.raises(kind) as ours:
                ask_sqlite(connection, text_)
            assert type(ours.value.orig) is type(theirs.value.orig)
            assert str(ours.value.orig) == str(theirs.value.orig)


def test_a_transaction_that_another_process_does_not_let_begin_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pacs_bridge.db.engine.BUSY_MILLISECONDS", 200)  # as long as it waits
    place = tmp_path / "held.sqlite3"
    holder = sqlite3.connect(place, isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("BEGIN IMMEDIATE")
    engine = make_engine(f"sqlite:///{place}")
    units = GroupUnits(engine)
    with engine.connect() as connection:  # waits for nobody
        connection.connection.driver_connection.execute("PRAGMA busy_timeout=0")
    with pytest.raises(StoreBusy), units():
        pass
    holder.execute("ROLLBACK")
    with units():
        pass
    units.close()
    engine.dispose()
    holder.close()


def test_what_goes_through_sqlalchemy_joins_what_the_driver_began(database: TestDatabase) -> None:
    def keep(uid: str, *, fail: bool) -> None:
        with database.begin_for_many() as uow:
            assert uow.arrivals.add(a_received_object(uid), b"bytes")
            uow.connect().execute(text("SELECT 1")).all()
            if fail:
                raise NotFound("There is no such thing.")
            uow.events.add(database.clock(), "noted", "a")

    for number in range(3):  # over the same connection
        keep(f"1.2.3.{number}", fail=False)
        with pytest.raises(NotFound):
            keep(f"1.2.4.{number}", fail=True)
    assert kept(database) == (3, True, 3)
