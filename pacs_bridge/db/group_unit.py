"""Units of work for one who commits for many: the connection stays, the rest is made on demand.

Opening a session, and all repositories over it, costs more than what SQLite does for a received
object. Whoever commits one group of objects after another keeps its connection between them.
"""

from __future__ import annotations

import threading
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from pacs_bridge.db.driver import end_sqlite
from pacs_bridge.db.engine import begin_writing, end_writing
from pacs_bridge.db.unit_of_work import UnitOfWork, not_taken
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

    def take(self) -> Connection:
        """Take the connection, opening it where there is none."""
        self._lock.acquire()
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
        except BaseException:
            self._lock.release()
            raise
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
            self._connection = self._units.take()
        except OperationalError as refused:
            raise not_taken(refused) from refused
        try:
            self._begin()
        except BaseException as error:
            self._units.give_back(is_sound=False)
            if isinstance(error, OperationalError):
                raise not_taken(error) from error
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
            is_sound = not isinstance(error, OperationalError)
        except OperationalError as refused:
            raise not_taken(refused) from refused
        finally:
            try:
                if session is not None:
                    session.close()
            finally:
                self._units.give_back(is_sound=is_sound)
        if isinstance(error, OperationalError):
            raise not_taken(error) from error

    def _begin(self) -> None:
        """Begin as a writer; on the driver where it is SQLite."""
        if self._connection.dialect.name == "sqlite":
            begin_writing(self._connection)
        else:
            self._connection.begin()

    def _end(self, *, commit: bool) -> None:
        if not self._connection.in_transaction():
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
