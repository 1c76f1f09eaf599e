"""No peer that stalls, floods or lies keeps the node from an honest one for long."""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pacs_bridge.upper_layer.acceptor import THREAD_NAME
from pacs_bridge.upper_layer.contract import Bounds
from tests.databases import TestDatabase
from tests.nodes import RunningNode, associated, connect, our_state, register, running_node, send
from tests.raw_peer import (
    associate_rq,
    command,
    element,
    p_data,
    pdu,
    read_pdu,
    store_rq,
)
from tests.waiting import wait_until

STATE = "1.2.840.10008.5.1.4.1.1.11.1"
ASSOCIATE_AC, ABORT, CLOSED = 2, 7, 0
BOUNDS = Bounds(associations=10, object_bytes=1 << 20, half_open=100, half_open_per_address=100)
HASTY = replace(BOUNDS, pdu_seconds=1.0, negotiation_seconds=1.5, artim_seconds=0.5)
PATIENT = replace(BOUNDS, pdu_seconds=120.0, negotiation_seconds=120.0)


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node that cuts nobody for slowness, so that what it cuts it cuts for what was said."""
    register(database)
    with running_node(database, tmp_path, bounds=PATIENT) as running:
        yield running
        wait_until(lambda: not conversations(), "every conversation to end")


@pytest.fixture
def hasty_node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    """A node with short deadlines."""
    register(database)
    with running_node(database, tmp_path, bounds=HASTY) as running:
        yield running
        wait_until(lambda: not conversations(), "every conversation to end")


def conversations() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == THREAD_NAME]


def is_answered(port: int) -> bool:
    with associated(port) as association:
        return association.is_established and association.send_c_echo().get("Status") == 0x0000


@contextmanager
def established(port: int) -> Iterator[socket.socket]:
    with connect(port) as connection:
        connection.sendall(associate_rq(STATE))
        kind, _ = read_pdu(connection)
        assert kind == ASSOCIATE_AC
        yield connection


def is_cut(connection: socket.socket) -> bool:
    """Wait until the node ends it: an A-ABORT, or the bare end of the connection."""
    kind, _ = read_pdu(connection)
    return kind in (ABORT, CLOSED)


def test_ten_peers_that_send_three_bytes_shut_the_node_for_a_moment_only(
    hasty_node: RunningNode,
) -> None:
    with ExitStack() as stack:
        stalled = [stack.enter_context(connect(hasty_node.port)) for _ in range(10)]
        for connection in stalled:
            connection.sendall(b"\x01\0\0")
        wait_until(lambda: is_answered(hasty_node.port), "an honest peer to be answered")
        assert all(is_cut(connection) for connection in stalled)


def test_a_silent_connection_is_cut(hasty_node: RunningNode) -> None:
    with connect(hasty_node.port) as connection:
        assert is_cut(connection)


def test_a_request_that_drips_is_cut(hasty_node: RunningNode) -> None:
    request, pause = associate_rq(), threading.Event()
    with connect(hasty_node.port) as connection:
        sent = 0
        try:
            for byte in request:
                connection.sendall(bytes([byte]))
                sent += 1
                pause.wait(0.05)
        except OSError:
            pass
        assert sent < len(request)
        assert is_cut(connection)


@pytest.mark.parametrize("length", [0xFFFFFFFF, 300 << 10])
def test_a_request_that_promises_too_much_is_cut_at_once(node: RunningNode, length: int) -> None:
    with connect(node.port) as connection:
        connection.sendall(pdu(0x01, b"x" * 100, length=length))
        assert is_cut(connection)


def test_a_pdu_far_over_what_was_agreed_ends_the_association(node: RunningNode) -> None:
    with established(node.port) as connection:
        connection.sendall(pdu(0x04, b"x" * 100, length=2 << 20))
        assert is_cut(connection)


def test_an_object_without_end_is_not_kept_in_memory(node: RunningNode) -> None:
    fragment = p_data(bytes(120_000), is_command=False, last=False)
    with established(node.port) as connection:
        connection.sendall(p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True))
        for _ in range(20):
            connection.sendall(fragment)
        before = resident_bytes()
        for _ in range(400):
            connection.sendall(fragment)
        assert resident_bytes() - before < 16 << 20
        connection.sendall(p_data(b"", is_command=False, last=True))
        kind, answer = read_pdu(connection)
        assert kind == 4
        assert element(0x0900, b"\0\xc0") in answer


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "message",
    [
        command(element(0x0110, b"\1\0")),
        command(element(0x0100, b"\x77\x77"), element(0x0800, b"\1\1")),
        command(element(0x0100, b"\1\x80"), element(0x0120, b"\1\0"), element(0x0800, b"\1\1")),
        store_rq("", ""),
        store_rq(STATE, "1" * 65),
        b"",
        b"\xff" * 64,
        bytes(100_000),
    ],
    ids=["no field", "unknown field", "an answer", "no UIDs", "a long UID", "none", "junk", "long"],
)
def test_a_message_that_makes_no_sense_is_aborted_not_left_waiting(
    node: RunningNode, message: bytes
) -> None:
    with established(node.port) as connection:
        connection.sendall(p_data(message, is_command=True, last=True))
        connection.sendall(p_data(b"\0\0", is_command=False, last=True))
        assert is_cut(connection)
    wait_until(lambda: is_answered(node.port), "an honest peer to be answered")


@pytest.mark.parametrize(
    "greeting", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01", b"\n" * 50]
)
def test_other_protocols_are_cut(node: RunningNode, greeting: bytes) -> None:
    with connect(node.port) as connection:
        connection.sendall(greeting)
        assert is_cut(connection)
    wait_until(lambda: is_answered(node.port), "an honest peer to be answered")


def test_connections_that_come_and_go_leave_no_thread_and_no_row(node: RunningNode) -> None:
    for _ in range(50):
        connect(node.port).close()
    wait_until(lambda: not conversations(), "the threads to end")
    assert node.rows() == []
    wait_until(lambda: is_answered(node.port), "an honest peer to be answered")


def test_peers_that_leave_in_the_middle_of_an_object_leave_nothing(node: RunningNode) -> None:
    for _ in range(10):
        with established(node.port) as connection:
            connection.sendall(p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True))
            connection.sendall(p_data(bytes(5000), is_command=False, last=False)[:-500])
    wait_until(lambda: not conversations(), "the threads to end")
    assert node.files() == []
    assert {row.outcome for row in node.rows()} == {"aborted"}
    assert send(node.port, our_state()).Status == 0x0000


def test_an_idle_association_is_ended(database: TestDatabase, tmp_path: Path) -> None:
    register(database)
    with (
        running_node(database, tmp_path, bounds=Bounds(idle_seconds=0.3)) as node,
        established(node.port) as connection,
    ):
        assert is_cut(connection)


def test_one_address_cannot_take_all_places_of_those_who_have_not_spoken(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    bounds = Bounds(half_open_per_address=3)
    with ExitStack() as stack, running_node(database, tmp_path, bounds=bounds) as node:
        for _ in range(3):
            stack.enter_context(connect(node.port))
        wait_until(lambda: len(conversations()) == 3, "three silent peers to be seen")
        fourth = stack.enter_context(connect(node.port))
        assert is_cut(fourth)
        elsewhere = socket.create_connection(
            ("127.0.0.1", node.port), timeout=90, source_address=("127.0.0.2", 0)
        )
        stack.enter_context(elsewhere).sendall(associate_rq())
        assert read_pdu(elsewhere)[0] == 3  # A-ASSOCIATE-RJ: asked, judged, answered


def test_a_stop_does_not_wait_for_ever_for_who_does_not_release(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with ExitStack() as stack:
        with running_node(database, tmp_path, grace=0.3) as node:
            connection = stack.enter_context(established(node.port))
        assert is_cut(connection)
    assert node.rows()[0].outcome == "aborted"


def test_a_stop_does_not_wait_at_all_for_who_has_not_spoken(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with ExitStack() as stack:
        with running_node(database, tmp_path, grace=200, bounds=PATIENT) as node:
            stack.enter_context(connect(node.port))
            wait_until(conversations, "the silent peer to be seen")
            began = time.monotonic()
        assert time.monotonic() - began < 60  # the node would cut it after 120


def test_mutated_conversations_leave_the_node_answering(node: RunningNode) -> None:
    chance = random.Random(20261122)
    whole = (
        associate_rq(STATE)
        + p_data(store_rq(STATE, "1.2.3"), is_command=True, last=True)
        + p_data(bytes(100), is_command=False, last=True)
        + pdu(0x05, bytes(4))
    )
    for _ in range(150):
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 2, 8))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        with connect(node.port) as connection, suppress(ConnectionError):
            connection.sendall(changed[: chance.randrange(len(changed))])
    wait_until(lambda: not conversations(), "every conversation to end")
    wait_until(lambda: is_answered(node.port), "an honest peer to be answered")
