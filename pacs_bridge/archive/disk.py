"""The few calls on which "safe" rests, in one place so that their order can be proven."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

CAN_BYPASS = hasattr(os, "O_DIRECT") and hasattr(os, "pwrite")
"""Whether files can be written past the page cache; tests force the other way with False."""


class Disk:
    """Writes, syncs, renames and removes files of the local disk."""

    def create(self, path: Path) -> IO[bytes]:
        """Open a new file for writing that only we may read and nobody may run."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return os.fdopen(descriptor, "wb")

    def open_direct(self, path: Path) -> int | None:
        """Open a file a second time, to write to it past the page cache; None where that fails.

        A file system may also refuse later, at a write (EINVAL).
        """
        if not CAN_BYPASS:
            return None
        try:
            return os.open(path, os.O_WRONLY | os.O_DIRECT)
        except OSError:
            return None  # such as a file system in memory

    def write_direct(self, descriptor: int, data: memoryview, at: int) -> int:
        """Write aligned memory to an aligned place; gives how many bytes were taken."""
        return os.pwrite(descriptor, data, at)

    def begin_sync(self, descriptor: int, start: int, count: int) -> None:
        """Have the disk begin with some bytes of a file, without waiting for it.

        Whoever has written and does not want to read gives the kernel a reason to; what is not
        on the disk yet stays where it is.
        """
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, start, count, os.POSIX_FADV_DONTNEED)

    def sync(self, file: IO[bytes]) -> None:
        """Return when all that was written to a file is on the disk."""
        file.flush()
        os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its final name, in one step, replacing what had it."""
        source.replace(target)

    def make_folder(self, path: Path) -> None:
        """Make one folder where it is not there."""
        path.mkdir(mode=0o700, exist_ok=True)

    def sync_folder(self, path: Path) -> None:
        """Return when the names in a folder are on the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Remove a file; nothing happens where it is gone."""
        path.unlink(missing_ok=True)
