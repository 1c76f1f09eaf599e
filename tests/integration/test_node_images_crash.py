"""A node that dies in the middle of an image, and its memory while a large one arrives."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from pacs_bridge.archive.halves import HALF
from tests.databases import TestDatabase
from tests.dying_node import dying
from tests.mammograms import MAMMOGRAM
from tests.nodes import associated, register, running_node, send, send_raw
from tests.resent import half_sent, images, load, our_image, send_big
from tests.waiting import wait_until

STEPS = ("sync", "rename")


def parts(folder: Path) -> list[Path]:
    return list((folder / "archive" / "tmp").glob("*.part"))


def test_a_kill_in_the_middle_leaves_only_what_the_next_start_sweeps(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    load(database)
    with dying(tmp_path) as (port, process), half_sent(port):
        wait_until(lambda: parts(tmp_path), "a file in the spool")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert len(parts(tmp_path)) == 1
    with running_node(database, tmp_path, streams={"keep_free": 0}) as node:
        assert node.files() == []
        assert images(database) == []
        assert send(node.port, our_image()).Status == 0x0000
        assert len(node.files()) == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_on_the_way_to_the_answer_loses_nothing_that_was_acknowledged(
    database: TestDatabase, tmp_path: Path, step: str
) -> None:
    register(database)
    load(database)
    acknowledged = 0
    # the folders of the archive cost one or two syncs of folders, before the first image
    with dying(tmp_path, step, 4) as (port, process):
        with associated(port, MAMMOGRAM) as association:
            for number in range(8):
                answer = send_raw(association, our_image(PatientComments=f"{number}"))
                if answer.get("Status") != 0x0000:
                    break
                acknowledged += 1
        assert process.wait(60) == -signal.SIGKILL
    assert acknowledged < 8
    with running_node(database, tmp_path, streams={"keep_free": 0}) as node:
        kept = images(database)
        assert acknowledged <= len(kept) <= acknowledged + 1
        for image in kept:
            assert node.archive.path(image.content_hash).stat().st_size > image.size
        assert parts(tmp_path) == []


def test_a_kill_in_the_middle_of_a_large_image_loses_none_before_and_shows_none_half(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    load(database)
    size = 4 * HALF  # past the page cache in four pieces
    with dying(tmp_path, "write_direct", 5) as (port, process):
        assert send_big(port, size) == 0x0000
        with suppress(OSError):  # whether the end or the next bytes tell us
            assert send_big(port, size) is None
        assert process.wait(60) == -signal.SIGKILL
    assert len(parts(tmp_path)) == 1
    with running_node(database, tmp_path, streams={"keep_free": 0}) as node:
        [kept] = images(database)
        assert node.archive.path(kept.content_hash).stat().st_size > kept.size > size
        assert parts(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")  # noqa: PTH110
def test_memory_stays_flat_while_a_large_image_arrives(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    load(database)
    with dying(tmp_path) as (port, process):
        assert send_big(port, 4 << 20) == 0x0000
        before = peak_megabytes(process.pid)
        assert send_big(port, 100 << 20) == 0x0000  # to the disk
        assert send_big(port, 100 << 20, uid="1.9.9.1") == 0x0124  # to nowhere
        assert peak_megabytes(process.pid) < before + 50  # of a hundred
    [_, large] = images(database)
    assert large.size > 100 << 20


def peak_megabytes(pid: int) -> float:
    """The largest resident size of a process so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
