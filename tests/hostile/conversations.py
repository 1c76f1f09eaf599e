"""Peers that break the protocol (RELIABILITY.md 2: f1 to g2, i, k1, k2)."""

from __future__ import annotations

import random
import socket
import struct

from tests.hostile.peer import ACCEPTED, DATA, ECHO, STATE, is_cut, send_until_cut
from tests.hostile.siege import FULL, Siege
from tests.nodes import encode, our_state
from tests.raw_peer import IMPLICIT, command, element, item, p_data, pdu, read_pdu, store_rq

SEED = 20261122


def asking_for(contexts: list[tuple[int, str, list[str]]]) -> bytes:
    """An A-ASSOCIATE-RQ with contexts as they are given: number, SOP class, syntaxes."""
    body = struct.pack(">HH", 1, 0) + b"PACSBRIDGE".ljust(16) + b"HOSPITAL".ljust(16)
    body += bytes(32) + item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, sop_class, syntaxes in contexts:
        names = item(0x30, sop_class.encode())
        names += b"".join(item(0x40, syntax.encode()) for syntax in syntaxes)
        body += item(0x20, bytes([number % 256, 0, 0, 0]) + names)
    user = item(0x51, struct.pack(">L", 131072)) + item(0x52, b"1.2.3.4")
    return pdu(0x01, body + item(0x50, user))


def ask_for_128_contexts(siege: Siege) -> None:
    """f1: as many as the standard allows."""
    asked = [(2 * n + 1, ECHO, [IMPLICIT]) for n in range(128)]
    assert _answer(siege, asking_for(asked)) == ACCEPTED


def ask_for_200_contexts(siege: Siege) -> None:
    """f2: 200 contexts, whose numbers must repeat."""
    _answer(siege, asking_for([(2 * n + 1, STATE, [IMPLICIT]) for n in range(200)]))


def number_contexts_evenly(siege: Siege) -> None:
    """f3: numbers that the standard does not allow."""
    _answer(siege, asking_for([(n, STATE, [IMPLICIT]) for n in (0, 2, 4)]))


def ask_for_3000_contexts(siege: Siege) -> None:
    """f4: 3,000 contexts of 20 syntaxes, 1.9 MB."""
    syntaxes = [f"1.2.840.10008.1.2.4.{n}" for n in range(20)]
    asked = asking_for([(2 * n + 1, STATE, syntaxes) for n in range(3000)])
    with siege.peer.connect() as connection:
        send_until_cut(connection, asked, 1)
        assert is_cut(connection, siege.node.cut_seconds)


def ask_for_no_context(siege: Siege) -> None:
    """f5: an association on which nothing can be said is refused."""
    assert _answer(siege, asking_for([])) != ACCEPTED


def _answer(siege: Siege, request: bytes) -> int:
    """The kind of PDU that a request is answered with; it must be answered."""
    with siege.peer.connect() as connection:
        connection.settimeout(siege.node.cut_seconds)
        connection.sendall(request)
        return read_pdu(connection)[0]


def leave_half_way(siege: Siege) -> None:
    """g1: 100 aborts and resets in the middle of an object."""
    for number in range(100):
        with siege.peer.associate(STATE) as talk:
            _begin_an_object(talk.connection, 5000)
            if number % 2:
                talk.connection.sendall(pdu(0x07, bytes(4)))
            else:
                _reset(talk.connection)
    siege.node.wait_for_no_stray_file()


def leave_large_objects_half_way(siege: Siege) -> None:
    """g2: the same with objects that a node might write down before they are whole."""
    for _ in range(30):
        with siege.peer.associate(STATE) as talk:
            _begin_an_object(talk.connection, 110_000)
            _begin_an_object(talk.connection, 110_000)
            _reset(talk.connection)
    siege.node.wait_for_no_stray_file()


def _begin_an_object(connection: socket.socket, size: int) -> None:
    stream = p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True)
    connection.sendall(stream + p_data(bytes(size), is_command=False, last=False)[:-500])


def _reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def send_odd_commands(siege: Siege) -> None:
    """k1: unknown commands, answers that nobody asked for, commands without their parts."""
    none, some = element(0x0800, b"\1\1"), element(0x0800, b"\0\0")
    number, field = element(0x0110, b"\1\0"), 0x0100
    for words in (
        command(number),
        command(element(field, b"\x77\x77"), none),
        command(element(field, b"\x01\x80"), element(0x0120, b"\1\0"), none),
        command(element(0x0002, b"1.2.840.10008.5.1.4.1.2.2.1"), element(field, b"\x20\0"), some),
        command(element(field, b"\xff\x0f"), element(0x0120, b"\1\0"), none),
        b"",
        b"\xff" * 64,
    ):
        with siege.peer.associate(STATE) as talk:
            for _ in range(3):  # a cancel may be ignored, but not for ever
                send_until_cut(talk.connection, p_data(words, is_command=True, last=True), 1)
            send_until_cut(talk.connection, p_data(b"\0\0", is_command=False, last=True), 1)
            assert is_cut(talk.connection, siege.node.cut_seconds)


def lie_about_lengths(siege: Siege) -> None:
    """k2: fragments that say more or less than they are."""
    words = store_rq(STATE, "1.2.3")
    for said in (0, 1, len(words) - 9, len(words) + 900, 0xFFFFFFFF):
        content = struct.pack(">L", said) + b"\x01\x03" + words
        with siege.peer.associate(STATE) as talk:
            send_until_cut(talk.connection, pdu(DATA, content), 1)
            assert is_cut(talk.connection, siege.node.cut_seconds), said


def send_mutated_conversations(siege: Siege) -> None:
    """i: whole conversations with a few bytes changed."""
    chance = random.Random(SEED)
    for _ in range(2500 if FULL else 100):
        uid = siege.node.new_uid()
        whole = asking_for([(1, STATE, [IMPLICIT])])
        whole += p_data(store_rq(STATE, uid), is_command=True, last=True)
        whole += p_data(encode(our_state(uid), implicit=True), is_command=False, last=True)
        whole += pdu(0x05, bytes(4))
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        with siege.peer.connect() as connection:
            send_until_cut(connection, bytes(changed[: chance.randrange(len(changed))]), 1)
