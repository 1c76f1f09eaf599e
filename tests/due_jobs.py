"""A queue as the engine's is, and units of work in which the process may go before the commit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pacs_bridge.db.unit_of_work import UnitOfWork


class Killed(Exception):
    """The process went in the middle of what it did."""


class Queue:
    """A queue as the engine's is: a job is there once its transaction is, and due when it says."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock, self.keys = clock, set[str]()
        self.jobs: list[tuple[datetime, str, tuple[Any, ...]]] = []
        self.new: list[tuple[str | None, float, str, tuple[Any, ...]]] = []

    def __call__(
        self, _: Any, job: str, *args: Any, key: str | None = None, delay: float = 0.0, **__: Any
    ) -> None:
        self.new.append((key, delay, job, args))

    def settle(self, *, committed: bool) -> None:
        """Keep what a transaction queued, or forget it."""
        new, self.new = self.new, []
        for key, delay, job, args in new if committed else ():
            if key is None or key not in self.keys:
                self.keys.add(key or "")
                self.jobs.append((self.clock() + timedelta(seconds=delay), job, args))

    def due(self) -> list[tuple[datetime, str, tuple[Any, ...]]]:
        """What may be done now."""
        return [each for each in self.jobs if each[0] <= self.clock()]


class Unit:
    """A unit of work over that queue; in one that dies the process goes before it is committed."""

    def __init__(self, unit: UnitOfWork, queue: Queue, *, dies: bool) -> None:
        self.unit, self.queue, self.dies = unit, queue, dies

    def __enter__(self) -> UnitOfWork:
        return self.unit.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self.dies and error is None:
            self.unit.__exit__(Killed, Killed(), None)
            self.queue.settle(committed=False)
            raise Killed
        self.unit.__exit__(kind, error, trace)
        self.queue.settle(committed=error is None)
