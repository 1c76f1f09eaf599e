"""A caller that costs nothing: one association over a bare socket, bytes made beforehand.

It stands for the modality or PACS that calls a node, the same one for every receiver, so that
a figure is the receiver's and not the sender's. TCP_NODELAY is set; one request waits for its
answer before the next goes out, and command and first fragment go out in one write.

References
----------
PS3.8 section 9.3 (PDU); PS3.7 sections 9.3.1, 9.3.5 (C-STORE, C-ECHO), annex E (commands).
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Sequence
from types import TracebackType

VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"

_MAX_PDU = 131_072
_ACCEPT, _DATA, _RELEASED = 0x02, 0x04, 0x06
_COMMAND, _LAST = 0x01, 0x02  # message control header, PS3.8 annex E.2
_PENDING, _PENDING_KEYS_IGNORED = 0xFF00, 0xFF01
_NO_DATA_SET, _WITH_DATA_SET = 0x0101, 0x0001
_BUFFERS = 64  # heads and fragments in one write, four megabytes of long ones


class CallFailed(Exception):
    """The other side did not do what was asked: what was measured would mean nothing."""


class Call:
    """One association with a receiver, released at the end.

    Parameters
    ----------
    sop_classes : sequence of str
        Offered with Explicit VR Little Endian alone; each must be accepted.
    tls : SSLContext, optional
        Makes the connection secure.
    source : str
        Our own address on the loopback.
    """

    def __init__(
        self,
        port: int,
        called: str,
        sop_classes: Sequence[str],
        calling: str = "HOSPITAL",
        *,
        tls: ssl.SSLContext | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        self._request = _associate_request(called, calling, sop_classes)
        self._contexts = {uid: 2 * place + 1 for place, uid in enumerate(sop_classes)}
        self._port, self._message_id, self._fragment = port, 0, 0
        self._tls, self._source = tls, source

    def __enter__(self) -> Call:
        self._socket = socket.create_connection(
            ("127.0.0.1", self._port), timeout=60, source_address=(self._source, 0)
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self._tls is not None:
                self._socket = self._tls.wrap_socket(self._socket)
            self._socket.sendall(self._request)
            self._read_accept()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._socket.sendall(struct.pack(">BxII", 0x05, 4, 0))
                answered, _ = self._read()
                if answered != _RELEASED:
                    raise CallFailed(f"the release was not answered (PDU type {answered})")
        finally:
            self._socket.close()

    def echo(self) -> None:
        """C-ECHO, and its answer."""
        self._next_message()
        command = _command(
            (0x0002, _uid(VERIFICATION)),
            (0x0100, _short(0x0030)),
            (0x0110, _short(self._message_id)),
            (0x0800, _short(_NO_DATA_SET)),
        )
        context = self._contexts[VERIFICATION]
        self._socket.sendall(_data_pdu(context, _COMMAND | _LAST, command))
        self._read_answer()

    def store(self, sop_class: str, sop_instance: str, data_set: bytes) -> None:
        """C-STORE of an encoded data set, and its answer."""
        self._next_message()
        command = _command(
            (0x0002, _uid(sop_class)),
            (0x0100, _short(0x0001)),
            (0x0110, _short(self._message_id)),
            (0x0700, _short(0)),
            (0x0800, _short(_WITH_DATA_SET)),
            (0x1000, _uid(sop_instance)),
        )
        context = self._contexts[sop_class]
        waiting: list[bytes | memoryview] = [_data_pdu(context, _COMMAND | _LAST, command)]
        view = memoryview(data_set)
        for start in range(0, len(view), self._fragment):
            part = view[start : start + self._fragment]
            last = _LAST if start + len(part) == len(view) else 0
            waiting += (_data_head(context, last, len(part)), part)
            if last or len(waiting) >= _BUFFERS:
                self._send(waiting)
                waiting = []
        self._read_answer()

    def _send(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Send buffers without a copy, where the socket can: a receiver must not wait for us."""
        if self._tls is not None or not hasattr(self._socket, "sendmsg"):
            self._socket.sendall(b"".join(buffers))
            return
        left = [memoryview(each) for each in buffers if len(each)]
        while left:
            taken = self._socket.sendmsg(left)
            while left and taken >= len(left[0]):
                taken -= len(left.pop(0))
            if taken:
                left[0] = left[0][taken:]

    def find(self, model: str, identifier: bytes) -> int:
        """C-FIND, and all its answers; gives how many matched."""
        self._next_message()
        command = _command(
            (0x0002, _uid(model)),
            (0x0100, _short(0x0020)),
            (0x0110, _short(self._message_id)),
            (0x0700, _short(0)),
            (0x0800, _short(_WITH_DATA_SET)),
        )
        context = self._contexts[model]
        self._socket.sendall(
            _data_pdu(context, _COMMAND | _LAST, command) + _data_pdu(context, _LAST, identifier)
        )
        matches, status = 0, _PENDING
        while status in (_PENDING, _PENDING_KEYS_IGNORED):
            kind, body = self._read()
            if kind != _DATA:
                raise CallFailed(f"there was no answer (PDU type {kind})")
            at = 0
            while at < len(body):
                (length,) = struct.unpack_from(">I", body, at)
                control = body[at + 5]
                if control & _COMMAND:
                    status = _status(body[at + 6 : at + 4 + length])
                elif control & _LAST:
                    matches += 1
                at += 4 + length
        if status != 0x0000:
            raise CallFailed(f"the answer was 0x{status:04X}")
        return matches

    def _next_message(self) -> None:
        self._message_id = self._message_id % 65_535 + 1

    def _read_accept(self) -> None:
        """Check that every context was accepted, and learn the longest PDU it takes."""
        answered, body = self._read()
        if answered != _ACCEPT:
            raise CallFailed(f"the association was not accepted (PDU type {answered})")
        at, accepted, longest = 68, 0, 0
        while at < len(body):
            kind, length = struct.unpack_from(">BxH", body, at)
            at += 4
            if kind == 0x21 and body[at + 2] == 0:
                accepted += 1
            if kind == 0x50:
                longest = _maximum_length(body[at : at + length])
            at += length
        if accepted != len(self._contexts):
            raise CallFailed(f"{accepted} of {len(self._contexts)} contexts were accepted")
        self._fragment = min(longest or _MAX_PDU, _MAX_PDU) - 6

    def _read_answer(self) -> None:
        kind, body = self._read()
        if kind != _DATA:
            raise CallFailed(f"there was no answer (PDU type {kind})")
        status = _status(body[6:])
        if status != 0x0000:
            raise CallFailed(f"the answer was 0x{status:04X}")

    def _read(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self._exactly(6))
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._socket.recv(count - len(parts))
            if not part:
                raise CallFailed("the connection was closed")
            parts += part
        return bytes(parts)


