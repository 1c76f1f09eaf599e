"""DICOM files to what a reader said in them, whatever the files turn out to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import RawDataElement

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sr import elements, planes
from pacs_bridge.sr.images import HEADER_KEYWORDS, describe_image
from pacs_bridge.sr.place import Placed
from pacs_bridge.sr.read import read_object
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.upper_layer.elements import vr_of

NOT_DICOM = "The file is not DICOM; export it again as DICOM."
NO_FILE = "There is no such file; check its name."
BROKEN_FILE = "The file is DICOM but broken off or damaged; export it again."
MOST_WORDS = 16 << 20
"""Bytes of lists and texts of one object that are read."""

_LARGE = 64 << 10  # bytes of a value
_OPEN = 0xFFFFFFFF  # the length of what ends where a delimiter says so
_FIRST_GROUP = 8  # of an object, behind its file header


def open_file(path: Path, keywords: Iterable[str] = ()) -> pydicom.Dataset:
    """Read a file's data set, without pixels, with or without the file header.

    Parameters
    ----------
    keywords : iterable of str
        Read these elements only; all when empty.

    Raises
    ------
    UnreadableObject
        When it is not DICOM, or damaged; says which.
    """
    elements.tolerate_odd_values()
    if not path.is_file():
        raise UnreadableObject(NO_FILE)
    wanted = list(keywords) or None
    begins = _beginning(path)
    try:
        ds = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=wanted)
        known = "SOPClassUID" in ds or "SOPInstanceUID" in ds
        is_cut = wanted is None and any(map(_is_cut, ds.values()))
    except Exception as error:  # whatever damaged bytes make the parser raise
        raise UnreadableObject(BROKEN_FILE if begins else NOT_DICOM) from error
    if not known or is_cut:
        raise UnreadableObject(BROKEN_FILE if begins else NOT_DICOM)
    return ds


def open_received(path: Path) -> pydicom.Dataset:
    """Read the data set of an object that we keep, without pixels.

    What is large in it, such as the bits of an overlay or a document, is read only where somebody
    asks for it, so that memory does not grow with the file.

    Raises
    ------
    UnreadableObject
        When its lists and texts are more than a program should take apart.
    """
    ds = pydicom.dcmread(path, stop_before_pixels=True, defer_size=_LARGE)
    if "Rows" not in ds:  # of an image nearly all is pixels
        large = sum(each.length for each in ds.values() if _is_left(each))
        if path.stat().st_size - large > MOST_WORDS:
            raise UnreadableObject(
                f"It holds more than {MOST_WORDS >> 20} MB of lists and texts, too much to be "
                "read; it is kept, and a person must look."
            )
    return ds


def _is_left(element: pydicom.DataElement | RawDataElement) -> bool:
    """Whether a large value, and no list, was left in the file."""
    if not isinstance(element, RawDataElement) or element.value is not None:
        return False
    return element.length > _LARGE and (element.VR or vr_of(element.tag)) != "SQ"


def _is_cut(element: pydicom.DataElement | RawDataElement) -> bool:
    """Whether the file ends within a value, of which pydicom hands over as much as there is.

    Some programs write a few bytes of their own behind an object: such are no element.
    """
    value = element.value if isinstance(element, RawDataElement) else None
    is_short = isinstance(value, bytes) and len(value) < element.length < _OPEN
    return is_short and element.tag.group >= _FIRST_GROUP and dictionary_has_tag(element.tag)


def _beginning(path: Path) -> bool:
    """Whether the file has the DICOM prefix (PS3.10 7.1)."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError as error:
        raise UnreadableObject("The file cannot be opened; check who may read it.") from error


def read_file(
    path: Path, words: SiteWords = NATIONAL, room: planes.Room | None = None
) -> tuple[ReadObject, bool]:
    """Read one file.

    Parameters
    ----------
    room : Room or None
        Where the images lie, for room coordinates.

    Returns
    -------
    read : ReadObject
        For a file that cannot be read, one of kind ``not-marks`` with `refused`.
    readable : bool
        Whether it is a DICOM object at all.
    """
    try:
        return read_object(open_file(path), words, room), True
    except UnreadableObject as error:
        return ReadObject("", "", "not-marks", refused=str(error)), False


@dataclass(frozen=True)
class KnownImages:
    """What the headers of images say.

    Parameters
    ----------
    placed : dict of str to Placed
        SOP Instance UID to breast, view and size.
    room : Room
        Where their frames lie, as far as they say so.
    """

    placed: dict[str, Placed] = field(default_factory=dict)
    room: planes.Room = field(default_factory=planes.Room)


def images_in(folder: Path) -> KnownImages:
    """Tell what is known of every image below a folder."""
    return images_of(_files(folder))


def images_of(files: Iterable[Path]) -> KnownImages:
    """Tell what is known of the images in these files; what is none is passed over."""
    placed: dict[str, Placed] = {}
    stacks: dict[str, planes.Stack] = {}
    for path in files:
        try:
            ds = open_file(path, {*HEADER_KEYWORDS, *planes.HEADER_KEYWORDS})
        except UnreadableObject:
            continue
        uid, where, stack = elements.uid(ds, "SOPInstanceUID"), describe_image(ds), _stack_of(ds)
        if uid and where:
            placed[uid] = where
        if stack is not None:
            stacks[uid] = stack  # the same image in two files is one image
    return KnownImages(placed, planes.Room.of(stacks.values()))


def _stack_of(ds: pydicom.Dataset) -> planes.Stack | None:
    return planes.stack_of(ds) if "FrameOfReferenceUID" in ds else None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
