"""Small case sets in a real archive and a real database, for tests of loads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy.orm import sessionmaker

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.engine import make_engine
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from tests.databases import a_database, migrated

MG = "1.2.840.10008.5.1.4.1.1.1.2"
VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
START = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)


def an_image(
    case: int, image: int, *, set_name: str = "PERFORMS121", rows: int = 32, columns: int = 24
) -> tuple[Instance, bytes, str]:
    """One mammogram: its line in the passport, its file, and its series' UID."""
    root = f"1.2.826.0.1.3680043.10.99.{case}"
    laterality, view = VIEWS[image % 4]
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = MG
    ds.file_meta.MediaStorageSOPInstanceUID = f"{root}.3.{image + 1}"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = "1.2.3.4"
    ds.SOPClassUID, ds.SOPInstanceUID = MG, f"{root}.3.{image + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{root}.1", f"{root}.2.{image + 1}"
    ds.AccessionNumber = ds.PatientID = f"{set_name}{case:03d}"
    ds.PatientName = f"{set_name}^{case:03d}"
    ds.PatientBirthDate, ds.PatientSex = "19600101", "F"
    ds.StudyDate, ds.StudyTime, ds.StudyID = "20250101", "090000", f"{case:03d}"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "MG", str(image + 1), "1"
    ds.ImageLaterality, ds.ViewPosition = laterality, view
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = bytes([case % 251, 1]) * (rows * columns)
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    data = buffer.getvalue()
    line = Instance(
        ds.SOPInstanceUID,
        MG,
        1,
        rows,
        columns,
        1,
        laterality,
        view,
        ExplicitVRLittleEndian,
        hashlib.sha256(ds.PixelData).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        len(data),
    )
    return line, data, ds.SeriesInstanceUID


def a_passport(archive: LocalArchive | None, cases: int = 2, **image: Any) -> Passport:
    """A set of so many test cases of four images, their files put into the archive.

    More than 60 make a whole set: practice cases first.
    """
    made = []
    for number in [*range(1, cases - 59), *range(101, 101 + min(cases, 60))]:
        kind = "test" if number > 100 else "practice"
        series = []
        for index in range(4):
            line, data, uid = an_image(number, index, **image)
            if archive is not None:
                archive.put(data)
            series.append(Series(uid, index + 1, "MG", (line,)))
        name = f"PERFORMS121{number:03d}"
        study = Study(
            f"1.2.826.0.1.3680043.10.99.{number}.1", f"{number:03d}", "20250101", tuple(series)
        )
        made.append(
            Case(name, number, kind, name, f"PERFORMS121^{number:03d}", "19600101", "F", (study,))
        )
    return Passport("PERFORMS121", "SA12 part 1", "PERFORMS", START, tuple(made))


@dataclass
class Queued:
    """Jobs that would be due: what the recording `Enqueue` was given, commits or not."""

    jobs: list[tuple[str, tuple[Any, ...], str | None, str | None]] = field(default_factory=list)

    def __call__(
        self,
        transaction: Any,
        job: str,
        *args: Any,
        key: str | None = None,
        partition: str | None = None,
        delay: float = 0.0,
    ) -> None:
        self.jobs.append((job, args, key, partition))

    def named(self, job: str) -> list[tuple[Any, ...]]:
        """Arguments of every queued job of this name."""
        return [args for name, args, _, _ in self.jobs if name == job]


@dataclass
class House:
    """An archive, a database, a queue that remembers, and a clock that we set."""

    archive: LocalArchive
    begin: Callable[[], UnitOfWork]
    queued: Queued
    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def pass_time(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def empty_database() -> bytes:
    """A migrated database file, made once a process: migrating takes most of a second."""
    return migrated()


@contextmanager
def a_house(folder: Path, archive: LocalArchive | None = None) -> Iterator[House]:
    """Make an empty installation's innards in a folder, on an archive of its own or a given one."""
    with a_database(folder) as url:
        engine = make_engine(url)
        queued = Queued()
        begin = partial(UnitOfWork, sessionmaker(engine, expire_on_commit=False), queued)
        try:
            yield House(archive or LocalArchive(folder / "archive"), begin, queued)
        finally:
            engine.dispose()


def a_pacs(port: int, ae_title: str = "HOSPITAL", **changes: Any) -> Pacs:
    """A PACS on this machine that we may speak to without TLS."""
    timeouts = {"connect": 15.0, "acse": 30.0, "dimse": 60.0, "network": 60.0}
    roles = ("store", "query", "retrieve", "commit", "calls-from")
    settings: dict[str, Any] = {
        "name": "hospital",
        "endpoints": (Endpoint(ae_title, "127.0.0.1", port, roles),),
        "plain": True,
        "isolation": Isolation.PRIVATE,
        "timeouts": timeouts,
    }
    return Pacs(**{**settings, **changes})
