"""One connection over TLS: decrypted by the library from what few calls have brought.

OpenSSL reads a socket twice for each record of 16 KB, its head and the rest, and Python's own
socket for TLS gives one record a call. Here a read takes whatever has arrived, and its records
are decrypted one after another to where they are wanted.

References
----------
RFC 8446 section 5.1 (records).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Any

from pacs_bridge.upper_layer.wire import Deadline

_RECORD = 16 << 10  # bytes of the longest
_FIRST, _LARGEST = 32 << 10, 256 << 10  # bytes that are read at once
_AT_ONCE = 256 << 10  # bytes that are encrypted before they go out


class SecureSocket(socket.socket):
    """Takes a connection over, and is one; used by one thread at a time.

    Parameters
    ----------
    connection : socket
        It is empty afterwards.
    host : str or None
        Name or address that the peer's certificate must be for, where the context asks.

    Raises
    ------
    OSError
        When the handshake is not whole in `seconds`, or fails; the connection is closed then.
    """

    def __init__(
        self,
        connection: socket.socket,
        context: ssl.SSLContext,
        *,
        seconds: float,
        server_side: bool,
        host: str | None = None,
    ) -> None:
        family, kind, protocol = connection.family, connection.type, connection.proto
        super().__init__(family, kind, protocol, fileno=connection.detach())
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._buffer = memoryview(bytearray(_FIRST))
        self._ahead = b""  # decrypted, and not asked for yet
        try:
            self._tls = context.wrap_bio(
                self._arrived, self._leaving, server_side=server_side, server_hostname=host
            )
            self._shake_hands(Deadline(seconds))
        except BaseException:
            self.close()
            raise

    def getpeercert(self) -> bytes:
        """Give the certificate that the peer proved to hold, DER; empty where it showed none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def version(self) -> str | None:
        """Give the version of TLS that is spoken."""
        return self._tls.version()

    def has_more(self) -> bool:
        """Whether the peer has said something that came already; does not wait."""
        if not self._ahead:
            try:
                self._ahead = self._tls.read(_RECORD)
            except ssl.SSLWantReadError:
                return False
            except ssl.SSLError:
                return True  # the next read says so
        return True

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Read as `recv_into` does."""
        buffer = bytearray(size)
        return bytes(buffer[: self.recv_into(buffer, 0, flags)])

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Read all that there is, and wait for the first of it; 0 once the peer has closed.

        Raises
        ------
        OSError
            `ssl.SSLError`, and `TimeoutError` when no record was whole in time.
        """
        assert not flags
        return self._fill([memoryview(buffer)[: nbytes or None]])

    def recvmsg_into(
        self, buffers: Iterable[Any], ancbufsize: int = 0, flags: int = 0
    ) -> tuple[int, list[Any], int, Any]:
        """Fill one buffer after the other, as `recv_into` does one."""
        assert not ancbufsize
        assert not flags
        return self._fill([memoryview(each) for each in buffers]), [], 0, None

    def send(self, data: Any, flags: int = 0) -> int:
        """Send bytes, all of them."""
        return self.sendmsg([data], (), flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send bytes, encrypted in records.

        Raises
        ------
        OSError
            `TimeoutError` among them.
        """
        self.sendmsg([data], (), flags)

    def sendmsg(
        self,
        buffers: Iterable[Any],
        ancdata: Iterable[Any] = (),
        flags: int = 0,
        address: Any = None,
    ) -> int:
        """Send buffers one after another, all of them; a few short ones share a record."""
        assert not ancdata
        assert address is None
        views = [memoryview(each) for each in buffers]
        size = sum(map(len, views))
        if size <= _RECORD and len(views) > 1:
            views = [memoryview(b"".join(views))]
        for view in views:
            for start in range(0, len(view), _AT_ONCE):
                self._tls.write(view[start : start + _AT_ONCE])
                if self._leaving.pending >= _AT_ONCE:
                    self._flush(flags)
        self._flush(flags)
        return size

    def _fill(self, views: list[memoryview]) -> int:
        """Decrypt into one place after the other; waits where nothing is here."""
        deadline: Deadline | None = None
        total = 0
        for view in views:
            have = min(len(self._ahead), len(view))
            if have:
                view[:have], self._ahead = self._ahead[:have], self._ahead[have:]
                total += have
            while have < len(view):
                try:
                    count = int(self._tls.read(len(view) - have, view[have:]))
                except ssl.SSLWantReadError:
                    if total:
                        return total
                    deadline = self._renew(deadline)
                    if not self._fetch():
                        return 0
                    continue
                except ssl.SSLZeroReturnError:
                    return total
                except ssl.SSLError:
                    if total:
                        return total  # the next read says so
                    raise
                have, total = have + count, total + count
                if not count:
                    return total
        return total

    def _renew(self, deadline: Deadline | None) -> Deadline | None:
        """Hold all reads that one record needs to the time-out together."""
        seconds = self.gettimeout()
        if deadline is not None:
            self.settimeout(deadline.left())
        elif seconds:
            return Deadline(seconds)
        return deadline

    def _fetch(self) -> int:
        """Read from the socket itself; 0 once the peer has closed."""
        self._flush()  # what the library has to say meanwhile
        count = super().recv_into(self._buffer)
        if count:
            self._arrived.write(self._buffer[:count])
            size = len(self._buffer)
            if count == size < _LARGEST:
                self._buffer = memoryview(bytearray(2 * size))
        return count

    def _flush(self, flags: int = 0) -> None:
        if self._leaving.pending:
            super().sendall(self._leaving.read(), flags)

    def _shake_hands(self, deadline: Deadline) -> None:
        while True:
            self.settimeout(deadline.left())
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if not self._fetch():
                    self._arrived.write_eof()
                continue
            except ssl.SSLError:
                self._say_why()
                raise
            self._flush()
            return

    def _say_why(self) -> None:
        """Send the library's alert, as far as the peer still listens."""
        try:
            self._flush()
        except OSError:
            pass  # it has gone
