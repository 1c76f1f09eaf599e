"""How fast a PACS is sent to: bytes a second, shared by all associations with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from pacs_bridge.domain.pacs import Pacs

_BURST_SECONDS = 0.25


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


class Bucket:
    """Lets so many bytes a second through; safe to call from several threads.

    Parameters
    ----------
    rate : float
        Bytes a second.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = _wait,
    ) -> None:
        self.rate = rate
        self._clock, self._wait = clock, wait
        self._lock = threading.Lock()
        self._free_at = clock()  # when all that was taken so far is paid for

    def take(self, count: int) -> None:
        """Take so many bytes, and wait until they may go."""
        with self._lock:
            now = self._clock()
            pause = max(0.0, self._free_at - now)
            self._free_at = max(self._free_at, now - _BURST_SECONDS) + count / self.rate
        if pause:
            self._wait(pause)


class Buckets:
    """The bucket of each PACS that has a limit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, Bucket] = {}

    def of(self, pacs: Pacs) -> Bucket | None:
        """Give the one that all associations with a PACS share; None where there is no limit."""
        if pacs.sending.megabits is None:
            return None
        rate = pacs.sending.megabits * 1e6 / 8
        with self._lock:
            bucket = self._by_name.get(pacs.name)
            if bucket is None or bucket.rate != rate:
                bucket = self._by_name[pacs.name] = Bucket(rate)
            return bucket


class PacedFile(FileIO):
    """A file that is read no faster than a bucket lets through."""

    def __init__(self, path: Path, bucket: Bucket) -> None:
        super().__init__(path, "rb")
        self._bucket = bucket

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer, once its bytes may go."""
        self._bucket.take(len(memoryview(buffer)))
        return super().readinto(buffer) or 0
