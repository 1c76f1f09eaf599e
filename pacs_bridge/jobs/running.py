"""Calls of services: counted, so that an end can wait for them alone, and repeated while it pays.

A database that is busy has taken nothing, and the same call works later: a job must not end over
that, as nobody would begin it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

from pacs_bridge.domain.errors import StoreBusy
from pacs_bridge.jobs.workflows import Services

PAUSES = (0.1, 0.5, 2.0, 5.0, 10.0, 30.0, 30.0, 60.0, 60.0, 60.0)
"""Seconds between attempts; each waits for the database besides."""


class Running:
    """Counts calls; a workflow that sleeps between two of them is not counted.

    Parameters
    ----------
    pauses : sequence of float
        Seconds between attempts at a call that the database did not take.
    """

    def __init__(self, pauses: Sequence[float] = PAUSES) -> None:
        self._pauses = tuple(pauses)
        self._changed = threading.Condition()
        self._count = 0

    def counted(self, services: Services) -> Services:
        """Give the same services, each call of which is counted."""
        given = {each.name: getattr(services, each.name) for each in fields(services)}
        calls: dict[str, Any] = {
            name: self._wrap(call) for name, call in given.items() if callable(call)
        }
        return replace(services, **calls)

    def wait_for_none(self, seconds: float) -> bool:
        """Wait until no call is going on; false where one still is after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._count == 0, seconds)

    def _wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **told: Any) -> Any:
            for pause in self._pauses:
                try:
                    with self._one():
                        return call(*args, **told)
                except StoreBusy:  # also where all is to stop: what is cut off then begins again
                    threading.Event().wait(pause)
            with self._one():
                return call(*args, **told)

        return counted

    @contextmanager
    def _one(self) -> Iterator[None]:
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def _add(self, number: int) -> None:
        with self._changed:
            self._count += number
            self._changed.notify_all()
