"""Comparing an image that a PACS gave back with the one that it was sent.

What a reader sees and measures counts: pixels, how they are shown, which breast and view.
Another lossless coding is no change.

References
----------
PS3.3 C.7.6.3 (image pixel), C.8.11.3 (mammography), C.11.2 (VOI LUT); C.7.6.1.1.5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs_bridge.deid.part10 import read_part10
from pacs_bridge.deid.pixels import pixel_hash
from pacs_bridge.deid.values import tolerant_reading
from pacs_bridge.domain.caseset import Instance
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.intact import Change

LOSSY_SYNTAXES = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.203",
)
"""JPEG baseline and extended, JPEG-LS near-lossless, JPEG 2000 and HTJ2K (PS3.5 section 10)."""

_MAY_BE_LOSSY = LOSSY_SYNTAXES[2:]  # these hold lossless streams too: the pixels decide

_ATTRIBUTES = {
    Change.PHOTOMETRIC: ("PhotometricInterpretation",),
    Change.BITS: ("BitsStored", "HighBit", "PixelRepresentation"),
    Change.LATERALITY: ("ImageLaterality", "Laterality"),
    Change.VIEW: ("ViewPosition", "ViewCodeSequence"),
    Change.VOI: ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    Change.LUT_SHAPE: ("PresentationLUTShape",),
    Change.SPACING: ("PixelSpacing", "ImagerPixelSpacing"),
}


def compare_image(came: Path, sent: Path, image: Instance) -> list[Change]:
    """Say what is wrong with an image that came back; nothing where it is intact.

    Parameters
    ----------
    came, sent : Path
        Both as DICOM files.
    image : Instance
        Its line in the passport, with the hash of its pixels.

    Raises
    ------
    RefusedInput
        When our own file cannot be read.
    """
    ours, _ = read_part10(sent, pixels=False)
    try:
        theirs, syntax = read_part10(came)
        with tolerant_reading():
            changes = [c for c, names in _ATTRIBUTES.items() if _differ(ours, theirs, names)]
            if _is_other_breast(ours, theirs):
                changes[changes.index(Change.LATERALITY)] = Change.SIDE
    except (PacsBridgeError, ValueError, TypeError, KeyError, AttributeError):
        return [Change.UNREADABLE]
    return [*_pixel_changes(ours, theirs, syntax, image), *changes]


def size_of(came: Path) -> tuple[int, int] | None:
    """Rows and columns of an image that came back; None where it names none."""
    try:
        theirs, _ = read_part10(came, pixels=False)
        rows, columns = theirs.get("Rows"), theirs.get("Columns")
        return None if rows is None or columns is None else (int(rows), int(columns))
    except (PacsBridgeError, ValueError, TypeError):
        return None


def _is_other_breast(ours: Dataset, theirs: Dataset) -> bool:
    """Tell whether a laterality says another breast; one that is gone says nothing."""
    names = _ATTRIBUTES[Change.LATERALITY]
    pairs = ((ours.get(name), theirs.get(name)) for name in names)
    return any(mine and said and mine != said for mine, said in pairs)


def _pixel_changes(ours: Dataset, theirs: Dataset, syntax: str, image: Instance) -> list[Change]:
    if any(theirs.get(name, ours.get(name)) != ours.get(name) for name in ("Rows", "Columns")):
        return [Change.SIZE]
    was_lossy = str(ours.get("LossyImageCompression", "00"))
    now_lossy = str(theirs.get("LossyImageCompression", "00"))
    says_so = now_lossy == "01" != was_lossy
    must_be = syntax in LOSSY_SYNTAXES and syntax not in _MAY_BE_LOSSY
    try:
        same = pixel_hash(theirs) == image.pixel_hash
    except PacsBridgeError:
        return [Change.LOSSY if says_so or syntax in LOSSY_SYNTAXES else Change.UNREADABLE]
    if same and not says_so:
        return []
    if says_so or must_be or (syntax in LOSSY_SYNTAXES and syntax != image.transfer_syntax_uid):
        return [Change.LOSSY]
    return [Change.PIXELS]


def _differ(ours: Dataset, theirs: Dataset, names: tuple[str, ...]) -> bool:
    """Tell whether one of the attributes that we sent is gone, or says something else."""
    return any(
        _plain(ours[name].value) != _plain(theirs[name].value if name in theirs else None)
        for name in names
        if name in ours
    )


def _plain(value: Any) -> Any:
    """Give a value as something that compares equal however it was written."""
    if isinstance(value, Sequence):
        return [{e.keyword or str(e.tag): _plain(e.value) for e in item} for item in value]
    if isinstance(value, (str, bytes)) or value is None:
        return value or None
    if hasattr(value, "__iter__"):
        return [_plain(each) for each in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return str(value)
