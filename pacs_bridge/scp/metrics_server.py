"""The small server that a monitor asks for ``/metrics``.

It answers one question a connection, in HTTP 1.0, which every monitor speaks. The library's own
server would bring parsers of mails and pages into a process that runs for months: a megabyte.

References
----------
RFC 9112 sections 2.2, 3 and 9.3; RFC 9110 section 15.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from socketserver import StreamRequestHandler, ThreadingTCPServer

import structlog

from pacs_bridge.scp.metrics import CONTENT_TYPE, Sample, render

LOG = structlog.get_logger()
_READ_SECONDS = 5.0
_LONGEST_LINE, _MOST_LINES = 8 << 10, 100


class MetricsServer:
    """Answers ``GET /metrics`` on the loopback, in threads of its own, until closed.

    Parameters
    ----------
    collect : callable
        Gives all samples of this moment.
    port : int
        0 for any free one; `port` says which it became.

    Raises
    ------
    OSError
        When the port is taken.
    """

    host = "127.0.0.1"

    def __init__(self, collect: Callable[[], Iterable[Sample]], port: int) -> None:
        handler = type("Handler", (_Handler,), {"collect": staticmethod(collect)})
        self._server = _Server((self.host, port), handler)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # whoever stalls is not waited for

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a monitor that went away is no failure of ours."""


class _Handler(StreamRequestHandler):
    collect: Callable[[], Iterable[Sample]]
    timeout = _READ_SECONDS

    def handle(self) -> None:
        """Answer one question."""
        method, _, rest = self.rfile.readline(_LONGEST_LINE).partition(b" ")
        path = rest.split(b" ")[0].strip()
        for _ in range(_MOST_LINES):
            if self.rfile.readline(_LONGEST_LINE) in (b"\r\n", b"\n", b""):
                break
        if method != b"GET":
            self._answer("501 Not Implemented")
        elif path != b"/metrics":
            self._answer("404 Not Found")
        else:
            self._tell()

    def _tell(self) -> None:
        try:
            body = render(self.collect()).encode()
        except Exception as error:  # noqa: BLE001  a monitor that asks must not end anything
            LOG.error("metrics not collected", error=type(error).__name__)  # noqa: TRY400
            self._answer("503 Service Unavailable")
            return
        self._answer("200 OK", body)

    def _answer(self, status: str, body: bytes = b"") -> None:
        head = (
            f"HTTP/1.0 {status}\r\nServer: pacs-bridge\r\nContent-Type: {CONTENT_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.wfile.write(head.encode("ascii") + body)
