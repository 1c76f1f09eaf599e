"""How soon a reader sees what was saved: from an object's arrival to where its receipt is read.

Ten thousand structured reports of fifty readers in ten minutes, over four associations, while
case sets are loaded into another PACS and images come back. An object is on its receipt once the
job that reads it has committed, since receipts are folded out of what stands in the database. The
peer is our own side without any images.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.data import (
    LARGE,
    REPORT,
    SET,
    SMALL,
    WHEN,
    Encoded,
    Reports,
    a_passport,
    mammograms,
)
from benchmarks.data import MAMMOGRAM as IMAGE
from benchmarks.measure import OURS, WARM_UP, Benchmark, Contest, Place
from benchmarks.our_jobs import put_images
from benchmarks.our_node import AE_TITLE, OurNode, running_node
from benchmarks.programs import running_storescp
from benchmarks.wire import Call, CallFailed
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.services.plan import start_load

RATE = 10_000 / 600.0
"""Objects a second."""

_CASES, _READERS = 60, 50
_ASSOCIATIONS = 4
_LOGIN = b"READER1"  # in the reports, to be replaced by as long a one
_LOOK_SECONDS = 0.05
_BETWEEN_IMAGES = 1.0
_MOST_SECONDS = 120.0


@dataclass
class _Arrivals:
    """A node and its jobs, and reports that arrive there."""

    node: OurNode
    reports: Reports
    store_port: int
    images: tuple[Encoded, ...]
    loads: int = 0

    def p99(self, count: int, *, with_images: bool) -> float:
        """Let so many reports arrive; gives the seconds below which 99 of 100 were on a receipt."""
        stop = threading.Event()
        failures: list[BaseException] = []
        beside = [self._load, self._send_back] if with_images else []
        helpers = [
            threading.Thread(target=_guarded, args=(partial(each, stop), failures), daemon=True)
            for each in beside
        ]
        for helper in helpers:
            helper.start()
        try:
            waits = self._arrive(count, failures)
        finally:
            stop.set()
            for helper in helpers:
                helper.join(_MOST_SECONDS)
        if failures:
            raise CallFailed("a sender failed") from failures[0]
        return sorted(waits)[max(0, round(0.99 * len(waits)) - 1)]

    def _arrive(self, count: int, failures: list[BaseException]) -> list[float]:
        """Send at the rate, whatever the answers take; gives each one's wait."""
        reports = [_by(each, place) for place, each in enumerate(self.reports.take(count))]
        answered: dict[str, float] = {}
        began = time.monotonic()

        def send(place: int) -> None:
            with Call(self.node.port, AE_TITLE, [REPORT]) as call:
                for number in range(place, count, _ASSOCIATIONS):
                    threading.Event().wait(max(0.0, began + number / RATE - time.monotonic()))
                    each = reports[number]
                    call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)
                    answered[each.sop_instance_uid] = time.monotonic()

        senders = [
            threading.Thread(target=_guarded, args=(partial(send, place), failures), daemon=True)
            for place in range(_ASSOCIATIONS)
        ]
        for sender in senders:
            sender.start()
        waits = self._watch(count, answered, failures)
        for sender in senders:
            sender.join(_MOST_SECONDS)
        return waits

    def _watch(
        self, count: int, answered: dict[str, float], failures: list[BaseException]
    ) -> list[float]:
        """See when each is read; what waits longest says how late we look."""
        waits: dict[str, float] = {}
        until = time.monotonic() + count / RATE + _MOST_SECONDS
        while len(waits) < count:
            here = dict(answered)
            unread = self._unread()
            now = time.monotonic()
            for uid, at in here.items():
                if uid not in unread and uid not in waits:
                    waits[uid] = now - at
            if failures:
                raise CallFailed("a sender failed") from failures[0]
            if now > until:
                raise CallFailed("not every report was read in time")
            threading.Event().wait(_LOOK_SECONDS)
        return list(waits.values())

    def _unread(self) -> set[str]:
        """Tell which are not read; a bare question, as whoever looks must be no load."""
        with self.node.installation.reading_engine.connect() as connection:
            rows = connection.exec_driver_sql(
                "SELECT sop_instance_uid, state, reason FROM pb_object"
                " WHERE state IN ('received', 'parked')"
            ).all()
        for _, state, reason in rows:
            if state == "parked":
                raise CallFailed(f"a report was parked: {reason}")
        return {uid for uid, *_ in rows}

    def _load(self, stop: threading.Event) -> None:
        """Load the set into one PACS after another."""
        begin, now = self.node.installation.begin, self.node.installation.now
        while not stop.is_set():
            self.loads += 1
            name = f"other{self.loads}"
            endpoint = Endpoint("ANY-SCP", "127.0.0.1", self.store_port, ("store",))
            with begin() as uow:
                uow.pacs.put(Pacs(name, (endpoint,), plain=True), now())
            load_id = start_load(SET, name, begin=begin, now=now).load_id
            while not stop.wait(0.5):
                with self.node.installation.read() as uow:
                    if not uow.loads.counts(load_id).remaining:
                        break

    def _send_back(self, stop: threading.Event) -> None:
        """Send images of ours back to the node, one every second."""
        with Call(self.node.port, AE_TITLE, [IMAGE]) as call:
            number = 0
            while not stop.wait(_BETWEEN_IMAGES):
                each = self.images[number % len(self.images)]
                call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)
                number += 1


