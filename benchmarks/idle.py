"""What 500 associations cost that nobody says a word on: processor time, and memory.

Ours is the whole node, called from two addresses, as each has half of the places at most; the
peer is ``storescp --fork``, a process an association, with a hundred: more take it long to start.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event

from benchmarks.data import a_passport
from benchmarks.measure import OURS, Benchmark, Contest, Place, Side
from benchmarks.our_node import ADDRESSES, AE_TITLE, running_node
from benchmarks.processes import cpu_seconds
from benchmarks.programs import running_storescp
from benchmarks.wire import VERIFICATION, Call

_SETTLED = 0.5  # seconds, in which rows and events of the associations are written
_WATCHED = 1.5
_LEAST = 0.001  # per cent; a process that had no time at all is as good as this


def _side(port: int, called: str, pid: int, count: int, watched: float) -> Side:
    def side(_: int) -> float:
        with ExitStack() as stack:
            for number in range(count):
                source = ADDRESSES[number % len(ADDRESSES)]
                stack.enter_context(Call(port, called, [VERIFICATION], source=source))
            Event().wait(_SETTLED)
            started, before = time.perf_counter(), cpu_seconds(pid)
            Event().wait(watched)
            taken = cpu_seconds(pid) - before
            return max(100 * taken / (time.perf_counter() - started), _LEAST)

    return side


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    count, watched = place.count(500, 4), 0.2 if place.tiny else _WATCHED
    with (
        running_node(place.folder / "home", a_passport(1), MAX_ASSOCIATIONS="1000") as node,
        running_storescp("--fork", "--ignore") as storescp,
    ):
        peer = _side(storescp.port, "ANY-SCP", storescp.pid, place.count(100, 4), watched)
        yield Contest(
            "% of a core",
            _side(node.port, AE_TITLE, node.pid, count, watched),
            {"storescp --fork, 100": peer},
            better="less",
            most=1.0,
            pids={OURS: node.pid},
            most_mb=100,
        )


IDLE = Benchmark(
    "idle",
    "500 associations without a word: processor time, and our peak of memory",
    (("storescp", "dcmtk"),),
    _open,
)
