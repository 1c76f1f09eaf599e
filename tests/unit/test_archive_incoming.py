"""A large object is the same past the page cache or through it, with a copy or without."""

from __future__ import annotations

import errno
import os
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest

from pacs_bridge.archive import disk as disks
from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.halves import HALF, THREAD_NAME
from pacs_bridge.archive.incoming import Incoming
from pacs_bridge.domain.errors import StorageFull

BEGINNING = 256 << 10
CONTENT = random.Random(20251122).randbytes(BEGINNING + 3 * HALF + 12_345)
SIZES = (0, 1, BEGINNING - 1, BEGINNING, BEGINNING + 1, BEGINNING + HALF - 1, BEGINNING + HALF,
         BEGINNING + 2 * HALF, len(CONTENT))  # fmt: skip


class Watched(Disk):
    """The real disk, which notes what goes past the page cache."""

    def __init__(self) -> None:
        self.direct = 0
        self.writing: set[str] = set()

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        done = super().write_direct(descriptor, data, at)
        self.direct += done
        self.writing.add(threading.current_thread().name)
        return done


class Willing(Disk):
    """Opens a second time on any file system."""

    def open_direct(self, path: Path) -> int | None:
        return os.open(path, os.O_WRONLY)


class Choosy(Willing):
    """Opens a file, and refuses to write to it past the page cache, from some place on."""

    def __init__(self, place: int) -> None:
        self._place = place

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        if at >= self._place:
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().write_direct(descriptor, data, at)


class Stinting(Willing):
    """Takes a part of each write."""

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        return super().write_direct(descriptor, data[: 64 << 10], at)


class Full(Willing):
    """Is full once so many bytes are on it."""

    def __init__(self, most: int) -> None:
        self._most = most

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        if at + len(data) > self._most:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write_direct(descriptor, data, at)


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def descriptors_of(folder: Path) -> list[str]:
    """What is open of a folder."""
    links: list[str] = []
    for link in Path("/proc/self/fd").glob("*"):
        with suppress(OSError):  # the one that lists them
            links.append(str(link.readlink()))
    return [link for link in links if link.startswith(str(folder))]


def pieces(content: bytes, size: int) -> Iterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(view), size):
        yield view[start : start + size]


def fill(incoming: Incoming, content: bytes, size: int, *, landing: bool) -> None:
    """Hand content over in pieces, in the file's own memory where there is some."""
    for piece in pieces(content, size):
        rest = piece
        while len(rest):
            room = incoming.room() if landing else None
            if room is None:
                incoming.write(rest)
                break
            count = min(len(room), len(rest))
            room[:count] = rest[:count]
            incoming.write(room[:count])
            rest = rest[count:]


def written(folder: Path, disk: Disk, content: bytes, size: int, *, landing: bool) -> bytes:
    incoming = Incoming(folder, disk)
    fill(incoming, content, size, landing=landing)
    found = incoming.finish().read_bytes()
    incoming.drop()
    assert list(folder.iterdir()) == []
    assert (writers(), descriptors_of(folder)) == ([], [])
    return found


@pytest.mark.parametrize("landing", [True, False], ids=["without a copy", "with a copy"])
@pytest.mark.parametrize("piece", [131_066, 16_378, 999_999, 1 << 30])
@pytest.mark.parametrize("bypass", [True, False], ids=["past the cache", "through it"])
def test_what_is_written_is_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, bypass: bool, piece: int, landing: bool
) -> None:
    monkeypatch.setattr(disks, "CAN_BYPASS", bypass and disks.CAN_BYPASS)
    assert written(tmp_path, Disk(), CONTENT, piece, landing=landing) == CONTENT


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("landing", [True, False], ids=["without a copy", "with a copy"])
def test_an_object_of_any_length_ends_where_it_ends(
    tmp_path: Path, size: int, *, landing: bool
) -> None:
    content = CONTENT[:size]
    assert written(tmp_path, Disk(), content, 100_000, landing=landing) == content


def test_whole_halves_go_past_the_page_cache_in_a_thread_of_their_own(tmp_path: Path) -> None:
    disk = Watched()
    probe = tmp_path / "probe"
    probe.touch()
    descriptor = disk.open_direct(probe)
    probe.unlink()
    if descriptor is None:
        pytest.skip("this file system cannot be written to past the page cache")
    os.close(descriptor)
    assert written(tmp_path, disk, CONTENT, 131_066, landing=True) == CONTENT
    assert disk.direct == 3 * HALF
    assert disk.writing == {THREAD_NAME}


@pytest.mark.parametrize("place", [0, BEGINNING + HALF])
def test_a_file_system_that_refuses_later_gets_it_the_plain_way(tmp_path: Path, place: int) -> None:
    assert written(tmp_path, Choosy(place), CONTENT, 131_066, landing=True) == CONTENT


def test_a_write_that_takes_a_part_is_followed_by_the_rest(tmp_path: Path) -> None:
    assert written(tmp_path, Stinting(), CONTENT, 131_066, landing=True) == CONTENT


@pytest.mark.parametrize("bypass", [True, False], ids=["past the cache", "through it"])
def test_the_sync_comes_after_the_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, bypass: bool
) -> None:
    sizes: list[int] = []

    class Measuring(Disk):
        def sync(self, file: IO[bytes]) -> None:
            sizes.append(os.fstat(file.fileno()).st_size)
            super().sync(file)

    monkeypatch.setattr(disks, "CAN_BYPASS", bypass and disks.CAN_BYPASS)
    written(tmp_path, Measuring(), CONTENT, 131_066, landing=True)
    assert sizes == [len(CONTENT)]


@pytest.mark.parametrize("most", [BEGINNING, BEGINNING + HALF, BEGINNING + 2 * HALF])
def test_a_disk_that_fills_up_behind_our_back_is_said_before_anything_is_safe(
    tmp_path: Path, most: int
) -> None:
    incoming = Incoming(tmp_path, Full(most))
    with pytest.raises(StorageFull, match="make room"):  # noqa: PT012  whichever says it first
        fill(incoming, CONTENT, 131_066, landing=True)
        incoming.finish()
    incoming.drop()
    assert list(tmp_path.iterdir()) == []
    assert (writers(), descriptors_of(tmp_path)) == ([], [])


@pytest.mark.parametrize("size", [10, BEGINNING + 10, BEGINNING + HALF, len(CONTENT) - HALF])
def test_what_breaks_off_leaves_no_file_no_thread_and_no_descriptor(
    tmp_path: Path, size: int
) -> None:
    incoming = Incoming(tmp_path, Disk())
    fill(incoming, CONTENT[:size], 131_066, landing=True)
    incoming.drop()
    incoming.drop()
    assert list(tmp_path.iterdir()) == []
    assert (writers(), descriptors_of(tmp_path)) == ([], [])


def test_what_breaks_off_waits_for_the_write_that_goes_on(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()

    class Slow(Willing):
        def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
            began.set()
            assert may_end.wait(60)
            return super().write_direct(descriptor, data, at)

        def remove(self, path: Path) -> None:
            assert writers() == []
            super().remove(path)

    incoming = Incoming(tmp_path, Slow())
    fill(incoming, CONTENT[: BEGINNING + HALF + 10], 131_066, landing=True)
    assert began.wait(60)
    dropping = threading.Thread(target=incoming.drop)
    dropping.start()
    assert list(tmp_path.iterdir()) == [incoming.path]
    may_end.set()
    dropping.join(60)
    assert list(tmp_path.iterdir()) == []