def _login(reader: int) -> str:
    return f"READ{reader:03d}"


def _by(report: Encoded, place: int) -> Encoded:
    """A report as another reader's, so that each reads every case and saves it some times."""
    login = _login(place // _CASES % _READERS).encode()
    return replace(report, data_set=report.data_set.replace(_LOGIN, login))


def _guarded(work: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001  told by whoever waits
        failures.append(error)


@contextmanager
def _running_jobs(folder: Path) -> Iterator[int]:
    """Run the jobs of a home whose node runs; gives their process."""
    log = (folder / "jobs.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "pacs_bridge", "jobs", "--home", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if not any(line.startswith("ready jobs ") for line in process.stdout):
            raise CallFailed("our jobs did not start")
        yield process.pid
    finally:
        process.terminate()
        process.communicate()
        log.close()


@contextmanager
def _open(place: Place) -> Iterator[Contest]:
    folder = place.folder / "home"
    size = SMALL if place.tiny else LARGE
    with ExitStack() as stack:
        cases = place.count(_CASES, 2)
        node = stack.enter_context(running_node(folder, a_passport(cases, size)))
        installation = node.installation
        with installation.begin() as uow:
            uow.case_sets.remove(SET)
            passport, _ = put_images(installation.archive, cases, size)
            uow.case_sets.add(passport)
            for reader in range(_READERS):
                uow.readers.add(f"R{reader:03d}", WHEN)
                uow.readers.set_alias("hospital", _login(reader), f"R{reader:03d}")
        pid = stack.enter_context(_running_jobs(folder))
        storescp = stack.enter_context(running_storescp("--ignore"))
        images = tuple(mammograms(1, size))
        arrivals = _Arrivals(node, Reports(cases), storescp.port, images)
        count, few = place.count(10_000, 4), place.count(1_000, 4)

        def ours(number: int) -> float:
            return arrivals.p99(few if number == WARM_UP else count, with_images=True)

        def quiet(_: int) -> float:
            return arrivals.p99(few, with_images=False)

        yield Contest(
            "s to receipt, p99",
            ours,
            {"ours, no images": quiet},
            better="less",
            most=5.0,
            pids={OURS: pid},
            most_mb=400.0,
        )


MARKS_ARRIVAL = Benchmark(
    "marks-arrival",
    "10,000 reports in ten minutes while images are loaded and come back: p99 to the receipt",
    (("storescp", "dcmtk"),),
    _open,
)
