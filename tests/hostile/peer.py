"""A peer over bare sockets, from an address of its own, that can do anything to a node."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.raw_peer import (
    ECHO,
    associate_rq,
    command,
    element,
    p_data,
    pdu,
    read_pdu,
    store_rq,
)

STATE = "1.2.840.10008.5.1.4.1.1.11.1"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
EXPLICIT = "1.2.840.10008.1.2.1"
CLOSED, ACCEPTED, REJECTED, DATA, RELEASED, ABORTED = 0, 2, 3, 4, 6, 7
PIECE = 16_000  # bytes of a data set in one PDU
_PENDING = (0xFF00, 0xFF01)
_STATUS = struct.pack("<HHL", 0, 0x0900, 2)


@dataclass(frozen=True)
class Peer:
    """Somebody on another machine, as far as the node can tell."""

    port: int
    ae_title: str = "HOSPITAL"
    address: str = "127.0.0.1"
    timeout: float = 90.0
    secure: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        """A bare connection, from this peer's address; over TLS where it is `secure`."""
        connection = socket.create_connection(
            ("127.0.0.1", self.port), timeout=self.timeout, source_address=(self.address, 0)
        )
        if self.secure is None:
            return connection
        return self.secure.wrap_socket(connection, server_hostname="localhost")

    @contextmanager
    def associate(self, *sop_classes: str, syntax: str = EXPLICIT) -> Iterator[Talk]:
        """An accepted association; closed without a word unless it was released."""
        with self.connect() as connection:
            request = associate_rq(*sop_classes, calling=self.ae_title, syntax=syntax)
            connection.sendall(request)
            kind, content = read_pdu(connection)
            assert kind == ACCEPTED, (kind, content[:4])
            yield Talk(connection, sop_classes or (ECHO,))

    def store(self, sop_class: str, sop_instance: str, data_set: bytes) -> int | None:
        """One C-STORE on an association of its own; None where it was cut."""
        with self.associate(sop_class) as talk:
            status = talk.store(sop_instance, data_set)
            if status is not None:
                talk.release()
            return status


@dataclass(frozen=True)
class Talk:
    """An association on a bare socket; contexts are numbered 1, 3, 5 as they were asked for."""

    connection: socket.socket
    sop_classes: tuple[str, ...]

    def echo(self) -> int | None:
        """C-ECHO; its status."""
        context = 2 * self.sop_classes.index(ECHO) + 1
        return self.ask(p_data(echo_rq(), is_command=True, last=True, context=context))

    def store(
        self, sop_instance: str, data_set: bytes, *, sop_class: str = "", piece: int = PIECE
    ) -> int | None:
        """C-STORE under these UIDs, whatever the data set says; its status, None where cut."""
        sop_class = sop_class or next(each for each in self.sop_classes if each != ECHO)
        context = 2 * self.sop_classes.index(sop_class) + 1
        request = store_rq(sop_class, sop_instance)
        stream = [p_data(request, is_command=True, last=True, context=context)]
        for start in range(0, max(1, len(data_set)), piece):
            part = data_set[start : start + piece]
            last = start + piece >= len(data_set)
            stream.append(p_data(part, is_command=False, last=last, context=context))
        return self.ask(b"".join(stream))

    def ask(self, stream: bytes) -> int | None:
        """Send PDUs, and give the status of the answer; None where there was none."""
        try:
            self.connection.sendall(stream)
        except OSError:
            return None
        kind, content = read_pdu(self.connection)
        return status_in(content) if kind == DATA else None

    def ask_many(self, stream: bytes) -> int | None:
        """Send PDUs, and give the status of the last of many answers; None where it was cut."""
        self.connection.sendall(stream)
        while True:
            kind, content = read_pdu(self.connection)
            if kind != DATA:
                return None
            status = status_in(content[content.rfind(_STATUS) :])
            if status is not None and status not in _PENDING:
                return status

    def release(self) -> bool:
        """Ask for a release; whether it was granted."""
        self.connection.sendall(pdu(0x05, bytes(4)))
        return read_pdu(self.connection)[0] == RELEASED


def echo_rq() -> bytes:
    """The command set of a C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return command(
        element(0x0002, ECHO.encode()), element(0x0100, b"\x30\0"), element(0x0110, b"\1\0"),
        element(0x0800, b"\1\1"),
    )  # fmt: skip


def status_in(content: bytes) -> int | None:
    """The Status of the command set in a P-DATA-TF PDU."""
    place = content.find(_STATUS)
    return None if place < 0 else struct.unpack_from("<H", content, place + len(_STATUS))[0]


def is_cut(connection: socket.socket, seconds: float) -> bool:
    """Whether the node ends it within so many seconds: A-ABORT, or the end of the connection."""
    connection.settimeout(seconds)
    try:
        kind, _ = read_pdu(connection)
    except TimeoutError:
        return False
    except OSError:
        return True
    return kind in (ABORTED, CLOSED, REJECTED)


def is_ended(connection: socket.socket, seconds: float) -> bool:
    """Whether the node closes within so many seconds, whatever it says before."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def send_until_cut(connection: socket.socket, piece: bytes, times: int) -> int:
    """Send the same bytes again and again; gives how many were taken before it was cut."""
    sent = 0
    try:
        for _ in range(times):
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent
