"""Closed readings as documents of the standard, for whoever studies or keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_bridge.db.repositories.marks import marks_from_json
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Case, Instance
from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.ports import Archive
from pacs_bridge.sr.canonical import CanonicalReading, write_canonical

if TYPE_CHECKING:
    from pydicom import Dataset

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ExportedReadings:
    """What an export wrote, and which readings it could not, with why."""

    written: tuple[Path, ...]
    refused: tuple[tuple[str, str], ...]


def export_readings(
    set_name: SetName, folder: Path, *, read: Begin, archive: Archive, key_uid: bytes
) -> ExportedReadings:
    """Write the last closed revision of every reading of a set as TID 1500 documents.

    A file is named for its reading and revision. Exporting again writes the same bytes.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    key_uid : bytes
        The installation's key, of which the documents' UIDs are made.

    Raises
    ------
    NotFound
        When there is no such set.
    RefusedInput
        When the folder cannot be written.
    """
    with read() as uow:
        passport = uow.case_sets.get(str(set_name))
        bodies = [
            body
            for code in uow.readers.all()
            for state in uow.readings.of_reader(code, str(set_name))
            if state.kind != "practice" and (body := uow.readings.body(state.reading_uid))
        ]
    cases = {case.accession: case for case in passport.cases}
    uid_of = UidMap(key_uid, str(set_name))

    @cache
    def headers(accession: str) -> list[Dataset]:
        return _headers(cases[accession], archive)

    written: list[Path] = []
    refused: list[tuple[str, str]] = []
    make_folder(folder)
    for body in bodies:
        try:
            documents = write_canonical(reading_of(body), headers(str(body["case"])), uid_of)
        except PacsBridgeError as error:
            refused.append((str(body["reading"]), str(error)))
            continue
        written += _save(folder, body, documents)
    return ExportedReadings(tuple(written), tuple(refused))


def reading_of(body: dict[str, Any]) -> CanonicalReading:
    """Rebuild a reading out of the payload that is kept of it (`Reading.as_payload`)."""
    rows = ({"item": "", "text": "", **row} for row in body["marks"])
    return CanonicalReading(
        reading_uid=str(body["reading"]),
        revision=int(body["revision"]),
        set_name=str(body["set"]),
        reader=str(body["reader"]),
        marks=marks_from_json(rows),
        breasts=tuple(BreastDecision(**row) for row in body["breasts"]),
        closed_at=datetime.fromisoformat(body["closed_at"]),
    )


def _headers(case: Case, archive: Archive) -> list[Dataset]:
    """Headers of a case's images as distributed, those of the current study first."""
    studies = sorted(case.studies, key=lambda study: study.prior)
    return headers_of([image for study in studies for image in study.instances()], archive)


def headers_of(images: Sequence[Instance], archive: Archive) -> list[Dataset]:
    """Read the headers of archived images."""
    from pydicom import dcmread

    return [dcmread(archive.path(image.content_hash), stop_before_pixels=True) for image in images]


def make_folder(folder: Path) -> None:
    """Make a folder where there is none; raises `RefusedInput` where none can be.

    Parameters
    ----------
    folder : Path
        With all above it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedInput(f"{folder} cannot be made; give a folder to write into.") from error


def _save(folder: Path, body: dict[str, Any], documents: Sequence[Dataset]) -> list[Path]:
    name = f"{body['reading']}-{body['revision']}"
    if not _FILE_NAME.fullmatch(name):
        raise RefusedInput("A reading has a name that no file can have; tell who runs this node.")
    paths = []
    for number, document in enumerate(documents, 1):
        path = folder / (f"{name}.dcm" if number == 1 else f"{name}-study{number}.dcm")
        write_whole(path, as_file(document))
        paths.append(path)
    return paths


def as_file(document: Dataset) -> bytes:
    """Give the bytes of a document as a DICOM file."""
    from pydicom import dcmwrite

    buffer = BytesIO()
    dcmwrite(buffer, document, enforce_file_format=True)
    return buffer.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    RefusedInput
        When the folder takes none.
    """
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise RefusedInput(
            f"{path.name} cannot be written ({type(error).__name__}); make room or give another "
            "folder."
        ) from error
