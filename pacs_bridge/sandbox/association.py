"""Associations of the sandbox that pynetdicom serves: quick, bounded, and losing no answer."""

from __future__ import annotations

import socket as sockets
from collections.abc import Sequence
from typing import Any

from pynetdicom import AE, _config
from pynetdicom.association import MODE_REQUESTOR, Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation, AssociationSocket

MAX_PDU = 131_072
"""Longest P-DATA we take, in bytes, and announce."""

_SLACK = 4_096  # A-ASSOCIATE-AC of a peer that lists many contexts
_QUICKACK = getattr(sockets, "TCP_QUICKACK", None)  # Linux only


def settle_library() -> None:
    """Set the library's process-wide switches: files go out as they lie, and unlogged."""
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False


class QuickSocket(AssociationSocket):
    """A requestor's socket without waiting times, with a bound on time and size.

    The library sets no TCP_NODELAY, and a peer that does not either holds every small answer
    back for 40 ms until the delayed ACK comes; TCP_QUICKACK before each read spares us that
    (PERFORMANCE.md 1). A send that makes no progress ends after the network time-out, and a
    PDU longer than announced ends the connection before memory is taken for it.

    Attributes
    ----------
    failure : OSError or None
        Why connecting or sending failed.
    """

    socket: Any  # of the base class: a socket, or None after the end

    def __init__(self, assoc: Any, *, address: AddressInformation) -> None:
        self.failure: OSError | None = None
        super().__init__(assoc, address=address)

    @property
    def is_connected(self) -> bool:
        """Whether the connection came about."""
        return bool(self._is_connected)

    def connect(self, primitive: Any) -> None:
        """Connect within the connection time-out, and say so to the state machine."""
        sock = self.socket
        try:
            sock.settimeout(self.assoc.connection_timeout)
            sock.connect(primitive.address_info.as_tuple)
            sock.settimeout(self.assoc.network_timeout)
            sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
            self._is_connected = True
            primitive.result = "Evt2"
        except OSError as error:
            self.failure = error
            sock.close()
            self.socket = None
            primitive.result = "Evt17"
        finally:
            self.provider_queue.put(primitive)
            self._ready.set()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer only when the peer has closed the connection."""
        if nr_bytes > MAX_PDU + _SLACK:
            raise OSError("a PDU longer than announced")
        data = bytearray(nr_bytes)
        view, read = memoryview(data), 0
        while read < nr_bytes:
            if _QUICKACK is not None:
                self.socket.setsockopt(sockets.IPPROTO_TCP, _QUICKACK, 1)
            got = self.socket.recv_into(view[read:])
            if not got:
                break
            read += got
        view.release()
        del data[read:]
        return data

    def send(self, bytestream: bytes) -> None:
        """Write a whole PDU; a failure closes the connection and is kept."""
        try:
            self.socket.sendall(bytestream)
        except OSError as error:
            self.failure = error
            self.event_queue.put("Evt17")


class RequestedAssociation(Association):
    """An association whose answers reach the caller and nobody else.

    The library runs a thread beside each association that looks for requests of the peer and
    is meant to pause while we wait for an answer. It says that it is paused a moment before
    it is: an answer that comes in that moment is taken for a stray request and thrown away.
    A quick PACS loses about one C-FIND answer in a thousand that way, which makes a proven
    case look incomplete. A requestor of echo, store and find has no use for that thread, so
    it is never started here.
    """

    def __init__(self, ae: AE) -> None:
        super().__init__(ae, MODE_REQUESTOR)
        self._is_paused = True  # what the library waits for before it sends

    @property
    def is_lost(self) -> bool:
        """Whether the peer has ended the association, or the connection has."""
        return bool(
            not self.is_established
            or self.acse.is_aborted()
            or self.acse.is_release_requested()
            or not self.dul.is_alive()
        )

    def end(self, *, abort: bool) -> None:
        """Release it, or abort it in the middle of an exchange; nothing where it has ended."""
        if self.acse.is_aborted() or not self.dul.is_alive():
            self.kill()
        elif abort or self.acse.is_release_requested():
            self.abort()
        else:
            self.release()


def request_association(
    ae: AE,
    address: str,
    port: int,
    called: str,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[Any] = (),
    handlers: Sequence[tuple[Any, Any]] = (),
) -> RequestedAssociation:
    """Negotiate an association with what `ae` has for title and time-outs.

    Parameters
    ----------
    address : str
        An IP address; names were looked up before.
    roles : sequence
        SCP/SCU role selection items, for C-GET.
    handlers : sequence of (event, callable)
        Bound before the association is requested.

    Returns
    -------
    RequestedAssociation
        Established, or telling why not.
    """
    remote = AddressInformation(address, port)
    local = AddressInformation("0.0.0.0" if remote.is_ipv4 else "::", 0)  # noqa: S104  any of ours
    association = RequestedAssociation(ae)
    association.set_socket(QuickSocket(association, address=local))
    association.acceptor.ae_title = called
    association.acceptor.address_info = remote
    requestor = association.requestor
    requestor.address_info = local
    requestor.ae_title = ae.ae_title
    requestor.maximum_length = MAX_PDU
    requestor.implementation_class_uid = ae.implementation_class_uid
    requestor.implementation_version_name = ae.implementation_version_name
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    requestor.requested_contexts = list(contexts)
    for role in roles:
        requestor.add_negotiation_item(role)
    for event, handler in handlers:
        association.bind(event, handler)
    association.request()
    return association
