"""The archive of a home that also has the images of copies: made of the master's when wanted.

Of a copy nothing is kept: its files are named by the hash of their content like all others, made
in a folder of their own when somebody opens one, and thrown away when nobody uses them.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.renaming import MOST_HEAD, Renaming, rename_head
from pacs_bridge.domain.errors import NotFound, StorageFull, UnreadableObject

MOST_BYTES = 2 << 30
"""Of all files of copies together, beyond what is in use."""

_IN_USE_SECONDS = 600.0  # one made or used since then may be on its way
_AT_ONCE = 4 << 20


@dataclass(frozen=True)
class Renamed:
    """How the file of a copy comes about.

    Parameters
    ----------
    source : str
        Content hash of the master's file.
    """

    source: str
    renaming: Renaming


@dataclass(frozen=True)
class NamedFile:
    """What a file is under another name.

    Parameters
    ----------
    content_hash : str
        SHA-256 of the file, hexadecimal.
    size : int
        Its bytes.
    """

    content_hash: str
    size: int


Find = Callable[[str], Renamed | None]
"""Tells how the file of a content hash comes about; None where it is no copy's."""


class RenamedArchive(LocalArchive):
    """Objects by SHA-256, those of copies among them.

    Parameters
    ----------
    folder : Path
        Where the files of copies lie while they are used; whatever else is in it may be removed.
    find : callable
        See `Find`; asked only for what is not there.
    """

    def __init__(
        self,
        root: Path,
        folder: Path,
        find: Find,
        *,
        disk: Disk | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(root, disk=disk)
        self._folder, self._find, self._most = folder, find, most_bytes

    def path(self, content_hash: str) -> Path:
        """Tell where an object lies, or would lie; one of a copy lies there then.

        Raises
        ------
        NotFound
            When the text is no hash.
        UnreadableObject
            When the master's file was changed.
        StorageFull
            When there is no room for the file of a copy.
        """
        place = super().path(content_hash)
        if place.exists():
            return place
        made = self._folder / content_hash[:2] / content_hash
        if made.exists():
            os.utime(made)  # it is in use
            return made
        known = self._find(content_hash)
        if known is None:
            return place
        self._make(known, made)
        return made

    def open(self, content_hash: str) -> BinaryIO:
        """Open an object for reading; raises `NotFound` where it is not here."""
        try:
            return self.path(content_hash).open("rb")
        except FileNotFoundError as error:
            raise NotFound("There is no such object in the archive.") from error

    def has(self, content_hash: str) -> bool:
        """Whether an object is here, or can be made of one that is."""
        if super().path(content_hash).is_file():
            return True
        known = self._find(content_hash)
        return known is not None and super().path(known.source).is_file()

    def forget_unused(self) -> int:
        """Throw the files of copies away that nobody uses; gives how many."""
        return self._make_room(most=0)

    def _make(self, known: Renamed, target: Path) -> None:
        source = super().path(known.source)
        part = target.parent / f"{os.getpid()}-{secrets.token_hex(8)}.part"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(most=self._most - source.stat().st_size)
            digest = hashlib.sha256()
            try:
                with part.open("xb") as file:
                    for block in renamed_blocks(source, known.renaming):
                        digest.update(block)
                        file.write(block)
                    file.flush()
                    os.fsync(file.fileno())
                if digest.hexdigest() != target.name:
                    raise UnreadableObject(
                        "The image of a copy cannot be made again as it was: the master's file was "
                        "changed. Restore the archive from its backup."
                    )
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
        except FileNotFoundError as error:
            raise NotFound("There is no such object in the archive.") from error
        except OSError as error:
            raise StorageFull(
                "The image of a copy could not be written; make room on the disk."
            ) from error

    def _make_room(self, most: int) -> int:
        """Remove the oldest files of copies that nobody uses where there are too many."""
        files = sorted(_files_in(self._folder))
        size, removed = sum(each[1] for each in files), 0
        for used_at, bytes_, file in files:
            if size <= most or time.time() - used_at < _IN_USE_SECONDS:
                break
            file.unlink(missing_ok=True)
            size, removed = size - bytes_, removed + 1
        return removed


def _files_in(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for file in folder.glob("*/*"):
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue  # somebody else removed it
        yield stat.st_mtime, stat.st_size, file


def renamed_blocks(source: Path, renaming: Renaming) -> Iterator[bytes]:
    """Give an archived file under another name, block by block.

    Raises
    ------
    UnreadableObject
        When it cannot be read up to its pixels.
    OSError
        When the disk fails.
    """
    with source.open("rb") as file:
        head = rename_head(file.read(MOST_HEAD), renaming)
        yield head.data
        file.seek(head.rest)
        while block := file.read(_AT_ONCE):
            yield block


def name_files(source: Path, content_hash: str, renamings: Sequence[Renaming]) -> list[NamedFile]:
    """Tell what a master's file is under several other names, reading it once.

    Raises
    ------
    UnreadableObject
        When it is not what was signed: its hash is another.
    NotFound
        When it is not there.
    """
    try:
        with source.open("rb") as file:
            return _name_all(file, content_hash, renamings)
    except FileNotFoundError as error:
        raise NotFound("There is no such object in the archive.") from error


def _name_all(file: BinaryIO, content_hash: str, renamings: Sequence[Renaming]) -> list[NamedFile]:
    begin = file.read(MOST_HEAD)
    heads = [rename_head(begin, renaming) for renaming in renamings]
    own = hashlib.sha256(begin)
    digests = [hashlib.sha256(head.data) for head in heads]
    sizes = [len(head.data) + len(begin) - head.rest for head in heads]
    for digest, head in zip(digests, heads, strict=True):
        digest.update(memoryview(begin)[head.rest :])
    while block := file.read(_AT_ONCE):
        for digest in (own, *digests):
            digest.update(block)
        sizes = [size + len(block) for size in sizes]
    if own.hexdigest() != content_hash:
        raise UnreadableObject(
            "An archived image was changed since it was imported; restore it from a backup."
        )
    named = zip(digests, sizes, strict=True)
    return [NamedFile(digest.hexdigest(), size) for digest, size in named]
