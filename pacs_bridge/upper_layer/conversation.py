"""One association as its acceptor sees it, from the connection to its end.

A thread of its own runs each; it waits in the kernel and costs nothing meanwhile. Nothing that
a peer sends raises out of here.

References
----------
PS3.8 section 9.2 (states and actions), 7.2 to 7.4 (release and abort); PS3.7 section 9.1.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping

import structlog

from pacs_bridge.domain.objects import AssociationOutcome, Caller
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.contract import (
    IDENTITY_REFUSED,
    LIMIT_EXCEEDED,
    TRY_LATER,
    Bounds,
    Context,
    Rejection,
    Service,
)
from pacs_bridge.upper_layer.identity import MAXIMUM_PDU
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.messages import Messages
from pacs_bridge.upper_layer.negotiate import accept, fragment_bytes, objection_to
from pacs_bridge.upper_layer.pdu_items import AbortReason, Bytes, Malformed, UserIdentity
from pacs_bridge.upper_layer.places import Places
from pacs_bridge.upper_layer.replies import Released
from pacs_bridge.upper_layer.tls import HandshakeFailed, fingerprint_of, words_of
from pacs_bridge.upper_layer.wire import Deadline, send, tune

LOG = structlog.get_logger()

Secure = Callable[[socket.socket, float], socket.socket]
"""Makes a connection secure in so many seconds, or raises `OSError`."""

Identify = Callable[[Caller, UserIdentity | None], bool]
"""Tells whether a user, or nobody named, may come in with a caller; must not raise."""

_USER, _PROVIDER = 0, 2  # sources of an abort, PS3.8 table 9-26
_RELEASED, _ABORTED = AssociationOutcome.RELEASED, AssociationOutcome.ABORTED
_NO_RELEASE = "ended without a release"


TurnAway = Callable[[str, str], None]
"""Told the address of a connection that came to no association, and why; must not wait or raise."""


def tell_nobody(address: str, why: str) -> None:
    """Let connections that come to nothing go unmentioned."""


def refuse_identity(caller: Caller, identity: UserIdentity | None) -> bool:  # noqa: ARG001
    """Trust nobody's user identity: nothing here could check it."""
    return identity is None


