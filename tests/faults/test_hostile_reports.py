"""Objects that are sound in structure and made to exhaust whoever reads them.

The node takes such an object, so it is the worker's turn: it reads it or parks it, within its
limits of memory and time, and the next object is read as if nothing had been. At a tenth of what
the node takes in `make test`, in full in `make faults`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.jobs.limits import WALL_SECONDS, LimitedReader
from pacs_bridge.upper_layer.prescan import scan
from pacs_bridge.wiring.jobs import read_archived
from tests.hostile.siege import FULL
from tests.nodes import EXPLICIT, encode, our_report, our_state
from tests.unit.sr_builders import (
    a_code,
    a_graphic,
    a_group,
    a_report,
    a_state,
    a_text,
    an_annotation,
    an_item,
    coordinates,
)

SCALE = 1 if FULL else 20


def many_marks() -> Dataset:
    groups = [a_group(coordinates("POINT", float(n), 1.0)) for n in range(2_400 // SCALE)]
    return a_report(*groups)


def many_texts() -> Dataset:
    concept = a_code("121106", "DCM", "Comment")
    return a_report(*(an_item("TEXT", concept, TextValue="x") for _ in range(9_000 // SCALE)))


def a_long_outline() -> Dataset:
    points = [float(n % 500) for n in range(2_000_000 // SCALE)]
    return a_report(a_group(coordinates("POLYLINE", *points)))


def a_long_text() -> Dataset:
    concept = a_code("121106", "DCM", "Comment")
    return a_report(an_item("TEXT", concept, TextValue="(R) 4 " * (9_000_000 // SCALE)))


def as_deep_as_is_taken() -> Dataset:
    concept = a_code("125007", "DCM", "Measurement Group")
    item = coordinates("POINT", 1.0, 2.0)
    for _ in range(12):
        item = an_item("CONTAINER", concept, item)
    return a_report(*(Dataset(item) for _ in range(300 // SCALE)))


def odd_numbers() -> Dataset:
    odd = (float("nan"), float("inf"), -float("inf"), 3.4e38, -0.0, 1e-45)
    return a_report(*(a_group(coordinates("ELLIPSE", *[number] * 8)) for number in odd))


def half_a_point() -> Dataset:
    return a_report(a_group(coordinates("POLYLINE", 1.0, 2.0, 3.0)))


def a_report_that_refers_to_itself() -> Dataset:
    item = an_item("CONTAINER", a_code("125007", "DCM", "Measurement Group"))
    item.ReferencedContentItemIdentifier = [1]
    return a_report(item, ReferencedContentItemIdentifier=[1, 1])


def many_graphics() -> Dataset:
    graphics = [a_graphic("POINT", float(n), 2.0) for n in range(15_000 // SCALE)]
    return a_state(an_annotation(*graphics))


def a_polyline_of_a_million_points() -> Dataset:
    points = [float(n % 400) for n in range(2_000_000 // SCALE)]
    return a_state(an_annotation(a_graphic("POLYLINE", *points, NumberOfGraphicPoints=65535)))


def notes_without_end() -> Dataset:
    return a_state(an_annotation(a_text("R 5 " * (9_000_000 // SCALE), 1, 1)))


def a_lie_about_points() -> Dataset:
    return a_state(an_annotation(a_graphic("POLYLINE", 1, 2, 3, 4, NumberOfGraphicPoints=65535)))


MADE: tuple[Callable[[], Dataset], ...] = (
    many_marks, many_texts, a_long_outline, a_long_text, as_deep_as_is_taken, odd_numbers,
    half_a_point, a_report_that_refers_to_itself, many_graphics, a_polyline_of_a_million_points,
    notes_without_end, a_lie_about_points,
)  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> Iterator[LimitedReader]:
    reader = LimitedReader(read_archived)
    yield reader
    reader.close()


def archived(ds: Dataset, path: Path) -> Path:
    """Write an object as the archive has it; the node would have taken it."""
    content = encode(ds)
    assert scan(content, explicit=True).sop_instance_uid == ds.SOPInstanceUID
    path.write_bytes(file_head(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT) + content)
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")  # of pydicom, about what is odd on purpose
@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__)
def test_an_object_that_exhausts_is_read_or_parked_and_the_next_is_read(
    reader: LimitedReader, tmp_path: Path, make: Callable[[], Dataset]
) -> None:
    path = archived(make(), tmp_path / "bad")
    good = archived(our_report(), tmp_path / "good")
    reader(good)  # it is up: what follows is the object's own time
    began = time.monotonic()
    try:
        assert isinstance(reader(path), ReadObject)
    except UnreadableObject as error:
        assert str(error).endswith(".")  # noqa: PT017
    assert time.monotonic() - began < WALL_SECONDS + 30
    assert reader(good).sop_instance_uid == "1.2.3.9.2"
    assert reader(archived(our_state(), tmp_path / "state")).sop_instance_uid == "1.2.3.9.1"
