"""What a PACS says while it retrieves for us: answers, and the objects of a C-GET between them.

References
----------
PS3.7 sections 9.1.3, 9.1.4, 9.3.3, 9.3.4 (C-GET, C-MOVE); 9.1.1 (C-STORE); 9.3.2.3 (C-CANCEL).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from pacs_bridge.domain.retrieving import ObjectSink
from pacs_bridge.upper_layer.command import Command, Field, decode_command
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.inbox import Inbox, Piece, Room
from pacs_bridge.upper_layer.outbox import Outbox
from pacs_bridge.upper_layer.pdu import ReleaseRequest
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed

SOP_CLASS_NOT_SUPPORTED = 0x0122
_RESPONSE = 0x8000
_LOOK_EVERY = 0.5  # seconds between two looks whether the caller has had enough
_SLOWEST_LINE = 100_000  # bytes a second


class PeerReleased(ConnectionAbortedError):
    """The peer asks for a release in the middle of an exchange; it is to be answered."""


class OpenStore(Protocol):
    """Begins to take an object, by its SOP class, instance and transfer syntax."""

    def __call__(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
    ) -> ObjectSink:
        """Give what takes it."""


class Taking:
    """Hears what comes in answer to one C-GET or C-MOVE.

    Parameters
    ----------
    request : Command
        What was sent, in the context `context_id`.
    contexts : dict
        SOP class and transfer syntax of each context, by identifier.
    open_store : callable or None
        Takes the objects of a C-GET; None for a C-MOVE, where none may come.
    cancelled : callable
        Whether the caller has had enough; asked twice a second.
    patience : float
        Seconds for which the peer may say nothing.
    """

    def __init__(
        self,
        request: Command,
        context_id: int,
        *,
        contexts: dict[int, tuple[str, str]],
        open_store: OpenStore | None,
        cancelled: Callable[[], bool],
        patience: float,
        inbox: Inbox,
        outbox: Outbox,
        bounds: Bounds,
    ) -> None:
        self._request, self._context_id = request, context_id
        self._contexts, self._open_store = contexts, open_store
        self._cancelled, self._patience = cancelled, patience
        self._inbox, self._outbox, self._bounds = inbox, outbox, bounds
        self._is_cancelled = False

    def next_answer(self) -> tuple[Command, bytes]:
        """Give the next answer and its identifier; objects before it have been taken.

        Raises
        ------
        Malformed
            When the peer says what it must not.
        TimeoutError
            When it says nothing, or an object creeps.
        OSError
            When the conversation is broken, a `ConnectionError` where the peer ended it.
        """
        while True:
            command, context_id = self._command()
            if command.field == Field.C_STORE and self._open_store is not None:
                self._take(command, context_id, self._open_store)
                continue
            if (
                context_id != self._context_id
                or command.field != self._request.field | _RESPONSE
                or command.message_id_responded_to != self._request.message_id
                or command.status is None
            ):
                raise Malformed("an answer came to nothing", AbortReason.UNEXPECTED_PARAMETER)
            return command, self._identifier() if command.has_data_set else b""

    def _command(self) -> tuple[Command, int]:
        collected, context_id = bytearray(), 0
        while True:
            if not collected:
                self._wait()
            piece = self._piece()
            context_id = context_id or piece.context_id
            if not piece.is_command or piece.context_id != context_id:
                raise Malformed("an answer is mixed up", AbortReason.UNEXPECTED_PARAMETER)
            collected += piece.data
            if len(collected) > self._bounds.command_bytes:
                raise Malformed("a command set is longer than allowed")
            if piece.is_last:
                return decode_command(collected), context_id

    def _identifier(self) -> bytes:
        collected = bytearray()
        while True:
            piece = self._data_piece(self._context_id)
            collected += piece.data
            if len(collected) > self._bounds.identifier_bytes:
                raise Malformed("an answer is longer than allowed")
            if piece.is_last:
                return bytes(collected)

    def _take(self, command: Command, context_id: int, open_store: OpenStore) -> None:
        sop_class, uid = command.affected_sop_class_uid, command.affected_sop_instance_uid
        if not (sop_class and uid and command.has_data_set and command.message_id is not None):
            raise Malformed("a C-STORE says not what it brings")
        agreed = self._contexts.get(context_id)
        if agreed is None:
            raise Malformed("a context was not accepted", AbortReason.UNEXPECTED_PARAMETER)
        if agreed[0] != sop_class:
            self._drain(context_id, None)
            status = SOP_CLASS_NOT_SUPPORTED
        else:
            sink = open_store(sop_class, uid, agreed[1])
            try:
                self._drain(context_id, sink)
            except BaseException:
                sink.abort()
                raise
            status = sink.finish()
        self._outbox.send(context_id, command.answer(status))

    def _drain(self, context_id: int, sink: ObjectSink | None) -> None:
        """Hand over the pieces of a data set; it may be slow, but must not creep."""
        began, size = time.monotonic(), 0
        room = getattr(sink, "room", None)  # where a sink has memory of its own
        while True:
            piece = self._data_piece(context_id, room)
            size += len(piece.data)
            if sink is not None:
                sink.write(piece.data)
            if piece.is_last:
                return
            if time.monotonic() - began > self._patience + size / _SLOWEST_LINE:
                raise TimeoutError("an object creeps")

    def _data_piece(self, context_id: int, room: Room | None = None) -> Piece:
        piece = self._piece(room)
        if piece.is_command or piece.context_id != context_id:
            raise Malformed("a data set is mixed up", AbortReason.UNEXPECTED_PARAMETER)
        return piece

    def _piece(self, room: Room | None = None) -> Piece:
        arrived = self._inbox.next(self._patience, room)
        if isinstance(arrived, ReleaseRequest):
            raise PeerReleased
        if not isinstance(arrived, Piece):
            raise ConnectionAbortedError("the peer ended the association")
        return arrived

    def _wait(self) -> None:
        """Wait until the peer says something, and cancel once where that is wanted."""
        until = time.monotonic() + self._patience
        while True:
            if not self._is_cancelled and self._cancelled():
                self._is_cancelled = True
                message_id = self._request.message_id
                cancel = Command(Field.C_CANCEL, message_id_responded_to=message_id)
                self._outbox.send(self._context_id, cancel)
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the peer says nothing")
            if self._inbox.has_more(min(left, _LOOK_EVERY)):
                return
