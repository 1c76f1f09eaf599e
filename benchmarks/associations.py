"""How quickly callers come and go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.data import a_passport
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.our_node import AE_TITLE, running_node
from benchmarks.programs import running_storescp
from benchmarks.wire import VERIFICATION, Call


@contextmanager
def _echoes(place: Place) -> Iterator[Contest]:
    count = place.count(100, 3)
    with (
        running_node(place.folder / "home", a_passport(1)) as node,
        running_storescp("--fork", "--ignore") as storescp,
    ):
        yield Contest(
            unit="associations/s",
            ours=_caller(node.port, AE_TITLE, count),
            peers={"storescp --fork": _caller(storescp.port, "ANY-SCP", count)},
            bars={"storescp --fork": 3.0},
        )


def _caller(port: int, called: str, count: int) -> Side:
    """Associate, echo and release, one after another; gives how many a second."""

    def side(_: int) -> float:
        started = time.perf_counter()
        for _ in range(count):
            with Call(port, called, [VERIFICATION]) as call:
                call.echo()
        return count / (time.perf_counter() - started)

    return side


ECHOES = Benchmark(
    "associations",
    "association, C-ECHO and release, one after another; ours with its row in the database",
    (("storescp", "dcmtk"),),
    _echoes,
)
