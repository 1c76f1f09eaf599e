"""A large object on its way in: written as it arrives, under a name that was made beforehand.

What lies in the page cache has to be copied there, and written when it is synced; so all but the
beginning and the end of a large object goes past it (`halves`).

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
from pacs_bridge.archive.halves import Halves
from pacs_bridge.domain.errors import StorageFull
from pacs_bridge.upper_layer.wire import write

_BEGINNING = 256 << 10  # bytes that are written as they come: most objects have no more


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
        self._descriptor, self._beginning = self._file.fileno(), _BEGINNING
        self._halves: Halves | None = None

    def room(self) -> memoryview | None:
        """Give memory that the next bytes may be read into; None before there is some.

        What was read into it is to be written next, from its beginning.
        """
        return None if self._halves is None else self._halves.room()

    def write(self, data: bytes | memoryview) -> None:
        """Hand bytes to the disk; they are not looked at, nor copied where they lie in `room`.

        Raises
        ------
        StorageFull
            When it does not take them.
        """
        with as_storage_full():
            if self._halves is None:
                beginning = memoryview(data)[: self._beginning]
                write(self._descriptor, (beginning,))
                self._beginning -= len(beginning)
                if self._beginning:
                    return
                data = memoryview(data)[len(beginning) :]
                direct = self._disk.open_direct(self.path)
                self._halves = Halves(self._disk, self._descriptor, direct, _BEGINNING)
            self._halves.take(data)

    def finish(self) -> Path:
        """Return when every byte is on the disk.

        Raises
        ------
        StorageFull
            When the disk does not take them.
        """
        with as_storage_full():
            if self._halves is not None:
                self._halves.finish()
            self._disk.sync(self._file)
            self._close()
        return self.path

    def drop(self) -> None:
        """Forget the file; nothing happens where it was adopted."""
        halves, self._halves = self._halves, None
        if halves is not None:
            halves.drop()
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
