"""What is known of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pacs_bridge.domain.marks import Laterality, Point

Pathology = Literal["normal", "benign", "malignant"]
Panel = Literal["RTS", "RECALL"]


@dataclass(frozen=True)
class Region:
    """Where a lesion lies on one image.

    Parameters
    ----------
    image : str
        SOP Instance UID of the image as distributed (the master copy).
    shape : str
        ELLIPSE (ends of the major, then of the minor axis), CIRCLE (centre, perimeter
        point) or POLYGON (closed without repeating the first point).
    points : tuple of (float, float)
        Image coordinates, origin as in `Point`.
    """

    image: str
    shape: Literal["ELLIPSE", "CIRCLE", "POLYGON"]
    points: tuple[Point, ...]
    frame: int | None = None


@dataclass(frozen=True)
class Lesion:
    """One lesion of a breast, with its region on each view that shows it."""

    lesion_id: str
    laterality: Laterality
    finding: str
    malignant: bool
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class BreastTruth:
    """Pathology and what the expert panel decided of one breast."""

    laterality: Laterality
    pathology: Pathology
    panel: Panel


@dataclass(frozen=True)
class CaseTruth:
    """The truth of one case: both breasts and the lesions."""

    accession: str
    kind: Literal["practice", "test"]
    breasts: tuple[BreastTruth, ...]
    lesions: tuple[Lesion, ...] = ()


@dataclass(frozen=True)
class SetTruth:
    """The truth of a case set, as one immutable version."""

    set_name: str
    version: int
    cases: tuple[CaseTruth, ...]
