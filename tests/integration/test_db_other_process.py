"""A writer waits for one of another process, gets in when that has ended, and gives up in time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from pacs_bridge.db import engine as engines
from pacs_bridge.db.engine import make_engine


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shared.sqlite"


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word TEXT)"))
    yield engine
    engine.dispose()


def say(engine: Engine, word: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})


def words(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words")]


def test_who_waits_for_another_process_writes_after_it(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = threading.Event()
    ask = engines.ask_sqlite

    def ask_and_note(*asked):
        try:
            return ask(*asked)
        except OperationalError:
            refused.set()
            raise

    monkeypatch.setattr(engines, "ask_sqlite", ask_and_note)
    other = sqlite3.connect(file, isolation_level=None)  # as another process has it
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=say, args=(engine, "second"))
    waiting.start()
    assert refused.wait(60)
    assert words(file) == []
    other.execute("INSERT INTO words VALUES ('first')")
    other.execute("COMMIT")
    waiting.join(60)
    assert words(file) == ["first", "second"]
    other.close()


def test_who_waits_too_long_is_told_that_it_is_locked_and_the_next_may_try(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 50)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(OperationalError, match="locked"):
            say(engine, "too early")
    other.execute("ROLLBACK")
    say(engine, "in time")
    assert words(file) == ["in time"]
    other.close()
