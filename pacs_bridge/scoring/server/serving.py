"""Serves the scoring application on a port, in a thread of this process."""

from __future__ import annotations

import socket
import threading
from typing import Any

from flask import Flask
from waitress import create_server, wasyncore

from pacs_bridge.scoring.server.app import close_app

LOOK_AROUND = 1.0
"""Seconds between two looks at idle connections; a request or `close` is heard at once."""


class ScoringServer:
    """A running scoring server; made by `serve`.

    Attributes
    ----------
    host, port : str and int
        Where it really listens.
    url : str
        Without a slash at its end.
    """

    def __init__(self, app: Flask, server: Any, sockets: dict[int, Any]) -> None:
        self._app, self._server, self._sockets = app, server, sockets
        self._closing, self._woken = threading.Event(), threading.Event()
        self.host, self.port = str(server.effective_host), int(server.effective_port)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        self.url = f"http://{shown}:{self.port}"
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving: requests begun are answered, then port and store are let go."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.pull_trigger()
        self._woken.set()
        self._thread.join()
        close_app(self._app)

    def __enter__(self) -> ScoringServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            wasyncore.loop(timeout=LOOK_AROUND, use_poll=True, map=self._sockets, count=1)
        self._woken.wait()  # or its trigger would be gone while it is pulled
        self._server.task_dispatcher.shutdown()
        wasyncore.close_all(self._sockets)


def serve(app: Flask, host: str = "127.0.0.1", port: int = 0) -> ScoringServer:
    """Begin to serve an application of `create_app`.

    Parameters
    ----------
    port : int
        0 takes a free one.

    Raises
    ------
    OSError
        When the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family)
    sockets: dict[int, Any] = {}
    server = create_server(
        app,
        map=sockets,
        sockets=[listening],
        threads=4,
        channel_timeout=60,
        # A little more than the application takes, so that its own refusal is heard.
        max_request_body_size=2 * app.config["MAX_CONTENT_LENGTH"],
        clear_untrusted_proxy_headers=True,
        ident=None,
    )
    return ScoringServer(app, server, sockets)
