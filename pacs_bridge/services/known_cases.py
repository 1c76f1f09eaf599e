"""Which cases an object names, remembered for a second: the next object names the same ones.

Only an answer that found cases of ours is remembered. Where none was found the database is asked
each time: a case set that was imported a moment ago must not be taken for somebody else's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pacs_bridge.db.repositories.case_sets import KnownCase

SECONDS = 1.0
MOST = 4096

Names = tuple[frozenset[str], frozenset[str], str]
"""All that an object names: studies, images and an accession number."""

Cases = tuple[KnownCase, ...]


class KnownCases:
    """Remembers for all threads of a process.

    Parameters
    ----------
    seconds : float
        How long an answer is believed. Cases go only when their set is withdrawn.
    clock : callable
        Gives seconds that never go back.
    """

    def __init__(
        self, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._found: dict[Names, tuple[float, Cases]] = {}

    def recall(self, names: Names) -> Cases:
        """Give the cases of ours that these names name; none when the database must be asked."""
        until, cases = self._found.get(names, (0.0, ()))
        return cases if self._clock() < until else ()

    def remember(self, names: Names, cases: Cases) -> None:
        """Keep what the database answered; nothing where it knew none."""
        if not cases:
            return
        with self._lock:
            if len(self._found) >= MOST:
                self._found.clear()
            self._found[names] = (self._clock() + self._seconds, cases)
