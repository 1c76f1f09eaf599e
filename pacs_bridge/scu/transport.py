"""The socket of an association that we request: quick, bounded, and honest about its end."""

from __future__ import annotations

import socket as sockets
from typing import Any

from pynetdicom import AE, _config
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


class Requestor(AE):
    """An application entity whose associations run over `QuickSocket`."""

    def _create_socket(self, assoc: Any, address: AddressInformation, tls_args: Any) -> QuickSocket:
        """Give the association its socket; TLS comes with our own upper layer."""
        assert tls_args is None
        return QuickSocket(assoc, address=address)
