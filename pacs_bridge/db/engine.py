"""Engines, with the settings on which "safe" rests."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from pacs_bridge.db.driver import ask_sqlite, has_begun, refused
from pacs_bridge.db.turns import Turn, turn_of
from pacs_bridge.domain.errors import RefusedInput

BUSY_MILLISECONDS = 30_000
_BEGIN_WRITING = "BEGIN IMMEDIATE"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.0002, 0.002  # seconds
_TURN, _IS_OURS = "turn of writers", "the turn is ours"


def make_engine(url: str, *, immediate: bool = True) -> Engine:
    """Make an engine for SQLite or PostgreSQL.

    Parameters
    ----------
    url : str
        SQLAlchemy URL.
    immediate : bool
        Begin every transaction as a writer, in its turn. In SQLite a transaction that starts
        as a reader and turns writer may fail at once, whatever the busy time-out; readers that
        only read use an engine with False.

    Notes
    -----
    SQLite runs with WAL and ``synchronous=FULL``: a committed transaction survives a power
    cut, which NORMAL does not promise in WAL mode. What PostgreSQL does stands in
    `db.postgresql`.
    """
    if not url.startswith("sqlite"):
        return _postgresql(url).make_postgresql(
            url, writes=immediate, milliseconds=BUSY_MILLISECONDS
        )
    # we say BEGIN ourselves, below, and a writer waits for its turn there
    engine = _sqlite(url, isolation_level=None, busy=0 if immediate else BUSY_MILLISECONDS)

    @event.listens_for(engine, "connect")
    def _on_connect(_driver: Any, record: Any) -> None:
        record.info[_TURN] = turn_of(url)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if has_begun(connection):
            return
        if immediate:
            begin_writing(connection)
        else:
            ask_sqlite(connection, "BEGIN")

    @event.listens_for(engine, "checkin")
    def _on_checkin(_driver: Any, record: Any) -> None:
        end_writing(record.info)

    return engine


def begin_writing(connection: Connection) -> None:
    """Begin a transaction of SQLite's as a writer, in our turn among those of this process.

    The turn ends with `end_writing`, or when the connection goes back to the pool.

    Raises
    ------
    OperationalError
        When another writer did not come to its end in time.
    """
    turn: Turn = connection.info[_TURN]
    until = time.monotonic() + BUSY_MILLISECONDS / 1000
    if not turn.take(BUSY_MILLISECONDS / 1000):
        raise refused(_BEGIN_WRITING, sqlite3.OperationalError("database is locked"))
    try:
        _begin_among_processes(connection, until)
    except BaseException:
        turn.give_back()
        raise
    connection.info[_IS_OURS] = True


def _begin_among_processes(connection: Connection, until: float) -> None:
    """Begin as soon as no other process writes.

    SQLite's own pauses grow to a tenth of a second, with everybody of this process behind whoever
    waits; nothing wakes one process when another has committed, so we ask again sooner.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            ask_sqlite(connection, _BEGIN_WRITING)
        except OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(1.5 * pause, _LONGEST_PAUSE)


def end_writing(info: MutableMapping[Any, Any]) -> None:
    """Let the next write; nothing happens where it is not our turn.

    Parameters
    ----------
    info : mutable mapping
        That of the connection whose transaction has ended.
    """
    if info.pop(_IS_OURS, False):
        info[_TURN].give_back()


def make_jobs_engine(url: str) -> Engine:
    """Make an engine for the jobs' library, which begins its SQLite transactions itself.

    It would set neither WAL nor ``synchronous``. A job is queued in a transaction of ours, which
    is synced; that it began and how it ended is written by this engine, and need not be: at a power
    cut some of the last are lost, and those jobs are done again, as after a kill (decision 0082).
    """
    if not url.startswith("sqlite"):
        return _postgresql(url).make_jobs_postgresql(url)
    return _sqlite(url, isolation_level="IMMEDIATE", synchronous="NORMAL")


def _postgresql(url: str) -> ModuleType:
    """Give what makes engines for PostgreSQL; loaded only where there is one.

    Raises
    ------
    RefusedInput
        When the address is of neither database; it is not repeated, as it may hold a password.
    """
    from pacs_bridge.db import postgresql

    if not postgresql.is_postgresql(url):
        raise RefusedInput(
            "The setting database.url is of neither SQLite nor PostgreSQL; leave it empty, or "
            'write "postgresql://USER@HOST/NAME".'
        )
    return postgresql


def _sqlite(
    url: str,
    isolation_level: str | None,
    busy: int = BUSY_MILLISECONDS,
    synchronous: str = "FULL",
) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000},
        # Whoever waits for the turn to write holds a connection: a pool that can be empty would
        # refuse the others instead of letting them wait, too.
        max_overflow=-1,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = isolation_level
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={busy}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine
