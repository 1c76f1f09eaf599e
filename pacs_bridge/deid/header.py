"""What an import must know of each source file before it touches any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydicom.dataset import Dataset

from pacs_bridge.deid.acceptance import judge_image
from pacs_bridge.deid.apply import moment_of
from pacs_bridge.deid.clock import parse_date, parse_moment
from pacs_bridge.deid.part10 import UNREADABLE, read_part10
from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.errors import RefusedInput

_MOMENTS = ("Study", "Series", "Acquisition", "Content")


@dataclass(frozen=True)
class SourceImage:
    """One file that could become an image of a case.

    Parameters
    ----------
    name : str
        Its path below the folder, for people.
    patient : tuple of str
        PatientID, PatientName and PatientBirthDate as compared; never shown or logged.
    sex : str
        F, M or O; empty where not said.
    study_date : datetime or None
        The source's study date, for the distance to prior studies.
    moments : tuple of datetime
        Every moment it names, in no order.
    acquired : datetime or None
        When it was taken, for its place among the others.
    """

    path: Path
    name: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    patient: tuple[str, str, str]
    sex: str
    series_number: int | None
    instance_number: int | None
    study_date: datetime | None
    moments: tuple[datetime, ...]
    acquired: datetime | None


def read_header(path: Path, name: str) -> SourceImage:
    """Read and judge a file without its pixels.

    Raises
    ------
    RefusedInput
        With the reason, when a case set cannot take it.
    """
    ds, transfer_syntax = read_part10(path, pixels=False)
    with tolerant_reading():
        try:
            refusal = judge_image(ds, transfer_syntax)
            if refusal is None:
                return _described(ds, path, name)
        except UNREADABLE as error:
            raise RefusedInput("it cannot be read to its end; copy or export it again") from error
    raise RefusedInput(refusal)


def _described(ds: Dataset, path: Path, name: str) -> SourceImage:
    moments = [moment_of(ds, what) for what in _MOMENTS]
    moments.append(parse_moment(ds.get("AcquisitionDateTime", "")))
    day = parse_date(ds.get("StudyDate", ""))
    return SourceImage(
        path=path,
        name=name,
        sop_instance_uid=_uid(ds, "SOPInstanceUID"),
        study_instance_uid=_uid(ds, "StudyInstanceUID"),
        series_instance_uid=_uid(ds, "SeriesInstanceUID"),
        patient=_patient(ds),
        sex=_sex(ds),
        series_number=_number(ds, "SeriesNumber"),
        instance_number=_number(ds, "InstanceNumber"),
        study_date=datetime(day.year, day.month, day.day) if day else None,  # noqa: DTZ001  DICOM's dates name no zone
        moments=tuple(moment for moment in moments if moment),
        acquired=moments[-1] or moments[2] or moments[3],
    )


def _uid(ds: Dataset, keyword: str) -> str:
    return str(ds.get(keyword, "")).strip(" \0")


def _patient(ds: Dataset) -> tuple[str, str, str]:
    name = str(ds.get("PatientName", "")).casefold().rstrip(" ^=")
    return _uid(ds, "PatientID"), " ".join(name.split()), _uid(ds, "PatientBirthDate")


def _sex(ds: Dataset) -> str:
    sex = str(ds.get("PatientSex", "")).strip().upper()
    return sex if sex in ("F", "M", "O") else ""


def _number(ds: Dataset, keyword: str) -> int | None:
    try:
        return int(str(ds.get(keyword, "")))
    except ValueError:
        return None
