"""From the reception of an object to a sink of the upper layer; nothing raises."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.scp.handlers import on_c_store
from pacs_bridge.scp.status import store_status
from pacs_bridge.services.reception import Receiving
from pacs_bridge.upper_layer.contract import Answer

LOG = structlog.get_logger()


class StoreSink:
    """Takes one object piece by piece.

    Parameters
    ----------
    answered : callable
        Told what the answer is, before it goes out.
    """

    def __init__(self, reception: Receiving, answered: Callable[[Answer], None]) -> None:
        self._reception, self._answered = reception, answered
        self._failure: GiveUp | None = None

    def room(self) -> memoryview | None:
        """Give memory for the next bytes, where there is some."""
        return None if self._failure is not None else self._reception.room()

    def write(self, data: memoryview) -> None:
        """Pass the next bytes on, unless we failed on those before."""
        if self._failure is not None:
            return
        try:
            self._reception.write(data)
        except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
            self._fail(error)

    def finish(self) -> Answer:
        """Say what became of the object."""
        answer = None
        if self._failure is None:
            try:
                answer = on_c_store(self._reception.finish)
            except Exception as error:  # noqa: BLE001  answered and kept like any refusal
                self._fail(error)
        if answer is None:
            assert self._failure is not None
            self._reception.refuse(self._failure)
            answer = Answer(store_status(self._failure), str(self._failure))
        self._answered(answer)
        return answer

    def refuse(self, error: GiveUp) -> None:
        """Take nothing of an object that is refused for what its command says."""
        self._failure = error
        self._reception.abort()

    def abort(self) -> None:
        """Forget the object."""
        self._reception.abort()

    def _fail(self, error: Exception) -> None:
        # no traceback: its values came from the wire
        LOG.error("store failed", error=type(error).__name__)
        self.refuse(GiveUp("The node failed on this object; tell the scheme."))
