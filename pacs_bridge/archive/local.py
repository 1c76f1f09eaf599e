"""The archive in a local folder: ``ab/<sha256>`` for objects, ``tmp/`` for what arrives.

Names are made here, from content; no value out of an object is ever part of a path. The 256
folders are there, and safe on the disk, before the first object, so that each object costs
two syncs: its own and that of its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pacs_bridge.archive.disk import Disk
from pacs_bridge.archive.incoming import Incoming, as_storage_full
from pacs_bridge.domain.errors import NotFound

_HASH = re.compile(r"[0-9a-f]{64}")
_PART = re.compile(r"([0-9]+)-[0-9a-f]{16}\.part")
_STALE_SECONDS = 3600.0


class LocalArchive:
    """Objects by SHA-256 in a folder of one file system.

    Parameters
    ----------
    root : Path
        The folder; made when first written to.
    disk : Disk
        How files are written and synced.
    """

    def __init__(self, root: Path, *, disk: Disk | None = None) -> None:
        self._root, self._disk = root, disk or Disk()
        self._folders_are_safe = False

    def incoming(self) -> Incoming:
        """Open a file to write a large object into while it arrives; `adopt` takes it over.

        Raises
        ------
        StorageFull
            When there is no room for it.
        """
        with as_storage_full():
            self._make_folders()
        return Incoming(self._root / "tmp", self._disk)

    def settle(self, arrived: str, content_hash: str) -> None:
        """Give an object that lies under the name of its arrival that of its content too.

        The old name stays until `forget`. Doing it again changes nothing.

        Raises
        ------
        NotFound
            When it lies under neither.
        StorageFull
            When the disk does not take the new name.
        """
        source, target = self._place(arrived), self._place(content_hash)
        with as_storage_full():
            if not target.exists():
                try:
                    os.link(source, target)
                except FileNotFoundError as error:
                    raise NotFound("There is no such object in the archive.") from error
                except FileExistsError:
                    pass  # somebody else's, at this moment: the same content
            self._disk.sync_folder(target.parent)

    def forget(self, name: str) -> None:
        """Remove an object that nothing refers to; nothing happens where it is gone."""
        self._disk.remove(self._place(name))

    def free_bytes(self) -> int:
        """Tell how much more the disk takes.

        Raises
        ------
        StorageFull
            When it cannot be asked.
        """
        with as_storage_full():
            self._make_folders()
            return shutil.disk_usage(self._root).free

    def put(self, *parts: bytes | memoryview) -> str:
        """Make bytes safe, all parts as one file; gives its hash.

        Raises
        ------
        StorageFull
            When the disk does not take them.
        """
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        content_hash = digest.hexdigest()
        with as_storage_full():
            self._make_folders()
            target = self._root / content_hash[:2] / content_hash
            if not target.exists():
                self._write(parts, target)
            self._disk.sync_folder(target.parent)  # where it was there: who wrote it may not have
        return content_hash

    def _write(self, parts: tuple[bytes | memoryview, ...], target: Path) -> None:
        path = _spool_name(self._root / "tmp")
        file = self._disk.create(path)
        try:
            with file:
                for part in parts:
                    file.write(part)
                self._disk.sync(file)
            self._disk.rename(path, target)
        except BaseException:
            self._disk.remove(path)
            raise

    def adopt(self, spooled: Path, content_hash: str) -> None:
        """Take over a spooled, already synced file; afterwards it is safe under its hash.

        Doing it again, or with content that is here, changes nothing.

        Raises
        ------
        StorageFull
            When the disk does not take the new name.
        """
        target = self._place(content_hash)
        with as_storage_full():
            self._make_folders()
            if target.exists():
                self._disk.remove(spooled)
            else:
                self._disk.rename(spooled, target)
            self._disk.sync_folder(target.parent)  # where it was there: who wrote it may not have

    def _make_folders(self) -> None:
        """Make what is missing of the folders, and have their names on the disk."""
        if self._folders_are_safe and self._root.exists():
            return
        if not self._root.exists():
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._disk.sync_folder(self._root.parent)
        for name in ("tmp", *(f"{number:02x}" for number in range(256))):
            self._disk.make_folder(self._root / name)
        self._disk.sync_folder(self._root)  # made by whom ever: its sync may be to come
        self._folders_are_safe = True

    def path(self, content_hash: str) -> Path:
        """Tell where an object lies, or would lie.

        Raises
        ------
        NotFound
            When the text is no hash.
        """
        return self._place(content_hash)

    def _place(self, content_hash: str) -> Path:
        """Tell where an object's own file is; raises `NotFound` when the text is no hash."""
        if _HASH.fullmatch(content_hash) is None:
            raise NotFound("There is no such object in the archive.")
        return self._root / content_hash[:2] / content_hash

    def open(self, content_hash: str) -> BinaryIO:
        """Open an object for reading.

        Raises
        ------
        NotFound
            When it is not here.
        """
        try:
            return self._place(content_hash).open("rb")
        except FileNotFoundError as error:
            raise NotFound("There is no such object in the archive.") from error

    def has(self, content_hash: str) -> bool:
        """Whether an object is here."""
        return self._place(content_hash).is_file()

    def sweep(self) -> int:
        """Remove what dead processes left in the spool; gives how many files.

        What a living process writes stays, unless it has not been touched for an hour.
        """
        swept = 0
        for path in (self._root / "tmp").glob("*.part"):
            match = _PART.fullmatch(path.name)
            if match is not None and (_is_old(path) or not _is_alive(int(match[1]))):
                self._disk.remove(path)
                swept += 1
        return swept

    def older_than(self, seconds: float) -> Iterator[str]:
        """List what was written before so many seconds, by name."""
        before = time.time() - seconds
        for number in range(256):
            folder = self._root / f"{number:02x}"
            if not folder.is_dir():
                continue
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if _HASH.fullmatch(path.name) and path.stat().st_mtime < before:
                        yield path.name

    def is_named_for_its_content(self, name: str) -> bool:
        """Whether an object lies under its own hash; not so one that nobody has judged yet.

        Raises
        ------
        NotFound
            When it is not here.
        """
        try:
            with self._place(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == name
        except FileNotFoundError as error:
            raise NotFound("There is no such object in the archive.") from error


def _spool_name(folder: Path) -> Path:
    return folder / f"{os.getpid()}-{secrets.token_hex(8)}.part"


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _STALE_SECONDS
    except FileNotFoundError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's, hence alive
    return True
