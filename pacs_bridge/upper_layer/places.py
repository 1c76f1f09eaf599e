"""How many may talk to us at the same time, and that one peer cannot take every place.

References
----------
RELIABILITY M3.
"""

from __future__ import annotations

import threading
from collections import Counter

from pacs_bridge.domain.objects import Caller
from pacs_bridge.upper_layer.contract import Bounds

_MOST_REMEMBERED = 1_000


class Places:
    """Counts connections without an association, and associations.

    A connection is half open until its association is accepted, and again once that is over.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds, self._lock = bounds, threading.Lock()
        self._half_open: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._by_pacs: Counter[str] = Counter()
        self._known: set[str] = set()

    def enter(self, address: str) -> bool:
        """Take a place for a connection that has not spoken; False when there is none."""
        bounds = self._bounds
        with self._lock:
            here = self._half_open[address]
            is_free = (
                self._half_open.total() < bounds.half_open and here < bounds.half_open_per_address
            )
            if not is_free and not (address in self._known and here < bounds.half_open_kept):
                return False
            self._half_open[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Give the place of a half-open connection back."""
        with self._lock:
            _give_back(self._half_open, address)

    def accept(self, caller: Caller) -> bool:
        """Turn a half-open connection into an association; False when there is no place."""
        bounds, address, pacs = self._bounds, caller.address, caller.pacs or ""
        with self._lock:
            is_free = (
                self._by_address.total() < bounds.associations
                and self._by_address[address] < bounds.associations_per_address
            )
            if not is_free and self._by_pacs[pacs] >= bounds.kept_per_pacs:
                return False
            self._by_address[address] += 1
            self._by_pacs[pacs] += 1
            _give_back(self._half_open, address)
            if len(self._known) < _MOST_REMEMBERED:
                self._known.add(address)
            return True

    def end(self, caller: Caller) -> None:
        """Turn an association back into a half-open connection, until it is closed."""
        with self._lock:
            _give_back(self._by_address, caller.address)
            _give_back(self._by_pacs, caller.pacs or "")
            self._half_open[caller.address] += 1


def _give_back(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
