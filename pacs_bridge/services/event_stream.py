"""Events in the order of their numbers, for somebody who follows them as they come."""

from __future__ import annotations

import time
from collections.abc import Callable

from pacs_bridge.db.repositories.watch import Event

_AT_ONCE = 100
_MOST_BEHIND = 500
_GAP_SECONDS = 2.0


class Follower:
    """Gives each event once, whichever process kept it.

    Numbers are given before a transaction commits, so that with several processes a smaller
    one may become visible after a larger one: where one is missing, whoever follows waits for
    it a moment before going on.

    Parameters
    ----------
    read : callable
        Gives the events after a number, in their order; at most so many.
    last : int
        The newest event's number.
    after : int or None
        The last event that was seen; only those of the last 500 are given anew. None for those
        from now on.
    """

    def __init__(
        self, read: Callable[[int, int], list[Event]], *, last: int, after: int | None = None
    ) -> None:
        self._read = read
        self._cursor = last if after is None else max(min(after, last), last - _MOST_BEHIND)
        self._gap, self._since = -1, 0.0

    def next(self) -> list[Event]:
        """Give what came since; does not wait."""
        found = []
        for event in self._read(self._cursor, _AT_ONCE):
            if event.event_id > self._cursor + 1 and not self._has_waited():
                break
            self._cursor = event.event_id
            found.append(event)
        return found

    def _has_waited(self) -> bool:
        now = time.monotonic()
        if self._gap != self._cursor:
            self._gap, self._since = self._cursor, now
        return now - self._since >= _GAP_SECONDS
