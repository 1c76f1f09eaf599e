"""Messages of one association: pieces in, services called, one write for each answer.

A data set goes on to its sink piece by piece, out of the buffer it was received in.

References
----------
PS3.7 sections 9.1, 9.3.1 (C-STORE), 9.3.5 (C-ECHO), 10.3 (N services), annex C (statuses),
6.3 (fragments).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pacs_bridge.domain.objects import Caller, Originator
from pacs_bridge.upper_layer.command import Command, Field, decode_command
from pacs_bridge.upper_layer.contract import (
    Answer,
    Bounds,
    Question,
    Service,
    Sink,
    StoreHead,
)
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.negotiate import AcceptedContext
from pacs_bridge.upper_layer.notices import Notices
from pacs_bridge.upper_layer.outbox import Outbox, fit_comment
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed
from pacs_bridge.upper_layer.replies import Replies

UNRECOGNISED_OPERATION = Answer(0x0211)
OF_ANOTHER_CLASS = Answer(0x0122, "It was asked in the context of another SOP class.")
_KNOWN = frozenset(Field)
_OF_ONE_CLASS = frozenset((Field.C_FIND, Field.C_MOVE, Field.C_GET))
_LISTS = frozenset((Field.N_ACTION, Field.N_CREATE, Field.N_EVENT_REPORT))


class Messages:
    """Puts messages together and answers them.

    Parameters
    ----------
    accepted : mapping
        The presentation contexts, by identifier.
    fragment : int
        Bytes of a fragment that the peer takes.
    inbox : Inbox
        Where a C-CANCEL, or the answers to what is sent back, come from.
    send : callable
        Sends buffers, in one write where that goes.
    """

    def __init__(
        self,
        service: Service,
        caller: Caller,
        accepted: Mapping[int, AcceptedContext],
        *,
        bounds: Bounds,
        fragment: int,
        inbox: Inbox,
        send: Callable[..., None],
    ) -> None:
        self._service, self._caller, self._accepted = service, caller, accepted
        self._bounds, self._inbox = bounds, inbox
        self._outbox = Outbox(send, fragment)
        self._notices = Notices(self._outbox)
        self._encoded, self._identifier = bytearray(), bytearray()
        self._command: Command | None = None
        self._context_id = 0
        self._sink: Sink | None = None
        self._room: Callable[[], memoryview | None] | None = None
        self.phase = "command"
        """Where a conversation that breaks off now has failed: command, data or answer."""

    def take(self, piece: Piece) -> None:
        """Take a piece, and answer when it makes a message whole.

        Raises
        ------
        Malformed
            When it does not belong here.
        OSError
            When the answer does not reach the peer.
        """
        if piece.context_id != self._context_id:
            if self._encoded or self._command is not None:
                raise Malformed("two messages are mixed", AbortReason.UNEXPECTED_PARAMETER)
            if piece.context_id not in self._accepted:
                raise Malformed("a context was not accepted", AbortReason.UNEXPECTED_PARAMETER)
            self._context_id = piece.context_id
        if piece.is_command:
            self._take_command(piece)
        else:
            self._take_data(piece)

    def room(self) -> memoryview | None:
        """Give memory for the next bytes of the data set on its way, where there is some."""
        return None if self._room is None else self._room()

    @property
    def owes_notice(self) -> bool:
        """Whether there is one to give, and neither side is in the middle of a message."""
        return self._notices.is_due and self._command is None and not self._encoded

    def give_notice(self) -> None:
        """Send one notice; its answer comes like any other message.

        Raises
        ------
        OSError
            When it does not reach the peer.
        """
        self._notices.give()

    def forget(self) -> None:
        """Tell the sink of a message that was not finished, and the notice without an answer."""
        self._notices.forget()
        sink, self._sink, self._room = self._sink, None, None
        if sink is not None:
            sink.abort()

    def _take_command(self, piece: Piece) -> None:
        if self._command is not None:
            raise Malformed("a command came inside a data set", AbortReason.UNEXPECTED_PARAMETER)
        self._encoded += piece.data
        if len(self._encoded) > self._bounds.command_bytes:
            raise Malformed("a command set is longer than allowed")
        if not piece.is_last:
            return
        command, self._encoded = decode_command(self._encoded), bytearray()
        if self._notices.hear(command):
            return
        if command.field not in _KNOWN:
            raise Malformed("a command is no request", AbortReason.UNEXPECTED_PARAMETER)
        if command.field == Field.C_CANCEL:
            return  # too late: what it cancels has been answered
        if command.message_id is None:
            raise Malformed("a request has no message ID")
        if command.field == Field.C_STORE:
            sink = self._sink = self._open_store(command)
            self._room = getattr(sink, "room", None)  # of a `RoomySink`; to ask its type is slow
        if command.has_data_set:
            self._command, self.phase = command, "data"
        else:
            self._serve(command)

    def _open_store(self, command: Command) -> Sink:
        sop_class = command.affected_sop_class_uid
        sop_instance = command.affected_sop_instance_uid
        if not (sop_class and sop_instance and command.has_data_set):
            raise Malformed("a C-STORE says not what it brings")
        agreed = self._accepted[self._context_id]
        asked_by = command.move_originator_ae_title
        return self._service.open_store(
            StoreHead(
                self._caller,
                sop_class,
                sop_instance,
                agreed.transfer_syntax,
                Originator(asked_by, command.move_originator_message_id) if asked_by else None,
                agreed.abstract_syntax,
            )
        )

    def _take_data(self, piece: Piece) -> None:
        command = self._command
        if command is None:
            raise Malformed("a data set came without a command", AbortReason.UNEXPECTED_PARAMETER)
        if self._sink is not None:
            self._sink.write(piece.data)
        elif len(self._identifier) + len(piece.data) > self._most_bytes(command):
            raise Malformed("an identifier is longer than allowed")
        else:
            self._identifier += piece.data
        if piece.is_last:
            self._command = None
            self._serve(command)

    def _most_bytes(self, command: Command) -> int:
        bounds = self._bounds
        return bounds.list_bytes if command.field in _LISTS else bounds.identifier_bytes

    def _serve(self, command: Command) -> None:
        self.phase = "answer"
        self._serve_whole(command)
        self.phase = "command"

    def _serve_whole(self, command: Command) -> None:
        sink, self._sink, self._room = self._sink, None, None
        identifier, self._identifier = self._identifier, bytearray()
        if sink is not None:
            self._answer(command, sink.finish())
        elif command.field == Field.C_ECHO:
            self._answer(command, self._service.echo(self._caller))
        else:
            self._ask(command, memoryview(identifier))

    def _ask(self, command: Command, identifier: memoryview) -> None:
        agreed = self._accepted[self._context_id]
        named = command.affected_sop_class_uid or command.requested_sop_class_uid
        if named and named != agreed.abstract_syntax and command.field in _OF_ONE_CLASS:
            self._answer(command, OF_ANOTHER_CLASS)
            return
        replies_to = Replies(
            command, self._context_id, self._accepted, self._inbox, self._outbox, self._bounds
        )
        question = Question(
            self._caller,
            command,
            agreed.transfer_syntax,
            identifier,
            replies_to.cancelled,
            replies_to.send_back,
            partial(self._notices.add, self._context_id),
        )
        replies = self._service.ask(question)
        if replies is None:
            self._answer(command, UNRECOGNISED_OPERATION)
        else:
            replies_to.give(replies)

    def _answer(self, command: Command, answer: Answer) -> None:
        comment = fit_comment(answer.comment)
        self._outbox.send(self._context_id, command.answer(answer.status, error_comment=comment))
