"""Pictures of archived images: made once, used again, thrown away where there are too many."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from pacs_bridge.domain.errors import Crowded, NotFound

MOST_BYTES = 512 << 20
"""Of all pictures together; those of a set of 64 cases take about a third of it."""

MOST_WAITING = 4
"""Pictures being made or waited for at a time: one case's; whoever waits holds a thread."""

_HASH = re.compile(r"[0-9a-f]{64}")


class Pictures:
    """The pictures of all readers' pages.

    Parameters
    ----------
    folder : Path
        A folder of their own; whatever else is in it may be removed.
    find : callable
        Gives the file of the archive with a content hash.
    make : callable
        Renders a frame (1-based) of a file as PNG.
    """

    def __init__(
        self,
        folder: Path,
        find: Callable[[str], Path],
        make: Callable[[Path, int], bytes],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._folder, self._find, self._make, self._most = folder, find, make, most_bytes
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_WAITING)

    def of(self, content_hash: str, frame: int) -> bytes:
        """Give the picture of a frame (1-based) as PNG.

        A picture that cannot be kept is made anew the next time; that is no error.

        Raises
        ------
        NotFound
            When there is no such object, or it is no longer here.
        Crowded
            When too many are being made just now.
        GiveUp
            When no picture can be made of it.
        """
        if _HASH.fullmatch(content_hash) is None or frame < 1:
            raise NotFound("There is no such image.")
        kept = self._folder / f"{content_hash}-{frame}.png"
        try:
            picture = kept.read_bytes()
            os.utime(kept)  # used lately: not the next to go
            return picture
        except OSError:
            pass
        source = self._find(content_hash)
        if not source.exists():
            raise NotFound("There is no such image.")
        if not self._places.acquire(blocking=False):
            raise Crowded("Pictures are being made for others; ask again in a moment.")
        try:
            picture = self._make(source, frame)
        finally:
            self._places.release()
        self._keep(kept, picture)
        return picture

    def _keep(self, kept: Path, picture: bytes) -> None:
        begun = kept.with_name(f"{secrets.token_hex(8)}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                self._make_room(len(picture))
            begun.write_bytes(picture)
            begun.replace(kept)
        except OSError:
            begun.unlink(missing_ok=True)

    def _make_room(self, wanted: int) -> None:
        files = [(file.stat(), file) for file in self._folder.iterdir()]
        files.sort(key=lambda each: each[0].st_mtime_ns)
        size = sum(stat.st_size for stat, _ in files) + wanted
        for stat, file in files:
            if size <= self._most:
                return
            file.unlink(missing_ok=True)
            size -= stat.st_size
