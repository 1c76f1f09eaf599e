"""Events as they happen, as server-sent events: bounded in number and in time.

A stream holds a thread of the server while it lives. So there are few, the server has as many
threads more, and each ends after a moment: the browser asks again, naming the last event that it
had, and is judged anew.

References
----------
HTML living standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import cast

from flask import Flask, Response, current_app, request

from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.services.event_stream import Follower
from pacs_bridge.web.event_words import tell

MOST_STREAMS = 8
_EXTENSION = "pacs_bridge_streams"
_LOOK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 5.0
_AGAIN_MILLISECONDS = 1_000
_MOST_DIGITS = 18


class Streams:
    """The streams of one process."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._places = threading.BoundedSemaphore(most)
        self._closing = threading.Event()

    def close(self) -> None:
        """End all, and begin none any more."""
        self._closing.set()

    def open(self, follower: Callable[[], Follower], seconds: float) -> Response | None:
        """Begin a stream of so many seconds; None where there are enough."""
        if self._closing.is_set() or not self._places.acquire(blocking=False):
            return None
        try:
            gone = request.environ.get("waitress.client_disconnected", _never)
            lines = self._lines(follower(), time.monotonic() + seconds, gone)
            response = Response(lines, mimetype="text/event-stream")
        except BaseException:
            self._places.release()
            raise
        response.headers["X-Accel-Buffering"] = "no"  # a proxy must not keep it back
        response.call_on_close(self._places.release)
        return response

    def _lines(self, follower: Follower, ends: float, gone: Callable[[], bool]) -> Iterator[str]:
        yield f"retry: {_AGAIN_MILLISECONDS}\n\n"
        spoke = time.monotonic()
        while True:
            for event in follower.next():
                yield _message(event)
                spoke = time.monotonic()
            now = time.monotonic()
            if now >= ends or gone() or self._closing.wait(min(_LOOK_SECONDS, ends - now)):
                return
            if now - spoke >= _HEARTBEAT_SECONDS:
                yield ": nothing new\n\n"
                spoke = now


def set_up_streams(app: Flask) -> None:
    """Give an application its streams."""
    app.extensions[_EXTENSION] = Streams()


def streams(app: Flask | None = None) -> Streams:
    """Give the streams of an application; of the running one where none is named."""
    return cast("Streams", (app or current_app).extensions[_EXTENSION])


def last_seen() -> int | None:
    """Read which event the browser had last; None where it does not say, or not a number."""
    said = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    fit = said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS
    return int(said) if fit else None


def _message(event: Event) -> str:
    at = f"{event.at.astimezone(UTC):%H:%M:%S}"
    told = {"kind": event.kind, "at": at, "text": tell(event)}
    return f"id: {event.event_id}\ndata: {json.dumps(told)}\n\n"


def _never() -> bool:
    return False
