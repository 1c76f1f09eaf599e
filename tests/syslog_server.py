"""A syslog server for tests: RFC 5424 lines, octet-counted over TCP or TLS, or in datagrams."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as Xml

from tests.audit_schema import check_message

_LINE = re.compile(
    rb"<(?P<priority>\d{1,3})>1 (?P<at>\S+) (?P<host>\S+) (?P<app>\S+) (?P<process>\S+) "
    rb"(?P<kind>\S+) (?P<data>-|(?:\[[^]]*\])+) \xef\xbb\xbf(?P<message>.*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Line:
    """One line, taken apart."""

    number: int
    message: bytes

    @property
    def root(self) -> Xml.Element:
        return Xml.fromstring(self.message)

    @property
    def event(self) -> str:
        return str(self.root.find("EventIdentification/EventID").get("originalText"))  # type: ignore[union-attr]

    @property
    def said(self) -> str:
        return self.root.findtext("EventIdentification/EventOutcomeDescription", "")


def read_line(line: bytes) -> Line:
    """Take a line apart; it must be what RFC 5424 and the schema say."""
    parts = _LINE.fullmatch(line)
    assert parts is not None, line[:200]
    assert parts["kind"] == b"DICOM+RFC3881"
    assert 80 <= int(parts["priority"]) <= 87  # security/authorization
    number = re.fullmatch(rb'\[meta sequenceId="(\d+)"\]', parts["data"])
    assert number is not None
    check_message(parts["message"])
    return Line(int(number[1]), parts["message"])


def frames(data: bytes) -> Iterator[bytes]:
    """Cut octet-counted frames apart (RFC 5425 4.3)."""
    while data:
        count, space, rest = data.partition(b" ")
        assert space, data[:40]
        assert re.fullmatch(rb"[1-9]\d*", count), data[:40]
        size = int(count)
        assert len(rest) >= size, "a frame that is cut off"
        yield rest[:size]
        data = rest[size:]


@dataclass
class SyslogServer:
    """What arrived.

    Parameters
    ----------
    breaks : int
        Connections that are read to the end and then reset, as by a server that dies.
    is_silent : bool
        Whether it ends TLS connections without a close_notify, as some do.
    """

    port: int = 0
    lines: list[Line] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    connections: int = 0
    breaks: int = 0
    is_silent: bool = False

    @property
    def numbers(self) -> list[int]:
        return [line.number for line in self.lines]

    def take(self, connection: socket.socket) -> None:
        """Read one connection to its end."""
        self.connections += 1
        data = bytearray()
        try:
            while part := connection.recv(65_536):
                data += part
            self.lines += map(read_line, frames(bytes(data)))
        except (AssertionError, Xml.ParseError) as error:
            self.errors.append(error)
        if self.breaks:
            self.breaks -= 1
            linger = b"\x01\0\0\0\0\0\0\0"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        if isinstance(connection, ssl.SSLSocket) and not self.is_silent:
            with contextlib.suppress(OSError):
                connection.unwrap()


@contextmanager
def syslog_server(
    context: ssl.SSLContext | None = None, server: SyslogServer | None = None
) -> Iterator[SyslogServer]:
    """Serve on a port of the loopback; on the same one again where a server is given."""
    server = server or SyslogServer()
    with socket.create_server(("127.0.0.1", server.port)) as listener:
        server.port = listener.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(30)
                    try:
                        if context is not None:
                            with context.wrap_socket(connection, server_side=True) as secured:
                                server.take(secured)
                        else:
                            server.take(connection)
                    except OSError:
                        continue  # it went away, or we did not agree

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
    assert server.errors == []


def server_context(folder: Path, name: str, authority: Path | None = None) -> ssl.SSLContext:
    """A context of a server that shows a certificate, and wants one where it has an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    if authority is not None:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
