"""Events of queries and retrievals, kept in a moment: no answer waits for the disk.

Nothing that was said Success to depends on them. They gather for a moment and are committed
together by a thread that lives as long as there are some; an orderly end of the process waits
for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import PacsBridgeError

LOG = structlog.get_logger()
_GATHER_SECONDS = 0.25  # more seldom is quicker for whoever is being answered
_AGAIN_SECONDS = 1.0  # after the database did not take them
_TRIES = 10  # an orderly end waits for them
_MOST_WAITING = 10_000


@dataclass(frozen=True)
class Kept:
    """One event on its way; never holds patient data."""

    at: datetime
    kind: str
    subject: str
    detail: dict[str, str | int] = field(default_factory=dict)


class EventLog:
    """Keeps events, for all threads of a process.

    Parameters
    ----------
    begin : callable
        Opens a unit of work that may write.
    """

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._changed = threading.Condition()
        self._waiting: list[Kept] = []
        self._is_writing = False

    def keep(self, event: Kept) -> None:
        """Keep an event; it is committed in a moment. Never raises."""
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                LOG.error("event lost", kind=event.kind, error="too many wait")
                return
            self._waiting.append(event)
            if not self._is_writing:
                self._is_writing = True
                threading.Thread(target=self._write_all, name="event-log").start()

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until all that was kept so far is committed; tells whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_writing, seconds)

    def _write_all(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(_GATHER_SECONDS)
            with self._changed:
                events, self._waiting = self._waiting, []
                if not events:
                    self._is_writing = False
                    self._changed.notify_all()
                    return
            for _ in range(_TRIES):
                if self._write(events):
                    break
                pause.wait(_AGAIN_SECONDS)
            else:
                LOG.error("events lost", events=len(events))

    def _write(self, events: list[Kept]) -> bool:
        try:
            with self._begin() as uow:
                for each in events:
                    uow.events.add(each.at, each.kind, each.subject, **each.detail)
        except PacsBridgeError as error:
            LOG.error("events not kept yet", events=len(events), error=type(error).__name__)  # noqa: TRY400
            return False
        except Exception as error:  # noqa: BLE001  one that cannot be kept must not stop the rest
            LOG.error("events lost", events=len(events), error=type(error).__name__)  # noqa: TRY400
        return True
