"""Acceptor of associations on pynetdicom's reactor, made safe enough to begin with.

Everything stands in subclasses of pynetdicom's own parts, handed to it through its public
`make_server`; no class, socket default or logger of the process is changed, apart from three
switches of the library's logging (`quieten`). Whoever serves sees `contract.Service` only, so
the reactor can be replaced without touching a handler.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import AE, _config, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import AddressInformation, RequestHandler, ThreadedAssociationServer

from pacs_bridge.domain.objects import AssociationOutcome, Caller, StoreRequest
from pacs_bridge.upper_layer.contract import TRY_LATER, Bounds, Context, Rejection, Service
from pacs_bridge.upper_layer.guards import Dropped, GuardedMessages, GuardedProvider, GuardedSocket
from pacs_bridge.upper_layer.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MAXIMUM_PDU,
)

LOG = structlog.get_logger()
_ABORT_SECONDS = 5.0


def quieten() -> None:
    """Keep identifiers and whole messages out of pynetdicom's logs (RELIABILITY.md 4, M12)."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)


class Acceptor:
    """Accepts associations on one port until stopped.

    Parameters
    ----------
    service : Service
        Asked about every association and request.
    contexts : iterable of Context
        All that is accepted; nothing else is ever negotiated.
    host : str
        Address to listen on.
    port : int
        0 for any free one.
    """

    def __init__(
        self,
        service: Service,
        contexts: Iterable[Context],
        *,
        ae_title: str,
        host: str,
        port: int,
        bounds: Bounds | None = None,
    ) -> None:
        self._service, self._contexts = service, tuple(contexts)
        self._ae_title, self._address = ae_title, (host, port)
        self._bounds = bounds or Bounds()

    def start(self) -> int:
        """Listen; gives the port.

        Raises
        ------
        OSError
            When the port is taken.
        """
        quieten()
        bounds = self._bounds
        ae = AE(self._ae_title)
        ae.maximum_associations = bounds.associations
        ae.maximum_pdu_size = MAXIMUM_PDU
        ae.acse_timeout = bounds.negotiation_seconds
        ae.dimse_timeout = ae.network_timeout = bounds.idle_seconds
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        for context in self._contexts:
            ae.add_supported_context(context.sop_class_uid, list(context.transfer_syntaxes))
        self._server = ae.make_server(
            self._address,
            server_class=_Server,
            request_handler=_Connection,
            service=self._service,
            bounds=bounds,
        )
        ae._servers.append(self._server)  # noqa: SLF001  shutdown() takes it off there
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="acceptor", daemon=True
        )
        self._thread.start()
        return int(self._server.server_address[1])

    def stop(self, grace: float = 10.0) -> None:
        """Accept nothing more, let what goes on come to its end, then abort the rest."""
        self._server.shutdown()
        self._thread.join()
        deadline = time.monotonic() + grace
        going_on = self._server.conversations()
        for conversation in going_on:
            if conversation.caller is None:
                conversation.dul.kill_dul()  # it has asked for nothing yet
        for conversation in going_on:
            conversation.join(max(0.0, deadline - time.monotonic()))
        for conversation in going_on:
            if conversation.is_alive():
                conversation.abort()
                conversation.join(_ABORT_SECONDS)


class _Conversation(Association):
    """One association, which tells the service how it ended whatever happened."""

    def __init__(self, ae: AE, server: _Server) -> None:
        super().__init__(ae, MODE_ACCEPTOR)
        self._server = server
        self.caller: Caller | None = None
        self.rejected_because = ""
        self.dul = GuardedProvider(self)
        self.dimse = GuardedMessages(self)
        self.dimse.bounds = server.bounds
        self.acse_timeout, self.network_timeout = ae.acse_timeout, ae.network_timeout

    def run_reactor(self) -> None:
        """Negotiate, serve, and report the end."""
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001  the thread ends, the node goes on
            LOG.warning("association broken", error=type(error).__name__)
            self.dul.kill_dul()
        finally:
            if self.caller is not None:
                self._server.service.end(self.caller, *self._outcome())

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """Serve a whole request; the base leaves a peer waiting for ever on half a one."""
        if msg.is_valid_request:
            super()._serve_request(msg, context_id)
        else:
            self.abort()

    def _outcome(self) -> tuple[AssociationOutcome, str]:
        if self.is_rejected:
            return AssociationOutcome.REJECTED, self.rejected_because or "rejected"
        if self.is_released:
            return AssociationOutcome.RELEASED, ""
        return AssociationOutcome.ABORTED, "ended without a release"


