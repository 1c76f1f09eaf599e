"""A case set sent end to end: from `load start` to the last answer in the ledger.

Ours is the jobs' own process: the queue, the load's job step by step, every image in doubt before
it goes out, every answer in a committed row before the next image. dcmsend sends the same files out
of the same archive, and keeps nothing.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.data import SMALL
from benchmarks.measure import OURS, Benchmark, Contest, Place, Side
from benchmarks.our_jobs import OurJobs, running_jobs
from benchmarks.programs import NO_DELAY, PDU, program, running_storescp, seconds_of
from benchmarks.wire import CallFailed

FULL_SIZE = (4096, 3328)
"""Rows and columns of a mammogram of 24 x 29 cm: 27.3 MB."""

HEALTHY = 19
_MOST_MB_OF_MANY = 300.0
"""The jobs' own, a megabyte an association, and what waits: each round leaves 20 loads."""

_NEEDS = (("dcmsend", "dcmtk"), ("storescp", "dcmtk"))


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    size = SMALL if place.tiny else FULL_SIZE
    with (
        running_jobs(place.folder / "home", place.count(64, 1), size) as jobs,
        running_storescp("--ignore") as storescp,
    ):
        names = [str(file) for file in jobs.files]

        def ours(number: int) -> float:
            return jobs.megabytes / jobs.load({f"hospital{number}": storescp.port})

        def theirs(_: int) -> float:
            return jobs.megabytes / seconds_of(*_dcmsend(storescp.port), *names)

        yield Contest(
            "MB/s",
            ours,
            {"dcmsend": theirs},
            bars={"dcmsend": 0.9},
            pids={OURS: jobs.pid},
            most_mb=200.0,
        )


@contextmanager
def _open_many(place: Place) -> Iterator[Contest]:
    size = SMALL if place.tiny else FULL_SIZE
    healthy = place.count(HEALTHY, 2)
    with ExitStack() as stack:
        jobs = stack.enter_context(running_jobs(place.folder / "home", place.count(2, 1), size))
        running = [stack.enter_context(running_storescp("--ignore")) for _ in range(healthy)]
        ports = [each.port for each in running]
        dead = stack.enter_context(_silent())
        yield Contest(
            "MB/s",
            _all_at_once(jobs, ports, dead),
            {
                "one after another": _alone(jobs, ports[0]),
                f"{healthy} dcmsend at once": _dcmsends(jobs, ports),
            },
            pids={OURS: jobs.pid},
            most_mb=_MOST_MB_OF_MANY,
        )


def _all_at_once(jobs: OurJobs, ports: Sequence[int], dead: int) -> Side:
    def side(number: int) -> float:
        named = {f"hospital{number}-{place}": port for place, port in enumerate(ports)}
        seconds = jobs.load(named, idle={f"dead{number}": dead})
        return len(ports) * jobs.megabytes / seconds

    return side


def _alone(jobs: OurJobs, port: int) -> Side:
    """Load into one of them with nothing beside it: the rate of all, one after another."""

    def side(number: int) -> float:
        return jobs.megabytes / jobs.load({f"alone{number}": port})

    return side


def _dcmsends(jobs: OurJobs, ports: Sequence[int]) -> Side:
    names = [str(file) for file in jobs.files]

    def side(_: int) -> float:
        started = time.perf_counter()
        running = [
            subprocess.Popen([*_dcmsend(port), *names], stdout=subprocess.DEVNULL, env=NO_DELAY)
            for port in ports
        ]
        ends = [each.wait() for each in running]
        if any(ends):
            raise CallFailed("a dcmsend of many failed")
        return len(ports) * jobs.megabytes / (time.perf_counter() - started)

    return side


def _dcmsend(port: int) -> list[str]:
    return [program("dcmsend"), "-q", *PDU, "127.0.0.1", str(port)]


@contextmanager
def _silent() -> Iterator[int]:
    """Listen as a PACS that takes calls and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


LOAD = Benchmark(
    "load",
    "256 mammograms of 27 MB by our jobs, ledger included, to storescp --ignore",
    _NEEDS,
    _open,
)
LOAD_MANY = Benchmark(
    "load-many",
    "8 mammograms of 27 MB to each of 19 storescp by our jobs, beside a PACS that is silent",
    _NEEDS,
    _open_many,
)
