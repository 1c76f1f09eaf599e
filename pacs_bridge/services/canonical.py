"""Closed readings rebuilt of what is kept of them, and documents as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pacs_bridge.db.repositories.marks import marks_from_json
from pacs_bridge.domain.caseset import Instance
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.domain.ports import Archive
from pacs_bridge.sr.canonical import CanonicalReading

if TYPE_CHECKING:
    from pydicom import Dataset


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
