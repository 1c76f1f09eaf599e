"""Hands audit messages to a syslog server, and knows when it has them.

Syslog has no acknowledgement. What it has is the end of a connection: a server answers the close
of ours by closing too once it has read all that came before. So each batch goes over a connection
of its own, and counts only when the server has closed its side. Over UDP nobody knows.

Some servers close a TLS connection without saying so. In TLS 1.3 that looks the same as a server
that never took our certificate, because a client is not told that it did; such a server is sent to
by TLS 1.2, in which it is.

References
----------
RFC 5424 (messages), RFC 5425 (over TLS; 4.4, closure), RFC 6587 3.4.1 (over TCP), RFC 5426 (over
UDP); PS3.15 A.6.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.domain.audit import AuditMessage, octet_counted, syslog_line
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.syslog.goodbye import TlsTalk

NAME = "the audit repository"
TRANSPORTS = ("tls", "tcp", "udp")
_SECONDS = 10.0
_MOST_DATAGRAM = 60_000  # bytes; RFC 5426 3.2


@dataclass(frozen=True)
class Repository:
    """Where audit messages go.

    Parameters
    ----------
    transport : str
        ``tls``, ``tcp`` or ``udp``.
    authorities : Path or None
        Whom we trust to name it, PEM; None for whom this machine trusts.
    certificate, key : Path or None
        What we show it, where it asks; PEM.
    seconds : float
        For each step of a connection.
    """

    host: str
    port: int
    transport: str = "tls"
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    seconds: float = _SECONDS


class _NoGoodbye(Exception):
    """A connection by TLS 1.3 ended without a word: nobody knows whether anything was read."""


class SyslogSender:
    """Sends numbered messages, batch by batch, each batch over a connection of its own."""

    def __init__(self, repository: Repository) -> None:
        self._to = repository
        self._most = ssl.TLSVersion.MAXIMUM_SUPPORTED

    def __call__(self, messages: Sequence[tuple[int, AuditMessage]]) -> None:
        """Send messages in their order; returns when the repository has them.

        Raises
        ------
        PeerUnavailable
            Naming the phase: name, connect, TLS, data, answer.
        RefusedInput
            When the certificates for it cannot be read.
        """
        host, process = socket.gethostname(), os.getpid()
        lines = [
            syslog_line(message, host=host, process=process, number=number)
            for number, message in messages
        ]
        if self._to.transport == "udp":
            self._send_datagrams(lines)
        else:
            data = b"".join(map(octet_counted, lines))
            try:
                self._send_stream(data)
            except _NoGoodbye:
                self._most = ssl.TLSVersion.TLSv1_2
                self._send_stream(data)

    def _send_stream(self, data: bytes) -> None:
        with self._connect(socket.SOCK_STREAM) as connection:
            if self._to.transport == "tls":
                self._talk(connection, data)
                return
            try:
                connection.sendall(data)
            except OSError as error:
                raise self._failed("data", error) from error
            try:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
            except OSError as error:
                raise self._failed("answer", error) from error

    def _talk(self, connection: socket.socket, data: bytes) -> None:
        """Send over TLS, close our side, and wait until the server has closed its own."""
        talk = self._agree(connection)
        try:
            talk.send(data)
        except OSError as error:
            raise self._failed("data", error) from error
        try:
            if not talk.say_goodbye() and not talk.is_known:
                raise _NoGoodbye
        except ssl.SSLError as error:
            detail = "it did not take our certificate, or broke TLS off"
            raise PeerUnavailable(NAME, "TLS", detail) from error
        except OSError as error:
            raise self._failed("answer", error) from error

    def _send_datagrams(self, lines: Sequence[bytes]) -> None:
        with self._connect(socket.SOCK_DGRAM) as connection:
            try:
                for line in lines:
                    connection.send(line[:_MOST_DATAGRAM])
            except OSError as error:
                raise self._failed("data", error) from error

    def _connect(self, kind: int) -> socket.socket:
        try:
            found = socket.getaddrinfo(self._to.host, self._to.port, type=kind)
        except (OSError, UnicodeError) as error:
            detail = f"the host name {self._to.host} is not known here"
            raise PeerUnavailable(NAME, "name", detail) from error
        failure: OSError | None = None
        for family, _, _, _, address in found:
            connection = socket.socket(family, kind)
            try:
                connection.settimeout(self._to.seconds)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise self._failed("connect", failure or OSError()) from failure

    def _agree(self, connection: socket.socket) -> TlsTalk:
        talk = TlsTalk(connection, self._context(), self._to.host)
        try:
            talk.shake_hands()
        except ssl.SSLCertVerificationError as error:
            detail = f"its certificate is not accepted, {error.verify_message}"
            raise PeerUnavailable(NAME, "TLS", detail) from error
        except TimeoutError as error:
            raise self._failed("TLS", error) from error
        except OSError as error:
            detail = (
                "nothing could be agreed on; check audit_port, and that it takes our certificate"
            )
            raise PeerUnavailable(NAME, "TLS", detail) from error
        return talk

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self._to.authorities)
            if self._to.certificate is not None and self._to.key is not None:
                context.load_cert_chain(self._to.certificate, self._to.key)
        except OSError as error:  # ssl.SSLError is one
            raise RefusedInput(
                "The certificates for the audit repository cannot be read; check audit_ca in "
                "[security], and keys/tls of the home."
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = self._most
        return context

    def _failed(self, phase: str, error: OSError) -> PeerUnavailable:
        if isinstance(error, TimeoutError):
            detail = f"no answer within {self._to.seconds:.0f} s"
        else:
            detail = os.strerror(error.errno).lower() if error.errno else "it broke off"
        return PeerUnavailable(NAME, phase, detail)
