"""What it costs to understand a mark object, against merely reading it.

Ours opens the file and gives what a reader said in it; the peer opens it with pydicom and walks
every element of every sequence, which asks nothing and understands nothing. Processor time of the
same files in the same process, in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pydicom import Dataset, dcmread

from benchmarks.data import WHEN, a_mammogram, encode
from benchmarks.measure import Benchmark, Contest, Place, Side
from benchmarks.wire import CallFailed
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr.codes import MASS
from pacs_bridge.sr.files import open_file
from pacs_bridge.sr.read import read_object
from pacs_bridge.sr.write import write_gsps, write_report

MARKS = 9
"""Marks of one object; with two decisions, a report of some 20 KB and 107 content items."""

_ROOT = "1.2.826.0.1.3680043.10.99.7"


def _objects(write: Callable[..., Dataset | list[Dataset]]) -> list[Dataset]:
    images = [a_mammogram(1, view) for view in range(4)]
    marks = [
        Mark(
            image=str(images[number % len(images)].SOPInstanceUID),
            frame=None,
            shape="POLYGON",
            points=((10.0 + number, 20.0), (30.0, 20.0), (30.0, 40.0), (10.0 + number, 20.0)),
            centre=(20.0, 25.0),
            finding=MASS,
            rating=4,
            tracking_uid=f"{_ROOT}.{number + 1}",
        )
        for number in range(MARKS)
    ]
    decisions = (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RECALL", 4))
    uids = {"series_uid": f"{_ROOT}.100", "sop_uid": f"{_ROOT}.101"}
    made = write(images, marks, decisions, login="READER1", when=WHEN, **uids)
    return made if isinstance(made, list) else [made]


def _ours(path: Path) -> None:
    if not read_object(open_file(path)).marks:
        raise CallFailed("an object was not understood")


def _bare(path: Path) -> None:
    _walk(dcmread(path, stop_before_pixels=True))


def _walk(ds: Dataset) -> None:
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                _walk(item)


def _side(decode: Callable[[Path], None], files: list[Path], times: int) -> Side:
    def side(_: int) -> float:
        began = time.process_time()
        for _ in range(times):
            for file in files:
                decode(file)
        return 1000 * (time.process_time() - began) / (times * len(files))

    return side


@contextmanager
def _open(write: Callable[..., Dataset | list[Dataset]], place: Place) -> Iterator[Contest]:
    folder = place.folder / "objects"
    folder.mkdir()
    files = []
    for number, ds in enumerate(_objects(write)):
        (folder / str(number)).mkdir()
        files.append(encode(ds).save(folder / str(number)).path)
    times = place.count(50, 2)
    yield Contest(
        "ms an object",
        _side(_ours, files, times),
        {"pydicom, read and walked": _side(_bare, files, times)},
        better="less",
        bars={"pydicom, read and walked": 1 / 1.5},
    )


MARKS_DECODE = Benchmark(
    "marks-decode",
    "a report of 20 KB to the marks in it; at most 1.5 times a bare read and walk of the file",
    (),
    partial(_open, write_report),
)
MARKS_DECODE_STATE = Benchmark(
    "marks-decode-state",
    "a presentation state to the marks in it; at most 1.5 times a bare read and walk of the file",
    (),
    partial(_open, write_gsps),
)
