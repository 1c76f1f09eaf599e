"""What a sender gives out: objects from files over one association to the same storescp.

Each side's run of one object is taken off its run of them all, so that a program's start, and
an interpreter's, count for neither.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks.data import LARGE, Reports, mammograms
from benchmarks.data import SMALL as SMALL_SIZE
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.programs import PDU, program, running_storescp, seconds_of
from benchmarks.wire import CallFailed
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.scu.peer import DimsePeer

_NEEDS = (("dcmsend", "dcmtk"), ("storescp", "dcmtk"))


@contextmanager
def _large(place: Place) -> Iterator[Contest]:
    size = SMALL_SIZE if place.tiny else LARGE
    files = [each.save(place.folder) for each in mammograms(place.count(4, 1), size)]
    megabytes = sum(file.path.stat().st_size for file in files[1:]) / 1e6
    with running_storescp("--ignore") as storescp:
        yield _contest(storescp.port, files, megabytes, "MB/s", bar=1.0)


@contextmanager
def _small(place: Place) -> Iterator[Contest]:
    files = [each.save(place.folder) for each in Reports(4).take(1 + place.count(100, 3))]
    with running_storescp("--ignore") as storescp:
        yield _contest(storescp.port, files, len(files) - 1, "objects/s")


@contextmanager
def _small_stock(place: Place) -> Iterator[Contest]:
    files = [each.save(place.folder) for each in Reports(4).take(1 + place.count(20, 3))]
    with running_storescp("--ignore", stock=True) as storescp:
        yield _contest(storescp.port, files, len(files) - 1, "objects/s", bar=10.0, stock=True)


def _contest(
    port: int,
    files: Sequence[Sendable],
    work: float,
    unit: str,
    *,
    bar: float | None = None,
    stock: bool = False,
) -> Contest:
    def theirs(some: Sequence[Sendable]) -> float:
        names = [str(file.path) for file in some]
        return seconds_of(
            program("dcmsend"), "-q", *PDU, "127.0.0.1", str(port), *names, stock=stock
        )

    def ours(some: Sequence[Sendable]) -> float:
        pacs = Pacs("storescp", (Endpoint("ANY-SCP", "127.0.0.1", port, ("store",)),), plain=True)
        started = time.perf_counter()
        answers = list(DimsePeer().store(pacs, some))
        seconds = time.perf_counter() - started
        if [answer.status for answer in answers] != [0x0000] * len(some):
            raise CallFailed("storescp did not take every object of ours")
        return seconds

    return Contest(
        unit,
        _sender(ours, files, work),
        {"dcmsend": _sender(theirs, files, work)},
        bars={} if bar is None else {"dcmsend": bar},
    )


def _sender(
    send: Callable[[Sequence[Sendable]], float], files: Sequence[Sendable], work: float
) -> Side:
    """Give the work a second of every object after the first."""

    def side(_: int) -> float:
        one, everything = send(files[:1]), send(files)
        return work / max(everything - one, everything / 4)  # one may have been disturbed

    return side


LARGE_IMAGES = Benchmark("send-large", "mammograms of 30 MB to storescp --ignore", _NEEDS, _large)
SMALL_OBJECTS = Benchmark("send-small", "structured reports to storescp --ignore", _NEEDS, _small)
SMALL_OBJECTS_STOCK = Benchmark(
    "send-small-stock",
    "the same where DCMTK runs as it comes, without TCP_NODELAY on either side",
    _NEEDS,
    _small_stock,
)
