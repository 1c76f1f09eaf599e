"""The bytes of one connection, cut into PDUs and pieces of messages where they lie.

One buffer a connection; it grows with what arrives, never with what a peer promises. A PDU has
a longest length and a latest moment, so that whoever drips or floods is cut.

References
----------
PS3.8 sections 9.3.1 and 9.3.5; RELIABILITY M1.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from pacs_bridge.upper_layer import landing, pdu
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.pdu_items import AbortReason, Malformed
from pacs_bridge.upper_layer.secure import SecureSocket
from pacs_bridge.upper_layer.wire import acknowledge

_FIRST_BUFFER, _LARGEST_BUFFER = 16 << 10, 256 << 10
_OF_FOUR_BYTES = frozenset((pdu.ASSOCIATE_RJ, pdu.RELEASE_RQ, pdu.RELEASE_RP, pdu.ABORT))
_OF_ANY_LENGTH = frozenset((pdu.ASSOCIATE_RQ, pdu.ASSOCIATE_AC))
_OTHERS = {0x16: "it speaks TLS, which has another port", ord("G"): "it speaks HTTP"}


@dataclass(slots=True)
class Piece:
    """Some bytes of a message.

    Parameters
    ----------
    data : memoryview
        Into the buffer, or into the room that was given: good until the next `Inbox.next`.
    is_last : bool
        Whether the message's command, or its data set, ends with it.
    """

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


Room = Callable[[], memoryview | None]
"""Gives memory for the next bytes of the data set that is on its way, or None."""


class Inbox:
    """Reads one connection.

    Parameters
    ----------
    connection : socket
        Its time-out is set here.
    bounds : Bounds
        `request_bytes` holds until `established`, `pdu_bytes` afterwards; a PDU that has begun
        is whole in `pdu_seconds`.
    """

    def __init__(self, connection: socket.socket, bounds: Bounds) -> None:
        self._connection, self._bounds = connection, bounds
        self._most, self._takes_data = bounds.request_bytes, False
        self._buffer = bytearray(_FIRST_BUFFER)
        self._view = memoryview(self._buffer)
        self._from = self._to = 0
        self._is_alone = False  # the value that has begun, in its PDU
        self._needed = 0  # bytes of a whole PDU that must fit the buffer
        self._pdu_left = self._piece_left = 0
        self._context_id = self._control = 0
        self._rhythm = landing.Rhythm()
        self._is_starved = False  # the last read filled the buffer
        self._deadline: float | None = None  # of the PDU that has begun
        self._handed_over_at = 0.0

    def established(self) -> None:
        """From now on there may be data, and PDUs are as long as was agreed."""
        self._most, self._takes_data = self._bounds.pdu_bytes, True

    def has_more(self, seconds: float = 0.0) -> bool:
        """Tell whether the peer has said more; waits for it only so long."""
        if self._to > self._from:
            return True
        if isinstance(self._connection, SecureSocket) and self._connection.has_more():
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            return bool(selector.select(seconds))

    def next(self, patience: float, room: Room | None = None) -> pdu.Pdu | Piece:
        """Give the next PDU, or the next piece of a message.

        Parameters
        ----------
        patience : float
            Seconds to wait for a PDU to begin.
        room : callable, optional
            Asked for memory into which the next bytes of a data set may be read without a copy;
            None where there is none. Sockets that cannot do so do not ask.

        Raises
        ------
        Malformed
            When the bytes are none that may come.
        TimeoutError
            When no PDU began, or one was not whole in time.
        ConnectionError
            When the peer has closed.
        OSError
            When the connection is broken.
        """
        if self._deadline is not None:  # what we do ourselves is not the peer's time
            self._deadline += time.monotonic() - self._handed_over_at
        while True:
            found = self._take()
            if found is not None:
                if self._pdu_left or self._piece_left:
                    self._handed_over_at = time.monotonic()
                else:
                    self._deadline = None
                return found
            space = self._space(room)
            if space is None:
                self._fill(patience)
                continue
            landed = self._land(space, patience)
            if landed is not None:
                self._handed_over_at = time.monotonic()
                return landed

    def _space(self, room: Room | None) -> memoryview | None:
        """Give memory for what comes next, where that is surely of a data set."""
        if room is None or not landing.CAN_SCATTER:
            return None
        if self._to > self._from or self._control & pdu.IS_COMMAND:
            return None
        if self._piece_left:
            return room()
        is_over = self._pdu_left or self._control & pdu.IS_LAST
        return None if is_over or not self._rhythm.value else room()

    def _land(self, space: memoryview, patience: float) -> Piece | None:
        """Read values into their place, as many as there are; None where only heads came."""
        value = 0 if self._pdu_left else self._rhythm.value
        into = landing.Landing(space, self._piece_left, value)
        self._wait_at_most(self._seconds(patience))
        acknowledge(self._connection)
        count = self._connection.recvmsg_into(into.buffers)[0]
        if not count:
            raise ConnectionError("the peer closed the connection")
        landed = into.settle(count, self._context_id, self._control, self._most)
        self._piece_left, self._control = landed.left, landed.control
        if landed.begun:  # what had begun before is whole
            self._deadline = time.monotonic() + self._bounds.pdu_seconds
        if not (self._piece_left or self._pdu_left):
            self._deadline = None
        if landed.rest:
            self._put_back(landed.rest)
        is_last = bool(landed.control & pdu.IS_LAST) and not landed.left
        if not landed.count and not is_last:
            return None
        return Piece(
            self._context_id, is_command=False, is_last=is_last, data=space[: landed.count]
        )

    def _put_back(self, data: bytes) -> None:
        """Have the buffer, which is empty, begin with bytes that were read already."""
        if len(data) > len(self._buffer):
            self._buffer = bytearray(len(data))
            self._view = memoryview(self._buffer)
        self._view[: len(data)] = data
        self._from, self._to = 0, len(data)

    def _take(self) -> pdu.Pdu | Piece | None:
        """Take from the buffer what is there; None when more must be read first."""
        while True:
            have = self._to - self._from
            if self._piece_left:
                return self._piece(min(have, self._piece_left)) if have else None
            if have < pdu.HEADER.size:  # a fragment's header has six bytes too
                return None
            if not self._pdu_left:
                kind, length = pdu.HEADER.unpack_from(self._buffer, self._from)
                self._check(kind, length)
                if kind != pdu.P_DATA_TF:
                    return self._whole(kind, length, have)
                self._from += pdu.HEADER.size
                self._pdu_left, self._is_alone = length, True
                continue
            length, self._context_id, self._control = pdu.PDV_HEADER.unpack_from(
                self._buffer, self._from
            )
            if length < 2 or length + 4 > self._pdu_left:
                raise Malformed("a data value is longer than its PDU")
            self._pdu_left -= length + 4
            self._is_alone = self._is_alone and not self._pdu_left
            if 0 < self._pdu_left < pdu.PDV_HEADER.size:
                raise Malformed("a data PDU ends in the middle of a value")
            self._from += pdu.PDV_HEADER.size
            self._piece_left = length - 2
            self._hear()
            if not self._piece_left:
                return self._piece(0)

    def _hear(self) -> None:
        """Learn how the peer cuts its data."""
        if self._control & pdu.IS_COMMAND or not self._is_alone:
            self._rhythm.lose()
        else:
            self._rhythm.hear(self._piece_left)

    def _check(self, kind: int, length: int) -> None:
        if kind == pdu.P_DATA_TF:
            if not self._takes_data:
                raise Malformed("data came before an association", AbortReason.UNEXPECTED_PDU)
            is_fit = pdu.PDV_HEADER.size <= length
        elif kind in _OF_FOUR_BYTES:
            is_fit = length == 4
        elif kind in _OF_ANY_LENGTH:
            is_fit = True
        else:
            what = "a PDU is of no known type"
            if not self._takes_data:  # who may have the wrong port, and is to be told
                what = _OTHERS.get(kind, what)
            raise Malformed(what, AbortReason.UNRECOGNISED_PDU)
        if not is_fit or length > self._most:
            raise Malformed("a PDU has a length that it must not have")

    def _whole(self, kind: int, length: int, have: int) -> pdu.Pdu | None:
        size = pdu.HEADER.size + length
        if have < size:
            self._needed = size
            return None
        body = bytes(self._view[self._from + pdu.HEADER.size : self._from + size])
        self._from += size
        self._needed = 0
        return pdu.decode(kind, body)

    def _piece(self, count: int) -> Piece:
        start, stop = self._from, self._from + count
        self._from = stop
        self._piece_left -= count
        is_last = bool(self._control & pdu.IS_LAST) and not self._piece_left
        is_command = bool(self._control & pdu.IS_COMMAND)
        return Piece(self._context_id, is_command, is_last, self._view[start:stop])

    def _fill(self, patience: float) -> None:
        self._make_room()
        self._wait_at_most(self._seconds(patience))
        acknowledge(self._connection)
        room = self._view[self._to :]
        count = self._connection.recv_into(room)
        if not count:
            raise ConnectionError("the peer closed the connection")
        self._is_starved = count == len(room)
        self._to += count

    def _seconds(self, patience: float) -> float:
        if not (self._pdu_left or self._piece_left or self._to > self._from):
            return patience
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._bounds.pdu_seconds
        if now >= self._deadline:
            raise TimeoutError("a PDU was not whole in time")
        return self._deadline - now

    def _wait_at_most(self, seconds: float) -> None:
        if seconds != self._connection.gettimeout():  # what we send has a time-out of its own
            self._connection.settimeout(seconds)

    def _make_room(self) -> None:
        """Move what is left to the beginning; take a larger buffer where this one is short."""
        left, size = self._to - self._from, len(self._buffer)
        if self._needed > size:  # no more than a PDU may have; what is promised and has not
            size = min(self._needed, max(2 * size, 4 * left))  # come takes no memory
        elif not left and self._is_starved and size < _LARGEST_BUFFER:
            size = min(4 * size, _LARGEST_BUFFER)
        elif left and self._from + max(self._needed, 2 * pdu.HEADER.size) <= size:
            return
        rest = bytes(self._view[self._from : self._to])
        if size > len(self._buffer):
            self._buffer = bytearray(size)
            self._view = memoryview(self._buffer)
        self._view[: len(rest)] = rest
        self._from, self._to, self._is_starved = 0, len(rest), False
