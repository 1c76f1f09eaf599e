"""A node that kills itself (SIGKILL) at one step of the write path: a program for tests.

``python -m tests.dying_node FOLDER WAY STEP COUNT``: at the COUNT-th time it comes to STEP.
WAY is how its objects become safe: ``large`` marks and images (``streamed``) are written to the
disk while they arrive, ``small`` marks lie in the database first, and ``handed`` ones are small and
handed over to archive and queue by the node itself.

``python -m tests.dying_node --serve`` reads such words, a line each, and has a child of its own
die for each line: as many deaths as one likes for one start.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from sqlalchemy.orm import sessionmaker

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.incoming import Incoming
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.group_unit import GroupUnits
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.group_commit import GroupCommit, Work
from tests import nodes
from tests.databases import Clock, RememberedJobs, TestDatabase
from tests.peers import ROOT

STEPS = (("large", "committed"), ("small", "insert"), ("handed", "rename"))
_FILE = (
    "create", "write", "before sync", "sync", "before rename", "rename", "before sync_folder",
    "sync_folder",
)  # fmt: skip
POINTS = {
    "large": (*_FILE, "begin", "insert", "committed"),
    "small": ("begin", "insert", "committed"),
    "handed": (*_FILE, "enqueue", "commit"),
    "streamed": (*_FILE, "begin", "insert", "committed"),
}
"""Every point of the write path by what it calls: "before" a call, within it or after it."""

GROUP_STEPS = ("group half done", "group committed")


class Death:
    """Counts down to it."""

    def __init__(self, step: str, count: int) -> None:
        self._step, self._left = step, count

    def at(self, step: str) -> None:
        if step == self._step:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class HalfWrittenFile(io.FileIO):
    """A file in the middle of whose writes the process dies."""

    death: Death

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        half = super().write(view[: len(view) // 2 or 1])
        self.death.at("write")
        return half or 0  # whoever writes goes on with the rest


class DyingDisk(Disk):
    """The real disk, with a death after each step."""

    def __init__(self, death: Death) -> None:
        self._death = death

    def create(self, path: Path) -> IO[bytes]:
        file = super().create(path)
        self._death.at("create")
        raw = HalfWrittenFile(os.dup(file.fileno()), "wb")
        raw.death = self._death
        file.close()
        return io.BufferedWriter(raw)

    def sync(self, file: IO[bytes]) -> None:
        self._death.at("before sync")
        super().sync(file)
        self._death.at("sync")

    def open_direct(self, path: Path) -> int | None:
        descriptor = super().open_direct(path)  # on any file system
        return os.open(path, os.O_WRONLY) if descriptor is None else descriptor

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        done = super().write_direct(descriptor, data[: len(data) // 2], at)
        self._death.at("write_direct")
        return done  # whoever writes goes on with the rest

    def rename(self, source: Path, target: Path) -> None:
        self._death.at("before rename")
        super().rename(source, target)
        self._death.at("rename")

    def sync_folder(self, path: Path) -> None:
        self._death.at("before sync_folder")
        super().sync_folder(path)
        self._death.at("sync_folder")


class DyingJobs(RememberedJobs):
    """A queue inside whose transaction the process dies."""

    death: Death

    def __call__(self, _transaction: Any, job: str, *args: Any, **told: Any) -> None:
        self.death.at("enqueue")


class DyingGroup(GroupCommit):
    """Commits for many, with a death inside a transaction of several and after it."""

    death: Death

    def __call__(self, work: Work) -> None:
        super().__call__(work)
        self.death.at("committed")

    def _commit(self, members: list[Any]) -> None:
        for member in members:
            member.work = partial(self._work_and_die, member.work)
        if len(members) > 1:
            second = members[1]
            work = second.work

            def die_then_work(uow: UnitOfWork) -> None:
                self.death.at("group half done")
                work(uow)

            second.work = die_then_work
        super()._commit(members)
        if len(members) > 1:
            self.death.at("group committed")

    def _work_and_die(self, work: Work, uow: UnitOfWork) -> None:
        self.death.at("begin")
        work(uow)
        self.death.at("insert")


def dying_group(death: Death, begin: Begin) -> DyingGroup:
    group = DyingGroup(begin)
    group.death = death
    return group


def let_streams_die(death: Death) -> None:
    """What is written while it arrives goes to the disk, and is committed, in other words."""
    write = Incoming.write

    def write_and_die(self: Incoming, data: bytes | memoryview) -> None:
        half = memoryview(data)[: len(data) // 2]
        write(self, half)
        death.at("write")
        write(self, memoryview(data)[len(half) :])

    setattr(Incoming, "write", write_and_die)  # noqa: B010


def main(folder: Path, way: str, step: str, count: int) -> None:
    death = Death(step, count)
    engine = make_engine(f"sqlite:///{folder / 'test.sqlite'}")
    jobs = DyingJobs()
    jobs.death = death
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    database = TestDatabase(begin, jobs, Clock())
    archive = LocalArchive(folder / "archive", disk=DyingDisk(death))
    group = dying_group(death, GroupUnits(engine, jobs))
    receive = nodes.taking(database, archive, group)

    def receive_and_die(request: StoreRequest) -> None:
        receive(request)
        if way == "handed":
            hand_over(begin=begin, read=begin, archive=archive)
        death.at("commit")

    streams = {"keep_free": 0, "commit": group}
    if way == "large":
        streams["small"] = 0
    if way in ("large", "streamed"):
        let_streams_die(death)
    with nodes.running_node(
        database, folder, archive=archive, receive=receive_and_die, streams=streams
    ) as node:
        sys.stdout.write(f"{node.port}\n")
        sys.stdout.flush()
        threading.Event().wait(300)


@contextmanager
def dying(
    folder: Path, step: str = "never", count: int = 1, *, way: str = "large"
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A node in a process, that kills itself at the COUNT-th time it comes to a step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.dying_node", str(folder), way, step, str(count)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def serve() -> None:
    """Let children die as they are told; says how each ended."""
    for line in sys.stdin:
        folder, way, step, count = line.rstrip("\n").split("\t")
        child = os.fork()  # there is one thread here, and nothing is open
        if child == 0:
            main(Path(folder), way, step, int(count))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
