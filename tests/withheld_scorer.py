"""A scoring server in a test's own hands, whose answers it can withhold.

The server is the real one, over an installation's own file and key. Readings are kept and scored
as always; only the answer to all but the first few waits until the test lets it go.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from pacs_bridge.scoring.server import ScorerConfig, close_app, create_app
from tests.waiting import wait_until


class _Silent(WSGIRequestHandler):
    """Says nothing of each request."""

    def log(self, *_: Any) -> None:
        pass


class WithheldScorer:
    """Scores every reading of a home and answers the first few at once; a context manager.

    A reading is known by its idempotency key, so that one which is sent again, because a slow
    machine has let its time run out, is answered as it was before.

    Parameters
    ----------
    home : Path
        Whose ``scoring.sqlite`` and key it works with.
    answered : int
        How many readings are answered before `let_go`.
    """

    def __init__(self, home: Path, answered: int) -> None:
        self._app = create_app(
            ScorerConfig(home / "scoring.sqlite", home / "keys" / "scoring_hmac")
        )
        self._most = answered
        self._lock, self._free = threading.Lock(), threading.Event()
        self._answered: set[str] = set()
        self._withheld: set[str] = set()
        self._under_way = 0
        # A thread a connection: whoever waits for an answer keeps nobody else from theirs.
        self._server = make_server(
            "127.0.0.1", 0, self._serve, threaded=True, request_handler=_Silent
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,))

    def __enter__(self) -> WithheldScorer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        wait_until(lambda: self._under_way == 0, "the scorer's last answer")
        close_app(self._app)

    @property
    def withheld(self) -> int:
        """How many readings were scored without anybody being told."""
        return len(self._withheld)

    def let_go(self) -> None:
        """Give all answers."""
        self._free.set()

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:
            self._under_way += 1
        try:
            answer = list(self._app(environ, start_response))
            self._hold_back(environ)
            return answer
        finally:
            with self._lock:
                self._under_way -= 1

    def _hold_back(self, environ: dict[str, Any]) -> None:
        """Wait, if the request brought one reading too many."""
        if (environ["REQUEST_METHOD"], environ["PATH_INFO"]) != ("POST", "/v1/readings"):
            return
        key = environ["HTTP_IDEMPOTENCY_KEY"]
        with self._lock:
            if len(self._answered) < self._most and key not in self._withheld:
                self._answered.add(key)
            if key in self._answered:
                return
            self._withheld.add(key)
        self._free.wait(600)
