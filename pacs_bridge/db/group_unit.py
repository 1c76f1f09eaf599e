"""Units of work for one who commits for many: the connection stays, the rest is made on demand.

Opening a session, and all repositories over it, costs more than what SQLite does for a received
object. Whoever commits one group of objects after another keeps its connection between them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from pacs_bridge.db.driver import end_sqlite
from pacs_bridge.db.engine import begin_writing, end_writing
from pacs_bridge.db.trouble import not_taken
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.ports import Enqueue


class GroupUnits:
    """Implements `Begin`; one unit of work at a time, the next waits for it.

    Parameters
    ----------
    engine : Engine
        Its transactions begin as writers.
    """

    def __init__(self, engine: Engine, enqueue: Enqueue | None = None) -> None:
        self._engine, self._enqueue = engine, enqueue
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def __call__(self) -> UnitOfWork:
        """Give a unit of work over the connection that is kept."""
        return _GroupUnit(self, self._enqueue)

    def take(self, begin: Callable[[Connection], None]) -> Connection:
        """Take the connection and begin, opening it where there is none.

        One that was lost since it was last used is opened anew: nothing is asked of it yet.
        """
        self._lock.acquire()
        try:
            was_there = self._connection is not None
            try:
                return self._begun(begin)
            except DBAPIError as error:
                if not (was_there and error.connection_invalidated):
                    raise
                self._drop()
                return self._begun(begin)
        except BaseException:
            self.give_back(is_sound=False)
            raise

    def _begun(self, begin: Callable[[Connection], None]) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        begin(self._connection)
        return self._connection

    def give_back(self, *, is_sound: bool) -> None:
        """Let the next have the connection; a new one where this may be broken."""
        try:
            if not is_sound:
                self._drop()
            elif self._connection is not None:
                end_writing(self._connection.info)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close the connection; the next unit of work opens it anew."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _GroupUnit(UnitOfWork):
    """Works over the connection that is kept."""

    def __init__(self, units: GroupUnits, enqueue: Enqueue | None) -> None:
        super().__init__(self._make, enqueue)
        self._units = units

    def __enter__(self) -> UnitOfWork:
        try:
            self._connection = self._units.take(self._begin)
        except (DBAPIError, NoConnection) as error:
            if refusal := not_taken(error):
                raise refusal from error
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session = self._session
        is_sound = False
        try:
            if error is None and session is not None:
                session.flush()
            self._end(commit=error is None)
            is_sound = not_taken(error) is None
        except DBAPIError as refused:
            if refusal := not_taken(refused):
                raise refusal from refused
            raise
        finally:
            try:
                if session is not None:
                    session.close()
            finally:
                self._units.give_back(is_sound=is_sound)
        if refusal := not_taken(error):
            raise refusal from error

    @staticmethod
    def _begin(connection: Connection) -> None:
        """Begin as a writer; on the driver where it is SQLite."""
        if connection.dialect.name == "sqlite":
            begin_writing(connection)
        else:
            connection.begin()

    def _end(self, *, commit: bool) -> None:
        is_sqlite = self._connection.dialect.name == "sqlite"
        if is_sqlite and not self._connection.in_transaction():
            end_sqlite(self._connection, commit=commit)
        elif commit:
            self._connection.commit()
        else:
            self._connection.rollback()

    def connect(self) -> Connection:
        """Give the connection; no session is opened for it."""
        if self._session is not None:
            self._session.flush()
        return self._connection

    def _make(self) -> Session:
        if not self._connection.in_transaction():
            self._connection.begin()  # it joins what the driver has begun
        return Session(self._connection, expire_on_commit=False)
