"""What a receiver takes in: small objects, over one association or eight, on disk or in memory.

Ours has each object safe on the disk, with its row and its job, before the answer; so has
Orthanc, whose files are synced (its index, as it comes, is not synced with every object). Names
that end in ``-memory`` work on a file system in memory, where a sync costs nothing: what is left
is the processor's work.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.data import REPORT, Encoded, Reports, a_passport
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.our_node import AE_TITLE, running_node
from benchmarks.programs import running_orthanc, running_storescp
from benchmarks.wire import Call, CallFailed

_CASES = 8
_MEMORY = Path("/dev/shm")


@contextmanager
def _small(place: Place, *, associations: int, in_memory: bool, bar: float) -> Iterator[Contest]:
    count, reports = place.count(240, associations), Reports(_CASES)
    with ExitStack() as stack:
        folder = stack.enter_context(_folder_in_memory()) if in_memory else place.folder
        node = stack.enter_context(running_node(folder / "home", a_passport(_CASES)))
        orthanc = stack.enter_context(running_orthanc(folder / "orthanc", durable=True))
        take = partial(_receiver, reports=reports, count=count, associations=associations)
        peers = {
            "Orthanc": take(
                orthanc.dicom_port, orthanc.ae_title, held=lambda: orthanc.count()["instances"]
            )
        }
        if associations == 1:
            kept = folder / "storescp"
            kept.mkdir()
            storescp = stack.enter_context(running_storescp("-od", str(kept)))
            peers["storescp"] = take(
                storescp.port, "ANY-SCP", held=lambda: len(list(kept.iterdir()))
            )
        yield Contest(
            unit="objects/s",
            ours=take(node.port, AE_TITLE, held=node.held),
            peers=peers,
            bars={"Orthanc": bar},
        )


def _folder_in_memory() -> AbstractContextManager[Path]:
    if not _MEMORY.is_dir():
        raise CallFailed(f"there is no file system in memory at {_MEMORY}")
    return _temporary(_MEMORY)


@contextmanager
def _temporary(within: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=within) as folder:
        yield Path(folder)


def _receiver(
    port: int,
    called: str,
    *,
    reports: Reports,
    count: int,
    associations: int,
    held: Callable[[], int],
) -> Side:
    """Send `count` new objects; gives objects a second, associations included."""

    def side(_: int) -> float:
        objects, before = reports.take(count), held()
        parts = [objects[start::associations] for start in range(associations)]
        started = time.perf_counter()
        _at_once([partial(_send, port, called, part) for part in parts])
        seconds = time.perf_counter() - started
        if held() - before != count:
            raise CallFailed(f"{held() - before} of {count} objects were kept by {called}")
        return count / seconds

    return side


def _send(port: int, called: str, objects: Sequence[Encoded]) -> None:
    with Call(port, called, [REPORT]) as call:
        for each in objects:
            call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)


def _at_once(calls: Sequence[Callable[[], None]]) -> None:
    """Call all of them, each in a thread of its own where there are several."""
    if len(calls) == 1:
        calls[0]()
        return
    failed: list[Exception] = []

    def call(one: Callable[[], None]) -> None:
        try:
            one()
        except Exception as error:  # noqa: BLE001  raised again below
            failed.append(error)

    threads = [threading.Thread(target=call, args=(one,)) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


_ORTHANC, _STORESCP = ("Orthanc", "orthanc"), ("storescp", "dcmtk")

SMALL = Benchmark(
    "receive-small",
    "structured reports taken in over one association; ours and Orthanc's safe on the disk and"
    " indexed before the answer, storescp's written and neither",
    (_ORTHANC, _STORESCP),
    partial(_small, associations=1, in_memory=False, bar=3.0),
)
SMALL_IN_MEMORY = Benchmark(
    "receive-small-memory",
    "the same on a file system in memory, where a sync costs nothing",
    (_ORTHANC, _STORESCP),
    partial(_small, associations=1, in_memory=True, bar=5.0),
)
SMALL_PARALLEL = Benchmark(
    "receive-small-parallel",
    "the same reports over eight associations at once",
    (_ORTHANC,),
    partial(_small, associations=8, in_memory=False, bar=3.0),
)
SMALL_PARALLEL_IN_MEMORY = Benchmark(
    "receive-small-parallel-memory",
    "eight associations at once, on a file system in memory",
    (_ORTHANC,),
    partial(_small, associations=8, in_memory=True, bar=5.0),
)
