"""Which images a case set takes; each refusal is one sentence that says what to do.

References
----------
PS3.4 Annex B.5 (storage SOP classes); DESIGN.md 5.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID, RLELossless

from pacs_bridge.deid.facts import laterality_of, view_of
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid

MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
"""Digital Mammography X-Ray Image Storage - For Presentation."""
RAW_MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2.1"
"""The same - For Processing."""
TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
"""Breast Tomosynthesis Image Storage."""

SYNTAXES = frozenset(
    {
        "1.2.840.10008.1.2",  # Implicit VR Little Endian
        "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
        str(RLELossless),
        *(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91)),
        *(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203)),
    }
)
"""Transfer syntaxes that pass unchanged: native, RLE, JPEG, JPEG-LS, JPEG 2000, HTJ2K."""

_IDENTIFIERS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")


def judge_image(ds: Dataset, transfer_syntax: str) -> str | None:
    """Say why an image cannot be a case set's; None where it can."""
    return (
        _judge_kind(ds)
        or _judge_syntax(transfer_syntax)
        or _judge_identifiers(ds)
        or _judge_annotation(ds)
        or _judge_hanging(ds)
    )


def _judge_kind(ds: Dataset) -> str | None:
    sop_class = str(ds.get("SOPClassUID", ""))
    raw = "this is the raw image (For Processing); export the For Presentation image of it"
    if sop_class == RAW_MAMMOGRAM:
        return raw
    if sop_class not in (MAMMOGRAM, TOMOSYNTHESIS):
        return f"not a mammogram ({_kind_name(sop_class)}); take it out of the folder"
    if str(ds.get("PresentationIntentType") or "FOR PRESENTATION") != "FOR PRESENTATION":
        return raw
    if str(ds.get("Modality", "")) != "MG":
        return "not a mammogram (its modality is not MG); take it out of the folder"
    return None


def _kind_name(sop_class: str) -> str:
    name = UID(sop_class).name if sop_class else ""
    return name if name != sop_class else "an unknown kind of object"


def _judge_syntax(transfer_syntax: str) -> str | None:
    if transfer_syntax in SYNTAXES:
        return None
    if transfer_syntax == "1.2.840.10008.1.2.2":
        return "it is written big endian; export it as Explicit VR Little Endian"
    if transfer_syntax == "1.2.840.10008.1.2.1.99":
        return "it is written deflated; export it as Explicit VR Little Endian"
    return "its transfer syntax is of another kind; export it as Explicit VR Little Endian"


def _judge_identifiers(ds: Dataset) -> str | None:
    for keyword in _IDENTIFIERS:
        try:
            parse_uid(ds.get(keyword, ""))
        except UnreadableObject:
            return f"its {keyword} is missing or no UID; export it again"
    return None


def _judge_annotation(ds: Dataset) -> str | None:
    if str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES":
        return "annotation is burnt into its pixels; export the image without it"
    for group in range(0x6000, 0x6020, 2):
        # Overlays of the old kind stand in the unused bits of the pixels (PS3.5 section 8.1.2).
        if (group, 0x0010) in ds and (group, 0x3000) not in ds:
            return "an overlay stands inside its pixels; export the image without overlays"
    return None


def _judge_hanging(ds: Dataset) -> str | None:
    if not laterality_of(ds):
        return "it does not say which breast it shows (ImageLaterality R or L); correct it there"
    if not view_of(ds):
        return "it does not say which view it is (ViewCodeSequence); correct it there"
    return None
