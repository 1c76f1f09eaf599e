"""Writers of one process wait for one another, and are woken; none asks SQLite again and again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db import engine as engines
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.db.turns import Turn
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.errors import StoreBusy
from tests.waiting import wait_until

LONG = 240.0


def impatient(place: Path) -> Engine:
    """An engine whose SQLite refuses at once where somebody else writes."""
    made = make_engine(f"sqlite:///{place}")

    @event.listens_for(made, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA busy_timeout=0")

    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "turns.sqlite"
    connection = sqlite3.connect(place)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE said (word TEXT)")
    connection.close()
    return place


def in_threads(*works: Callable[[], None]) -> list[Exception]:
    failed: list[Exception] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
        assert not thread.is_alive()
    return failed


def test_many_writers_over_two_engines_never_meet_in_the_database(place: Path) -> None:
    one, two = impatient(place), impatient(place)
    group = GroupUnits(one)
    single = partial(UnitOfWork, sessionmaker(two))

    def write(begin: Callable[[], UnitOfWork]) -> None:
        for _ in range(20):
            with begin() as uow:
                connection = uow.connect()
                connection.execute(text("INSERT INTO said VALUES ('word')"))

    assert in_threads(*[partial(write, begin) for begin in (group, single) * 3]) == []
    with one.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM said")).scalar() == 120
    group.close()
    one.dispose()
    two.dispose()


@pytest.mark.parametrize("grouped", [True, False])
def test_a_turn_ends_with_whatever_ends_a_unit_of_work(place: Path, grouped: bool) -> None:
    engine = impatient(place)
    units = GroupUnits(engine)
    begin = units if grouped else partial(UnitOfWork, sessionmaker(engine))

    def fail(how: str) -> None:
        with begin() as uow:
            uow.connect().execute(text(how))
            raise KeyError(how)

    for how, expected in (("SELECT 1", KeyError), ("SELECT nonsense", StoreBusy)):
        with pytest.raises(expected):
            fail(how)
        with begin() as uow:
            uow.connect().execute(text("INSERT INTO said VALUES ('after')"))
    units.close()
    engine.dispose()


def test_who_has_waited_long_enough_is_told_that_the_database_is_busy(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = impatient(place)
    begin = partial(UnitOfWork, sessionmaker(engine))
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 1)

    def second() -> None:
        with begin() as uow:
            uow.connect()

    with begin() as uow:
        uow.connect()
        [error] = in_threads(second)
    assert isinstance(error, StoreBusy)
    assert isinstance(error.__cause__, OperationalError)
    assert in_threads(second) == []
    engine.dispose()


def waits(turn: Turn, number: int) -> bool:
    return len(turn._waiting) == number


def test_turns_come_in_the_order_in_which_they_were_asked_for() -> None:
    turn, came = Turn(), list[int]()
    assert turn.take(0)

    def wait(number: int) -> None:
        assert turn.take(LONG)
        came.append(number)
        turn.give_back()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_until(partial(waits, turn, number), "another waits")
    turn.give_back()
    for thread in threads:
        thread.join(LONG)
    assert came == [0, 1, 2, 3, 4]
    assert turn.take(0)


def test_a_turn_is_not_lost_on_who_does_not_wait_any_more() -> None:
    turn = Turn()
    assert turn.take(0)
    assert not turn.take(0.001)
    turn.give_back()
    assert turn.take(0)
