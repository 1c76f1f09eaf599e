"""An association that we have requested and on which the peer may report events to us.

A report may come whenever we read: before the answer that is waited for, or while we wait for
nothing else.

References
----------
PS3.7 sections 10.1.1 (N-EVENT-REPORT), 10.1.4 (N-ACTION), 10.3; PS3.4 J.3.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import WITH_DATA_SET, Command, Field, decode_command
from pacs_bridge.upper_layer.contract import Answer
from pacs_bridge.upper_layer.inbox import Piece
from pacs_bridge.upper_layer.outbox import fit_comment
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.upper_layer.wire import Deadline, send

HearEvent = Callable[[Command, str, bytes], Answer]
"""Answers an N-EVENT-REPORT: command, transfer syntax, data set. Must not raise."""

_RESPONSE = 0x8000
_LOOK_SECONDS = 0.25


class _Released(ConnectionError):
    """The peer has released or aborted the association."""


class EventfulAssociation(RequestedAssociation):
    """An association whose peer may report; without `on_event` it is like any other.

    Attributes
    ----------
    on_event : callable or None
        Answers each report.
    """

    on_event: HearEvent | None = None

    def __enter__(self) -> EventfulAssociation:
        return self

    @property
    def is_ended(self) -> bool:
        """Whether the peer has ended the association; what it reported meanwhile is taken."""
        if self.on_event is None:
            return super().is_ended
        try:
            while not self._is_broken and self._inbox.has_more():
                self._hear_one(Deadline(self.answer_seconds).left)
        except (OSError, ValueError, Malformed):
            self._is_broken = True
        return self._is_broken

    def tell(
        self,
        field: Field,
        sop_class_uid: str,
        sop_instance_uid: str,
        kind: int,
        data_set: bytes,
        *,
        context_id: int,
    ) -> Command:
        """Send an N-ACTION or N-EVENT-REPORT of some action or event type; gives the answer.

        Raises
        ------
        PeerUnavailable
            Naming the phase: command, answer.
        """
        command = (
            Command(
                field,
                WITH_DATA_SET,
                requested_sop_class_uid=sop_class_uid,
                requested_sop_instance_uid=sop_instance_uid,
                action_type_id=kind,
            )
            if field == Field.N_ACTION
            else Command(
                field,
                WITH_DATA_SET,
                affected_sop_class_uid=sop_class_uid,
                affected_sop_instance_uid=sop_instance_uid,
                event_type_id=kind,
            )
        )
        request = self._begin(command)
        self._outbox.send(context_id, request, data_set)
        return self._last_answer(request, context_id, self.answer_seconds)

    def listen(self, seconds: float, is_enough: Callable[[], bool]) -> None:
        """Take what the peer reports, so long, or until it is enough or the peer ends this.

        Parameters
        ----------
        is_enough : callable
            Asked after each report, and four times a second.
        """
        end = time.monotonic() + seconds
        try:
            while not (self._is_broken or is_enough()):
                left = end - time.monotonic()
                if left <= 0:
                    return
                if self._inbox.has_more(min(_LOOK_SECONDS, left)):
                    self._hear_one(Deadline(self.answer_seconds).left)
        except Malformed as error:
            self._quietly_abort(error.reason)
        except (OSError, ValueError):
            self._is_broken = True

    def _read(
        self, request: Command, context_id: int, left: Callable[[], float]
    ) -> tuple[Command, bytes]:
        if self.on_event is None:
            return super()._read(request, context_id, left)
        while True:
            said_in, command, data_set = self._message(left)
            if command.field == Field.N_EVENT_REPORT:
                self._answer_event(said_in, command, data_set)
                continue
            if (
                command.field != request.field | _RESPONSE
                or said_in != context_id
                or command.message_id_responded_to != request.message_id
                or command.status is None
            ):
                raise Malformed("an answer came to nothing", AbortReason.UNEXPECTED_PARAMETER)
            return command, data_set

    def _hear_one(self, left: Callable[[], float]) -> None:
        said_in, command, data_set = self._message(left)
        if command.field != Field.N_EVENT_REPORT:
            raise Malformed("something came unasked", AbortReason.UNEXPECTED_PARAMETER)
        self._answer_event(said_in, command, data_set)

    def _answer_event(self, context_id: int, command: Command, data_set: bytes) -> None:
        if command.message_id is None:
            raise Malformed("a request has no message ID")
        assert self.on_event is not None
        syntaxes = {number: syntax for (_, syntax), number in self.accepted.items()}
        answer = self.on_event(command, syntaxes[context_id], data_set)
        said = command.answer(
            answer.status,
            event_type_id=command.event_type_id,
            error_comment=fit_comment(answer.comment),
        )
        self._outbox.send(context_id, said)

    def _message(self, left: Callable[[], float]) -> tuple[int, Command, bytes]:
        """Read one whole message in whatever context was accepted."""
        context_id, encoded = self._gather(left, self._bounds.command_bytes, is_command=True)
        command = decode_command(encoded)
        if not command.has_data_set:
            return context_id, command, b""
        data_in, data_set = self._gather(left, self._bounds.list_bytes, is_command=False)
        if data_in != context_id:
            raise Malformed("two messages are mixed", AbortReason.UNEXPECTED_PARAMETER)
        return context_id, command, bytes(data_set)

    def _gather(
        self, left: Callable[[], float], most: int, *, is_command: bool
    ) -> tuple[int, bytearray]:
        gathered, accepted = bytearray(), set(self.accepted.values())
        while True:
            piece = self._inbox.next(left())
            if isinstance(piece, pdu.ReleaseRequest):
                send(self._connection, [pdu.encode(pdu.ReleaseReply())], self._network_deadline())
                raise _Released
            if isinstance(piece, pdu.Abort):
                raise _Released
            if not isinstance(piece, Piece):
                raise Malformed("a PDU came out of turn", AbortReason.UNEXPECTED_PDU)
            if piece.is_command != is_command or piece.context_id not in accepted:
                raise Malformed("a message is mixed up", AbortReason.UNEXPECTED_PARAMETER)
            gathered += piece.data
            if len(gathered) > most:
                raise Malformed("a message is longer than allowed")
            if piece.is_last:
                return piece.context_id, gathered
