"""A case set on media, for a site without a network path or for its image-exchange portal.

The set's load is begun as *awaiting import* and proven by C-FIND like any other: who carried
the images does not matter, the UIDs decide.

References
----------
PS3.10 section 8; PS3.11 annex D (general purpose media).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.archive.media import MediaFile, write_media
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import RefusedInput, StorageFull
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.ports import Archive, Clock

PASSPORT_FILE = "PASSPORT.JSN"
README_FILE = "README.TXT"
_DIRECTORY_BYTES = 4_096
"""Room that a case's records take in the DICOMDIR, generously."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class MediaPart:
    """One folder that is imported by itself.

    Parameters
    ----------
    size : int
        Bytes of its images.
    """

    folder: Path
    cases: tuple[str, ...]
    images: int
    size: int


def export_media(
    set_name: str,
    folder: Path,
    *,
    begin: Begin,
    archive: Archive,
    now: Clock,
    part_bytes: int | None = None,
    copy: int = 0,
    progress: Progress | None = None,
) -> list[MediaPart]:
    """Write a case set with a DICOMDIR and its passport, in parts where a limit is given.

    A case is never split over two parts. Each part holds the whole passport, so that what is
    missing can be told from any of them.

    Parameters
    ----------
    folder : Path
        Must be empty or absent: files of another set beside ours would be imported with them.
    part_bytes : int, optional
        The most bytes that the site's portal takes at once; without it there is one part,
        in `folder` itself.

    Raises
    ------
    RefusedInput
        When the folder holds something, or a case is larger than a part may be.
    NotFound
        When there is no such set.
    StorageFull
        When the medium does not take them.
    UnreadableObject
        When an archived image is not what it was.
    """
    name = str(SetName.parse(set_name))
    with begin() as uow:
        passport = uow.case_sets.get(name, copy)
    parts = list(_split(passport, part_bytes))
    _claim(folder)
    written = []
    for number, cases in enumerate(parts, 1):
        target = folder if part_bytes is None else folder / f"PART{number:02d}"
        written.append(_write_part(target, number, len(parts), passport, cases, archive))
        if progress is not None:
            progress(number, len(parts))
    with begin() as uow:
        uow.events.add(now(), "media-exported", name, parts=len(written), copy=copy)
    return written


def _split(passport: Passport, most: int | None) -> Iterator[list[Case]]:
    part: list[Case] = []
    filled = 0
    for case in passport.cases:
        size = sum(image.size for image in case.instances()) + _DIRECTORY_BYTES
        if most is not None and size > most:
            raise RefusedInput(
                f"{case.accession} alone has {size / 1e6:.0f} MB: let a part be larger than that."
            )
        if part and most is not None and filled + size > most:
            yield part
            part, filled = [], 0
        part.append(case)
        filled += size
    yield part


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise RefusedInput("The folder cannot be written to: name another one.") from error
    if not is_empty:
        raise RefusedInput("The folder is not empty: name an empty or a new one.")


def _write_part(
    folder: Path,
    number: int,
    of: int,
    passport: Passport,
    cases: Sequence[Case],
    archive: Archive,
) -> MediaPart:
    files = [
        MediaFile(archive.path(image.content_hash), image.sop_instance_uid, image.content_hash)
        for case in cases
        for image in case.instances()
    ]
    label = passport.set_name if of == 1 else f"{passport.set_name}_{number:02d}"
    digest = hashlib.sha256(f"{passport.digest()} {label}".encode()).digest()
    try:
        folder.mkdir(exist_ok=True)
        size = write_media(folder, label, f"2.25.{int.from_bytes(digest[:16])}", files)
        manifest = json.dumps(passport.as_dict(), sort_keys=True)
        _write_safely(folder / PASSPORT_FILE, manifest.encode())
        _write_safely(folder / README_FILE, _readme(passport, cases, number, of).encode("ascii"))
    except OSError as error:
        raise StorageFull(
            "The folder did not take every file: make room, then export into an empty folder."
        ) from error
    return MediaPart(folder, tuple(case.accession for case in cases), len(files), size)


def _write_safely(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _readme(passport: Passport, cases: Sequence[Case], number: int, of: int) -> str:
    part = f" (part {number} of {of})" if of > 1 else ""
    lines = (
        f"Case set {passport.set_name}{part}",
        "",
        "TEST IMAGES - NOT PATIENTS. For training and quality assurance; not for diagnosis.",
        "",
        f"This folder holds {len(cases)} cases, {cases[0].accession} to {cases[-1].accession}.",
        "Import it into your PACS through its media import, from the file DICOMDIR.",
        "Do not match the cases to orders or patients of your own; keep accession numbers,",
        "patient IDs and UIDs as they are. Leave the images out of AI services, image exchange,",
        "statistics and teaching files.",
        "Nothing else is to be done: we find the images in your PACS by ourselves, and tell you",
        "when all of them are there.",
        "",
    )
    return "\r\n".join(lines)
