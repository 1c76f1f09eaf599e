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


def accept_of(request: bytes) -> bytes:
    """An A-ASSOCIATE-AC that takes context 1 as Explicit VR Little Endian (PS3.8 9.3.3)."""

    def item(kind: int, body: bytes) -> bytes:
        return bytes([kind, 0]) + len(body).to_bytes(2, "big") + body

    syntax = item(0x40, b"1.2.840.10008.1.2.1")
    context = item(0x21, bytes([1, 0, 0, 0]) + syntax)
    user = item(0x50, item(0x51, (16384).to_bytes(4, "big")) + item(0x52, b"1.2.3"))
    body = request[6:74] + item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return bytes([2, 0]) + len(body).to_bytes(4, "big") + body
