"""What lies in memory of objects that nobody has decided on: within one budget for all of them."""

from __future__ import annotations

import threading

SMALL = 256 << 10
"""Bytes of each object that are always lent: nobody can take the room of small objects."""


class Budget:
    """How much may lie in memory, of all objects together that nobody has decided on.

    Parameters
    ----------
    most_bytes : int
        Beyond the first `SMALL` bytes of each object.
    """

    def __init__(self, most_bytes: int) -> None:
        self._lock = threading.Lock()
        self._left = most_bytes

    @property
    def left(self) -> int:
        """Bytes that are not lent."""
        return self._left

    def borrow(self, count: int) -> bool:
        """Take so many bytes of it, or none."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """Return what was borrowed."""
        with self._lock:
            self._left += count


class Held:
    """The bytes of one object that lie in memory, within a budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._borrowed = budget, 0
        self.data = bytearray()

    def add(self, data: memoryview) -> bool:
        """Keep the next bytes; false, and all are gone, where the budget has no room for them."""
        more = max(0, len(self.data) + len(data) - SMALL) - self._borrowed
        if more > 0 and not self._budget.borrow(more):
            self.drop()
            return False
        self._borrowed += max(0, more)
        self.data += data
        return True

    def drop(self) -> None:
        """Forget the bytes, and give their room back."""
        self.data = bytearray()
        self._budget.give_back(self._borrowed)
        self._borrowed = 0
