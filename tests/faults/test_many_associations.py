"""Associations come and go for days: what the process holds afterwards is what it held before.

1,000 in `make test`, 50,000 in `make faults`; most end as they should, some in every other way.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.peer import ACCEPTED, REJECTED, Peer
from tests.hostile.siege import FULL, HostileNode, Measure, running
from tests.raw_peer import associate_rq, pdu, read_pdu
from tests.waiting import wait_until

COUNT = 50_000 if FULL else 1_000
WARMING = COUNT // 5
MEMORY_WITHIN = 1.05 if FULL else 2.0  # a short run ends before its pools are full
SEED = 20261122
# Each from an address of its own: a closed connection keeps its port for a minute.
SITES = [(f"SITE{n}", f"127.0.0.{n}") for n in range(11, 15)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[HostileNode]:
    with running(tmp_path, *SITES) as node:
        yield node


def echo_and_release(peer: Peer) -> None:
    with peer.associate() as talk:
        assert talk.echo() == 0x0000
        assert talk.release()


def echo_and_abort(peer: Peer) -> None:
    with peer.associate() as talk:
        assert talk.echo() == 0x0000
        talk.connection.sendall(pdu(0x07, bytes(4)))


def hang_up(peer: Peer) -> None:
    with peer.associate():
        pass


def reset(peer: Peer) -> None:
    with peer.associate() as talk:
        talk.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def be_a_stranger(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(associate_rq(calling="STRANGER"))
        assert read_pdu(connection)[0] == REJECTED


def call_somebody_else(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(associate_rq(calling=peer.ae_title, called="SOMEBODY"))
        assert read_pdu(connection)[0] == REJECTED


def send_half_a_request(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(associate_rq(calling=peer.ae_title)[:-9])


def ask_and_leave(peer: Peer) -> None:
    with peer.connect() as connection:
        connection.sendall(associate_rq(calling=peer.ae_title))
        assert read_pdu(connection)[0] == ACCEPTED


OTHERS: tuple[Callable[[Peer], None], ...] = (
    echo_and_abort, hang_up, reset, be_a_stranger, call_somebody_else, send_half_a_request,
    ask_and_leave,
)  # fmt: skip


class Traffic:
    """Four sites that call as quickly as they are answered."""

    def __init__(self, node: HostileNode) -> None:
        self._sites = [Peer(node.port, *site) for site in SITES]
        self.done: Counter[str] = Counter()
        self._lock = threading.Lock()

    def run(self, start: int, end: int) -> None:
        """Have associations by their numbers, each ending as its number says."""
        with ThreadPoolExecutor(len(SITES)) as pool:
            for finished in [
                pool.submit(self._call, place, range(start + place, end, len(SITES)))
                for place in range(len(SITES))
            ]:
                finished.result()

    def _call(self, place: int, numbers: range) -> None:
        kinds: Counter[str] = Counter()
        for number in numbers:
            chance = random.Random(f"{SEED}-{number}")
            how = echo_and_release if chance.random() < 0.8 else chance.choice(OTHERS)
            how(self._sites[place])
            kinds[how.__name__] += 1
        with self._lock:
            self.done += kinds


def at_rest(node: HostileNode) -> Measure:
    """What the process holds once every row is written and every conversation over."""
    open_rows = "SELECT count(*) FROM pb_association WHERE outcome = 'open'"
    wait_until(lambda: node.installation.row(open_rows) == 0, "every association to end")
    fewest = node.measure()

    def is_quiet() -> bool:
        nonlocal fewest
        before, fewest = fewest, node.measure()
        return (before.threads, before.sockets) == (fewest.threads, fewest.sockets)

    wait_until(is_quiet, "the last thread to end")
    return fewest


@pytest.mark.slow
@pytest.mark.timeout(3600 if FULL else 300)
def test_associations_that_come_and_go_leave_nothing_in_the_process(node: HostileNode) -> None:
    traffic = Traffic(node)
    traffic.run(0, WARMING)
    before = at_rest(node)
    traffic.run(WARMING, COUNT)
    after = at_rest(node)
    print(f"{COUNT} associations: {before} became {after}; {dict(traffic.done)}")
    try:
        wait_until(lambda: node.measure().is_back_to(before, MEMORY_WITHIN), "all to be given back")
    except AssertionError:
        raise AssertionError(f"{before} became {node.measure()}") from None
    assert sum(traffic.done.values()) == COUNT
    assert len(traffic.done) == 1 + len(OTHERS)
    assert node.probe() > 0
