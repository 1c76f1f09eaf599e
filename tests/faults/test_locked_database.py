"""Somebody else holds the database's write lock: objects wait for it, or go back to their sender.

The lock is held by a real second process. `make faults` also asks a node that waits as long as
one in a hospital does.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pacs_bridge.db import engine
from tests.databases import TestDatabase, database
from tests.hostile.peer import STATE, Peer, Talk
from tests.hostile.siege import FULL, running
from tests.nodes import RunningNode, encode, our_state, register, running_node
from tests.waiting import wait_until

__all__ = ["database"]  # a fixture
SUCCESS, TRY_AGAIN = 0x0000, 0xA700
UIDS = [f"1.2.3.{number}" for number in range(4)]
HOLD = """\
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=180)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(database: Path) -> Iterator[Callable[[], None]]:
    """Hold the write lock in a process of its own, until it is let go."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"

    def let_go() -> None:
        process.communicate("\n", timeout=180)

    try:
        yield let_go
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_MILLISECONDS", 1_000)


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    register(database)
    with running_node(database, tmp_path) as node:
        yield node


@pytest.fixture
def talks(node: RunningNode) -> Iterator[list[Talk]]:
    """Four associations that are there before anything is locked."""
    with ExitStack() as stack:
        peer = Peer(node.port, timeout=120)
        yield [stack.enter_context(peer.associate(STATE)) for _ in UIDS]


def store(talk: Talk, uid: str) -> int | None:
    return talk.store(uid, encode(our_state(uid)))


def held(node: RunningNode) -> int:
    """How many objects are kept, once nothing is half written."""
    wait_until(lambda: not list(node.folder.rglob("*.part")), "no file to be half written")
    with node.database.begin() as uow:
        return sum(uow.objects.counts().values())


def test_objects_wait_for_a_lock_that_is_held_for_three_seconds(
    node: RunningNode, talks: list[Talk]
) -> None:
    with locked(node.folder / "test.sqlite") as let_go, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(store, *each) for each in zip(talks, UIDS, strict=True)]
        with pytest.raises(TimeoutError):
            answers[0].result(timeout=3)
        assert not any(answer.done() for answer in answers)
        let_go()
        assert [answer.result() for answer in answers] == [SUCCESS] * 4
    assert held(node) == 4


@pytest.mark.usefixtures("_hasty")
def test_a_lock_that_stays_sends_objects_back_and_later_they_go_in(
    node: RunningNode, talks: list[Talk]
) -> None:
    with locked(node.folder / "test.sqlite"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(store, talks, UIDS)) == [TRY_AGAIN] * 4
    assert held(node) == 0
    for talk, uid in zip(talks, UIDS, strict=True):  # a sender tries until it is taken
        wait_until(lambda: store(talk, uid) == SUCCESS, "the object to go in")  # noqa: B023
    assert held(node) == 4


@pytest.mark.slow
@pytest.mark.skipif(not FULL, reason="takes as long as a node waits; runs in make faults")
def test_a_node_as_it_ships_sends_back_within_forty_seconds(tmp_path: Path) -> None:
    with running(tmp_path) as node:
        uid = node.new_uid()
        peer = Peer(node.port, *(node.honest.ae_title, node.honest.address), timeout=120)
        with locked(node.home / "pacs_bridge.sqlite"):
            began = time.monotonic()
            assert peer.store(STATE, uid, encode(our_state(uid))) == TRY_AGAIN
            assert time.monotonic() - began < engine.BUSY_MILLISECONDS / 1000 + 10
        assert peer.store(STATE, uid, encode(our_state(uid))) == SUCCESS
