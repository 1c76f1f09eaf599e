"""The values of several data PDUs read in one call, each byte to where it is wanted.

An object comes in PDUs of one length, with one value each. So it is known where the next heads
will stand, and one call can lay values end to end into memory of whoever takes them, and heads
aside. What came otherwise than foreseen is given back in its order, and read the plain way.

References
----------
PS3.8 section 9.3.5, annex E.2.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from pacs_bridge.upper_layer import pdu

CAN_SCATTER = hasattr(socket.socket, "recvmsg_into")
"""Whether one call fills several buffers; tests set it to False to force the other way."""

_HEAD = pdu.HEADER.size + pdu.PDV_HEADER.size
_MOST_HEADS = 64  # of one call; with their values far below the IOV_MAX of every system
_LEAST_VALUE = 1024  # shorter ones are not worth a buffer each


class Rhythm:
    """How long the values of a peer's data PDUs are, where they are of one length."""

    def __init__(self) -> None:
        self.value = 0
        """Bytes of the next value, as far as can be foreseen; 0 where it cannot."""
        self._last = 0

    def hear(self, value: int) -> None:
        """Note the length of a value that was alone in its PDU."""
        self.value = value if value == self._last and value >= _LEAST_VALUE else 0
        self._last = value

    def lose(self) -> None:
        """Note that something else came."""
        self.value = self._last = 0


@dataclass(slots=True)
class Landed:
    """What one call has brought.

    Parameters
    ----------
    count : int
        Bytes of values, from the beginning of the room.
    begun : int
        How many PDUs have begun among them.
    left, control : int
        Bytes that the last value lacks, and its message control header.
    rest : bytes
        What came behind, to be read the plain way.
    """

    count: int
    begun: int
    left: int
    control: int
    rest: bytes


class Landing:
    """Buffers for one call, and what they mean once they are filled.

    Parameters
    ----------
    room : memoryview
        Where values go.
    left : int
        Bytes that the value that has begun lacks; 0 where a PDU begins.
    value : int
        Bytes of each further value; 0 where that cannot be foreseen.
    """

    __slots__ = ("_heads", "_left", "_value", "buffers")

    def __init__(self, room: memoryview, left: int, value: int) -> None:
        self._left, self._value = left, value
        self._heads: list[bytearray] = []
        at = min(left, len(room))
        self.buffers: list[memoryview | bytearray] = [room[:at]]
        while value and at < len(room) and len(self._heads) < _MOST_HEADS:
            head, stop = bytearray(_HEAD), min(at + value, len(room))
            self._heads.append(head)
            self.buffers += (head, room[at:stop])
            at = stop

    def settle(self, received: int, context_id: int, control: int, most: int) -> Landed:
        """Say what so many bytes are.

        Parameters
        ----------
        context_id, control : int
            Of the value that has begun, or of the last one.
        most : int
            Bytes of the longest PDU that may come.
        """
        count = min(received, len(self.buffers[0]))
        left, received, begun = self._left - count, received - count, 0
        for head, values in zip(self._heads, self.buffers[2::2], strict=True):
            behind = received - _HEAD
            if behind < 0 or control & pdu.IS_LAST:
                break
            kind, length = pdu.HEADER.unpack_from(head)
            size, context, next_control = pdu.PDV_HEADER.unpack_from(head, pdu.HEADER.size)
            value = size - 2
            if (
                kind != pdu.P_DATA_TF
                or length != size + 4
                or length > most
                or context != context_id
                or next_control & pdu.IS_COMMAND
                or (value != self._value and behind > min(value, len(values)))
            ):
                break
            here = min(behind, len(values))
            count, left, control = count + here, value - here, next_control
            received, begun = behind - here, begun + 1
        rest = b"".join(self.buffers[2 * begun + 1 :])[:received] if received else b""
        return Landed(count, begun, left, control, rest)
