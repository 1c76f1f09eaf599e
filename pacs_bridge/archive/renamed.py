"""The archive of a home that also has the images of copies: made of the master's when wanted.

Of a copy nothing is kept: its files are named by the hash of their content like all others, made
in a folder of their own when somebody opens one, and thrown away when nobody uses them.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.renaming import RenamedHead, Renaming, rename_head
from pacs_bridge.domain.errors import NotFound, StorageFull, UnreadableObject

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

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
        place = self._place(content_hash)
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
        """Open an object for reading; one of a copy is made while it is read, and not kept.

        Raises
        ------
        NotFound
            When it is not here.
        UnreadableObject
            When the master's file cannot be read.
        """
        try:
            return self._place(content_hash).open("rb")
        except FileNotFoundError as error:
            known = self._find(content_hash)
            if known is None:
                raise NotFound("There is no such object in the archive.") from error
        return open_renamed(self._place(known.source), known.renaming)

    def has(self, content_hash: str) -> bool:
        """Whether an object is here, or can be made of one that is."""
        if self._place(content_hash).is_file():
            return True
        known = self._find(content_hash)
        return known is not None and self._place(known.source).is_file()

    def forget_unused(self) -> int:
        """Throw the files of copies away that nobody uses; gives how many."""
        return self._make_room(most=0)

    def _make(self, known: Renamed, target: Path) -> None:
        source = self._place(known.source)
        part = target.parent / f"{os.getpid()}-{secrets.token_hex(8)}.part"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(most=self._most - source.stat().st_size)
            digest = hashlib.sha256()
            try:
                with open_renamed(source, known.renaming) as made, part.open("xb") as file:
                    while block := made.read(_AT_ONCE):
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


def open_renamed(source: Path, renaming: Renaming) -> BinaryIO:
    """Open an archived file as it is under another name.

    Raises
    ------
    NotFound
        When it is not there.
    UnreadableObject
        When it cannot be read up to its pixels.
    """
    try:
        file = source.open("rb")
    except FileNotFoundError as error:
        raise NotFound("There is no such object in the archive.") from error
    try:
        joined = _Joined(file, rename_head(file, renaming))
    except BaseException:
        file.close()
        raise
    return io.BufferedReader(joined, _AT_ONCE)


class _Joined(io.RawIOBase):
    """A head in memory and the rest of a file behind it, as one file to read."""

    name = ""  # of no file on the disk; readers of DICOM files ask for it

    def __init__(self, file: BinaryIO, head: RenamedHead) -> None:
        super().__init__()
        self._file, self._head, self._at = file, head, 0
        self._size = len(head.data) - head.rest + file.seek(0, os.SEEK_END)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Buffer, /) -> int:
        head, into = self._head, memoryview(buffer).cast("B")
        part = head.data[self._at : self._at + len(into)]
        if not part:
            self._file.seek(self._at - len(head.data) + head.rest)
            part = self._file.read(len(into))
        into[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


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
    heads = [rename_head(file, renaming) for renaming in renamings]
    own, rest, size = hashlib.sha256(), heads[0].rest if heads else 0, 0
    digests = [hashlib.sha256(head.data) for head in heads]
    file.seek(0)
    own.update(file.read(rest))
    while block := file.read(_AT_ONCE):
        for digest in (own, *digests):
            digest.update(block)
        size += len(block)
    if own.hexdigest() != content_hash:
        raise UnreadableObject(
            "An archived image was changed since it was imported; restore it from a backup."
        )
    return [
        NamedFile(digest.hexdigest(), len(head.data) + size)
        for digest, head in zip(digests, heads, strict=True)
    ]
