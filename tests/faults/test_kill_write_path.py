"""kill -9 at every point of the write path: nothing acknowledged is lost, nothing half is seen.

Once a point in `make test`, twenty times in `make faults`, each time one object further on.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.orm import sessionmaker

from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.objects import ReceivedObject
from tests.databases import Clock, RememberedJobs, TestDatabase
from tests.dying_node import POINTS
from tests.hostile.peer import STATE, Peer
from tests.hostile.siege import FULL
from tests.loads import empty_database
from tests.mammograms import MAMMOGRAM
from tests.nodes import OUR_IMAGE, RunningNode, encode, our_state, register, running_node
from tests.peers import ROOT
from tests.resent import images, load, our_image

TIMES = 20 if FULL else 1
MOST = 60  # objects; every point is passed often enough by then
EACH = [(way, step) for way, steps in POINTS.items() for step in steps]


class Deaths:
    """A node that dies as it is told, again and again."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dying_node", "--serve"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def begin(self, folder: Path, way: str, step: str, count: int) -> int:
        """Start it over a folder; gives its port."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{folder}\t{way}\t{step}\t{count}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        """See that it was killed, by nobody but itself."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ended -9\n"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def deaths() -> Iterator[Deaths]:
    deaths = Deaths()
    yield deaths
    deaths.close()


def a_database(folder: Path) -> TestDatabase:
    """A fresh database in a folder, with our PACS, our cases and what it was sent."""
    (folder / "test.sqlite").write_bytes(empty_database())
    engine = make_engine(f"sqlite:///{folder / 'test.sqlite'}")
    jobs = RememberedJobs()
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    database = TestDatabase(begin, jobs, Clock())
    register(database)
    load(database)
    engine.dispose()
    return database


def an_object(way: str, number: int) -> tuple[str, str, bytes]:
    """SOP class, UID and data set of the so many-th object."""
    if way == "streamed":  # the same image may come back changed, again and again
        return MAMMOGRAM, OUR_IMAGE, encode(our_image(InstanceNumber=str(number)))
    return STATE, f"1.2.3.{number}", encode(our_state(f"1.2.3.{number}"))


def send_until_it_dies(port: int, way: str) -> list[int]:
    """Send one object after the other; gives the numbers of those that were acknowledged."""
    sop_class, _, _ = an_object(way, 0)
    with Peer(port).associate(sop_class) as talk:
        for number in range(MOST):
            _, uid, data = an_object(way, number)
            if talk.store(uid, data) != 0x0000:
                return list(range(number))
    pytest.fail("it never died")


def kept(node: RunningNode, way: str) -> list[ReceivedObject]:
    if way == "streamed":
        return images(node.database)
    with node.database.begin() as uow:
        assert not uow.arrivals.any()
        return uow.objects.in_state("received")


def check_all_is_whole(node: RunningNode, way: str, acknowledged: list[int]) -> None:
    """Each object with a row is there to its last byte, and all that were acknowledged are."""
    rows, sent = kept(node, way), {an_object(way, n)[2] for n in acknowledged}
    found = set()
    for row in rows:
        with node.archive.open(row.content_hash) as file:
            content = file.read()
        assert len(content) > row.size
        found.add(content[-row.size :])
        assert way == "streamed" or hashlib.sha256(content).hexdigest() == row.content_hash
    assert found >= sent
    assert len(found) == len(rows) <= len(acknowledged) + 1
    assert found <= {an_object(way, n)[2] for n in range(len(acknowledged) + 1)}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("way", "step"), EACH)
def test_a_kill_loses_nothing_acknowledged_and_shows_nothing_half(
    deaths: Deaths, tmp_path: Path, way: str, step: str
) -> None:
    for count in range(1, TIMES + 1):
        folder = tmp_path / str(count)
        folder.mkdir()
        database = a_database(folder)
        acknowledged = send_until_it_dies(deaths.begin(folder, way, step, count), way)
        deaths.end()
        with running_node(database, folder, streams={"keep_free": 0}) as node:
            node.hand_over()
            check_all_is_whole(node, way, acknowledged)
            assert [path for path in node.files() if path.suffix == ".part"] == []
            sop_class, uid, data = an_object(way, len(acknowledged))
            assert Peer(node.port).store(sop_class, uid, data) == 0x0000
            node.hand_over()
            assert data in {content_of(node, row) for row in kept(node, way)}


def content_of(node: RunningNode, row: ReceivedObject) -> bytes:
    with node.archive.open(row.content_hash) as file:
        return file.read()[-row.size :]
