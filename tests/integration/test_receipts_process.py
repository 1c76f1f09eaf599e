"""What a reader waits for has a process of its own: nothing that moves images can hold it up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pacs_bridge.wiring.installation import Installation
from tests.round import OutsideInstallation, RunningRoles
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc, as Linux has it")


class House:
    """A home whose jobs run, and what is asked of them from outside."""

    def __init__(self, folder: Path) -> None:
        self.outside = OutsideInstallation(folder)
        self.installation = Installation.open(self.outside.home)

    @contextmanager
    def running(self) -> Iterator[RunningRoles]:
        roles = self.outside.start("jobs")
        try:
            roles.wait_ready("jobs")
            yield roles
        finally:
            roles.process.send_signal(signal.SIGCONT)
            roles.kill()

    def queue(self, job: str, key: str) -> None:
        with self.installation.begin() as uow:
            uow.enqueue(job, key, key=f"{job}-{key}")

    def stop(self, process: int) -> None:
        """Let a process stand still, at a moment at which it does not hold the database."""
        with self.installation.begin() as uow:
            uow.connect()
            os.kill(process, signal.SIGSTOP)

    def ended(self, job: str) -> int:
        """How many jobs of a kind have ended well."""
        with self.installation.reading_engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT count(*) FROM workflow_status WHERE name = ? AND status = 'SUCCESS'", (job,)
            )
            return int(rows.scalar_one())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.installation.engine.dispose()
    house.installation.reading_engine.dispose()


def _read(path: Path) -> str:
    """What a file of /proc says; nothing where its thread has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def child_of(process: int) -> int | None:
    """The process beside another one that reads objects; None while there is none."""
    for thread in Path(f"/proc/{process}/task").glob("*/children"):
        for number in _read(thread).split():
            with suppress(OSError):  # it may have ended meanwhile
                words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
                if b"--place" in words:
                    return int(number)
    return None


def priorities(process: int) -> set[int]:
    """The priorities of a process' threads (proc(5): ``nice`` is field 19 of ``stat``)."""
    found = set()
    for stat in Path(f"/proc/{process}/task").glob("*/stat"):
        found.add(int(stat.read_text().rpartition(")")[2].split()[16]))
    return found


def test_what_no_reader_waits_for_gives_way_to_what_reads_objects(house: House) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with house.running() as roles:
        child = wait_until(lambda: child_of(roles.process.pid), "the process that reads objects")
        house.queue("close", "PERFORMS121101-R001")
        wait_until(lambda: house.ended("close") == 1, "the reading", seconds=60)
        assert max(priorities(roles.process.pid)) > ours
        assert priorities(child) == {ours}


def test_objects_are_read_while_all_that_moves_images_stands_still(house: House) -> None:
    with house.running() as roles:
        wait_until(lambda: child_of(roles.process.pid), "the process that reads objects")
        house.stop(roles.process.pid)
        house.queue("close", "PERFORMS121101-R001")
        house.queue("extract", "2.25.1")
        wait_until(lambda: house.ended("extract") == 1, "the object", seconds=60)
        assert house.ended("close") == 0
        os.kill(roles.process.pid, signal.SIGCONT)
        wait_until(lambda: house.ended("close") == 1, "the reading", seconds=60)


def test_the_process_that_reads_objects_is_started_again_when_it_dies(house: House) -> None:
    with house.running() as roles:
        first = wait_until(lambda: child_of(roles.process.pid), "the process that reads objects")
        os.kill(first, signal.SIGKILL)
        house.queue("extract", "2.25.1")
        wait_until(lambda: house.ended("extract") == 1, "the object", seconds=60)
        assert child_of(roles.process.pid) not in (None, first)
