"""A PACS with DICOMweb for a test: told what to answer, byte for byte, over HTTP or HTTPS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pacs_bridge.domain.pacs import Endpoint, Pacs
from tests.loads import a_pacs

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
SETTINGS: dict[str, Any] = {
    "Plugins": [PLUGIN],
    "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
}
"""Orthanc's own, for its plugin."""

TIMEOUTS = {"connect": 60.0, "acse": 60.0, "dimse": 60.0, "network": 60.0}

ROLES = ("store", "query", "retrieve")


@dataclass
class Request:
    """What came, and the connection to answer on."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket = field(repr=False)

    def send(self, *parts: bytes) -> None:
        """Send bytes as they are."""
        for part in parts:
            self.connection.sendall(part)

    def answer(
        self, status: int, body: bytes = b"", kind: str = "application/dicom+json", **headers: str
    ) -> None:
        """Send a well-formed answer."""
        told = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
        lines = [f"HTTP/1.1 {status} Said", *(f"{key}: {value}" for key, value in told.items())]
        self.send("\r\n".join([*lines, "", ""]).encode(), body)


Script = Callable[[Request], None]


class WebPacs:
    """Answers each request as the script does."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.script, self.requests = script, list[Request]()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End it and every connection with it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            try:
                while (request := _read(connection)) is not None:
                    self.requests.append(request)
                    self.script(request)
            finally:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, _, value in (each.partition(": ") for each in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    return Request(line, headers, body, connection)


@contextmanager
def web_pacs(script: Script, context: ssl.SSLContext | None = None) -> Iterator[WebPacs]:
    """Have one for a while."""
    server = WebPacs(script, context)
    try:
        yield server
    finally:
        server.close()


def asked_by_web(port: int, *, scheme: str = "http", path: str = "/dicom-web", **more: Any) -> Pacs:
    """A PACS of this machine that is asked by DICOMweb in every role that that has."""
    url = f"{scheme}://localhost:{port}{path}"
    endpoint = Endpoint("", "localhost", port, ROLES, plain=scheme == "http", url=url)
    return replace(a_pacs(port), endpoints=(endpoint,), plain=scheme == "http", **more)


def endless(head: bytes, part: bytes) -> Script:
    """Answer with a body that has no end."""

    def script(request: Request) -> None:
        request.send(head)
        while True:
            request.send(part)

    return script


def hang_up_after(*sent: bytes) -> Script:
    """Send so much, and end the connection."""

    def script(request: Request) -> None:
        request.send(*sent)
        request.connection.shutdown(socket.SHUT_RDWR)

    return script


def said(
    status: int, body: bytes = b"", kind: str = "application/dicom+json", **more: str
) -> Script:
    return lambda request: request.answer(status, body, kind, **more)
