"""One request that is answered in many parts, such as C-FIND, C-MOVE and C-GET.

Meanwhile the peer may cancel it, and answers the objects that go back to it.

References
----------
PS3.7 sections 9.1.2 to 9.1.4, 9.3.2 to 9.3.4 (C-CANCEL among them), annex D.3.3.4 (roles).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing

from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import (
    NO_DATA_SET,
    WITH_DATA_SET,
    Command,
    Field,
    decode_command,
)
from pacs_bridge.upper_layer.contract import Bounds, Reply
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.negotiate import AcceptedContext
from pacs_bridge.upper_layer.outbox import Outbox, fit_comment
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed

_NOT_SUPPORTED, _FAILED = 0x0122, 0x0110
_STORED = Field.C_STORE | 0x8000
_HEAD = 132 + 12  # preamble, prefix and the group length of a file's group 0002


class Exchange:
    """Answers one request.

    Parameters
    ----------
    command : Command
        The request; its message ID is there.
    context_id : int
        In which it came, and is answered.
    """

    def __init__(
        self,
        command: Command,
        context_id: int,
        accepted: Mapping[int, AcceptedContext],
        inbox: Inbox,
        outbox: Outbox,
        bounds: Bounds,
    ) -> None:
        self._command, self._context_id = command, context_id
        self._accepted, self._inbox, self._outbox = accepted, inbox, outbox
        self._bounds, self._encoded = bounds, bytearray()
        self._sub_operation = command.message_id or 0
        self._is_cancelled = False
        self._broken: Exception | None = None

    def give(self, replies: Iterator[Reply]) -> None:
        """Send each reply; ends the iterator when the peer is gone.

        Raises
        ------
        Malformed
            When something else than a cancel comes meanwhile.
        OSError
            When a reply does not reach the peer.
        """
        with closing(_Closable(replies)) as closable:
            for reply in closable:
                if self._broken is not None:
                    raise self._broken
                made = self._command.answer(
                    reply.status,
                    data_set_type=WITH_DATA_SET if reply.data_set else NO_DATA_SET,
                    error_comment=fit_comment(reply.comment),
                    offending_elements=reply.offending or None,
                    remaining=reply.remaining,
                    completed=reply.completed,
                    failed=reply.failed,
                    warning=reply.warning,
                )
                self._outbox.send(self._context_id, made, reply.data_set, at_once=reply.at_once)
        self._outbox.flush()

    def cancelled(self) -> bool:
        """Look whether a C-CANCEL came; does not wait."""
        try:
            while not self._is_cancelled and self._inbox.has_more():
                _check_cancel(self._take(self._bounds.pdu_seconds))
        except (OSError, Malformed) as error:
            self._broken = self._broken or error
        return self._is_cancelled or self._broken is not None

    def send_back(self, each: Sendable) -> StoreAnswer:
        """Store one object over this association; a status says what became of it."""
        wanted = AcceptedContext(
            each.sop_class_uid, each.transfer_syntax_uid, requestor_is_scp=True
        )
        context_id = next((n for n, c in self._accepted.items() if c == wanted), None)
        if context_id is None or self._broken is not None:
            return StoreAnswer(each.sop_instance_uid, _NOT_SUPPORTED)
        try:
            start = _start_of_data_set(each)
        except (OSError, ValueError):
            return StoreAnswer(each.sop_instance_uid, _FAILED)
        try:
            return StoreAnswer(each.sop_instance_uid, self._store(each, context_id, start))
        except (OSError, Malformed) as error:
            self._broken = error
            return StoreAnswer(each.sop_instance_uid, _FAILED)

    def _store(self, each: Sendable, context_id: int, start: int) -> int:
        self._sub_operation = self._sub_operation % 0xFFFF + 1
        command = Command(
            Field.C_STORE,
            WITH_DATA_SET,
            affected_sop_class_uid=each.sop_class_uid,
            message_id=self._sub_operation,
            priority=0,
            affected_sop_instance_uid=each.sop_instance_uid,
        )
        self._outbox.send_file(context_id, command, each.path, start)
        while True:
            answer = self._take(self._bounds.idle_seconds)
            if answer is None or answer.field == Field.C_CANCEL:
                continue
            if answer.field != _STORED or answer.message_id_responded_to != self._sub_operation:
                raise Malformed("an answer came to nothing", AbortReason.UNEXPECTED_PARAMETER)
            return _FAILED if answer.status is None else answer.status

    def _take(self, patience: float) -> Command | None:
        """Take one PDU or piece; gives the command that it completes, and notes a cancel."""
        arrived = self._inbox.next(patience)
        if isinstance(arrived, pdu.Abort):
            raise ConnectionAbortedError("the peer aborted")
        if not isinstance(arrived, Piece) or not arrived.is_command:
            raise Malformed("a PDU came out of turn", AbortReason.UNEXPECTED_PDU)
        self._encoded += arrived.data
        if len(self._encoded) > self._bounds.command_bytes:
            raise Malformed("a command set is longer than allowed")
        if not arrived.is_last:
            return None
        command, self._encoded = decode_command(self._encoded), bytearray()
        if (
            command.field == Field.C_CANCEL
            and command.message_id_responded_to == self._command.message_id
        ):
            self._is_cancelled = True
        return command


def _check_cancel(command: Command | None) -> None:
    if command is not None and command.field != Field.C_CANCEL:
        raise Malformed("a request came out of turn", AbortReason.UNEXPECTED_PARAMETER)


class _Closable:
    """Gives an iterator the `close` that a generator has."""

    def __init__(self, replies: Iterator[Reply]) -> None:
        self._replies = replies

    def __iter__(self) -> Iterator[Reply]:
        return self._replies

    def close(self) -> None:
        """End the source, where it can be ended."""
        close = getattr(self._replies, "close", None)
        if close is not None:
            close()


def _start_of_data_set(each: Sendable) -> int:
    """Tell where the data set begins in an archived file.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is no DICOM file.
    """
    with each.path.open("rb", buffering=0) as file:
        head = file.read(_HEAD)
    if len(head) != _HEAD or head[128:140] != b"DICM\x02\0\0\0UL\x04\0":
        raise ValueError("not a DICOM file")
    return _HEAD + int.from_bytes(head[140:], "little")
