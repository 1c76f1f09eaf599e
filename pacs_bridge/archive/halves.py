"""The middle of a large file: one half of a buffer goes to the disk while the other one fills.

Where the system lets us, bytes go from the buffer to the disk past the page cache (O_DIRECT,
Linux): that saves a copy and most of what a page costs the kernel, and what was written need
not be written once more when it is synced. Where it does not, they are written like any other.
"""

from __future__ import annotations

import errno
import mmap
import os
import queue
import threading

from pacs_bridge.archive.disk import Disk
from pacs_bridge.upper_layer.wire import write

HALF = 768 << 10
"""Bytes of one write."""

THREAD_NAME = "writer"


class Halves:
    """Writes a file from some place on, in halves of a buffer.

    One thread fills the buffer; another one, which lives as long as this, writes it.

    Parameters
    ----------
    plain : int
        Descriptor of the file, open for writing.
    direct : int or None
        A second one, past the page cache; closed at the end.
    at : int
        Where in the file to begin; aligned as a direct write has to be.
    """

    def __init__(self, disk: Disk, plain: int, direct: int | None, at: int) -> None:
        self._disk, self._plain, self._direct = disk, plain, direct
        self._at, self._filled, self._turn = at, 0, 0
        self._memory = _pages(2 * HALF)
        view = memoryview(self._memory)
        self._halves = (view[:HALF], view[HALF:])
        self._is_free = threading.Semaphore(1)  # the half that is not being filled
        self._jobs: queue.SimpleQueue[tuple[memoryview, int] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._is_dropped = False
        self._thread: threading.Thread | None = None

    def room(self) -> memoryview:
        """Give the memory that the next bytes may be read into; `take` gets the same bytes."""
        return self._halves[self._turn][self._filled :]

    def take(self, data: bytes | memoryview) -> None:
        """Take the next bytes, with a copy unless they lie in `room` already.

        Raises
        ------
        OSError
            When the disk did not take those before.
        """
        view = memoryview(data)
        if view.obj is self._memory:
            self._count(len(view))
            return
        while len(view):
            room = self.room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            self._count(count)
            view = view[count:]

    def finish(self) -> None:
        """Return when all is with the disk or the kernel; nothing is synced.

        Raises
        ------
        OSError
            When the disk did not take it.
        """
        self._end()
        self._raise()
        self._write_plain(self._halves[self._turn][: self._filled], self._at)

    def drop(self) -> None:
        """Write nothing more; return when nobody writes."""
        self._is_dropped = True
        self._end()

    def _count(self, count: int) -> None:
        self._filled += count
        if self._filled < HALF:
            return
        self._raise()
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name=THREAD_NAME, daemon=True)
            self._thread.start()
        self._jobs.put((self._halves[self._turn], self._at))
        self._at, self._filled, self._turn = self._at + HALF, 0, 1 - self._turn
        self._is_free.acquire()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join()
        direct, self._direct = self._direct, None
        if direct is not None:
            os.close(direct)

    def _write_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._error is None and not self._is_dropped:
                    self._write(*job)
            except BaseException as error:  # noqa: BLE001  raised where the next bytes come
                self._error = error
            finally:
                self._is_free.release()

    def _write(self, half: memoryview, at: int) -> None:
        if self._direct is not None:
            try:
                done = self._disk.write_direct(self._direct, half, at)
            except OSError as error:
                if error.errno != errno.EINVAL:  # "not here, or not in such pieces"
                    raise
                done = 0
            half, at = half[done:], at + done
        if len(half):
            self._write_plain(half, at)
            self._disk.begin_sync(self._plain, at, len(half))

    def _write_plain(self, data: memoryview, at: int) -> None:
        os.lseek(self._plain, at, os.SEEK_SET)
        write(self._plain, (data,))


def _pages(size: int) -> mmap.mmap:
    """Give memory of our own that begins at a page, as a direct write must."""
    if hasattr(mmap, "MAP_PRIVATE"):
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return mmap.mmap(-1, size)
