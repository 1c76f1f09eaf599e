"""A large object on its way in: written as it arrives, under a name that was made beforehand.

Hashing costs as much as all else together (1.6 GB/s on one core), so it is not done while the
sender waits: the object lies under the hash of its key until a job has hashed its content.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs_bridge.archive.disk import Disk
from pacs_bridge.domain.errors import StorageFull
from pacs_bridge.upper_layer.wire import write

_AT_ONCE = 8 << 20  # bytes that the disk is told to begin with


def name_on_arrival(key: str) -> str:
    """Give the name under which an object lies until its content was hashed; hexadecimal."""
    return hashlib.sha256(b"arrival " + key.encode()).hexdigest()


class Incoming:
    """One file in the spool; gone again unless it is adopted.

    Parameters
    ----------
    folder : Path
        Of the spool, which is there.

    Raises
    ------
    StorageFull
        When the disk does not take the file.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.path = folder / f"{os.getpid()}-{secrets.token_hex(8)}.part"  # what `sweep` looks for
        self._disk, self._is_open = disk, True
        with as_storage_full():
            self._file = disk.create(self.path)
        self._descriptor, self._written, self._begun = self._file.fileno(), 0, 0

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes to the disk; they are not looked at, and not copied.

        Raises
        ------
        StorageFull
            When it does not take them.
        """
        with as_storage_full():
            write(self._descriptor, (data,))
            self._written += len(data)
            if self._written - self._begun >= _AT_ONCE:  # so that little is left at the end
                self._disk.begin_sync(self._descriptor, self._begun, self._written - self._begun)
                self._begun = self._written

    def finish(self) -> Path:
        """Return when every byte is on the disk.

        Raises
        ------
        StorageFull
            When the disk does not take them.
        """
        with as_storage_full():
            self._disk.sync(self._file)
            self._close()
        return self.path

    def drop(self) -> None:
        """Forget the file; nothing happens where it was adopted."""
        try:
            self._close()
        except OSError:
            pass  # a full disk says it once more
        self._disk.remove(self.path)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._file.close()


@contextmanager
def as_storage_full() -> Iterator[None]:
    """Tell a failure of the disk in our words."""
    try:
        yield
    except OSError as error:
        raise StorageFull(
            "The archive's disk did not take the object; make room on it, then send again."
        ) from error
