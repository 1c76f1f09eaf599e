"""What an acceptor reports of its own accord on an association that it was asked on.

References
----------
PS3.7 sections 10.1.1 (N-EVENT-REPORT), 10.3.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import structlog

from pacs_bridge.upper_layer.command import WITH_DATA_SET, Command, Field
from pacs_bridge.upper_layer.contract import Notice
from pacs_bridge.upper_layer.outbox import Outbox
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed

LOG = structlog.get_logger()
_ANSWER = Field.N_EVENT_REPORT | 0x8000
_MOST = 16  # that wait; of more the peer hears in another way


class Notices:
    """Notices of one association, given one after another."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._waiting: deque[tuple[int, Notice]] = deque()
        self._given: Notice | None = None
        self._message_id = 0

    @property
    def is_due(self) -> bool:
        """Whether one waits, and the last was answered."""
        return bool(self._waiting) and self._given is None

    def add(self, context_id: int, notice: Notice) -> None:
        """Keep a notice for its moment."""
        if len(self._waiting) < _MOST:
            self._waiting.append((context_id, notice))

    def give(self) -> None:
        """Send the next one, where there is still something to say.

        Raises
        ------
        OSError
            When it does not reach the peer; `forget` says so to whoever made it.
        """
        context_id, notice = self._waiting.popleft()
        try:
            made = notice.make()
        except Exception as error:  # noqa: BLE001  what is owed is reported in another way
            LOG.error("notice not made", error=type(error).__name__)  # noqa: TRY400
            return
        if made is None:
            return
        event_type, data_set = made
        self._given = notice
        self._message_id = self._message_id % 0xFFFF + 1
        command = Command(
            Field.N_EVENT_REPORT,
            WITH_DATA_SET,
            affected_sop_class_uid=notice.sop_class_uid,
            affected_sop_instance_uid=notice.sop_instance_uid,
            message_id=self._message_id,
            event_type_id=event_type,
        )
        self._outbox.send(context_id, command, data_set)

    def hear(self, command: Command) -> bool:
        """Take an answer; false where the command is none.

        Raises
        ------
        Malformed
            When it answers what was not said, or brings data.
        """
        if command.field != _ANSWER:
            return False
        if self._given is None or command.message_id_responded_to != self._message_id:
            raise Malformed(
                "a report is answered that was not made", AbortReason.UNEXPECTED_PARAMETER
            )
        if command.has_data_set:
            raise Malformed("the answer to a report brings data", AbortReason.UNEXPECTED_PARAMETER)
        self._tell(command.status)
        return True

    def forget(self) -> None:
        """Tell that no answer will come."""
        self._waiting.clear()
        self._tell(None)

    def _tell(self, status: int | None) -> None:
        given, self._given = self._given, None
        if given is None:
            return
        try:
            tell: Callable[[int | None], None] = given.answered
            tell(status)
        except Exception as error:  # noqa: BLE001  the association goes on
            LOG.error("answer to a notice not kept", error=type(error).__name__)  # noqa: TRY400
