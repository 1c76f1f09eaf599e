"""An association that we have requested: one thread, one socket, each failure with its phase.

Nothing runs beside the caller: an answer is read by who asked for it, and a peer that has
ended the association is noticed at the next request.

References
----------
PS3.8 sections 7.2 to 7.5, 9.2 (requestor's states); PS3.7 sections 9.1, 9.3.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import FileIO
from types import TracebackType

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import MoveOriginator
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import (
    WITH_DATA_SET,
    Command,
    Field,
    decode_command,
)
from pacs_bridge.upper_layer.connect import reason_of
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.outbox import Outbox
from pacs_bridge.upper_layer.pdu_items import AbortReason, Bytes, Malformed
from pacs_bridge.upper_layer.taking import OpenStore, PeerReleased, Taking
from pacs_bridge.upper_layer.wire import Deadline, send

_VERIFICATION = "1.2.840.10008.1.1"
_PENDING = (0xFF00, 0xFF01)
_RESPONSE = 0x8000
_USER, _PROVIDER = 0, 2  # sources of an abort, PS3.8 table 9-26


class _Ended(Exception):
    """The peer has ended the association by a PDU."""


class RequestedAssociation:
    """An association with one PACS; released at the end of a ``with``, aborted on an error.

    Attributes
    ----------
    accepted : dict
        What was agreed: (SOP class, transfer syntax) to context identifier.
    """

    def __init__(
        self,
        connection: socket.socket,
        pacs: Pacs,
        accepted: dict[tuple[str, str], int],
        *,
        inbox: Inbox,
        bounds: Bounds,
        fragment: int,
    ) -> None:
        self.accepted = accepted
        self._connection, self._pacs = connection, pacs
        self._inbox, self._bounds = inbox, bounds
        self._outbox = Outbox(self._write, fragment)
        self._message_id = 0
        self._is_busy = False  # between a request and its last answer
        self._is_broken = False
        self._phase = "command"

    def __enter__(self) -> RequestedAssociation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A reader of answers that stops early leaves an idle association: no reason to abort.
        self.close(abort=kind is not None and kind is not GeneratorExit)

    @property
    def answer_seconds(self) -> float:
        """How long this PACS may take over an answer."""
        return self._pacs.timeouts["dimse"]

    @property
    def store_priority(self) -> int:
        """How urgent this PACS is told that our images are (0000,0700)."""
        return self._pacs.sending.priority.code

    @property
    def is_ended(self) -> bool:
        """Whether the peer has said something unasked: it ends the association, or broke off."""
        try:
            return self._is_broken or self._inbox.has_more()
        except (OSError, ValueError):
            return True

    def unavailable(self, phase: str, detail: str) -> PeerUnavailable:
        """Make the error that names this PACS."""
        return PeerUnavailable(self._pacs.name, phase, detail)

    def echo(self) -> int:
        """Ask for a C-ECHO; gives the status.

        Raises
        ------
        PeerUnavailable
            Naming the phase: command, answer.
        """
        context_id = next(n for (uid, _), n in self.accepted.items() if uid == _VERIFICATION)
        request = self._begin(Command(Field.C_ECHO, affected_sop_class_uid=_VERIFICATION))
        self._outbox.send(context_id, request)
        return status_of(self._last_answer(request, context_id, self.answer_seconds))

    def send_store(
        self,
        file: FileIO,
        size: int,
        *,
        context_id: int,
        sop_class_uid: str,
        sop_instance_uid: str,
        seconds: float,
        originator: MoveOriginator | None = None,
        priority: int = 0,
    ) -> Command:
        """Send a C-STORE of what comes next in a file, a megabyte at a time; gives the answer.

        Parameters
        ----------
        file : FileIO
            Opened without a buffer, standing where the data set begins.
        size : int
            Bytes of the data set.
        seconds : float
            How long the answer may take, once the last byte is handed over.

        Raises
        ------
        PeerUnavailable
            Naming the phase: command, data, answer.
        OSError
            When the file cannot be read to its end; the association can then only be aborted.
        """
        request = self._begin(
            Command(
                Field.C_STORE,
                WITH_DATA_SET,
                affected_sop_class_uid=sop_class_uid,
                priority=priority,
                affected_sop_instance_uid=sop_instance_uid,
                move_originator_ae_title=originator.ae_title if originator else None,
                move_originator_message_id=originator.message_id if originator else None,
            )
        )
        self._phase = "data"
        self._outbox.stream(context_id, request, file, size)
        return self._last_answer(request, context_id, seconds)

    def ask(
        self, field: Field, sop_class_uid: str, identifier: bytes, *, context_id: int
    ) -> Iterator[tuple[Command, bytes]]:
        """Send a request that is answered in many parts, such as C-FIND.

        Yields
        ------
        Command, bytes
            Each answer with its identifier, encoded; the last has a status that is not pending.

        Raises
        ------
        PeerUnavailable
            Naming the phase: command, answer.
        """
        request = self._begin(
            Command(field, WITH_DATA_SET, affected_sop_class_uid=sop_class_uid, priority=0)
        )
        self._outbox.send(context_id, request, identifier)
        while True:
            answer, found = self._answer(request, context_id, self.answer_seconds)
            self._is_busy = answer.status in _PENDING
            yield answer, found
            if not self._is_busy:
                return

    def retrieve(
        self,
        field: Field,
        sop_class_uid: str,
        identifier: bytes,
        *,
        context_id: int,
        destination: str | None = None,
        open_store: OpenStore | None = None,
        cancelled: Callable[[], bool],
    ) -> Generator[tuple[Command, bytes], None, None]:
        """Send a C-GET or a C-MOVE, and take what a C-GET brings.

        Parameters
        ----------
        destination : str or None
            AE title of a C-MOVE.
        open_store : callable or None
            Begins to take each object of a C-GET.
        cancelled : callable
            Whether to send a C-CANCEL; the last answer is waited for all the same.

        Yields
        ------
        Command, bytes
            Each answer with its identifier, encoded; the last has a status that is not pending.

        Raises
        ------
        PeerUnavailable
            Naming the phase: command, answer.
        """
        request = self._begin(
            Command(
                field,
                WITH_DATA_SET,
                affected_sop_class_uid=sop_class_uid,
                priority=0,
                move_destination=destination,
            )
        )
        self._outbox.send(context_id, request, identifier)
        taking = Taking(
            request,
            context_id,
            contexts={number: agreed for agreed, number in self.accepted.items()},
            open_store=open_store,
            cancelled=cancelled,
            patience=self.answer_seconds,
            inbox=self._inbox,
            outbox=self._outbox,
            bounds=self._bounds,
        )
        while True:
            with self._told(self.answer_seconds):
                answer, found = taking.next_answer()
            self._is_busy = answer.status in _PENDING
            yield answer, found
            if not self._is_busy:
                return

    def close(self, *, abort: bool) -> None:
        """Release the association, or abort it where an exchange is not at an end."""
        try:
            if abort or self._is_busy:
                self._abort(_USER, 0)
            elif not self._is_broken:
                self._release()
        except (OSError, ValueError, Malformed):
            pass  # it has gone already, in its own way
        finally:
            self._is_broken = True
            self._connection.close()

    def _release(self) -> None:
        send(self._connection, [pdu.encode(pdu.ReleaseRequest())], self._network_deadline())
        deadline = Deadline(self._pacs.timeouts["acse"])
        while True:
            arrived = self._inbox.next(deadline.left())
            if isinstance(arrived, (pdu.ReleaseReply, pdu.Abort)):
                return
            if isinstance(arrived, pdu.ReleaseRequest):  # both at once, PS3.8 7.2.2.7
                send(self._connection, [pdu.encode(pdu.ReleaseReply())], self._network_deadline())

    def _abort(self, source: int, reason: int) -> None:
        if not self._is_broken:
            self._is_broken = True
            self._connection.settimeout(0)  # where it takes no more, closing says as much
            self._connection.send(pdu.encode(pdu.Abort(source, reason)))

    def _begin(self, command: Command) -> Command:
        """Begin an exchange; gives the request with its message ID."""
        if self.is_ended:
            raise self.unavailable("command", "it ended the association")
        self._message_id = self._message_id % 65_535 + 1  # used again after 65535
        self._is_busy, self._phase = True, "command"
        return replace(command, message_id=self._message_id)

    def _network_deadline(self) -> Deadline:
        return Deadline(self._pacs.timeouts["network"])

    def _write(self, *buffers: Bytes) -> None:
        try:
            send(self._connection, buffers, self._network_deadline())
        except OSError as error:
            self._is_broken = True
            raise self.unavailable(self._phase, reason_of(error)) from error

    def _last_answer(self, request: Command, context_id: int, seconds: float) -> Command:
        answer, _ = self._answer(request, context_id, seconds)
        self._is_busy = False
        return answer

    def _answer(self, request: Command, context_id: int, seconds: float) -> tuple[Command, bytes]:
        """Read one answer to a request, whole within so many seconds."""
        with self._told(seconds):
            return self._read(request, context_id, Deadline(seconds).left)

    @contextmanager
    def _told(self, seconds: float) -> Iterator[None]:
        """Say what goes wrong with an answer in the phase of that name."""
        try:
            yield
        except TimeoutError as error:
            detail = f"it gave no answer within {seconds:.0f} s"
            raise self.unavailable("answer", detail) from error
        except Malformed as error:
            self._quietly_abort(error.reason)
            raise self.unavailable("answer", f"it broke the protocol: {error.what}") from error
        except PeerReleased as error:
            self._answer_release()
            detail = "it released the association before it had answered"
            raise self.unavailable("answer", detail) from error
        except (OSError, _Ended) as error:
            self._is_broken = True
            raise self.unavailable("answer", "it broke off") from error

    def _answer_release(self) -> None:
        self._is_broken = True
        try:
            send(self._connection, [pdu.encode(pdu.ReleaseReply())], self._network_deadline())
        except OSError:
            pass  # it has gone already

    def _quietly_abort(self, reason: AbortReason) -> None:
        try:
            self._abort(_PROVIDER, reason)
        except OSError:
            pass  # it has gone already

    def _read(
        self, request: Command, context_id: int, left: Callable[[], float]
    ) -> tuple[Command, bytes]:
        command = decode_command(
            self._collect(context_id, left, self._bounds.command_bytes, is_command=True)
        )
        if (
            command.field != request.field | _RESPONSE
            or command.message_id_responded_to != request.message_id
            or command.status is None
        ):
            raise Malformed("an answer came to nothing", AbortReason.UNEXPECTED_PARAMETER)
        if not command.has_data_set:
            return command, b""
        most = self._bounds.identifier_bytes
        return command, bytes(self._collect(context_id, left, most, is_command=False))

    def _collect(
        self, context_id: int, left: Callable[[], float], most: int, *, is_command: bool
    ) -> bytearray:
        collected = bytearray()
        while True:
            piece = self._inbox.next(left())
            if isinstance(piece, pdu.ReleaseRequest):
                raise PeerReleased
            if isinstance(piece, pdu.Abort):
                raise _Ended
            if not isinstance(piece, Piece):
                raise Malformed("a PDU came out of turn", AbortReason.UNEXPECTED_PDU)
            if (piece.context_id, piece.is_command) != (context_id, is_command):
                raise Malformed("an answer is mixed up", AbortReason.UNEXPECTED_PARAMETER)
            collected += piece.data
            if len(collected) > most:
                raise Malformed("an answer is longer than allowed")
            if piece.is_last:
                return collected


def status_of(answer: Command) -> int:
    """Give the status of an answer, which has one: nothing else is taken for an answer."""
    assert answer.status is not None
    return answer.status
