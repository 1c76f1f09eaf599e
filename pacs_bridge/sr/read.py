"""Any DICOM object to what a reader said in it: one table from SOP class to reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sr import elements, sop_classes
from pacs_bridge.sr.keyobject import read_key_object
from pacs_bridge.sr.observers import made_at
from pacs_bridge.sr.overlay import read_overlays
from pacs_bridge.sr.planes import Room
from pacs_bridge.sr.presentation import read_state
from pacs_bridge.sr.references import references
from pacs_bridge.sr.report import read_report
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.targets import Target, one_image, related_images
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

READERS: dict[str, Callable[[Dataset, SiteWords], ReadObject]] = {
    **dict.fromkeys(sop_classes.STATES, read_state),
    **dict.fromkeys(sop_classes.REPORTS | sop_classes.CAD_REPORTS, read_report),
    sop_classes.KEY_OBJECT: read_key_object,
}
"""SOP class to reader; every other class holds no marks and says so."""

BROKEN = "The object could not be read to its end; export it again."
NO_CLASS = "The object does not say what it is (no SOP class); export it again."


def read_object(ds: Dataset, words: SiteWords = NATIONAL, room: Room | None = None) -> ReadObject:
    """Read everything a reader said in one object.

    Parameters
    ----------
    ds : Dataset
        The object, pixel data not needed.
    words : SiteWords
        The short forms that the site's readers type.
    room : Room or None
        Where the images lie; without it room coordinates (SCOORD3D) are refused by name.

    Returns
    -------
    ReadObject
        Never raises for odd content: `refused` says in a sentence why nothing was read.
    """
    elements.tolerate_odd_values()
    sop_class = elements.uid(ds, "SOPClassUID")
    reader = READERS.get(sop_class) or _reader_by_content(ds, sop_class)
    try:
        if reader is read_report:
            return read_report(ds, words, room)
        return _no_marks(ds, sop_class) if reader is None else reader(ds, words)
    except Exception:  # noqa: BLE001  the object is kept and parked, whatever broke it
        return ReadObject(
            sop_class, elements.uid(ds, "SOPInstanceUID"), "not-marks", refused=BROKEN
        )


def _reader_by_content(
    ds: Dataset, sop_class: str
) -> Callable[[Dataset, SiteWords], ReadObject] | None:
    """The reader of a report or state of a class that is somebody's own, or newer than this."""
    if sop_class in sop_classes.NO_IMAGES or not sop_class or "Rows" in ds:
        return None
    if "ContentSequence" in ds and elements.text(ds, "ValueType").upper() == "CONTAINER":
        return read_report
    return read_state if "GraphicAnnotationSequence" in ds else None


def _no_marks(ds: Dataset, sop_class: str) -> ReadObject:
    found = references(ds)
    itself = elements.uid(ds, "SOPInstanceUID")
    lies_on = Target(itself, None, ())
    if sop_class == sop_classes.STANDALONE_OVERLAY:
        lies_on = one_image(related_images(ds, found.images))
    unread = Unread()
    marks = read_overlays(ds, lies_on.image, lies_on.flags, unread, lies_on.frame)
    is_overlay = bool(marks or unread.flags)
    refused = None
    if is_overlay:
        refused = None if marks else unread.sentence(NO_CLASS)
    elif sop_class in sop_classes.NOT_MARKS:
        refused = sop_classes.refusal(sop_classes.NOT_MARKS[sop_class])
    elif sop_class in sop_classes.UNREAD_REGIONS:
        what = sop_classes.UNREAD_REGIONS[sop_class]
        refused = f"A {what} is not read; save the marks as a presentation state or a report."
    elif sop_class in sop_classes.SECONDARY_CAPTURES:
        refused = (
            "A picture of the screen cannot be read by a program; "
            "save the marks as a presentation state or a structured report."
        )
    elif not sop_class:
        refused = NO_CLASS
    return ReadObject(
        sop_class_uid=sop_class,
        sop_instance_uid=itself,
        kind="overlay" if is_overlay else "not-marks",
        observed_at=made_at(ds),
        marks=tuple(replace(mark, flags=(*mark.flags, *unread.flags)) for mark in marks),
        referenced_images=tuple(dict.fromkeys((lies_on.image or itself, *found.images)))
        if marks
        else found.images,
        referenced_studies=found.studies,
        refused=refused,
    )
