"""The pages over HTTP, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from typing import Any

import waitress
from flask import Flask
from waitress import wasyncore

from pacs_bridge.web.stream import MOST_STREAMS, streams

_LARGEST_BODY = 1_000_000
_END_SECONDS = 10.0
_THREADS = 8  # for pages; streams have their own


class WebServer:
    """A server that is listening.

    Parameters
    ----------
    app : Flask
    host : str
        The address to listen on.
    port : int
        The port; 0 takes a free one.
    """

    def __init__(self, app: Flask, host: str, port: int) -> None:
        listening = socket.create_server((host, port), backlog=128)
        self.host, self.port = host, int(listening.getsockname()[1])
        self._app, self._sockets = app, dict[int, Any]()
        self._server: Any = waitress.create_server(
            app,
            map=self._sockets,
            sockets=[listening],
            threads=_THREADS + MOST_STREAMS,
            ident="",
            max_request_body_size=_LARGEST_BODY,
            channel_timeout=60,
            channel_request_lookahead=1,  # so that a stream sees its browser go
        )
        self._stopping, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the first page, as seen from this machine."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104  compared, not bound
        return f"http://{host}:{self.port}/"

    def close(self) -> None:
        """Stop listening, let answers under way end, and stop."""
        streams(self._app).close()
        if not self._stopping.is_set():
            self._stopping.set()
            self._server.pull_trigger()
            self._woken.set()
        self._thread.join(_END_SECONDS)

    def _serve(self) -> None:
        """Serve until told to stop, then close in this thread, which owns the sockets."""
        while not self._stopping.is_set():
            wasyncore.loop(timeout=30, use_poll=True, map=self._sockets, count=1)
        self._woken.wait()  # or its trigger would be gone while it is pulled
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)
