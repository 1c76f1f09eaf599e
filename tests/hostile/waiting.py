"""Peers that stall, drip, crowd or flood (RELIABILITY.md 2: a1 to c2, and hold)."""

from __future__ import annotations

import resource
import struct
from contextlib import ExitStack
from dataclasses import replace
from socket import socket

from tests.hostile.peer import STATE, echo_rq, is_cut, is_ended, send_until_cut
from tests.hostile.siege import FEWEST_PROBES, LARGEST_MB, Siege, assert_answered_in_time
from tests.nodes import encode, our_state
from tests.raw_peer import associate_rq, p_data, pdu, read_pdu, store_rq

MB = 1 << 20


def promise_four_gigabytes(siege: Siege) -> None:
    """a1: 20 peers announce a PDU of FFFFFFFF bytes, then are silent."""
    _crowd(siege, 20, pdu(0x01, b"", length=0xFFFFFFFF))


def send_three_bytes(siege: Siege) -> None:
    """hold: 10 peers send half a header, then are silent."""
    _crowd(siege, 10, b"\x01\0\0")


def stream_into_one_pdu(siege: Siege) -> None:
    """a2: 192 MB in one PDU, before any association."""
    with siege.peer.connect() as connection:
        connection.sendall(pdu(0x01, b"", length=200 * MB))
        sent = send_until_cut(connection, bytes(MB), 192)
    assert sent < 16 * MB  # what fits into both sockets' buffers
    siege.stand()
    assert siege.peak - siege.before.memory < 32 * MB


def never_send_the_last_fragment(siege: Siege) -> None:
    """a3: an object of ours without end."""
    with siege.peer.associate(STATE) as talk:
        uid = siege.node.new_uid()
        talk.connection.sendall(p_data(store_rq(STATE, uid), is_command=True, last=True))
        talk.connection.sendall(p_data(_endless(uid), is_command=False, last=False))
        fragment = p_data(bytes(120_000), is_command=False, last=False)
        send_until_cut(talk.connection, fragment, 3 * LARGEST_MB * MB // 120_000)
        siege.stand()
        assert siege.peak - siege.before.memory < 32 * MB  # it went to the disk


def send_more_than_is_taken(siege: Siege) -> None:
    """a3, ended: an object over the limit is refused, or cut, and never a Success."""
    before = siege.node.refusals("oversized")
    with siege.peer.associate(STATE) as talk:
        uid = siege.node.new_uid()
        data = _endless(uid) + bytes(LARGEST_MB * MB + 120_000)
        status = talk.store(uid, data, piece=120_000)
    assert status is None or status >= 0xA700
    if status is not None:
        assert siege.node.refusals("oversized") == before + 1


def _endless(uid: str) -> bytes:
    """The beginning of a state of ours whose last value will not end."""
    return encode(our_state(uid)) + struct.pack("<HH2sHL", 0xFFFC, 0xFFFC, b"OB", 0, 1 << 31)


def send_a_pdu_over_what_was_agreed(siege: Siege) -> None:
    """a4: 8 MB in one PDU on an association that allows 128 KB."""
    with siege.peer.associate(STATE) as talk:
        talk.connection.sendall(p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True))
        talk.connection.sendall(pdu(0x04, b"", length=8 * MB))
        sent = send_until_cut(talk.connection, bytes(120_000), 8 * MB // 120_000)
        assert sent < 8 * MB - 120_000 or is_cut(talk.connection, siege.node.cut_seconds)


def open_300_silently(siege: Siege) -> None:
    """b1: 300 connections that say nothing."""
    _crowd(siege, 300, b"")


def open_300_with_three_bytes(siege: Siege) -> None:
    """b2: 300 connections that each send three bytes."""
    _crowd(siege, 300, b"\x01\0\0")


def open_1100_silently(siege: Siege) -> None:
    """b3: more descriptors than select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2000:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4000), hard))
    _crowd(siege, 1100, b"")


def keep_15_associations_idle(siege: Siege) -> None:
    """b4: 15 associations without a word; a PACS may have them."""
    with ExitStack() as stack:
        for _ in range(15):
            stack.enter_context(siege.peer.associate(STATE))
        siege.stand(5)


def keep_every_place_taken(siege: Siege) -> None:
    """b4, all of it: one PACS opens more associations than there are places."""
    with ExitStack() as stack:
        for _ in range(130):
            connection = _connected(siege, stack)
            if connection is not None:
                connection.sendall(associate_rq(STATE))
                read_pdu(connection)
        siege.stand(5)


def stall_the_handshake(siege: Siege) -> None:
    """tls: peers that never end a handshake, on the port for TLS."""
    node = siege.node
    peer = replace(siege.peer, port=node.tls_port)
    half_a_hello = b"\x16\x03\x01\x02\x00\x01\x00"
    with ExitStack() as stack:
        stalled = []
        for greeting in (b"", half_a_hello, b"\x01\0\0", bytes(300)):
            for _ in range(3):
                stalled.append(stack.enter_context(peer.connect()))
                send_until_cut(stalled[-1], greeting, 1)
        seconds = [node.probe(node.honest_over_tls) for _ in range(FEWEST_PROBES)]
        assert_answered_in_time(seconds, node.calm)
        siege.stand()
        assert all(is_ended(each, node.cut_seconds) for each in stalled)


def drip_a_request(siege: Siege) -> None:
    """c1: an A-ASSOCIATE-RQ, one byte every 0.1 s."""
    with siege.peer.connect() as connection:
        _drip(siege, connection, associate_rq(STATE))


def drip_an_object(siege: Siege) -> None:
    """c2: a P-DATA-TF, one byte every 0.1 s."""
    with siege.peer.associate(STATE) as talk:
        talk.connection.sendall(p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True))
        _drip(siege, talk.connection, p_data(bytes(5000), is_command=False, last=True))


def take_no_answer(siege: Siege) -> None:
    """c3: asks for ever and never reads an answer."""
    with siege.peer.associate() as talk:
        talk.connection.settimeout(3 * siege.node.pdu_seconds)
        words = p_data(echo_rq(), is_command=True, last=True) * 400
        sent = send_until_cut(talk.connection, words, 2000)
        assert sent < 2000 * len(words)
        siege.stand()
        assert siege.peak - siege.before.memory < 32 * MB


def _crowd(siege: Siege, count: int, greeting: bytes) -> None:
    """Open many connections, say the same, stand, and find every one cut."""
    with ExitStack() as stack:
        crowd = [_connected(siege, stack) for _ in range(count)]
        for connection in crowd:
            if connection is not None and greeting:
                send_until_cut(connection, greeting, 1)
        siege.stand()
        assert all(c is None or is_cut(c, siege.node.cut_seconds) for c in crowd)


def _connected(siege: Siege, stack: ExitStack) -> socket | None:
    """A connection, or none where the node's host did not take it."""
    try:
        return stack.enter_context(siege.peer.connect())
    except OSError:
        return None


def _drip(siege: Siege, connection: socket, content: bytes) -> None:
    sent, most = 0, int(siege.node.pdu_seconds / 0.1) * 3
    for byte in content[:most]:
        if not send_until_cut(connection, bytes([byte]), 1) or is_cut(connection, 0.1):
            break
        sent += 1
    assert sent < min(most, len(content))
