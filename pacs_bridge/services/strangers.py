"""Who connects and comes to no association: written down, and never more than so much of it.

A handshake that fails, or bytes that are no DICOM, leave a row like a rejected association and an
event. A flood of them must not fill the disk: beyond a few rows a minute from one address, and
beyond some more from all, they are only counted, and one event a minute says how many.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.event_log import Kept

WINDOW_SECONDS = 60.0
ROWS_PER_ADDRESS = 5
ROWS = 60
_MOST_ADDRESSES = 1_000
ELSEWHERE = "elsewhere"
"""Stands for all addresses beyond those that are counted singly."""


@dataclass
class _Counted:
    rows: int = 0
    more: int = 0
    last: str = ""


class Strangers:
    """Writes down who was turned away, for all threads of a process.

    Parameters
    ----------
    end : callable
        Keeps a row.
    keep : callable
        Keeps an event.
    seconds : float
        How long a minute is.
    """

    def __init__(
        self,
        *,
        end: Callable[[Association], None],
        keep: Callable[[Kept], None],
        now: Clock,
        seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._end, self._keep, self._now, self._seconds = end, keep, now, seconds
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}
        self._rows, self._since = 0, 0.0
        self._timer: threading.Timer | None = None

    def turn_away(self, address: str, why: str) -> None:
        """Write down that a connection from an address came to nothing. Never waits, never raises.

        Parameters
        ----------
        why : str
            In words of ours; nothing from the wire.
        """
        with self._lock:
            self._begin_window()
            if address not in self._counted and len(self._counted) >= _MOST_ADDRESSES:
                address = ELSEWHERE
            counted = self._counted.setdefault(address, _Counted())
            if counted.rows >= ROWS_PER_ADDRESS or self._rows >= ROWS:
                counted.more += 1
                counted.last = why
                self._tell_later()
                return
            counted.rows += 1
            self._rows += 1
        moment = self._now()
        caller = Caller("", "", address, None, secrets.token_hex(16))
        outcome = AssociationOutcome.REJECTED
        self._end(Association(caller.association_id, moment, caller, outcome, moment, note=why))
        self._keep(Kept(moment, "connection-refused", address, {"reason": why}))

    def close(self) -> None:
        """Say what was only counted until now."""
        with self._lock:
            self._end_window()

    def _begin_window(self) -> None:
        now = time.monotonic()
        if now - self._since >= self._seconds:
            self._end_window()
            self._since = now

    def _end_window(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for address, counted in self._counted.items():
            if counted.more:
                detail: dict[str, str | int] = {"more": counted.more, "last": counted.last}
                self._keep(Kept(self._now(), "connections-refused", address, detail))
        self._counted, self._rows = {}, 0

    def _tell_later(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self.close)
            self._timer.daemon = True
            self._timer.start()
