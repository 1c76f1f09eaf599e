"""A sandbox PACS that stands still at a step for as long as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig


class Gate:
    """Shut to whoever comes, until a test opens it for good.

    Attributes
    ----------
    reached : threading.Event
        Set once somebody waits at it.
    """

    def __init__(self) -> None:
        self._open, self.reached = threading.Event(), threading.Event()

    def open(self) -> None:
        """Let pass who waits and who comes."""
        self._open.set()

    def pass_through(self) -> None:
        """Wait until it is open."""
        self.reached.set()
        self._open.wait()


class HeldPacs(SandboxPacs):
    """The sandbox PACS, which stops taking objects, and then stops saying what it has.

    Parameters
    ----------
    takes : int
        After so many objects every further one waits at `stores`.
    tells : int
        Once it holds so many objects every C-FIND waits at `finds`.

    Attributes
    ----------
    stores, finds : Gate
        Where requests wait.
    """

    def __init__(self, config: SandboxPacsConfig, *, takes: int, tells: int) -> None:
        super().__init__(config)
        self.stores, self.finds = Gate(), Gate()
        self._takes, self._tells = takes, tells
        self._came, self._lock = 0, threading.Lock()

    def stop(self) -> None:
        """End it, and with it the waiting."""
        self.stores.open()
        self.finds.open()
        super().stop()

    def _on_store(self, event: Any) -> Any:
        with self._lock:
            self._came += 1
            waits = self._came > self._takes
        if waits:
            self.stores.pass_through()
        return super()._on_store(event)

    def _on_find(self, event: Any) -> Iterator[Any]:
        if len(self.held()) >= self._tells:
            self.finds.pass_through()
        yield from super()._on_find(event)
