"""What a receiver takes in: small objects, one association, one answer after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.data import REPORT, Reports, a_passport
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.our_node import AE_TITLE, running_node
from benchmarks.programs import running_orthanc, running_storescp
from benchmarks.wire import Call, CallFailed

_CASES = 8


@contextmanager
def _small(place: Place) -> Iterator[Contest]:
    count, reports = place.count(60, 3), Reports(_CASES)
    kept = place.folder / "storescp"
    kept.mkdir()
    with ExitStack() as stack:
        node = stack.enter_context(running_node(place.folder / "home", a_passport(_CASES)))
        orthanc = stack.enter_context(running_orthanc(place.folder / "orthanc", durable=True))
        storescp = stack.enter_context(running_storescp("-od", str(kept)))
        yield Contest(
            unit="objects/s",
            ours=_receiver(node.port, AE_TITLE, reports, count, node.held),
            peers={
                "Orthanc": _receiver(
                    orthanc.dicom_port,
                    orthanc.ae_title,
                    reports,
                    count,
                    lambda: orthanc.count()["instances"],
                ),
                "storescp": _receiver(
                    storescp.port, "ANY-SCP", reports, count, lambda: len(list(kept.iterdir()))
                ),
            },
        )


def _receiver(
    port: int, called: str, reports: Reports, count: int, held: Callable[[], int]
) -> Side:
    """Send `count` new objects; gives objects a second, association included."""

    def side(_: int) -> float:
        objects, before = reports.take(count), held()
        started = time.perf_counter()
        with Call(port, called, [REPORT]) as call:
            for each in objects:
                call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)
        seconds = time.perf_counter() - started
        if held() - before != count:
            raise CallFailed(f"{held() - before} of {count} objects were kept by {called}")
        return count / seconds

    return side


SMALL = Benchmark(
    "receive-small",
    "structured reports taken in over one association; ours and Orthanc's safe on the disk and"
    " indexed before the answer, storescp's written and neither",
    (("Orthanc", "orthanc"), ("storescp", "dcmtk")),
    _small,
)
