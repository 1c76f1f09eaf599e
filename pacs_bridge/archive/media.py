"""DICOM media: a folder with a DICOMDIR that a PACS imports where no network path leads to it.

References
----------
PS3.10 section 8 (file IDs, the DICOMDIR); PS3.3 annex F (Basic Directory).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.fileset import FileSet
from pydicom.uid import UID

from pacs_bridge.domain.errors import StorageFull, UnreadableObject

_BLOCK = 1 << 20
_MANDATORY = ("StudyDate", "StudyTime", "StudyID")
"""Of a STUDY record: type 1, and an image may hold them empty (PS3.3 table F.5-1)."""


@dataclass(frozen=True)
class MediaFile:
    """One file of ours to go onto media.

    Parameters
    ----------
    path : Path
        A DICOM file in the archive.
    content_hash : str
        SHA-256 of its bytes; a file that differs is not written out.
    """

    path: Path
    sop_instance_uid: str
    content_hash: str


def write_media(folder: Path, label: str, uid: str, files: Iterable[MediaFile]) -> int:
    """Write files and a DICOMDIR into an empty folder; gives the bytes of the files.

    The files keep their bytes and get names of eight characters; the directory says which
    is which. Nothing larger than a header is in memory at any time.

    Parameters
    ----------
    label : str
        The file-set's ID: up to 16 upper-case letters, digits and underscores.
    uid : str
        The file-set's UID; the same one for the same files.

    Raises
    ------
    StorageFull
        When the medium does not take them.
    UnreadableObject
        When a file is not what it was when it was archived.
    """
    wanted = {each.sop_instance_uid: each for each in files}
    fileset = FileSet()
    try:
        return _write(folder, fileset, label, uid, wanted)
    finally:
        fileset._stage["t"].cleanup()  # noqa: SLF001  else it warns when it is collected


def _write(
    folder: Path, fileset: FileSet, label: str, uid: str, wanted: dict[str, MediaFile]
) -> int:
    fileset.ID, fileset.UID = label, UID(uid)
    for each in wanted.values():
        fileset.add(_header(each))
    written = 0
    try:
        # The library stages and writes headers only; the archive's bytes take their places.
        fileset.write(folder)
        for instance in fileset:
            each = wanted[str(instance.SOPInstanceUID)]
            written += _copy(each, Path(instance.path))
        _sync(folder / "DICOMDIR")
    except OSError as error:
        raise StorageFull(
            "The folder did not take every file: make room, then export into an empty folder."
        ) from error
    return written


def _header(each: MediaFile) -> Dataset:
    """Read what directory records are made of, and the class and UID that a file must have."""
    try:
        header = dcmread(each.path, stop_before_pixels=True)
    except OSError as error:
        raise _changed(each) from error
    for keyword in _MANDATORY:
        if not header.get(keyword):
            setattr(header, keyword, _WHERE_EMPTY[keyword])
    return header


_WHERE_EMPTY = {"StudyDate": "19000101", "StudyTime": "000000", "StudyID": "1"}


def _copy(each: MediaFile, target: Path) -> int:
    digest, size = hashlib.sha256(), 0
    with each.path.open("rb") as source, target.open("wb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += len(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != each.content_hash:
        raise _changed(each)
    return size


def _changed(each: MediaFile) -> UnreadableObject:
    return UnreadableObject(
        f"The archived image {each.sop_instance_uid} is not as it was imported; run "
        "`case-set check`, then import the set again."
    )


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