class Conversation:
    """Serves one connection.

    Parameters
    ----------
    address : str
        From where it comes.
    supported : mapping
        What is offered, by SOP class.
    """

    def __init__(
        self,
        connection: socket.socket,
        address: str,
        *,
        service: Service,
        supported: Mapping[str, Context],
        bounds: Bounds,
        places: Places,
        identify: Identify = refuse_identity,
        secure: Secure | None = None,
        turn_away: TurnAway = tell_nobody,
    ) -> None:
        self._connection, self._address = connection, address
        self._turn_away = turn_away
        self._service, self._supported, self._bounds = service, supported, bounds
        self._places, self._identify, self._secure = places, identify, secure
        self._caller: Caller | None = None
        self._is_half_open, self._is_cut = True, False
        self._shaking: socket.socket | None = None
        self._messages: Messages | None = None

    @property
    def has_spoken(self) -> bool:
        """Whether the peer has asked for an association."""
        return self._caller is not None

    def cut(self) -> None:
        """End it from another thread: the peer is told, as soon as nothing is in hand."""
        self._is_cut = True
        try:
            # the plain socket's own: an SSLSocket's would forget that it is one
            socket.socket.shutdown(self._shaking or self._connection, socket.SHUT_RD)
        except OSError:
            pass  # it has gone by itself

    def run(self) -> None:
        """Talk until the end; give everything back."""
        try:
            tune(self._connection)
            if self._secure is not None:
                self._shake_hands(self._secure)
            self._inbox = Inbox(self._connection, self._bounds)
            outcome, note = self._talk()
        except Exception as error:  # noqa: BLE001  the thread ends, the node goes on
            outcome, note = _ABORTED, self._after(error)
        try:
            if self._messages is not None:
                self._messages.forget()
            self._end(outcome, note)
            if not note.endswith(_NO_RELEASE):
                self._await_close()
        finally:
            self._connection.close()
            self._places.leave(self._address)
            self._messages = None  # it sends through us; a cycle would wait for the collector

    def _shake_hands(self, secure: Secure) -> None:
        # what wraps the connection takes it away from us, and it may have to be cut meanwhile
        with self._connection.dup() as self._shaking:
            try:
                self._connection = secure(self._connection, self._bounds.pdu_seconds)
            except OSError as error:
                raise HandshakeFailed(words_of(error)) from error
            self._shaking = None
        if self._is_cut:
            raise ConnectionAbortedError("the node stops")

    def _talk(self) -> tuple[AssociationOutcome, str]:
        first = self._inbox.next(self._bounds.negotiation_seconds)
        if isinstance(first, pdu.Abort):
            return _ABORTED, self._broke_off
        if not isinstance(first, pdu.AssociateRequest):
            raise Malformed("something came before an association", AbortReason.UNEXPECTED_PDU)
        rejection = self._negotiate(first)
        if rejection is not None:
            answer = pdu.AssociateReject(rejection.result, rejection.source, rejection.diagnostic)
            self._send(pdu.encode(answer))
            return AssociationOutcome.REJECTED, rejection.note
        return self._serve()

    def _negotiate(self, request: pdu.AssociateRequest) -> Rejection | None:
        self._caller = caller = Caller(
            ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            address=self._address,
            association_id=secrets.token_hex(16),
            certificate=fingerprint_of(self._connection),
        )
        most = fragment_bytes(request.user)
        admitted = self._admit(caller)
        if isinstance(admitted, Rejection):
            return admitted
        self._caller = admitted
        objection = objection_to(request)
        if objection is not None:
            return objection
        if not self._identify(admitted, request.user.identity):
            return IDENTITY_REFUSED
        if not self._places.accept(admitted):
            return LIMIT_EXCEEDED
        self._is_half_open = False
        answer, accepted = accept(request, self._supported)
        self._messages = Messages(
            self._service,
            admitted,
            accepted,
            bounds=self._bounds,
            fragment=most,
            inbox=self._inbox,
            send=self._send,
        )
        self._inbox.established()
        self._send(pdu.encode(answer))
        return None

    def _admit(self, caller: Caller) -> Caller | Rejection:
        try:
            return self._service.admit(caller)
        except Exception as error:  # noqa: BLE001  a bug of ours is no peer's fault: it may try again
            # no traceback: its local values came from the wire
            LOG.error("admission failed", error=type(error).__name__)  # noqa: TRY400
            return TRY_LATER

    def _serve(self) -> tuple[AssociationOutcome, str]:
        assert self._messages is not None
        assert self._caller is not None
        inbox, messages = self._inbox, self._messages
        idle = self._caller.idle_seconds or self._bounds.idle_seconds
        while True:
            if messages.owes_notice and not inbox.has_more(self._bounds.notice_seconds):
                messages.give_notice()
                continue
            arrived = inbox.next(idle, messages.room)
            if self._is_cut:  # whoever goes on talking is not heard out
                raise ConnectionAbortedError("the node stops")
            if isinstance(arrived, Piece):
                try:
                    messages.take(arrived)
                except Released:
                    return self._release()
                del arrived  # it keeps the memory of whoever took it
            elif isinstance(arrived, pdu.ReleaseRequest):
                return self._release()
            elif isinstance(arrived, pdu.Abort):
                return _ABORTED, self._broke_off
            else:
                raise Malformed("a PDU came out of turn", AbortReason.UNEXPECTED_PDU)

    def _release(self) -> tuple[AssociationOutcome, str]:
        self._give_place_back()  # before the peer may ask for another
        self._send(pdu.encode(pdu.ReleaseReply()))
        return _RELEASED, ""

    @property
    def _phase(self) -> str:
        return "association" if self._messages is None else self._messages.phase

    @property
    def _broke_off(self) -> str:
        return f"{self._phase}: {_NO_RELEASE}"

    def _after(self, error: Exception) -> str:
        """Tell the peer why this ends, as far as it can be told; gives the note to keep."""
        phase = self._phase
        if self._is_cut:
            return self._abort(_USER, 0, "ended by the node, which stops")
        if isinstance(error, HandshakeFailed):
            return f"TLS: {error}"
        if isinstance(error, Malformed):
            LOG.warning("message not understood", what=error.what)
            return self._abort(_PROVIDER, error.reason, f"{phase}: protocol error, {error.what}")
        if isinstance(error, TimeoutError):
            return self._abort(_PROVIDER, 0, f"{phase}: silent or too slow")
        if isinstance(error, OSError):
            return self._broke_off
        LOG.error("association broken", error=type(error).__name__)
        return self._abort(_PROVIDER, 0, f"{phase}: a failure of the node")

    def _abort(self, source: int, reason: int, note: str) -> str:
        try:
            self._send(pdu.encode(pdu.Abort(source, reason)))
        except OSError:
            pass  # it has gone already
        return note

    def _send(self, *buffers: Bytes) -> None:
        size = sum(map(len, buffers))  # as slow a link as may send to us may be sent to
        seconds = self._bounds.pdu_seconds * (1 + size // MAXIMUM_PDU)
        send(self._connection, buffers, Deadline(seconds))

    def _end(self, outcome: AssociationOutcome, note: str) -> None:
        self._give_place_back()
        if self._caller is None:
            if not (note.endswith(_NO_RELEASE) or self._is_cut):  # whoever only looks in is nobody
                self._turn_away(self._address, note)
            return
        try:
            self._service.end(self._caller, outcome, note)
        except Exception as error:  # noqa: BLE001  the connection is closed all the same
            LOG.error("end not kept", error=type(error).__name__)  # noqa: TRY400

    def _give_place_back(self) -> None:
        if not self._is_half_open:
            assert self._caller is not None
            self._places.end(self._caller)
            self._is_half_open = True

    def _await_close(self) -> None:
        """Let the peer close first (ARTIM): closing over unread bytes would take our last away."""
        scrap = bytearray(4096)
        try:
            deadline = Deadline(self._bounds.artim_seconds)
            for _ in range(1024):
                if self._is_cut:
                    return
                self._connection.settimeout(deadline.left())
                if not self._connection.recv_into(scrap):
                    return
        except OSError:
            pass  # late or gone: it is closed either way
