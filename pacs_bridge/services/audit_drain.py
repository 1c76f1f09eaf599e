"""The thread that keeps the audit trail: gathers, seals, sends, and makes room, until it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from pacs_bridge.domain.errors import PacsBridgeError

LOG = structlog.get_logger()
TICK_SECONDS = 1.0
MOST_SECONDS = 60.0
STOP_SECONDS = 1.0


class AuditDrain:
    """Works while there is something to do, and looks again every second.

    A repository that does not answer is asked again after 1 s, 2 s … 60 s. That it went away
    and that it is back are events, once each.

    Parameters
    ----------
    bring_up_to_date, make_room : callable
        Gather and seal what was committed; drop what is too much.
    send_waiting : callable or None
        Sends a batch and gives how many; None where there is no repository.
    note : callable
        Keeps an event, by kind and what is said of it.
    """

    def __init__(
        self,
        *,
        bring_up_to_date: Callable[[], int],
        make_room: Callable[[], object],
        send_waiting: Callable[[], int] | None,
        note: Callable[[str, str], None],
        tick: float = TICK_SECONDS,
    ) -> None:
        self._bring_up_to_date, self._make_room = bring_up_to_date, make_room
        self._send_waiting, self._note, self._tick = send_waiting, note, tick
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._failures, self._is_down = 0, False

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take in what was committed until now, and end; what was not sent waits.

        A repository that is slow to take a message is not waited for: that one is sent again.
        """
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        self._guarded(self._bring_up_to_date)

    def _run(self) -> None:
        pause = self._tick
        while not self._stopping.wait(pause):
            if self._guarded(self._bring_up_to_date):
                self._guarded(self._make_room)
            pause = self._send_all()

    def _send_all(self) -> float:
        """Send until nothing waits; gives the seconds until the next look."""
        if self._send_waiting is None:
            return self._tick
        try:
            while not self._stopping.is_set() and self._send_waiting():
                self._came_back()
        except PacsBridgeError as error:
            self._went_away(str(error))
            self._failures += 1
            return min(MOST_SECONDS, self._tick * 2.0 ** min(self._failures, 10))
        except Exception as error:  # noqa: BLE001  the trail must go on
            LOG.error("audit not sent", error=type(error).__name__)  # noqa: TRY400
            return MOST_SECONDS
        return self._tick

    def _came_back(self) -> None:
        self._failures = 0
        if self._is_down:
            self._is_down = False
            self._guarded(lambda: self._note("audit-sent-again", "the repository takes messages"))

    def _went_away(self, said: str) -> None:
        LOG.warning("audit not sent", reason=said)
        if not self._is_down:
            self._is_down = True
            self._guarded(lambda: self._note("audit-waits", said))

    def _guarded(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except Exception as error:  # noqa: BLE001  it is done again in a moment
            LOG.error("audit not kept yet", error=type(error).__name__)  # noqa: TRY400
            return False
        return True
