"""Our jobs as a hospital has them: a home, a case set in its archive, a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks.data import SET, a_mammogram, a_passport, case_numbers, encode_any
from benchmarks.wire import EXPLICIT, CallFailed
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.loading import InstanceState
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.services.plan import start_load
from pacs_bridge.wiring.home import make_home
from pacs_bridge.wiring.installation import Installation

_SETTINGS = """\
[loading]
first_verify_seconds = 3600.0
retry_seconds = 3600.0
"""
"""What is measured is sending: nobody asks storescp what it has, nor calls a dead one twice."""

_MOST_SECONDS = 900.0
_LOOK_SECONDS = 0.1
_VIEWS = 4


@dataclass(frozen=True)
class OurJobs:
    """Jobs that run.

    Parameters
    ----------
    files : tuple of Path
        The images of the case set, as they lie in the archive.
    pid : int
        Of their process.
    """

    installation: Installation
    files: tuple[Path, ...]
    pid: int

    @property
    def megabytes(self) -> float:
        """How much one load is."""
        return sum(file.stat().st_size for file in self.files) / 1e6

    def load(self, ports: dict[str, int], *, idle: dict[str, int] | None = None) -> float:
        """Load the set into PACS by name, at these ports; gives the seconds until all have it.

        Parameters
        ----------
        idle : dict of str to int
            PACS that it is loaded into too, and that nobody waits for.

        Raises
        ------
        CallFailed
            When one of them does not take an image, or not in time.
        """
        begin, now = self.installation.begin, self.installation.now
        everywhere = {**(idle or {}), **ports}
        with begin() as uow:
            for name, port in everywhere.items():
                uow.pacs.put(_at(name, port), now())
        started = now()
        loads = [start_load(SET, name, begin=begin, now=now).load_id for name in everywhere]
        waited = loads[-len(ports) :]
        pause, until = threading.Event(), time.monotonic() + _MOST_SECONDS
        while self._remaining(waited):
            if time.monotonic() > until:
                raise CallFailed("a load was not sent in time")
            pause.wait(_LOOK_SECONDS)
        return max(self._seconds(load_id, started.timestamp()) for load_id in waited)

    def _remaining(self, loads: Sequence[int]) -> int:
        with self.installation.read() as uow:
            return sum(uow.loads.counts(load_id).remaining for load_id in loads)

    def _seconds(self, load_id: int, started: float) -> float:
        """Say when the last answer of a load was in the ledger."""
        with self.installation.read() as uow:
            ledger = uow.loads.ledger(load_id)
        if any(row.state is not InstanceState.STORED for row in ledger):
            raise CallFailed("a PACS did not take every image of ours")
        return max(row.changed_at.timestamp() for row in ledger if row.changed_at) - started


def _at(name: str, port: int) -> Pacs:
    return Pacs(name, (Endpoint("ANY-SCP", "127.0.0.1", port, ("store",)),), plain=True)


@contextmanager
def running_jobs(folder: Path, cases: int, size: tuple[int, int]) -> Iterator[OurJobs]:
    """Make a home with a case set of four images a case, and run its jobs alone.

    The pixels of the images are zeros that take no room on the disk: what is sent is read as any
    file is, and nobody looks at it.
    """
    folder.mkdir()
    (folder / "config.toml").write_text(_SETTINGS)
    installation = make_home(folder)
    passport, files = put_images(installation.archive, cases, size)
    with installation.begin() as uow:
        uow.case_sets.add(passport)
    log = (folder / "jobs.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "pacs_bridge", "jobs", "--home", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if not any(line.startswith("ready jobs ") for line in process.stdout):
            last = (folder / "jobs.log").read_text(errors="replace").strip().rpartition("\n")[2]
            raise CallFailed(f"our jobs did not start: {last}")
        yield OurJobs(installation, files, process.pid)
    finally:
        process.terminate()
        process.communicate()
        log.close()
        installation.engine.dispose()
        installation.reading_engine.dispose()


def put_images(
    archive: LocalArchive, cases: int, size: tuple[int, int]
) -> tuple[Passport, tuple[Path, ...]]:
    """Put the images of a set into an archive, each with a hole for its pixels."""
    zeros, made = bytes(2 * size[0] * size[1]), {}
    for number in case_numbers(cases):
        for view in range(_VIEWS):
            ds = a_mammogram(number, view, size)
            uid = str(ds.SOPInstanceUID)
            ds.PixelData = b""
            ds["PixelData"].VR = "OW"
            # All but the length of the pixels, which is written anew.
            head = file_head(str(ds.SOPClassUID), uid, EXPLICIT) + encode_any(ds)[:-4]
            head += len(zeros).to_bytes(4, "little")
            digest = sha256(head)
            digest.update(zeros)
            made[uid] = digest.hexdigest()
            path = archive.path(made[uid])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(head)
            with path.open("rb+") as file:
                file.truncate(len(head) + len(zeros))
    passport = a_passport(cases, size, hashes=made)
    return passport, tuple(archive.path(content_hash) for content_hash in made.values())
