"""Marks and decisions to DICOM objects: presentation states and measurement reports.

Everything in an object comes from the arguments, the time included, so that writing the
same reading twice gives the same content. highdicom does the encoding; what it leaves out
or fills with the present moment is set here (STANDARDS.md 3.4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pydicom

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Mark
from pacs_bridge.sr import elements

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER = "PERFORMS"
MODEL = "pacs_bridge"
VERSION = "0.1"
STATE_SERIES = 901
REPORT_SERIES = 900

_NAMES = ("PatientName", "ReferringPhysicianName")
_MADE_BY_LIBRARY = ("ContributingEquipmentSequence",)


def derive_uid(*parts: object) -> str:
    """Make a UID from parts: the same for the same parts, another for any other.

    References
    ----------
    PS3.5 annex B.2 (UIDs derived from a 128-bit number, root 2.25).
    """
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def group_by_size(images: Iterable[Dataset]) -> list[list[Dataset]]:
    """Images of the same rows and columns together, in their order.

    A presentation state with one displayed area can only speak of images of one size.
    """
    groups: dict[tuple[int, int], list[Dataset]] = {}
    for image in images:
        groups.setdefault((int(image.Rows), int(image.Columns)), []).append(image)
    return list(groups.values())


def write_gsps(
    images: Sequence[Dataset],
    marks: Sequence[Mark],
    decisions: Sequence[BreastDecision],
    *,
    login: str,
    series_uid: str,
    sop_uid: str,
    when: datetime,
    name: str = "",
    label: str = "READING",
    instance_number: int = 1,
) -> Dataset:
    """Write a grayscale presentation state that shows marks and decisions on images.

    Parameters
    ----------
    images : sequence of Dataset
        Headers of the images of one study and one size (`group_by_size`); pixels not needed.
    marks : sequence of Mark
        Those on other images are left out. The text is the mark's own, else its rating
        and finding as a note (``M4 mass``), linked to the graphic by a graphic group.
    decisions : sequence of BreastDecision
        Written as texts such as ``L RECALL M4`` on the first image of that side.
    login : str
        The reader's log-in name: the content creator.
    when : datetime
        With time zone.
    label : str
        Content label, 1 to 16 capitals, digits, blanks, underscores.

    Raises
    ------
    RefusedInput
        When images differ in study or size, or a mark lies outside its image.

    References
    ----------
    PS3.3 A.33.1 (the object), C.10.5 (graphic annotation).
    """
    from pacs_bridge.sr.write_state import build_state

    check(images, marks)
    ds = build_state(images, marks, decisions, login, series_uid, sop_uid, label, instance_number)
    stamp(ds, when, ("InstanceCreation", "Series", "PresentationCreation"))
    if name and name != login:
        ds.OperatorsName = name
    return ds


def write_report(
    images: Sequence[Dataset],
    marks: Sequence[Mark],
    decisions: Sequence[BreastDecision],
    *,
    login: str,
    series_uid: str,
    sop_uid: str,
    when: datetime,
    name: str = "",
    session: str = "",
    instance_number: int = 1,
) -> Dataset:
    """Write a Comprehensive SR with marks (TID 1410) and decisions (TID 1501) in TID 1500.

    Parameters
    ----------
    images : sequence of Dataset
        Headers of all images of the case, of one study.
    session : str
        Activity session, such as the case set's name.

    Raises
    ------
    RefusedInput
        When images are of two studies, a mark lies outside its image, or there is neither
        a mark nor a decision, which the template does not allow.

    References
    ----------
    PS3.16 TID 1500; PS3.3 A.35.3 (Comprehensive SR).
    """
    from pacs_bridge.sr.write_measurements import build_report

    check(images, marks)
    if not marks and not decisions:
        raise RefusedInput("A report needs a mark or a decision; give one.")
    ds = build_report(
        images, marks, decisions, login, name or login, series_uid, sop_uid, session,
        instance_number, when,
    )  # fmt: skip
    stamp(ds, when, ("InstanceCreation", "Series", "Content"))
    return ds


def check(images: Sequence[Dataset], marks: Sequence[Mark]) -> None:
    """Refuse no image, images of two studies, and marks outside of their images."""
    if not images:
        raise RefusedInput("There is no image to mark; give the case's images.")
    if len({image.StudyInstanceUID for image in images}) > 1:
        raise RefusedInput("The images are of two studies; write one object a study.")
    sizes = {str(i.SOPInstanceUID): (int(i.Columns), int(i.Rows)) for i in images}
    for mark in marks:
        columns, rows = sizes.get(mark.image, (None, None))
        if (
            columns is not None
            and rows is not None
            and not all(0 <= x <= columns and 0 <= y <= rows for x, y in mark.points)
        ):
            raise RefusedInput("A mark lies outside its image; draw it inside.")


def stamp(ds: Dataset, when: datetime, parts: tuple[str, ...]) -> None:
    """Give the object one moment throughout, and the facts that the library leaves out."""
    utc = when.astimezone(UTC)
    date, time = utc.strftime("%Y%m%d"), utc.strftime("%H%M%S")
    for part in parts:
        setattr(ds, f"{part}Date", date)
        setattr(ds, f"{part}Time", time)
    ds.TimezoneOffsetFromUTC = "+0000"
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _NAMES:
        if keyword in ds and str(ds[keyword].value).endswith("^"):
            setattr(ds, keyword, str(ds[keyword].value).rstrip("^"))
    for keyword in _MADE_BY_LIBRARY:
        if keyword in ds:
            delattr(ds, keyword)


def header(image: Dataset) -> Dataset:
    """A copy of an image without its pixels and with what the writers need, empty if absent."""
    kept = [tag for tag in list(image.keys()) if tag.group < 0x7FE0]
    small = pydicom.Dataset({tag: image.get_item(tag) for tag in kept})
    small.file_meta = getattr(image, "file_meta", None)
    for keyword in (
        "AccessionNumber", "StudyID", "StudyDate", "StudyTime", "PatientID", "PatientName",
        "PatientBirthDate", "PatientSex", "ReferringPhysicianName",
    ):  # fmt: skip
        if keyword not in small:
            setattr(small, keyword, "")
    for keyword in _NAMES:
        # highdicom prints a name of one component in a warning; `stamp` puts it back.
        if str(small.get(keyword, "")) and "^" not in str(small[keyword].value):
            setattr(small, keyword, f"{small[keyword].value}^")
    return small


def side_of(image: Dataset) -> str:
    """The breast an image shows: ImageLaterality, else Laterality, else nothing."""
    return (elements.text(image, "ImageLaterality") or elements.text(image, "Laterality")).upper()
