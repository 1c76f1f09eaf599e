"""What is sent about: mammograms, reports on them and the case set they belong to.

All of it follows from fixed numbers, so that two runs send the same bytes. No patient is in it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from benchmarks.wire import EXPLICIT
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.domain.ports import Sendable

MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
REPORT = "1.2.840.10008.5.1.4.1.1.88.33"
SET = "PERFORMS121"
WHEN = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
LARGE = (4096, 3662)
"""Rows and columns of 16 bits that make 30.0 MB."""
SMALL = (64, 52)
NO_HASHES: Mapping[str, str] = MappingProxyType({})

_ROOT = "1.2.826.0.1.3680043.10.99"
_VIEWS = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_VIEW_CODES = {"CC": ("399162004", "cranio-caudal"), "MLO": ("399368009", "medio-lateral oblique")}
_SEED = 20_250_301
_MARKS = 2  # of one report; with two decisions, some 9 KB


@dataclass(frozen=True)
class Encoded:
    """One object, its data set encoded in Explicit VR Little Endian."""

    sop_class_uid: str
    sop_instance_uid: str
    data_set: bytes

    def save(self, folder: Path) -> Sendable:
        """Write it as a file, as it lies in an archive."""
        path = folder / f"{self.sop_instance_uid}.dcm"
        head = file_head(self.sop_class_uid, self.sop_instance_uid, EXPLICIT)
        path.write_bytes(head + self.data_set)
        return Sendable(path, self.sop_class_uid, self.sop_instance_uid, EXPLICIT)


def encode(ds: Dataset) -> Encoded:
    """Encode a data set as it goes over the wire."""
    return Encoded(str(ds.SOPClassUID), str(ds.SOPInstanceUID), encode_any(ds))


def encode_any(ds: Dataset) -> bytes:
    """Encode a data set that may be no object, such as a question."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds)
    return bytes(buffer.getvalue())


def accession(case: int) -> str:
    """Name a case of the set."""
    return f"{SET}{case:03d}"


def case_numbers(count: int) -> Sequence[int]:
    """Give the numbers of so many test cases; of more than 60, the first are practice."""
    return [*range(1, count - 59), *range(101, 101 + min(count, 60))]


def study_uid(case: int) -> str:
    """Give the UID of a case's study."""
    return f"{_ROOT}.{case}.1"


def a_passport(
    cases: int, size: tuple[int, int] = SMALL, hashes: Mapping[str, str] = NO_HASHES
) -> Passport:
    """Give the manifest of a set: four images a case, each a series of its own.

    Parameters
    ----------
    hashes : mapping of str to str
        The hash of each file by SOP Instance UID, where the images lie in an archive.
    """
    made = tuple(_a_case(number, size, hashes) for number in case_numbers(cases))
    return Passport(SET, "SA12 part 1", "PERFORMS", WHEN, made)


def _a_case(number: int, size: tuple[int, int], hashes: Mapping[str, str]) -> Case:
    rows, columns = size
    series = tuple(
        Series(
            f"{_ROOT}.{number}.2.{view + 1}",
            view + 1,
            "MG",
            (
                Instance(
                    sop_instance_uid=f"{_ROOT}.{number}.3.{view + 1}",
                    sop_class_uid=MAMMOGRAM,
                    instance_number=1,
                    rows=rows,
                    columns=columns,
                    frames=1,
                    laterality=laterality,
                    view=position,
                    transfer_syntax_uid=EXPLICIT,
                    pixel_hash="0" * 64,
                    content_hash=hashes.get(f"{_ROOT}.{number}.3.{view + 1}", "0" * 64),
                    size=2 * rows * columns,
                ),
            ),
        )
        for view, (laterality, position) in enumerate(_VIEWS)
    )
    name = accession(number)
    study = Study(study_uid(number), f"{number:03d}", "20250101", series)
    kind = "test" if number > 100 else "practice"
    return Case(name, number, kind, name, f"{SET}^{number:03d}", "19600101", "F", (study,))


