"""For a service that wants an object whole: bytes collected up to a bound, then handed over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.upper_layer.contract import Answer, StoreHead

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


class Collector:
    """Keeps an object in memory while it arrives; what is too large is counted and dropped.

    Parameters
    ----------
    most_bytes : int
        A larger object is handed over with its size and without a byte.
    budget : Budget
        Of all objects together.
    store : callable
        Answers for the whole object; it must not raise.
    crowd_out : callable
        Answers for an object that the budget has no room for, without its bytes; it must not
        raise.
    """

    def __init__(
        self,
        head: StoreHead,
        *,
        most_bytes: int,
        budget: Budget,
        store: Callable[[StoreRequest], Answer],
        crowd_out: Callable[[StoreRequest], Answer],
    ) -> None:
        self._head, self._most = head, most_bytes
        self._store, self._crowd_out = store, crowd_out
        self._held, self._size, self._is_crowded = Held(budget), 0, False

    def write(self, data: memoryview) -> None:
        """Keep the next bytes, or count them."""
        self._size += len(data)
        if self._is_crowded:
            return
        if self._size > self._most:
            self._held.drop()
        elif not self._held.add(data):
            self._is_crowded = True

    def finish(self) -> Answer:
        """Hand the object over."""
        head = self._head
        request = StoreRequest(
            caller=head.caller,
            sop_class_uid=head.sop_class_uid,
            sop_instance_uid=head.sop_instance_uid,
            transfer_syntax_uid=head.transfer_syntax_uid,
            data_set=memoryview(self._held.data),
            size=self._size,
            originator=head.originator,
        )
        try:
            return self._crowd_out(request) if self._is_crowded else self._store(request)
        finally:
            self._held.drop()

    def abort(self) -> None:
        """Forget it."""
        self._held.drop()