def _associate_request(called: str, calling: str, sop_classes: Sequence[str]) -> bytes:
    contexts = b"".join(
        _item(
            0x20,
            struct.pack(">B3x", 2 * place + 1)
            + _item(0x30, uid.encode())
            + _item(0x40, EXPLICIT.encode()),
        )
        for place, uid in enumerate(sop_classes)
    )
    user = _item(0x51, struct.pack(">I", _MAX_PDU)) + _item(0x52, b"1.2.826.0.1.3680043.10.99.1")
    titles = called.ljust(16).encode() + calling.ljust(16).encode()
    body = struct.pack(">H2x", 1) + titles + bytes(32)
    body += _item(0x10, b"1.2.840.10008.3.1.1.1") + contexts + _item(0x50, user)
    return struct.pack(">BxI", 0x01, len(body)) + body


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def _maximum_length(user_information: bytes) -> int:
    at = 0
    while at < len(user_information):
        kind, length = struct.unpack_from(">BxH", user_information, at)
        if kind == 0x51:
            return int(struct.unpack_from(">I", user_information, at + 4)[0])
        at += 4 + length
    return 0


def _data_pdu(context: int, control: int, part: bytes) -> bytes:
    return _data_head(context, control, len(part)) + part


def _data_head(context: int, control: int, length: int) -> bytes:
    return struct.pack(">BxIIBB", _DATA, length + 6, length + 2, context, control)


def _command(*elements: tuple[int, bytes]) -> bytes:
    """Encode group 0000 in Implicit VR Little Endian, its length first."""
    body = b"".join(
        struct.pack("<HHI", 0, element, len(value)) + value for element, value in elements
    )
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def _short(number: int) -> bytes:
    return struct.pack("<H", number)


def _status(command: bytes) -> int:
    at = 0
    while at < len(command):
        _, element, length = struct.unpack_from("<HHI", command, at)
        if element == 0x0900:
            return int(struct.unpack_from("<H", command, at + 8)[0])
        at += 8 + length
    raise CallFailed("the answer has no status")
