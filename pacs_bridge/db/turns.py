"""Writers of one SQLite file take turns inside a process: who waits is woken when it is free.

SQLite itself lets one write at a time and has whoever comes meanwhile ask again, after pauses that
grow to a tenth of a second. While rows of associations were written, for two milliseconds, the
objects of all associations used to wait for thirty.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import cache


class Turn:
    """Held by one thread at a time; the others get it in the order in which they came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Lock] = deque()

    def take(self, seconds: float) -> bool:
        """Wait for the turn, but only so long; tells whether it is ours."""
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            call = threading.Lock()
            call.acquire()
            self._waiting.append(call)
        if call.acquire(timeout=seconds):
            return True
        with self._lock:
            if call not in self._waiting:
                return True  # it was called in this very moment
            self._waiting.remove(call)
            return False

    def give_back(self) -> None:
        """Let the next have it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False


@cache
def turn_of(_url: str) -> Turn:
    """Give the turn of everybody in this process who writes to a database."""
    return Turn()
