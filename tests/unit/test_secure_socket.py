"""Our socket over TLS is to a peer what Python's own is, and never says anything in the clear."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pacs_bridge.upper_layer.secure import SecureSocket
from pacs_bridge.upper_layer.tls import client_context, server_context
from tests.integration.test_ul_tls import make_certificate

SECRET = bytes(range(256)) * 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_certificate(folder, "authority", None)
    for name in ("node", "peer"):
        make_certificate(folder, name, authority)
    return folder


def context(make: Callable[[Path, Path, Path], ssl.SSLContext], folder: Path) -> ssl.SSLContext:
    name = "node" if make is server_context else "peer"
    found = make(folder / f"{name}.pem", folder / f"{name}.key", folder / "authority.pem")
    found.check_hostname = False
    return found


@contextmanager
def joined(
    folder: Path, *, ours_is_server: bool = True
) -> Iterator[tuple[SecureSocket, ssl.SSLSocket]]:
    """Ours, and Python's own at the other end."""
    one, two = socket.socketpair()
    one_side, other_side = (server_context, client_context)[:: 1 if ours_is_server else -1]
    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        two.settimeout(60)
        theirs: Future[ssl.SSLSocket] = pool.submit(
            context(other_side, folder).wrap_socket, two, server_side=not ours_is_server
        )
        ours = SecureSocket(one, context(one_side, folder), seconds=60, server_side=ours_is_server)
        ours.settimeout(60)
        stack.enter_context(ours)
        yield ours, stack.enter_context(theirs.result(60))


def _wire(connection: ssl.SSLSocket) -> int:
    """What lies below TLS."""
    os.set_blocking(connection.fileno(), True)
    return connection.fileno()


@pytest.mark.parametrize("ours_is_server", [True, False])
def test_bytes_go_both_ways_whatever_their_number(folder: Path, ours_is_server: bool) -> None:
    with joined(folder, ours_is_server=ours_is_server) as (ours, theirs):
        for size in (1, 16_384, 16_385, 700_000):
            sent = (SECRET * (size // len(SECRET) + 1))[:size]
            sender = threading.Thread(target=theirs.sendall, args=(sent,))
            sender.start()
            got = bytearray()
            while len(got) < size:
                got += ours.recv(size)
            sender.join(60)
            assert got == sent
            sender = threading.Thread(target=ours.sendall, args=(sent,))
            sender.start()
            got.clear()
            while len(got) < size:
                got += theirs.recv(size)
            sender.join(60)
            assert got == sent


def test_several_buffers_are_filled_and_sent_in_their_order(folder: Path) -> None:
    with joined(folder) as (ours, theirs):
        assert ours.sendmsg([SECRET[:10], b"", SECRET[10:]]) == len(SECRET)
        assert theirs.recv(len(SECRET)) == SECRET
        theirs.sendall(SECRET)
        parts = [bytearray(12), bytearray(3000), bytearray(5000)]
        assert ours.recvmsg_into(parts)[0] == len(SECRET)
        assert b"".join(parts)[: len(SECRET)] == SECRET


def test_to_ask_whether_there_is_more_loses_nothing_and_does_not_wait(folder: Path) -> None:
    with joined(folder, ours_is_server=False) as (ours, theirs):  # a server's tickets are no words
        assert not ours.has_more()
        theirs.sendall(SECRET)
        first = ours.recv(100)
        assert ours.has_more()
        rest = ours.recv(10_000)
        assert first + rest == SECRET
        assert not ours.has_more()


def test_nothing_is_ever_sent_as_it_is(folder: Path) -> None:
    words = b"in words that everybody could read" * 40
    for say in (
        lambda ours: ours.send(words),
        lambda ours: ours.sendall(words),
        lambda ours: ours.sendmsg([words[:7], words[7:]]),
    ):
        with joined(folder) as (ours, theirs):
            say(ours)
            heard = os.read(_wire(theirs), 100_000)
            assert len(heard) > len(words)
            assert b"words" not in heard


def test_a_record_that_drips_is_not_waited_for_longer_than_one_that_does_not_come(
    folder: Path,
) -> None:
    with joined(folder) as (ours, theirs):
        head = b"\x17\x03\x03\x40\x00"
        stop = threading.Event()

        def drip() -> None:
            os.write(_wire(theirs), head)
            while not stop.wait(0.02):
                os.write(theirs.fileno(), b"\0")

        dripping = threading.Thread(target=drip)
        dripping.start()
        ours.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ours.recv(10)
        stop.set()
        dripping.join(60)


def test_a_peer_that_is_gone_is_the_end(folder: Path) -> None:
    with joined(folder) as (ours, theirs):
        theirs.sendall(b"last")
        theirs.close()
        assert [ours.recv(10), ours.recv(10)] == [b"last", b""]
