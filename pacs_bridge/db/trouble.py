"""Which errors of a database mean that the same call works later, and how that is said."""

from __future__ import annotations

from types import TracebackType

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from pacs_bridge.domain.errors import RetryLater, StorageFull, StoreBusy

BUSY = "The database is busy; the same call works later."
AWAY = (
    "The database server does not answer, or does not let us in; `pacs-bridge doctor` says which, "
    "and the same call works later."
)
FULL = "The database's disk is full; make room on it, then try again."

_FULL = "53100"
_LATER = {"25006", "25P03"}  # a server that only follows; a transaction that stood still too long


def not_taken(error: BaseException | None) -> RetryLater | None:
    """Say in our words that the database did not take a change, or did not answer.

    Returns
    -------
    RetryLater or None
        What to raise in place of the error; None where repeating would not help.
    """
    if isinstance(error, NoConnection):
        return StoreBusy(BUSY)
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None)  # of PostgreSQL; SQLite has only words
    if state == _FULL or "is full" in str(error.orig):  # SQLite's "database or disk is full"
        return StorageFull(FULL)
    if error.connection_invalidated or _is_away(error, state):
        return StoreBusy(AWAY)
    if isinstance(error, OperationalError) or state in _LATER:
        return StoreBusy(BUSY)
    return None


def _is_away(error: DBAPIError, state: str | None) -> bool:
    """Whether a server was lost, or never reached: its driver then knows no state, or its end."""
    if isinstance(error.orig, Exception) and type(error.orig).__module__.startswith("sqlite3"):
        return False
    return isinstance(error, OperationalError) and (
        state is None or state[:2] in ("08", "28", "3D") or state[:3] == "57P"
    )


class TellingSession(Session):
    """A session of no unit of work, for pages; it says in our words that nothing answered."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        if refusal := not_taken(error):
            raise refusal from error
