"""The auto-forward rule of the sandbox PACS: what readers save goes on, until it is taken."""

from __future__ import annotations

import logging
import threading
import time

from pacs_bridge.domain.errors import GiveUp, PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.sandbox.pacs_store import Entry, Store
from pacs_bridge.scu.store import store

_log = logging.getLogger(__name__)

_MARKS = ("1.2.840.10008.5.1.4.1.1.11.", "1.2.840.10008.5.1.4.1.1.88.")
_GATHER_SECONDS = 0.1  # so that objects saved together share an association
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_LONGEST_REST = 60.0  # of one object that is refused again and again
_BATCH = 100
_END_SECONDS = 10.0  # for a destination that does not answer


def is_mark(sop_class_uid: str) -> bool:
    """Tell presentation states, structured reports and key objects (PS3.4 B.5) from images."""
    return sop_class_uid.startswith(_MARKS)


class Forwarder:
    """Sends what the store's ledger names to one destination, in a thread of its own.

    Parameters
    ----------
    destination : tuple of (str, str, int)
        AE title, host and port.
    """

    def __init__(self, kept: Store, destination: tuple[str, str, int], ae_title: str) -> None:
        self._store = kept
        called, host, port = destination
        self._peer = Pacs(
            name="the forward destination",
            endpoints=(Endpoint(called, host, port, ("store",)),),
            our_ae_title=ae_title,
            plain=True,
            timeouts={"connect": 5.0, "acse": 10.0, "dimse": 30.0, "network": 30.0},
        )
        self._changed = threading.Event()
        self._stopped = threading.Event()
        self._reason = ""
        self._due: dict[str, tuple[float, float]] = {}  # refused: when again, after which rest
        self._next: float | None = None
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier run left over."""
        self._changed.set()
        self._thread.start()

    def stop(self) -> None:
        """End after the object that is on its way; the rest waits on disk."""
        self._stopped.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)

    def notice(self) -> None:
        """Look at the ledger soon."""
        self._changed.set()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            self._changed.wait(self._seconds_to_next())
            self._changed.clear()
            self._stopped.wait(_GATHER_SECONDS)
            try:
                while not self._stopped.is_set() and self._send_some():
                    pause = _FIRST_PAUSE
            except (PeerUnavailable, GiveUp) as error:
                self._say(str(error))
                self._changed.set()
                self._stopped.wait(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)

    def _send_some(self) -> bool:
        """Send what waits and is due over one association; False where that is nothing."""
        now = time.monotonic()
        all_waiting = self._store.waiting()
        # What a router keeps for a while goes on when that is over.
        self._next = min(
            (e.visible_from for e in all_waiting if e.visible_from > now), default=None
        )
        waiting = [
            e
            for e in all_waiting
            if e.visible_from <= now and self._due.get(_key(e), (0.0,))[0] <= now
        ]
        batch = {entry.sop_instance_uid: entry for entry in waiting[:_BATCH]}
        answers = store(self._peer, [_sendable(entry) for entry in batch.values()])
        for answer in answers:
            entry = batch[answer.sop_instance_uid]
            if answer.stored:
                self._store.delivered(entry)
                self._reason = ""
                self._due.pop(_key(entry), None)
            else:
                rest = min(_LONGEST_REST, self._due.get(_key(entry), (0.0, 0.5))[1] * 2)
                self._due[_key(entry)] = (time.monotonic() + rest, rest)
                self._say(f"It refuses objects with 0x{answer.status:04X} {answer.comment}".strip())
            if self._stopped.is_set():
                break
        return bool(batch)

    def _say(self, reason: str) -> None:
        """Log why objects wait, once until that changes."""
        if reason != self._reason:
            _log.warning("Saved objects wait to be forwarded. %s", reason)
        self._reason = reason

    def _seconds_to_next(self) -> float | None:
        moments = [when for when, _ in self._due.values()]
        if self._next is not None:
            moments.append(self._next)
        return max(0.0, min(moments) - time.monotonic()) if moments else None


def _key(entry: Entry) -> str:
    return entry.sop_instance_uid


def _sendable(entry: Entry) -> Sendable:
    return Sendable(
        entry.path, entry.sop_class_uid, entry.sop_instance_uid, entry.transfer_syntax_uid
    )
