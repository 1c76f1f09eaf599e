"""Requests that are answered in many parts: C-FIND, C-MOVE and C-GET, with C-CANCEL in between.

Matches go out some 60 KB at a time; before the next, whatever the peer has sent is looked at.

References
----------
PS3.7 sections 9.1.2 to 9.1.4, 9.3.2 to 9.3.4 (messages, C-CANCEL among them), annex D.3.3.4
(the requestor as SCP of C-GET's objects); PS3.4 annex C.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import BinaryIO, TypeVar

from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.domain.query import FindAnswer, FindRequest, RetrieveAnswer, RetrieveRequest
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import (
    NO_DATA_SET,
    WITH_DATA_SET,
    Command,
    Field,
    decode_command,
    encode_command,
)
from pacs_bridge.upper_layer.contract import Bounds, Service
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.negotiate import AcceptedContext
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed

FIELDS = frozenset((Field.C_FIND, Field.C_MOVE, Field.C_GET))
LONGEST = 256 << 10
"""Bytes of an identifier that are kept; services refuse shorter ones already."""

_BATCH = 60 << 10
_COMMENT_LENGTH = 64
_HEAD = 132 + 12  # preamble, prefix and the group length of a file's group 0002
_NOT_SUPPORTED, _UNREADABLE = 0x0122, 0x0110
_PENDING, _CANCELLED = 0xFF00, 0xFE00
_STORED = Field.C_STORE | 0x8000

T = TypeVar("T")


class Exchange:
    """Answers one such request after another on one association.

    Parameters
    ----------
    receivers : frozenset of str
        SOP classes of which the peer is SCP here: what C-GET may send it.
    """

    def __init__(
        self,
        service: Service,
        caller: Caller,
        inbox: Inbox,
        *,
        accepted: Mapping[int, AcceptedContext],
        receivers: frozenset[str],
        bounds: Bounds,
        fragment: int,
        send: Callable[..., None],
    ) -> None:
        self._service, self._caller, self._inbox = service, caller, inbox
        self._accepted, self._bounds, self._send = accepted, bounds, send
        self._receivers, self._fragment = receivers, fragment & ~1
        self._encoded = bytearray()
        self._message_id = self._sub_operation = 0
        self._is_cancelled = False
        self._broken: Exception | None = None

    def answer(self, command: Command, context_id: int, identifier: bytes) -> None:
        """Answer a whole request.

        Raises
        ------
        Malformed
            When the request names no SOP class, or something else than a cancel comes meanwhile.
        OSError
            When an answer does not reach the peer.
        """
        sop_class, message_id = command.affected_sop_class_uid, command.message_id
        if not sop_class or message_id is None:
            raise Malformed("a request says not what it is about")
        self._message_id, self._sub_operation = message_id, message_id
        self._is_cancelled, self._broken = False, None
        syntax = self._accepted[context_id].transfer_syntax
        identifier_view = memoryview(identifier)
        if command.field == Field.C_FIND:
            asked = FindRequest(
                self._caller, sop_class, syntax, identifier_view, self._cancelled
            )
            self._find(command, context_id, self._service.find(asked))
            return
        wanted = RetrieveRequest(
            self._caller,
            sop_class,
            syntax,
            identifier_view,
            message_id,
            command.move_destination or "" if command.field == Field.C_MOVE else "",
            self._cancelled,
        )
        if command.field == Field.C_MOVE:
            self._retrieve(command, context_id, self._service.move(wanted))
        else:
            self._retrieve(command, context_id, self._service.get(wanted, self._send_back))

    def _cancelled(self) -> bool:
        return self._is_cancelled

    def _find(self, command: Command, context_id: int, answers: Iterator[FindAnswer]) -> None:
        buffers: list[bytes] = []
        size, pending = 0, {}
        with closing(_closable(answers)) as closable:
            for each in closable:
                if each.identifier:
                    head = pending.get(each.status)
                    if head is None:
                        made = command.answer(each.status, data_set_type=WITH_DATA_SET)
                        head = b"".join(self._framed(context_id, encode_command(made), True))
                        pending[each.status] = head
                    buffers.append(head)
                    size += len(head)
                else:
                    buffers += self._framed(context_id, _last_of(command, each), True)
                for part in self._framed(context_id, each.identifier, False):
                    buffers.append(part)
                    size += len(part)
                if size >= _BATCH:
                    self._send(b"".join(buffers))
                    buffers, size = [], 0
                    self._look()
        self._send(b"".join(buffers))

    def _retrieve(
        self, command: Command, context_id: int, answers: Iterator[RetrieveAnswer]
    ) -> None:
        with closing(_closable(answers)) as closable:
            for each in closable:
                if self._broken is not None:
                    raise self._broken
                made = _counted(command, each)
                self._send(
                    *self._framed(context_id, encode_command(made), True),
                    *self._framed(context_id, each.identifier, False),
                )
                self._look()

    def _framed(self, context_id: int, data: bytes, is_command: bool) -> list[bytes]:
        """Cut a command or data set into PDUs that the peer takes."""
        most, framed = self._fragment, []
        for start in range(0, len(data), most):
            part = data[start : start + most]
            last = start + most >= len(data)
            head = pdu.data_header(context_id, len(part), is_command=is_command, is_last=last)
            framed.append(head + part)
        return framed

    def _look(self) -> None:
        """Take what has come meanwhile, without waiting for anything."""
        while self._inbox.is_waiting():
            command = self._take(self._bounds.pdu_seconds)
            if command is not None and command.field != Field.C_CANCEL:
                raise Malformed("a request came out of turn", AbortReason.UNEXPECTED_PARAMETER)

    def _take(self, patience: float) -> Command | None:
        """Take one PDU or piece; gives the command that it completes. Notes a cancel."""
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
        if command.field == Field.C_CANCEL and command.message_id_responded_to == self._message_id:
            self._is_cancelled = True
        return command

    def _send_back(self, each: Sendable) -> StoreAnswer:
        """Store one object over this association; what breaks it is raised after the answer."""
        context_id = next(
            (
                number
                for number, context in self._accepted.items()
                if context == AcceptedContext(each.sop_class_uid, each.transfer_syntax_uid)
            ),
            None,
        )
        if context_id is None or each.sop_class_uid not in self._receivers:
            return StoreAnswer(each.sop_instance_uid, _NOT_SUPPORTED)
        try:
            file, size = _open_data_set(each)
        except (OSError, ValueError):
            return StoreAnswer(each.sop_instance_uid, _UNREADABLE)
        try:
            with file:
                return StoreAnswer(
                    each.sop_instance_uid, self._store(each, context_id, file, size)
                )
        except Exception as error:
            self._broken = error
            raise

    def _store(self, each: Sendable, context_id: int, file: BinaryIO, size: int) -> int:
        self._sub_operation = self._sub_operation % 0xFFFF + 1
        command = Command(
            Field.C_STORE,
            WITH_DATA_SET,
            affected_sop_class_uid=each.sop_class_uid,
            message_id=self._sub_operation,
            priority=0,
            affected_sop_instance_uid=each.sop_instance_uid,
        )
        waiting = self._framed(context_id, encode_command(command), True)
        while size:
            part = file.read(min(self._fragment, size))
            if not part:
                raise OSError("a file became shorter while it was sent")
            size -= len(part)
            head = pdu.data_header(context_id, len(part), is_command=False, is_last=not size)
            self._send(*waiting, head, part)
            waiting = []
        while True:
            answer = self._take(self._bounds.idle_seconds)
            if answer is None or answer.field == Field.C_CANCEL:
                continue
            if answer.field != _STORED or answer.message_id_responded_to != self._sub_operation:
                raise Malformed("an answer came to nothing", AbortReason.UNEXPECTED_PARAMETER)
            return _UNREADABLE if answer.status is None else answer.status


def _closable(answers: Iterator[T]) -> Generator[T, None, None]:
    """Make an iterator end its source, whoever stops it."""
    try:
        yield from answers
    finally:
        close = getattr(answers, "close", None)
        if close is not None:
            close()


def _last_of(command: Command, answer: FindAnswer) -> bytes:
    return encode_command(
        command.answer(
            answer.status,
            error_comment=_comment(answer.comment),
            offending_elements=answer.offending or None,
        )
    )


def _counted(command: Command, answer: RetrieveAnswer) -> Command:
    """Make a response with its counts; `remaining` only while there may be some (PS3.7 9.1.3)."""
    is_open = answer.status in (_PENDING, _CANCELLED)
    return command.answer(
        answer.status,
        data_set_type=WITH_DATA_SET if answer.identifier else NO_DATA_SET,
        error_comment=_comment(answer.comment),
        offending_elements=answer.offending or None,
        remaining=answer.remaining if is_open else None,
        completed=answer.completed,
        failed=answer.failed,
        warning=answer.warning,
    )


def _comment(text: str) -> str | None:
    return text[:_COMMENT_LENGTH].encode("ascii", "replace").decode() or None


def _open_data_set(each: Sendable) -> tuple[BinaryIO, int]:
    """Open an archived file at its data set; gives its size too.

    Raises
    ------
    OSError
        When it cannot be read.
    ValueError
        When it is no DICOM file.
    """
    file = each.path.open("rb", buffering=0)
    try:
        head = file.read(_HEAD)
        if head[128:140] != b"DICM\x02\0\0\0UL\x04\0" or len(head) != _HEAD:
            raise ValueError("not a DICOM file")
        start = _HEAD + int.from_bytes(head[140:], "little")
        size = os.fstat(file.fileno()).st_size - start
        if size <= 0:
            raise ValueError("a file without a data set")
        file.seek(start)
        return file, size
    except BaseException:
        file.close()
        raise
