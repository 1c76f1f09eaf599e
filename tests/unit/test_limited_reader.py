"""An object made to exhaust its reader costs that object and nothing else."""

import time
from pathlib import Path

import pytest

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.jobs.limits import LimitedReader


def misbehave(path: Path) -> ReadObject:
    """Runs in the child: does what the file's name says."""
    match path.name:
        case "hang":
            time.sleep(3600)
        case "die":
            import os

            os._exit(9)
        case "eat":
            bytearray(1 << 40)
        case "bug":
            raise KeyError("x")
        case "unreadable":
            raise UnreadableObject("cut off")
    return ReadObject("1.2", path.name, "not-marks")


@pytest.fixture
def reader():
    reader = LimitedReader(misbehave, wall_seconds=120)
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("what", "reason"),
    [("die", "limits"), ("eat", "memory"), ("bug", "KeyError"), ("unreadable", "cut off")],
)
def test_a_reader_that_fails_gives_a_reason_and_the_next_object_is_read(reader, what, reason):
    with pytest.raises(UnreadableObject, match=reason):
        reader(Path(what))
    assert reader(Path("good")).sop_instance_uid == "good"


def test_a_reader_that_hangs_is_ended_in_time():
    reader = LimitedReader(misbehave, wall_seconds=120)
    assert reader(Path("good")).kind == "not-marks"  # started: what follows is the hang alone
    reader._wall = 0.5
    begun = time.monotonic()
    with pytest.raises(UnreadableObject, match="limits"):
        reader(Path("hang"))
    assert time.monotonic() - begun < 60  # it would have hung for an hour
    reader.close()


PREPARED: list[str] = []


def prepare() -> None:
    """Runs in the child, once."""
    PREPARED.append("ready")


def tell(_: Path) -> ReadObject:
    """Runs in the child: says how often it was prepared."""
    return ReadObject("1.2", " ".join(PREPARED), "not-marks")


def test_what_reading_needs_is_taken_in_once_and_before_an_objects_time():
    reader = LimitedReader(tell, wall_seconds=120, prepare=prepare)
    assert [reader(Path("x")).sop_instance_uid for _ in range(2)] == ["ready", "ready"]
    reader.close()
