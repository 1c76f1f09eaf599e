"""A node that kills itself (SIGKILL) at one step of the write path: a program for tests.

``python -m tests.dying_node FOLDER WAY STEP COUNT``: at the COUNT-th time it comes to STEP.
WAY is how its objects become safe: ``large`` ones lie in the archive first, ``small`` ones in the
database, and ``handed`` ones are small and handed over to archive and queue by the node itself.
"""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import IO, Any

from sqlalchemy.orm import sessionmaker

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.services.arrivals import SMALL, hand_over
from pacs_bridge.services.group_commit import GroupCommit, Work
from tests import nodes
from tests.databases import Clock, RememberedJobs, TestDatabase

STEPS = (
    *(("large", step) for step in ("create", "sync", "rename", "sync_folder", "enqueue")),
    ("large", "commit"),
    ("small", "insert"),
    ("small", "commit"),
    ("handed", "create"),
    ("handed", "rename"),
    ("handed", "enqueue"),
    ("handed", "commit"),
)
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


class DyingDisk(Disk):
    """The real disk, with a death after each step."""

    def __init__(self, death: Death) -> None:
        self._death = death

    def create(self, path: Path) -> IO[bytes]:
        file = super().create(path)
        self._death.at("create")
        return file

    def sync(self, file: IO[bytes]) -> None:
        super().sync(file)
        self._death.at("sync")

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._death.at("rename")

    def sync_folder(self, path: Path) -> None:
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
        work(uow)
        self.death.at("insert")


def main(folder: Path, way: str, step: str, count: int) -> None:
    death = Death(step, count)
    engine = make_engine(f"sqlite:///{folder / 'test.sqlite'}")
    jobs = DyingJobs()
    jobs.death = death
    begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), jobs)
    database = TestDatabase(begin, jobs, Clock())
    archive = LocalArchive(folder / "archive", disk=DyingDisk(death))
    group = DyingGroup(begin)
    group.death = death
    receive = nodes.receiving(database, archive, group, small=0 if way == "large" else SMALL)

    def receive_and_die(request: StoreRequest) -> None:
        receive(request)
        if way == "handed":
            hand_over(begin=begin, read=begin, archive=archive)
        death.at("commit")

    with nodes.running_node(database, folder, archive=archive, receive=receive_and_die) as node:
        sys.stdout.write(f"{node.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
