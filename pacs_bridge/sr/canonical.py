"""The canonical reading: one reader's whole case as a TID 1500 Comprehensive SR.

Everything in it follows from the reading and the case, the UIDs and the time included, so
that writing it again gives the same document. It names the reader by scheme code alone and
holds no word that anybody typed.

References
----------
PS3.16 TID 1500, 1410, 1501; PS3.3 A.35.3, C.17.2; STANDARDS.md 3.1 and 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import BreastDecision, Code, Mark
from pacs_bridge.domain.reading import name_in_report
from pacs_bridge.sr import codes
from pacs_bridge.sr.write import write_report

if TYPE_CHECKING:
    from pydicom import Dataset

UidOf = Callable[[str], str]
"""Gives the UID that stands for a text, the same each time; keyed by the installation."""

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_VALUE = re.compile(r"[A-Z0-9][A-Z0-9.-]{1,15}")
_STANDARD = frozenset({"DCM", "SCT", "BARI", "BI"})
"""Coding schemes whose values nobody types."""

_MEANINGS = {
    codes.key(code): code.meaning
    for code in (
        codes.MASS, codes.CALCIFICATIONS, codes.MASS_WITH_CALCIFICATIONS, codes.DISTORTION,
        codes.ASYMMETRY, codes.FOCAL_ASYMMETRY, codes.SKIN, codes.NODE, codes.OTHER_FINDING,
    )
}  # fmt: skip


@dataclass(frozen=True)
class CanonicalReading:
    """What one revision of a reading says.

    Parameters
    ----------
    reader : str
        Scheme code; the only thing that is said of who read.
    closed_at : datetime
        With time zone: the document's time.
    """

    reading_uid: str
    revision: int
    set_name: str
    reader: str
    marks: tuple[Mark, ...]
    breasts: tuple[BreastDecision, ...]
    closed_at: datetime


@dataclass(frozen=True)
class Earlier:
    """A document of an earlier revision, by its UIDs."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


def write_canonical(
    reading: CanonicalReading,
    images: Sequence[Dataset],
    uid_of: UidOf,
    before: Sequence[Earlier] = (),
) -> list[Dataset]:
    """Write a reading as documents, one a study: the first says the decisions.

    The first names all documents of the revision before as its predecessors, and so does any
    other with those of its own study. A blob of a bitmap is written as the
    box around it, an interpolated line as its points; every other mark as it was drawn.

    Parameters
    ----------
    images : sequence of Dataset
        Headers of all images of the case as distributed (master), those of the current
        study first; pixels not needed.
    uid_of : callable
        Makes every UID of the documents out of the reading's UID and revision.
    before : sequence of Earlier
        Documents of the last revision before that has any.

    Raises
    ------
    RefusedInput
        When a mark lies on no image of the case or outside its image, or the reading holds
        neither a mark nor a decision.
    """
    known = {str(image.SOPInstanceUID) for image in images}
    if any(mark.image not in known for mark in reading.marks):
        raise RefusedInput("A mark lies on no image of the case; see that the set is whole.")
    documents = []
    for number, (study, shown) in enumerate(_studies(images), 1):
        here = {str(image.SOPInstanceUID) for image in shown}
        marks = [
            plain_mark(mark, _name_of(reading, place, mark), uid_of)
            for place, mark in enumerate(reading.marks, 1)
            if mark.image in here
        ]
        breasts = reading.breasts if number == 1 else ()
        if number == 1 or marks:
            document = _document(reading, study, shown, marks, breasts, uid_of)
            replaced = [each for each in before if number == 1 or each.study_instance_uid == study]
            if replaced:
                document.PredecessorDocumentsSequence = _predecessors(
                    replaced, str(document.SOPClassUID)
                )
            documents.append(document)
    return documents


def _studies(images: Iterable[Dataset]) -> Iterator[tuple[str, list[Dataset]]]:
    studies: dict[str, list[Dataset]] = {}
    for image in images:
        studies.setdefault(str(image.StudyInstanceUID), []).append(image)
    yield from studies.items()


def _name(reading: CanonicalReading) -> str:
    return f"reading {reading.reading_uid}/{reading.revision}"


def _name_of(reading: CanonicalReading, place: int, mark: Mark) -> str:
    """Name a mark that brings no TrackingUID: marks that are one finding are named alike."""
    return f"{_name(reading)}/{mark.link or place}"


def _document(
    reading: CanonicalReading,
    study: str,
    images: Sequence[Dataset],
    marks: Sequence[Mark],
    breasts: Sequence[BreastDecision],
    uid_of: UidOf,
) -> Dataset:
    ds = write_report(
        images,
        marks,
        breasts,
        login=reading.reader,
        series_uid=uid_of(f"reading {reading.reading_uid} in {study}"),
        sop_uid=uid_of(f"{_name(reading)} in {study}"),
        when=reading.closed_at,
        session=reading.set_name,
        instance_number=reading.revision,
    )
    ds.CompletionFlagDescription = name_in_report(reading.reading_uid, reading.revision)
    return ds


def _predecessors(before: Sequence[Earlier], sop_class: str) -> list[Dataset]:
    from pydicom.dataset import Dataset

    studies = []
    for each in before:
        one, within, outer = Dataset(), Dataset(), Dataset()
        one.ReferencedSOPClassUID = sop_class
        one.ReferencedSOPInstanceUID = each.sop_instance_uid
        within.SeriesInstanceUID = each.series_instance_uid
        within.ReferencedSOPSequence = [one]
        outer.StudyInstanceUID = each.study_instance_uid
        outer.ReferencedSeriesSequence = [within]
        studies.append(outer)
    return studies


def plain_mark(mark: Mark, name: str, uid_of: UidOf) -> Mark:
    """Give a mark without words, with a UID that it is followed by, and a shape of the SR."""
    uid = mark.tracking_uid or ""
    is_valid = len(uid) <= 64 and _UID.fullmatch(uid)
    mark = replace(
        mark,
        text="",
        finding=_finding(mark.finding),
        tracking_uid=uid if is_valid else uid_of(name),
    )
    if mark.shape == "BITMAP":
        (left, top), (right, bottom) = mark.points
        box = ((left, top), (right, top), (right, bottom), (left, bottom), (left, top))
        return replace(mark, shape="POLYGON", points=box)
    if mark.shape == "POLYGON" and mark.points[0] != mark.points[-1]:
        return replace(mark, points=(*mark.points, mark.points[0]))
    return mark


def _finding(code: Code | None) -> Code | None:
    """Give a finding of a scheme that nobody types into, with the standard's own meaning."""
    if code is None:
        return None
    code = codes.canonical(code)
    if code.scheme not in _STANDARD or not _VALUE.fullmatch(code.value):
        return None
    return Code(code.value, code.scheme, _MEANINGS.get(codes.key(code), "Finding"))
