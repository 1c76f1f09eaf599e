"""One request with many replies, and what the peer may say meanwhile.

While replies go out the peer may cancel, answer an object that was sent back, or go away.

References
----------
PS3.7 sections 9.1.2 to 9.1.4, 9.3.2 to 9.3.4; PS3.4 section C.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pacs_bridge.domain.ports import Sendable, StoreAnswer
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
from pacs_bridge.upper_layer.pdu import Abort, ReleaseRequest
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed

NO_CONTEXT = 0xA900
"""Status for an object that no accepted context can carry; it was not sent."""

UNSENT = 0xA700
_HEAD_LENGTH = 132  # preamble and prefix
_META_BEGINS = b"\x02\0\0\0UL\x04\0"


class Released(Exception):
    """The peer wants to hear no more: it releases the association before the last reply."""


class Replies:
    """Carries one request to its last reply."""

    def __init__(
        self,
        command: Command,
        context_id: int,
        accepted: Mapping[int, AcceptedContext],
        inbox: Inbox,
        outbox: Outbox,
        bounds: Bounds,
    ) -> None:
        self._command, self._context_id, self._accepted = command, context_id, accepted
        self._inbox, self._outbox, self._bounds = inbox, outbox, bounds
        self._is_cancelled, self._message_id = False, 0
        self._broken: Exception | None = None
        self._like: tuple[object, ...] = ()
        self._said = command

    def give(self, replies: Iterator[Reply]) -> None:
        """Send every reply; the iterator is closed however this ends.

        Raises
        ------
        Malformed
            When the peer said what it must not say now.
        OSError
            When it has gone away.
        Released
            When it has asked for a release.
        """
        try:
            for reply in replies:
                self._check_unbroken()
                self._send(reply)
            self._check_unbroken()
            self._outbox.flush()
        finally:
            close = getattr(replies, "close", None)
            if close is not None:
                close()

    def cancelled(self) -> bool:
        """Tell whether the peer has cancelled, or is gone; does not wait and does not raise."""
        try:
            while not self._is_over() and self._inbox.has_more():
                self._note(self._hear())
        except (OSError, Malformed, Released) as error:
            self._broken = error
        return self._is_over()

    def send_back(self, sendable: Sendable) -> StoreAnswer:
        """Send an object as a C-STORE sub-operation, and wait for its answer; does not raise."""
        uid = sendable.sop_instance_uid
        context_id = self._context_for(sendable)
        if context_id is None:
            return StoreAnswer(uid, NO_CONTEXT, "No accepted context carries this object.")
        try:
            start = _data_set_starts(sendable)
        except OSError:
            return StoreAnswer(uid, UNSENT, "The object cannot be read here.")
        if self._broken is None:
            try:
                return self._store(sendable, context_id, start)
            except (OSError, Malformed, Released) as error:
                self._broken = error
        return StoreAnswer(uid, UNSENT, "The conversation is over.")

    def _is_over(self) -> bool:
        return self._is_cancelled or self._broken is not None

    def _check_unbroken(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _store(self, sendable: Sendable, context_id: int, start: int) -> StoreAnswer:
        self._message_id = self._message_id % 0xFFFF + 1
        request = Command(
            Field.C_STORE,
            WITH_DATA_SET,
            affected_sop_class_uid=sendable.sop_class_uid,
            affected_sop_instance_uid=sendable.sop_instance_uid,
            message_id=self._message_id,
            priority=0,
        )
        self._outbox.send_file(context_id, request, sendable.path, start)
        return self._await_stored(sendable.sop_instance_uid)

    def _await_stored(self, uid: str) -> StoreAnswer:
        while True:
            heard = self._hear()
            is_answer = heard.is_response and heard.field & 0x7FFF == Field.C_STORE
            if is_answer and heard.message_id_responded_to == self._message_id:
                status = UNSENT if heard.status is None else heard.status
                return StoreAnswer(uid, status, heard.error_comment or "")
            self._note(heard)

    def _send(self, reply: Reply) -> None:
        like = (
            bool(reply.data_set),
            reply.status,
            reply.comment,
            reply.offending,
            reply.remaining,
            reply.completed,
            reply.failed,
            reply.warning,
        )
        if like != self._like:  # matches differ in their data sets alone
            self._like, self._said = like, self._response(reply)
        self._outbox.send(self._context_id, self._said, reply.data_set, at_once=reply.at_once)

    def _response(self, reply: Reply) -> Command:
        made = reply.sop_instance_uid
        return self._command.answer(
            reply.status,
            **({"affected_sop_instance_uid": made} if made else {}),
            data_set_type=WITH_DATA_SET if reply.data_set else NO_DATA_SET,
            error_comment=fit_comment(reply.comment),
            offending_elements=reply.offending or None,
            remaining=reply.remaining,
            completed=reply.completed,
            failed=reply.failed,
            warning=reply.warning,
        )

    def _hear(self) -> Command:
        """Read one whole command without a data set."""
        encoded = bytearray()
        while True:
            arrived = self._inbox.next(self._bounds.idle_seconds)
            if isinstance(arrived, Abort):
                raise ConnectionAbortedError("the peer aborted")
            if isinstance(arrived, ReleaseRequest):
                raise Released
            if not isinstance(arrived, Piece):
                raise Malformed("a PDU came out of turn", AbortReason.UNEXPECTED_PDU)
            if not arrived.is_command or arrived.context_id not in self._accepted:
                raise Malformed("a message came out of turn", AbortReason.UNEXPECTED_PARAMETER)
            encoded += arrived.data
            if len(encoded) > self._bounds.command_bytes:
                raise Malformed("a command set is longer than allowed")
            if arrived.is_last:
                return decode_command(encoded)

    def _note(self, heard: Command) -> None:
        if heard.field != Field.C_CANCEL or heard.has_data_set:
            raise Malformed("a request came before the last answer")
        if heard.message_id_responded_to == self._command.message_id:
            self._is_cancelled = True

    def _context_for(self, sendable: Sendable) -> int | None:
        wanted = (sendable.sop_class_uid, sendable.transfer_syntax_uid)
        for context_id, context in self._accepted.items():
            said = (context.abstract_syntax, context.transfer_syntax)
            if said == wanted and context.requestor_is_scp:
                return context_id
        return None


def _data_set_starts(sendable: Sendable) -> int:
    """Find where the data set begins in a file of ours, behind the group length of its meta."""
    with sendable.path.open("rb") as file:
        head = file.read(_HEAD_LENGTH + 12)
    if len(head) < _HEAD_LENGTH + 12 or head[_HEAD_LENGTH:-4] != _META_BEGINS:
        raise OSError("the file is none of ours")
    return len(head) + int.from_bytes(head[-4:], "little")
