"""Images that a crash left in the archive: whole, safe, and known to nobody.

An image lies in the archive, under the name of its arrival, before its row is committed. A crash
between the two leaves a file that nothing will ever name: its sender was told nothing, and sends
it again under a new name. Such a file is told from every other by its content, whose hash is not
its name.

A file that does lie under its own hash stays, though no row names it: what was cut off there
(an import, marks on their way) comes again, finds its file and uses it, and to remove one in that
moment would lose it. If it never comes again, the space of one object is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import NotFound

LOG = structlog.get_logger()

AGE_SECONDS = 3600.0
"""Since the last byte was written: a row follows within seconds, or not at all."""

EVERY_SECONDS = 3600.0


class Tidying:
    """Looks through the archive once an hour, a file at a time; for the clock of the jobs.

    Parameters
    ----------
    read : callable
        Opens a unit of work that only reads.
    age : float
        Seconds that a file must be old.
    """

    def __init__(
        self,
        *,
        read: Begin,
        archive: LocalArchive,
        age: float = AGE_SECONDS,
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._archive, self._age = read, archive, age
        self._every, self._clock = every, clock
        self._due = clock()
        self._suspects: list[str] = []
        self._cleared: set[str] = set()

    def __call__(self) -> int:
        """Look at the next file, where one is due; gives how many were removed.

        To hash one takes up to a second or two, and the clock has other things to do.
        """
        if not self._suspects and self._clock() >= self._due:
            self._due = self._clock() + self._every
            old = set(self._archive.older_than(self._age))  # before the names: rows only follow
            self._cleared &= old
            self._suspects = sorted(old - self._names() - self._cleared)
        return self._look_at(self._suspects.pop()) if self._suspects else 0

    def _look_at(self, name: str) -> int:
        try:
            is_content = self._archive.is_named_for_its_content(name)
        except NotFound:
            return 0
        if is_content or name in self._names():
            self._cleared.add(name)
            return 0
        self._archive.forget(name)
        LOG.info("cut-off image removed", file=name)
        return 1

    def _names(self) -> set[str]:
        with self._read() as uow:
            return uow.images.named_files()
