"""What lies in a folder: its images, grouped into studies, and why a file is not one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pacs_bridge.deid.header import SourceImage, read_header
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.case_list import LIST_NAME, TRUTH_NAME, Reasons

_NO_IMAGES = {LIST_NAME, TRUTH_NAME, "dicomdir", "thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class SourceStudy:
    """The images of one source study, in the order they are numbered and sent."""

    study_instance_uid: str
    images: tuple[SourceImage, ...]

    @property
    def moments(self) -> list[datetime]:
        """Every moment that its images name."""
        return [moment for image in self.images for moment in image.moments]

    @property
    def date(self) -> datetime | None:
        """Its study date, where an image says it."""
        return min((i.study_date for i in self.images if i.study_date), default=None)

    @property
    def sex(self) -> str:
        """What its images agree on; F where they say nothing that counts."""
        said = {image.sex for image in self.images} - {""}
        return next(iter(said)) if len(said) == 1 else "F"

    def series(self) -> dict[str, list[SourceImage]]:
        """Its images by source series, in order."""
        found: dict[str, list[SourceImage]] = defaultdict(list)
        for image in self.images:
            found[image.series_instance_uid].append(image)
        return dict(found)


def find_files(directory: Path, leave_out: Iterable[Path] = ()) -> list[tuple[Path, str]]:
    """Find every file that should be an image, with its name below the folder, in name order.

    Lists, hidden files and DICOMDIR are left out.

    Raises
    ------
    RefusedInput
        When there is no such folder, or nothing in it.
    """
    if not directory.is_dir():
        raise RefusedInput(f"There is no folder {directory}; give the one that holds the images.")
    left = {path.resolve() for path in leave_out}
    found = []
    for path in directory.rglob("*"):
        name = path.relative_to(directory)
        hidden = any(part.startswith(".") for part in name.parts)
        if (
            hidden
            or path.name.lower() in _NO_IMAGES
            or not path.is_file()
            or path.resolve() in left
        ):
            continue
        found.append((path, "".join(c if c.isprintable() else "?" for c in name.as_posix())))
    if not found:
        raise RefusedInput(f"There are no images in {directory}; give the folder that holds them.")
    return sorted(found, key=lambda file: natural_key(file[1]))


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Sort names as people do: case 2 before case 10."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def read_headers(files: Sequence[tuple[Path, str]], reasons: Reasons) -> list[SourceImage]:
    """Read every file's header; what is refused is added to `reasons`."""
    images = []
    for path, name in files:
        try:
            images.append(read_header(path, name))
        except RefusedInput as error:
            reasons.append((name, str(error)))
    return images


def group_studies(images: Sequence[SourceImage], reasons: Reasons) -> list[SourceStudy]:
    """Group images into studies, in order of their first file's name.

    Two files of one SOP Instance UID, a series in two studies and a study of two patients
    are refused, file by file.
    """
    _refuse_twins(images, reasons)
    _refuse_split_series(images, reasons)
    groups: dict[str, list[SourceImage]] = defaultdict(list)
    for image in images:
        groups[image.study_instance_uid].append(image)
    for study in groups.values():
        if _of_two_patients(study):
            reason = "its study holds images of two patients; export each patient's study anew"
            reasons += [(image.name, reason) for image in study]
    return [SourceStudy(uid, _in_order(study)) for uid, study in groups.items()]


def _refuse_twins(images: Sequence[SourceImage], reasons: Reasons) -> None:
    first: dict[str, str] = {}
    for image in images:
        twin = first.setdefault(image.sop_instance_uid, image.name)
        if twin != image.name:
            reason = f"its SOPInstanceUID is also that of {twin}; keep one of them"
            reasons.append((image.name, reason))


def _refuse_split_series(images: Sequence[SourceImage], reasons: Reasons) -> None:
    home: dict[str, str] = {}
    for image in images:
        study = home.setdefault(image.series_instance_uid, image.study_instance_uid)
        if study != image.study_instance_uid:
            reasons.append((image.name, "its series belongs to another study too; export it again"))


def _of_two_patients(study: Sequence[SourceImage]) -> bool:
    """Whether images of a study differ in an identifier that they do say."""
    return any(
        len({image.patient[part] for image in study} - {""}) > 1
        for part in range(len(study[0].patient))
    )


def _in_order(study: Sequence[SourceImage]) -> tuple[SourceImage, ...]:
    """By series number, instance number, time taken, name."""

    def key(image: SourceImage) -> tuple[object, ...]:
        return (
            _or_last(image.series_number),
            image.series_instance_uid,
            _or_last(image.instance_number),
            image.acquired or datetime.max,  # noqa: DTZ901  DICOM's moments name no zone
            natural_key(image.name),
        )

    return tuple(sorted(study, key=key))


def _or_last(number: int | None) -> int:
    return 1 << 40 if number is None else number
