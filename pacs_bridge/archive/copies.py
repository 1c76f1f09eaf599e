"""Copies of archived images in other transfer syntaxes: made once, used again, thrown away."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pacs_bridge.domain.errors import StorageFull, UnreadableObject
from pacs_bridge.domain.ports import Convert, Sendable
from pacs_bridge.domain.sending import FORMS

MOST_BYTES = 8 << 30
"""Of all copies together; a set of full-size images, uncompressed, has about seven gigabytes."""

_IN_USE_SECONDS = 600.0  # one made or used since then may be on its way


@dataclass(frozen=True)
class CopyRequest:
    """What is asked of whoever makes copies: which file, where to, in what transfer syntax."""

    source: Path
    target: Path
    syntax: str


@dataclass(frozen=True)
class Copier:
    """Makes the copies of one load; implements `domain.ports.Convert`.

    Attributes
    ----------
    forms : tuple of str
        The transfer syntaxes that are worth offering.
    """

    make: Convert
    forms: tuple[str, ...]

    def __call__(self, each: Sendable, syntax: str) -> Sendable:
        """Give a copy of an object in another transfer syntax."""
        return self.make(each, syntax)


class Copies:
    """The copies of all loads.

    Parameters
    ----------
    folder : Path
        A folder of their own; whatever else is in it may be removed.
    make : callable
        Makes a copy, safe on disk, and gives the hash of what its pixels decode to.
    forms : tuple of str
        Transfer syntaxes that it can make.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[CopyRequest], str],
        *,
        most_bytes: int = MOST_BYTES,
        forms: tuple[str, ...] = FORMS,
    ) -> None:
        self._folder, self._make, self._most = folder, make, most_bytes
        self._forms = forms

    def of(self, load_id: int) -> Copier:
        """Give what makes the copies of one load."""
        return Copier(partial(self._copy, self._folder / str(load_id)), self._forms)

    def forget(self, load_id: int) -> None:
        """Throw the copies of a load away."""
        shutil.rmtree(self._folder / str(load_id), ignore_errors=True)

    def _copy(self, folder: Path, each: Sendable, syntax: str) -> Sendable:
        copy = folder / f"{each.path.name.split('.')[0]}-{syntax}"
        done = replace(each, path=copy, transfer_syntax_uid=syntax)
        try:
            if copy.exists():
                os.utime(copy)  # it is in use
                return done
            folder.mkdir(parents=True, exist_ok=True)
            self._make_room(each.path.stat().st_size)
            begun = copy.with_suffix(".part")
            try:
                if self._make(CopyRequest(each.path, begun, syntax)) != each.pixel_hash:
                    raise UnreadableObject(
                        "A copy in another form has other pixels; it is not sent."
                    )
                begun.replace(copy)
            finally:
                begun.unlink(missing_ok=True)
        except OSError as error:
            raise StorageFull(
                "A copy in another form could not be written; make room on the disk."
            ) from error
        return done

    def _make_room(self, wanted: int) -> None:
        """Remove the oldest copies that nobody uses where there are too many."""
        files = [(file.stat(), file) for file in self._folder.glob("*/*")]
        files.sort(key=lambda each: each[0].st_mtime)
        size = sum(stat.st_size for stat, _ in files) + wanted
        for stat, file in files:
            if size <= self._most or time.time() - stat.st_mtime < _IN_USE_SECONDS:
                return
            file.unlink(missing_ok=True)
            size -= stat.st_size
