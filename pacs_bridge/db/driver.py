"""SQLite's driver asked directly, on a connection of SQLAlchemy's, in the transaction open there.

What goes round SQLAlchemy fails as it would there: whoever catches its errors catches these.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, exc


class Rows:
    """What a statement changed or found; the same two questions as to a result of SQLAlchemy's."""

    __slots__ = ("_cursor", "_text")

    def __init__(self, cursor: sqlite3.Cursor, text: str) -> None:
        self._cursor, self._text = cursor, text

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return self._cursor.rowcount

    def first(self) -> tuple[Any, ...] | None:
        """Give the first row that was found, and forget all others."""
        try:
            row: tuple[Any, ...] | None = self._cursor.fetchone()
            self._cursor.close()
        except sqlite3.Error as error:
            raise refused(self._text, error) from error
        return row


def ask_sqlite(connection: Connection, text: str, parameters: Sequence[Any] = ()) -> Rows:
    """Run a statement.

    Raises
    ------
    DBAPIError
        The class of it that SQLAlchemy would have raised; it names no parameter.
    """
    driver: Any = connection.connection.driver_connection
    try:
        return Rows(driver.execute(text, parameters), text)
    except sqlite3.Error as error:
        raise refused(text, error) from error


def end_sqlite(connection: Connection, *, commit: bool) -> None:
    """Commit the transaction that was begun on the driver, or roll it back.

    Raises
    ------
    DBAPIError
        As `ask_sqlite` does.
    """
    driver: Any = connection.connection.driver_connection
    try:
        driver.commit() if commit else driver.rollback()
    except sqlite3.Error as error:
        raise refused("COMMIT" if commit else "ROLLBACK", error) from error


def has_begun(connection: Connection) -> bool:
    """Tell whether a transaction is open on the driver, whoever began it."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)


def refused(text: str, error: sqlite3.Error) -> exc.DBAPIError:
    """Make of an error of the driver what SQLAlchemy makes of it."""
    kind = getattr(exc, type(error).__name__, exc.DBAPIError)
    made: exc.DBAPIError = kind(text, None, error)
    return made
