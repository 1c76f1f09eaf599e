"""Bytes are safe before anybody is told so, under names that nobody outside can choose."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.incoming import name_on_arrival
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import NotFound, StorageFull
from tests.peers import ROOT, need

CONTENT = b"some bytes of an object"
HASH = hashlib.sha256(CONTENT).hexdigest()


class RecordingDisk(Disk):
    """The real disk, with a list of what was done in which order."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def create(self, path: Path) -> IO[bytes]:
        self.calls.append("create")
        return super().create(path)

    def sync(self, file: IO[bytes]) -> None:
        super().sync(file)
        self.calls.append("sync")

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self.calls.append("rename")

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self.calls.append(f"sync {path.name}")


class FailingDisk(Disk):
    """A disk that is full when it comes to one of the steps."""

    def __init__(self, step: str) -> None:
        self._step = step

    def _fail(self, step: str) -> None:
        if step == self._step:
            raise OSError(errno.ENOSPC, "No space left on device")

    def create(self, path: Path) -> IO[bytes]:
        self._fail("create")
        return super().create(path)

    def sync(self, file: IO[bytes]) -> None:
        self._fail("sync")
        super().sync(file)

    def make_folder(self, path: Path) -> None:
        self._fail("make_folder")
        super().make_folder(path)

    def rename(self, source: Path, target: Path) -> None:
        self._fail("rename")
        super().rename(source, target)

    def sync_folder(self, path: Path) -> None:
        self._fail("sync_folder")
        super().sync_folder(path)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_an_object_lies_under_its_own_hash_and_comes_back_unchanged(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    assert archive.put(CONTENT[:4], memoryview(CONTENT)[4:]) == HASH
    assert files(tmp_path) == [f"{HASH[:2]}/{HASH}"]
    with archive.open(HASH) as file:
        assert file.read() == CONTENT
    assert archive.path(HASH).read_bytes() == CONTENT
    assert archive.has(HASH)


def test_only_its_owner_may_read_an_object_and_nobody_run_it(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive")
    archive.put(CONTENT)
    assert archive.path(HASH).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o700


def test_the_file_is_synced_before_it_gets_its_name_and_the_name_before_we_return(
    tmp_path: Path,
) -> None:
    disk = RecordingDisk()
    LocalArchive(tmp_path, disk=disk).put(CONTENT)
    assert disk.calls == [
        f"sync {tmp_path.name}", "create", "sync", "rename", f"sync {HASH[:2]}",
    ]  # fmt: skip


def test_an_object_costs_two_syncs(tmp_path: Path) -> None:
    disk = RecordingDisk()
    archive = LocalArchive(tmp_path, disk=disk)
    archive.put(CONTENT)
    disk.calls.clear()
    other = archive.put(b"other bytes")
    assert disk.calls == ["create", "sync", "rename", f"sync {other[:2]}"]


def test_the_kernel_sees_the_same_order(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    program = (
        "from pathlib import Path\n"
        "from pacs_bridge.archive.local import LocalArchive\n"
        f"LocalArchive(Path({str(tmp_path / 'archive')!r})).put({CONTENT!r})\n"
    )
    calls = "trace=fsync,fdatasync,rename,renameat,renameat2,openat"
    subprocess.run(
        [need("strace", "strace"), "-f", "-y", "-e", calls, "-o", str(trace),
         sys.executable, "-c", program],
        check=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    seen = [line for line in trace.read_text().splitlines() if "/archive" in line]
    steps = [line for line in seen if "sync(" in line or "rename" in line]
    assert "/archive>" in steps[-4]
    assert "fsync(" in steps[-4]
    assert ".part>" in steps[-3]
    assert "fsync(" in steps[-3]
    assert "rename" in steps[-2]
    assert f"/{HASH[:2]}>" in steps[-1]
    assert "fsync(" in steps[-1]


def test_the_same_content_twice_is_one_file(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    assert archive.put(CONTENT) == archive.put(CONTENT)
    assert len(files(tmp_path)) == 1


def test_content_that_is_there_is_synced_once_more_before_we_return(tmp_path: Path) -> None:
    LocalArchive(tmp_path).put(CONTENT)
    disk = RecordingDisk()
    LocalArchive(tmp_path, disk=disk).put(CONTENT)
    assert disk.calls[-1] == f"sync {HASH[:2]}"
    assert "rename" not in disk.calls


def test_what_is_not_adopted_leaves_nothing(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    incoming = archive.incoming()
    incoming.write(CONTENT)
    assert incoming.finish().read_bytes() == CONTENT
    incoming.drop()
    assert files(tmp_path) == []
    assert not archive.has(HASH)


def test_an_adopted_file_stays_and_gets_the_name_of_its_content_later(tmp_path: Path) -> None:
    archive, arrived = LocalArchive(tmp_path), name_on_arrival("2.25.1")
    incoming = archive.incoming()
    for start in range(0, len(CONTENT), 7):
        incoming.write(memoryview(CONTENT)[start : start + 7])
    archive.adopt(incoming.finish(), arrived)
    incoming.drop()
    assert archive.path(arrived).read_bytes() == CONTENT
    for _ in range(2):  # a job that is done twice
        archive.settle(arrived, HASH)
    archive.forget(arrived)
    archive.forget(arrived)
    assert archive.path(HASH).read_bytes() == CONTENT
    assert len(files(tmp_path)) == 1
    with pytest.raises(NotFound):
        archive.settle(arrived, "0" * 64)


def test_a_full_disk_is_said_of_what_arrives(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="make room"):
        LocalArchive(tmp_path, disk=FailingDisk("create")).incoming()
    incoming = LocalArchive(tmp_path, disk=FailingDisk("sync")).incoming()
    with pytest.raises(StorageFull, match="make room"):
        incoming.finish()
    incoming.drop()
    assert files(tmp_path) == []


@pytest.mark.parametrize("step", ["create", "sync", "make_folder", "rename", "sync_folder"])
def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path, step: str) -> None:
    archive = LocalArchive(tmp_path, disk=FailingDisk(step))
    with pytest.raises(StorageFull, match="make room"):
        archive.put(CONTENT)
    assert [name for name in files(tmp_path) if name.endswith(".part")] == []
    assert step == "sync_folder" or files(tmp_path) == []


def test_a_disk_that_is_really_full_is_said(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)],
        check=False, capture_output=True,
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    try:
        archive = LocalArchive(small)
        archive.put(b"fits")
        with pytest.raises(StorageFull):
            archive.put(bytes(200_000))
        assert [name for name in files(small) if name.endswith(".part")] == []
        archive.put(b"fits again")
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, HASH + "\n"]
)
def test_nothing_but_a_hash_is_ever_a_name(tmp_path: Path, name: str) -> None:
    archive = LocalArchive(tmp_path)
    for ask in (archive.path, archive.open, archive.has):
        with pytest.raises(NotFound):
            ask(name)


def test_an_object_that_is_not_here_is_said(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    assert not archive.has(HASH)
    with pytest.raises(NotFound):
        archive.open(HASH)


def test_the_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    archive.put(CONTENT)
    spool = tmp_path / "tmp"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = spool / f"{gone.pid}-0123456789abcdef.part"
    old = spool / f"{os.getpid()}-0123456789abcdef.part"
    alive = spool / f"{os.getpid()}-fedcba9876543210.part"
    foreign = spool / "notes.txt"
    for path in (dead, old, alive, foreign):
        path.write_bytes(b"")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    assert archive.sweep() == 2
    assert sorted(spool.iterdir()) == sorted([alive, foreign])
    assert archive.has(HASH)


def test_many_threads_with_the_same_content_make_one_file(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    start, hashes = threading.Barrier(8), []

    def put() -> None:
        start.wait()
        hashes.append(archive.put(CONTENT))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hashes == [HASH] * 8
    assert len(files(tmp_path)) == 1
