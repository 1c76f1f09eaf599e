"""What tests of failing peers share."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Sendable


def sendables(archive: LocalArchive, passport: Passport) -> list[Sendable]:
    return [
        Sendable(
            archive.path(image.content_hash),
            image.sop_class_uid,
            image.sop_instance_uid,
            image.transfer_syntax_uid,
        )
        for *_, image in passport.instances()
    ]


def with_timeouts(pacs: Pacs, **seconds: float) -> Pacs:
    return replace(pacs, timeouts={**pacs.timeouts, **seconds})


@contextmanager
def raw_server(behave: Any) -> Iterator[int]:
    """A TCP server that is no DICOM: `behave` gets each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    behave(connection, stop)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def phase_of(call: Any) -> tuple[str, str]:
    with pytest.raises(PeerUnavailable) as caught:
        call()
    assert caught.value.peer == "hospital"
    return caught.value.phase, caught.value.detail
