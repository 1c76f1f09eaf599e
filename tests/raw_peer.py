"""DICOM over a bare socket, for peers that do what no library lets them do."""

from __future__ import annotations

import socket
import struct

ECHO = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def pdu(kind: int, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return struct.pack(">BBL", kind, 0, size) + content


def associate_rq(
    *abstract: str, calling: str = "HOSPITAL", called: str = "PACSBRIDGE", syntax: str = IMPLICIT
) -> bytes:
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2) with one context a SOP class, numbered 1, 3, 5."""
    body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode()
    body += bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, sop_class in enumerate(abstract or (ECHO,)):
        names = item(0x30, sop_class.encode()) + item(0x40, syntax.encode())
        body += item(0x20, bytes([2 * number + 1, 0, 0, 0]) + names)
    user = item(0x51, struct.pack(">L", 131072)) + item(0x52, b"1.2.3.4")
    return pdu(0x01, body + item(0x50, user))


def element(tag: int, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return struct.pack("<HHL", 0, tag, len(value)) + value


def command(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return element(0x0000, struct.pack("<L", len(body))) + body


def store_rq(sop_class: str, sop_instance: str) -> bytes:
    """The command set of a C-STORE-RQ (PS3.7 9.3.1.1)."""
    return command(
        element(0x0002, sop_class.encode()), element(0x0100, b"\1\0"), element(0x0110, b"\1\0"),
        element(0x0700, b"\2\0"), element(0x0800, b"\0\0"), element(0x1000, sop_instance.encode()),
    )  # fmt: skip


def p_data(content: bytes, *, is_command: bool, last: bool, context: int = 1) -> bytes:
    header = bytes([context, is_command | last << 1])
    return pdu(0x04, struct.pack(">L", len(content) + 2) + header + content)


def read_pdu(connection: socket.socket) -> tuple[int, bytes]:
    """Read one PDU; kind 0 where the peer closed or reset."""
    try:
        head = _exactly(connection, 6)
        if len(head) < 6:
            return 0, b""
        kind, _, length = struct.unpack(">BBL", head)
        return kind, _exactly(connection, length)
    except ConnectionResetError:
        return 0, b""


def _exactly(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = connection.recv(count - len(content))
        if not part:
            break
        content += part
    return content