def a_mammogram(case: int, view: int, size: tuple[int, int] = SMALL) -> Dataset:
    """Give one of a case's four images, without pixels."""
    laterality, position = _VIEWS[view]
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = MAMMOGRAM, f"{_ROOT}.{case}.3.{view + 1}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid(case), f"{_ROOT}.{case}.2.{view + 1}"
    ds.AccessionNumber = ds.PatientID = accession(case)
    ds.PatientName, ds.PatientBirthDate, ds.PatientSex = f"{SET}^{case:03d}", "19600101", "F"
    ds.StudyID, ds.StudyDate, ds.StudyTime = f"{case:03d}", "20250101", "090000"
    ds.AcquisitionDate, ds.AcquisitionTime = "20250101", f"0901{view:02d}"
    ds.ReferringPhysicianName = ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "MG", str(view + 1), "1"
    ds.PresentationIntentType, ds.BurnedInAnnotation = "FOR PRESENTATION", "NO"
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ImageLaterality, ds.ViewPosition = laterality, position
    code = Dataset()
    code.CodeValue, code.CodeMeaning = _VIEW_CODES[position]
    code.CodingSchemeDesignator, code.ViewModifierCodeSequence = "SCT", []
    ds.ViewCodeSequence = [code]
    ds.PatientOrientation = ["P" if laterality == "R" else "A", laterality]
    ds.ImagerPixelSpacing = ["0.07", "0.07"]
    ds.Rows, ds.Columns = size
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "US"
    ds.WindowCenter, ds.WindowWidth, ds.PresentationLUTShape = "2048", "4096", "IDENTITY"
    return ds


def mammograms(cases: int, size: tuple[int, int] = SMALL) -> Iterator[Encoded]:
    """Give the images of a set, in the order of its cases; their pixels are noise of 12 bits."""
    rows, columns = size
    noise = np.random.default_rng(_SEED).integers(0, 4096, rows * columns, dtype="<u2")
    for number in case_numbers(cases):
        for view in range(len(_VIEWS)):
            ds = a_mammogram(number, view, size)
            ds.PixelData = np.roll(noise, 4 * number + view).tobytes()
            ds["PixelData"].VR = "OW"
            yield encode(ds)


def tomosynthesis(frames: int, size: tuple[int, int]) -> Encoded:
    """Give one image of many frames; all have the same pixels, which nobody looks at."""
    [number] = case_numbers(1)
    rows, columns = size
    ds = a_mammogram(number, 0, size)
    ds.SOPClassUID, ds.NumberOfFrames = TOMOSYNTHESIS, str(frames)
    frame = np.random.default_rng(_SEED).integers(0, 4096, rows * columns, dtype="<u2").tobytes()
    head = struct.pack("<HH2s2xL", 0x7FE0, 0x0010, b"OW", frames * len(frame))
    whole = b"".join([encode_any(ds), head, *[frame] * frames])
    return Encoded(TOMOSYNTHESIS, str(ds.SOPInstanceUID), whole)


class Reports:
    """Structured reports (TID 1500) of one reader, each under a new UID.

    Parameters
    ----------
    cases : int
        About these, in turn.
    """

    def __init__(self, cases: int) -> None:
        self._templates = [_a_report(number) for number in case_numbers(cases)]
        self._made = 0

    @property
    def size(self) -> int:
        """How long one is, in bytes."""
        return len(self._templates[0].data_set)

    def take(self, count: int) -> list[Encoded]:
        """Give so many that were never given before."""
        taken = []
        for _ in range(count):
            template = self._templates[self._made % len(self._templates)]
            self._made += 1
            uid = _report_uid(self._made)
            data = template.data_set.replace(_report_uid(0).encode(), uid.encode())
            taken.append(Encoded(template.sop_class_uid, uid, data))
        return taken


def _report_uid(number: int) -> str:
    return f"{_ROOT}.9.{1_000_000_000 + number}"


def _a_report(case: int) -> Encoded:
    from pacs_bridge.sr.codes import MASS
    from pacs_bridge.sr.write import write_report

    images = [a_mammogram(case, view) for view in range(len(_VIEWS))]
    marks = [
        Mark(
            image=str(image.SOPInstanceUID),
            frame=None,
            shape="POINT",
            points=((10.0 + number, 20.0),),
            centre=(10.0 + number, 20.0),
            finding=MASS,
            rating=4,
            tracking_uid=f"{_ROOT}.8.{case}.{number + 1}",
        )
        for number, image in enumerate(images[:_MARKS])
    ]
    report = write_report(
        images,
        marks,
        (BreastDecision("R", "RECALL", 4), BreastDecision("L", "RECALL", 4)),
        login="READER1",
        series_uid=f"{_ROOT}.{case}.4",
        sop_uid=_report_uid(0),
        when=WHEN,
    )
    encoded = encode(report)
    assert encoded.data_set.count(_report_uid(0).encode()) == 1
    return encoded
