"""What a receiver takes in: mammograms of 30 MB, and one tomosynthesis of 600 MB.

Ours as a whole node has each object safe on the disk, with its row and its job committed,
before the answer. Where a name ends in ``-unsynced`` it is our upper layer alone (`bare`),
which writes files and syncs nothing, as storescp does: that is the cost of taking bytes in.
"""

from __future__ import annotations

import mmap
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks import bare, our_node
from benchmarks.bare import running_bare
from benchmarks.data import (
    LARGE,
    MAMMOGRAM,
    SMALL,
    TOMOSYNTHESIS,
    Encoded,
    a_passport,
    mammograms,
    tomosynthesis,
)
from benchmarks.measure import OURS, Benchmark, Contest, Place, Side
from benchmarks.our_node import running_node
from benchmarks.programs import running_storescp
from benchmarks.wire import Call, CallFailed
from pacs_bridge.domain.caseset import Passport

CASES, FRAMES = 2, 20
_TAKEN = [MAMMOGRAM, TOMOSYNTHESIS]
_NEEDS = (("storescp", "dcmtk"),)


@dataclass(frozen=True)
class Receiver:
    """One that objects are sent to.

    Parameters
    ----------
    held : callable
        Tells how many objects it holds.
    clear : callable
        Takes them away from where they lie, so that rounds do not fill the disk.
    tls : SSLContext or None
        To call it with.
    """

    port: int
    called: str
    pid: int
    held: Callable[[], int]
    clear: Callable[[], None]
    tls: ssl.SSLContext | None = None

    def taking(
        self, objects: Sequence[Encoded], associations: int = 1, send: Sender | None = None
    ) -> Side:
        """Send the same objects each round, over so many associations; gives MB a second.

        Parameters
        ----------
        send : callable, optional
            Who sends the objects of one association; a bare socket unless told.
        """
        parts = [objects[start::associations] for start in range(associations)]
        megabytes = sum(len(each.data_set) for each in objects) / 1e6
        call = send or Receiver.by_socket

        def side(_: int) -> float:
            before = self.held()
            started = time.perf_counter()
            _together([partial(call, self, part) for part in parts])
            seconds = time.perf_counter() - started
            kept = self.held() - before
            if kept != len(objects):
                raise CallFailed(f"{kept} of {len(objects)} objects were kept by {self.called}")
            self.clear()
            return megabytes / seconds

        return side

    def by_socket(self, objects: Sequence[Encoded]) -> None:
        """Send objects over one association by a bare socket, which costs next to nothing."""
        with Call(self.port, self.called, _TAKEN, tls=self.tls) as call:
            for each in objects:
                call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)


Sender = Callable[[Receiver, Sequence[Encoded]], None]
"""Sends objects to a receiver over one association."""


