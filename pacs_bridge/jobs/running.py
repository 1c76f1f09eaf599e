"""Which calls of services are going on, so that an end can wait for them, and only for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any

from pacs_bridge.jobs.workflows import Services


class Running:
    """Counts calls; a workflow that sleeps between two of them is not counted."""

    def __init__(self) -> None:
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
        def counted(*args: Any) -> Any:
            with self._one():
                return call(*args)

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