class _Connection(RequestHandler):
    """A TCP connection on its way to an association."""

    server: _Server

    def _create_association(self) -> _Conversation:
        conversation = _Conversation(self.ae, self.server)
        conversation.name = f"AcceptorThread@{conversation.dul.name}"  # how the base counts them
        guarded = GuardedSocket(conversation, client_socket=self.request)
        guarded.bounds = self.server.bounds
        conversation.set_socket(guarded)
        acceptor = conversation.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = self.server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = self.server.contexts  # read only; the base copies deeply
        conversation.requestor.address_info = AddressInformation.from_tuple(self.client_address)
        for event, handler in _HANDLERS:
            conversation.bind(event, handler)
        return conversation


class _Server(ThreadedAssociationServer):
    """The listening socket, with a long queue and a bound on who has not spoken yet."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, *args: Any, service: Service, bounds: Bounds, **kwargs: Any) -> None:
        self.service, self.bounds = service, bounds
        super().__init__(*args, **kwargs)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection on which nothing blocks for ever and no answer waits for an ACK."""
        connection, address = self.socket.accept()
        connection.settimeout(self.bounds.pdu_seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        """Tell whether this peer may open one more connection without having spoken."""
        silent = [
            each.requestor.address_info.address
            for each in self.conversations()
            if each.requestor.primitive is None
        ]
        here = silent.count(AddressInformation.from_tuple(client_address).address)
        return len(silent) < self.bounds.half_open and here < self.bounds.half_open_per_address

    def conversations(self) -> list[_Conversation]:
        """List the associations that are going on."""
        running = threading.enumerate()
        return [t for t in running if isinstance(t, _Conversation) and t._server is self]  # noqa: SLF001


def _on_requested(event: Any) -> None:
    conversation: _Conversation = event.assoc
    asked = conversation.requestor.primitive
    if not isinstance(asked, A_ASSOCIATE):
        conversation.is_aborted = True  # the peer left before it asked
        return
    caller = Caller(
        ae_title=str(asked.calling_ae_title or "").strip(),
        called_ae_title=str(asked.called_ae_title or "").strip(),
        address=conversation.requestor.address_info.address,
        association_id=secrets.token_hex(16),
    )
    conversation.caller = caller
    admitted = _admit(conversation, caller)
    if isinstance(admitted, Rejection):
        conversation.rejected_because = admitted.note
        conversation.acse.send_reject(admitted.result, admitted.source, admitted.diagnostic)
        conversation.kill()
    else:
        conversation.caller = admitted


def _admit(conversation: _Conversation, caller: Caller) -> Caller | Rejection:
    # pynetdicom goes on to accept when this handler raises, so it must not
    try:
        return conversation._server.service.admit(caller)  # noqa: SLF001
    except Exception as error:  # noqa: BLE001
        # no traceback: its local values came from the wire
        LOG.error("admission failed", error=type(error).__name__)  # noqa: TRY400
        return TRY_LATER


def _on_echo(event: Any) -> int:
    conversation: _Conversation = event.assoc
    assert conversation.caller is not None
    return conversation._server.service.echo(conversation.caller).status  # noqa: SLF001


def _on_store(event: Any) -> Dataset:
    conversation: _Conversation = event.assoc
    asked, context = event.request, event.context
    assert conversation.caller is not None
    data_set = asked.DataSet
    view = memoryview(b"") if isinstance(data_set, Dropped) else data_set.getbuffer()
    size = data_set.size if isinstance(data_set, Dropped) else len(view)
    if size > conversation.dimse.bounds.object_bytes:
        view = memoryview(b"")
    request = StoreRequest(
        caller=conversation.caller,
        sop_class_uid=str(asked.AffectedSOPClassUID),
        sop_instance_uid=str(asked.AffectedSOPInstanceUID),
        transfer_syntax_uid=str(context.transfer_syntax),
        data_set=view,
        size=size,
    )
    answer = conversation._server.service.store(request)  # noqa: SLF001
    status = Dataset()
    status.Status = answer.status
    if answer.comment:
        status.ErrorComment = answer.comment[:64]
    return status


_HANDLERS = (
    (evt.EVT_REQUESTED, _on_requested),
    (evt.EVT_C_ECHO, _on_echo),
    (evt.EVT_C_STORE, _on_store),
)
