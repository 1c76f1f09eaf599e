"""Limits and deadlines that pynetdicom 3.0.4 lacks, put on by subclassing, never by patching.

First aid until the node has an upper layer of its own (docs/decisions/0011).
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from io import BytesIO
from typing import Any

import structlog
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from pacs_bridge.upper_layer.contract import Bounds

LOG = structlog.get_logger()
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_HEADER = 6  # bytes: PDU type, reserved, length (PS3.8 9.3.1)
_INVALID_PDU, _CLOSED = "Evt19", "Evt17"  # events of the state machine, PS3.8 9.2.1


class GuardedSocket(AssociationSocket):
    """A socket on which a PDU has a largest size and a latest moment."""

    bounds = Bounds()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read exactly so many bytes, or fewer where the peer closed.

        Raises
        ------
        OSError
            When that is too much, or takes too long; the base then ends the association.
        """
        if nr_bytes == _HEADER:
            self._deadline = time.monotonic() + self.bounds.pdu_seconds
        most = self.bounds.pdu_bytes if self.assoc.is_established else self.bounds.request_bytes
        if nr_bytes > most:
            raise OSError("PDU is longer than allowed")
        buffer = bytearray(nr_bytes)
        view, have = memoryview(buffer), 0
        while have < nr_bytes:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("PDU is not complete in time")
            self.socket.settimeout(left)
            count = self.socket.recv_into(view[have:])
            self._acknowledge()
            if not count:
                return bytearray(view[:have])
            have += count
        self.socket.settimeout(self.bounds.pdu_seconds)
        return buffer

    def _acknowledge(self) -> None:
        """Acknowledge at once: a peer with Nagle's algorithm on waits 40 ms for it otherwise."""
        if _QUICKACK is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)  # holds for one time only

    @property
    def ready(self) -> bool:
        """Whether there is something to read; poll() also serves descriptors above 1023."""
        if self.socket is None or not self._is_connected:
            return False
        try:
            if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
                return True
            poll = select.poll()
            poll.register(self.socket, select.POLLIN)
            return bool(poll.poll(0))
        except (OSError, ValueError):
            self.event_queue.put(_CLOSED)
            return False


class Dropped(BytesIO):
    """Takes the place of a data set that has grown too large: counts, keeps nothing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def write(self, data: Any) -> int:
        """Count bytes."""
        self.size += len(data)
        return len(data)


class GuardedMessages(DIMSEServiceProvider):
    """Puts messages together, within bounds, and survives what does not fit together."""

    bounds = Bounds()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take a piece of a message; a broken one aborts the association, not the thread."""
        try:
            super().receive_primitive(primitive)
            self._bound()
        except Exception as error:  # noqa: BLE001  whatever a decoder raises on foreign bytes
            LOG.warning("message not understood", error=type(error).__name__)
            self.message = None
            self.dul.event_queue.put(_INVALID_PDU)

    def _bound(self) -> None:
        message: Any = self.message
        if message is None:
            return
        if message.encoded_command_set.tell() > self.bounds.command_bytes:
            raise ValueError("command set is longer than allowed")
        data_set = message.data_set
        if not isinstance(data_set, Dropped) and data_set.tell() > self.bounds.object_bytes:
            message.data_set = Dropped(data_set.tell())


class GuardedProvider(DULServiceProvider):
    """Reads and writes PDUs; whatever ends it, the association is woken and the socket shut."""

    def run_reactor(self) -> None:
        """Run until the connection is gone."""
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001  e.g. an event that no state expects
            LOG.warning("conversation broken", error=type(error).__name__)
            if self.socket is not None:
                self.socket.close()
        finally:
            # a peer that leaves before it asks would be waited for otherwise
            self.to_user_queue.put(None)
