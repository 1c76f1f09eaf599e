"""TLS over a socket, told apart to the last word: whether the other side said goodbye.

`ssl.SSLSocket.unwrap` may return although the other side has said nothing, so that a server
that refused us is taken for one that has read all. Here the records go through memory, and what
came in is looked at until the connection ends.

References
----------
RFC 8446 6.1, RFC 5246 7.2.1 (close_notify).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

_PIECE = 16_384
_AT_ONCE = 65_536


class TlsTalk:
    """One conversation over a connected socket, of which we only speak.

    Raises
    ------
    OSError
        In every call; `ssl.SSLError` and `TimeoutError` among them.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    @property
    def is_known(self) -> bool:
        """Whether the handshake has shown that the other side accepts us, as up to TLS 1.2."""
        return self._tls.version() != "TLSv1.3"

    def shake_hands(self) -> None:
        """Agree on everything."""
        self._carry_out(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        """Hand data to the system."""
        view = memoryview(data)
        while len(view):
            sent = self._tls.write(view[:_PIECE])
            self._flush()
            view = view[sent:]

    def say_goodbye(self) -> bool:
        """End our side, and wait for the end of theirs; tells whether they said goodbye."""
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            pass  # ours is on its way; theirs is awaited below
        self._flush()
        heard = False
        while part := self._connection.recv(_AT_ONCE):
            self._incoming.write(part)
            heard = self._hear() or heard
        return heard

    def _hear(self) -> bool:
        """Look at what came; tells whether it was a goodbye."""
        try:
            while self._tls.read(_AT_ONCE):
                pass  # a syslog server has nothing to tell
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLZeroReturnError:
            pass
        return True

    def _carry_out(self, step: Callable[[], object]) -> None:
        while True:
            try:
                step()
            except ssl.SSLWantReadError:
                self._flush()
                part = self._connection.recv(_AT_ONCE)
                if part:
                    self._incoming.write(part)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # why we do not agree
                raise
            else:
                self._flush()
                return

    def _flush(self) -> None:
        if waiting := self._outgoing.read():
            self._connection.sendall(waiting)
