"""Sockets and files at their quickest, with a portable way where a system has no other.

`sendmsg` and `writev` hand several buffers to the kernel in one call; Windows has neither, and
joins first. Which way is taken is decided on each call by `CAN_GATHER`.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence

from pacs_bridge.upper_layer.pdu_items import Bytes

CAN_GATHER = hasattr(socket.socket, "sendmsg") and hasattr(os, "writev")
"""Whether several buffers go out in one call; tests set it to False to force the other way."""

_MOST_BUFFERS = 512  # below the IOV_MAX of every system (1024 on Linux)
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux


class Deadline:
    """A moment by which something must be done.

    Parameters
    ----------
    seconds : float
        From now.
    """

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Give the seconds that are left.

        Raises
        ------
        TimeoutError
            When none are.
        """
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("not done in time")
        return left


def tune(connection: socket.socket) -> None:
    """Send what is written at once (no Nagle): an answer never waits for an acknowledgement."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def acknowledge(connection: socket.socket) -> None:
    """Acknowledge at once what comes next; holds for a few segments, so call it before a read.

    A peer that leaves Nagle's algorithm on waits up to 40 ms for it otherwise.
    """
    if _QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def receive_into(connection: socket.socket, view: memoryview, seconds: float) -> int:
    """Read what there is, waiting so long for the first byte; 0 when the peer has closed.

    Raises
    ------
    OSError
        `TimeoutError` among them.
    """
    connection.settimeout(seconds)
    acknowledge(connection)
    return connection.recv_into(view)


def receive_exactly(connection: socket.socket, view: memoryview, deadline: Deadline) -> None:
    """Fill a buffer by a deadline.

    Raises
    ------
    ConnectionError
        When the peer closes before.
    OSError
        `TimeoutError` among them.
    """
    have = 0
    while have < len(view):
        count = receive_into(connection, view[have:], deadline.left())
        if not count:
            raise ConnectionError("the peer closed the connection")
        have += count


def send(connection: socket.socket, buffers: Sequence[Bytes], deadline: Deadline) -> None:
    """Send buffers one after another, in one call as far as the kernel takes them.

    Raises
    ------
    OSError
        `TimeoutError` among them, when the peer does not take them in time.
    """
    if not CAN_GATHER:
        connection.settimeout(deadline.left())
        connection.sendall(buffers[0] if len(buffers) == 1 else b"".join(buffers))
        return
    left = [memoryview(each) for each in buffers if len(each)]
    while left:
        connection.settimeout(deadline.left())
        left = _after(left, connection.sendmsg(left[:_MOST_BUFFERS]))


def write(descriptor: int, buffers: Sequence[Bytes]) -> None:
    """Write buffers to a file one after another, whole.

    Raises
    ------
    OSError
        When the disk does not take them.
    """
    if CAN_GATHER:
        left = [memoryview(each) for each in buffers if len(each)]
        while left:
            left = _after(left, os.writev(descriptor, left[:_MOST_BUFFERS]))
        return
    for each in buffers:
        view = memoryview(each)
        while len(view):
            view = view[os.write(descriptor, view) :]


def _after(buffers: list[memoryview], count: int) -> list[memoryview]:
    """Give what is left of buffers once so many bytes have gone."""
    for place, each in enumerate(buffers):
        if count < len(each):
            return [each[count:], *buffers[place + 1 :]]
        count -= len(each)
    return []