def _together(work: Sequence[Callable[[], None]]) -> None:
    """Do all of it at once, a thread each; raises the first failure."""
    failures: list[BaseException] = []

    def do(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as error:  # noqa: BLE001  raised below
            failures.append(error)

    threads = [threading.Thread(target=do, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Receivers(ExitStack):
    """Starts receivers, each with a folder of its own; ends them all."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._count = folder, 0

    def node(self, passport: Passport, **settings: str) -> Receiver:
        """Run our node; what it has taken stays."""
        node = self.enter_context(
            running_node(self._new_folder(), passport, **{"KEEP_FREE_MB": "0", **settings})
        )
        return Receiver(node.port, our_node.AE_TITLE, node.pid, node.held, _leave)

    def bare(self, tls: Path | None = None, call: ssl.SSLContext | None = None) -> Receiver:
        """Run our upper layer alone, without a sync."""
        folder = self._new_folder()
        running = self.enter_context(running_bare(folder, durable=False, tls=tls))
        held, clear = _files_of(folder)
        return Receiver(running.port, bare.AE_TITLE, running.pid, held, clear, call)

    def storescp(self, *options: str, tls: ssl.SSLContext | None = None) -> Receiver:
        """Run DCMTK's."""
        folder = self._new_folder()
        folder.mkdir()
        running = self.enter_context(running_storescp(*options, "-od", str(folder), tls=tls))
        held, clear = _files_of(folder)
        return Receiver(running.port, "ANY-SCP", running.pid, held, clear, tls)

    def _new_folder(self) -> Path:
        self._count += 1
        return self._folder / f"receiver-{self._count}"


def _leave() -> None:
    """Take nothing away."""


def _files_of(folder: Path) -> tuple[Callable[[], int], Callable[[], None]]:
    def held() -> int:
        return len(list(folder.iterdir()))

    def clear() -> None:
        for path in folder.iterdir():
            path.unlink()

    return held, clear


@contextmanager
def _large(place: Place) -> Iterator[Contest]:
    images = images_of(place)
    with Receivers(place.folder) as receivers:
        ours = receivers.node(a_passport(CASES, size_of(place)))
        peer = receivers.storescp()
        yield Contest(
            "MB/s",
            ours.taking(images),
            {"storescp": peer.taking(images), "the disk": _disk(place.folder, images)},
            bars={"storescp": 0.8},
            pids={OURS: ours.pid, "storescp": peer.pid},
        )


@contextmanager
def _large_unsynced(place: Place) -> Iterator[Contest]:
    images = images_of(place)
    with Receivers(place.folder) as receivers:
        ours = receivers.bare()
        peers = {"storescp": receivers.storescp(), "storescp +B": receivers.storescp("+B")}
        yield Contest(
            "MB/s",
            ours.taking(images),
            {name: each.taking(images) for name, each in peers.items()},
            bars={"storescp": 1.5, "storescp +B": 0.95},
            pids={OURS: ours.pid} | {name: each.pid for name, each in peers.items()},
        )


@contextmanager
def _parallel(place: Place) -> Iterator[Contest]:
    images = images_of(place)
    with Receivers(place.folder) as receivers:
        ours = receivers.node(a_passport(CASES, size_of(place)))
        yield _contest_of_eight(ours, receivers, images)


@contextmanager
def _parallel_unsynced(place: Place) -> Iterator[Contest]:
    images = images_of(place)
    with Receivers(place.folder) as receivers:
        yield _contest_of_eight(receivers.bare(), receivers, images)


def _contest_of_eight(ours: Receiver, receivers: Receivers, images: Sequence[Encoded]) -> Contest:
    peer = receivers.storescp("--fork")
    return Contest(
        "MB/s",
        ours.taking(images, len(images)),
        {"storescp --fork": peer.taking(images, len(images))},
        bars={"storescp --fork": 1.1},
        pids={OURS: ours.pid},
    )


@contextmanager
def _multiframe(place: Place) -> Iterator[Contest]:
    image = tomosynthesis_of(place)
    with Receivers(place.folder) as receivers:
        yield _contest_of_one(receivers.node(passport_of(image)), receivers, image)


@contextmanager
def _multiframe_unsynced(place: Place) -> Iterator[Contest]:
    image = tomosynthesis_of(place)
    with Receivers(place.folder) as receivers:
        yield _contest_of_one(receivers.bare(), receivers, image)


def _contest_of_one(ours: Receiver, receivers: Receivers, image: Encoded) -> Contest:
    peer = receivers.storescp()
    return Contest(
        "MB/s",
        ours.taking([image]),
        {"storescp": peer.taking([image])},
        bars={"storescp": 1.5},
        pids={OURS: ours.pid, "storescp": peer.pid},
        most_mb=64,
    )


def _disk(folder: Path, images: Sequence[Encoded]) -> Side:
    """Write as many bytes past the page cache and sync each file: no durable receiver is faster."""
    block = 1 << 20
    memory = mmap.mmap(-1, block)  # begins at a page, as such a write has to
    memory[:] = images[0].data_set[:block].ljust(block)
    counts = [max(1, len(each.data_set) // block) for each in images]
    path = folder / "disk"

    def side(_: int) -> float:
        started = time.perf_counter()
        for count in counts:
            file = _open_past_the_cache(path)
            try:
                for place in range(count):
                    os.pwrite(file, memory, place * block)
                os.fdatasync(file)
            finally:
                os.close(file)
        seconds = time.perf_counter() - started
        path.unlink()
        return sum(counts) * block / 1e6 / seconds

    return side


def _open_past_the_cache(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        return os.open(path, flags | getattr(os, "O_DIRECT", 0), 0o600)
    except OSError:  # such as a file system in memory
        return os.open(path, flags, 0o600)


def size_of(place: Place) -> tuple[int, int]:
    """Give rows and columns of an image."""
    return SMALL if place.tiny else LARGE


def images_of(place: Place) -> list[Encoded]:
    """Give the mammograms of the cases that `CASES` counts."""
    return list(mammograms(CASES, size_of(place)))


def tomosynthesis_of(place: Place) -> Encoded:
    """Give one tomosynthesis."""
    return tomosynthesis(2 if place.tiny else FRAMES, size_of(place))


def passport_of(image: Encoded) -> Passport:
    """A set of one case of one image."""
    passport = a_passport(1)
    [case] = passport.cases
    [study] = case.studies
    [series, *_] = study.series
    instance = replace(
        series.instances[0],
        sop_instance_uid=image.sop_instance_uid,
        sop_class_uid=image.sop_class_uid,
    )
    study = replace(study, series=(replace(series, instances=(instance,)),))
    return replace(passport, cases=(replace(case, studies=(study,)),))


LARGE_IMAGES = Benchmark(
    "receive-large",
    "mammograms of 30 MB, one association; ours safe on the disk with row and job before the"
    " answer, storescp's written",
    _NEEDS,
    _large,
)
LARGE_IMAGES_UNSYNCED = Benchmark(
    "receive-large-unsynced",
    "the same, our upper layer alone, written as storescp's are",
    _NEEDS,
    _large_unsynced,
)
MULTIFRAME = Benchmark(
    "receive-multiframe",
    "one tomosynthesis of 600 MB; ours safe on the disk with row and job before the answer",
    _NEEDS,
    _multiframe,
)
MULTIFRAME_UNSYNCED = Benchmark(
    "receive-multiframe-unsynced",
    "the same, our upper layer alone, written as storescp's is",
    _NEEDS,
    _multiframe_unsynced,
)
PARALLEL = Benchmark(
    "receive-parallel",
    "mammograms of 30 MB over eight associations at once; ours safe, with row and job",
    _NEEDS,
    _parallel,
)
PARALLEL_UNSYNCED = Benchmark(
    "receive-parallel-unsynced",
    "the same, our upper layer alone, written as storescp's are",
    _NEEDS,
    _parallel_unsynced,
)
