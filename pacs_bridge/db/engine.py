"""Engines, with the settings on which "safe" rests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from pacs_bridge.db.driver import ask_sqlite, has_begun

BUSY_MILLISECONDS = 30_000
BEGIN_WRITING = "BEGIN IMMEDIATE"
"""Begins a transaction of SQLite's as a writer."""


def make_engine(url: str, *, immediate: bool = True) -> Engine:
    """Make an engine for SQLite or PostgreSQL.

    Parameters
    ----------
    url : str
        SQLAlchemy URL.
    immediate : bool
        For SQLite: begin every transaction as a writer. A transaction that starts as a
        reader and turns writer may fail at once, whatever the busy time-out; readers that
        only read use an engine with False.

    Notes
    -----
    SQLite runs with WAL and ``synchronous=FULL``: a committed transaction survives a power
    cut, which NORMAL does not promise in WAL mode.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = _sqlite(url, isolation_level=None)  # we say BEGIN ourselves, below

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if not has_begun(connection):
            ask_sqlite(connection, BEGIN_WRITING if immediate else "BEGIN")

    return engine


def make_jobs_engine(url: str) -> Engine:
    """Make an engine for the jobs' library, which begins its SQLite transactions itself.

    It sets neither WAL nor a durable ``synchronous`` (its own would be SQLite's defaults).
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    return _sqlite(url, isolation_level="IMMEDIATE")


def _sqlite(url: str, isolation_level: str | None) -> Engine:
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000}
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = isolation_level
        for pragma in (
            f"busy_timeout={BUSY_MILLISECONDS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine
