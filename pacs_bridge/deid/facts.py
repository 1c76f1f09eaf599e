"""What an image says of itself: side, view, size and scale; derived, never guessed.

References
----------
PS3.3 C.8.11.7 (mammography image), C.8.21.5 (breast tomosynthesis), C.7.6.16.2.8 (frame
anatomy), PS3.16 CID 4014; STANDARDS.md 2.1 and 4.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataset import Dataset

_VIEWS = {
    "399162004": "CC",
    "399368009": "MLO",
    "399260004": "ML",
    "399352003": "LM",
    "399099002": "LMO",
    "399192008": "XCCL",
    "399101009": "XCCM",
    "399196006": "FB",
    "399188001": "SIO",
    "441555000": "ISO",
    "127457009": "SPECIMEN",
    "R-10242": "CC",
    "R-10226": "MLO",
    "R-10224": "ML",
    "R-10228": "LM",
    "R-10230": "LMO",
    "R-1024A": "XCCL",
    "R-1024B": "XCCM",
    "R-10244": "FB",
    "R-102D0": "SIO",
    "R-40AAA": "ISO",
}
"""CID 4014 in SNOMED CT and in the older SNOMED RT values; no value stands for two things."""

_SCHEMES = frozenset({"SCT", "SRT", "SNM3", "99SDM"})


@dataclass(frozen=True)
class ImageFacts:
    """What verifying, hanging and marking need to know of an image.

    Parameters
    ----------
    laterality : str
        R or L; empty where the image does not say one breast.
    view : str
        CC, MLO and so on; else the View Position as written; empty where not said.
    pixel_spacing : (float, float) or None
        Between rows and between columns, in mm at the body.
    """

    laterality: str
    view: str
    rows: int
    columns: int
    frames: int
    pixel_spacing: tuple[float, float] | None


def read_facts(ds: Dataset) -> ImageFacts:
    """Read what an image says of itself."""
    return ImageFacts(
        laterality=laterality_of(ds),
        view=view_of(ds),
        rows=int(ds.get("Rows") or 0),
        columns=int(ds.get("Columns") or 0),
        frames=max(1, int(ds.get("NumberOfFrames") or 1)),
        pixel_spacing=spacing_of(ds),
    )


def laterality_of(ds: Dataset) -> str:
    """R or L from ImageLaterality, else from what all frames say, else from the series."""
    frames = {
        str(item.get("FrameLaterality") or "") for item in _groups(ds, "FrameAnatomySequence")
    }
    for said in (
        str(ds.get("ImageLaterality") or ""),
        _only(frames),
        str(ds.get("Laterality") or ""),
    ):
        if said:
            return said if said in ("R", "L") else ""
    return ""


def view_of(ds: Dataset) -> str:
    """The view by its code (the meaning is never read), else by View Position."""
    for code in ds.get("ViewCodeSequence") or ():
        if str(code.get("CodingSchemeDesignator", "")) in _SCHEMES:
            view = _VIEWS.get(str(code.get("CodeValue", "")))
            if view:
                return view
    position = str(ds.get("ViewPosition") or "").strip().upper()
    return position if len(position) <= 16 and position.replace(" ", "").isalnum() else ""


def spacing_of(ds: Dataset) -> tuple[float, float] | None:
    """Spacing of rows and of columns in mm at the body, as far as the image says it.

    A calibrated Pixel Spacing wins; then the detector's spacing over the magnification; a
    Pixel Spacing without either is taken as it stands.
    """
    for item in _groups(ds, "PixelMeasuresSequence"):
        measured = _pair(item.get("PixelSpacing"))
        if measured:
            return measured
    spacing, imager = _pair(ds.get("PixelSpacing")), _pair(ds.get("ImagerPixelSpacing"))
    if spacing and (ds.get("PixelSpacingCalibrationType") or imager is None):
        return spacing
    if imager is None:
        return None
    enlarged = float(ds.get("EstimatedRadiographicMagnificationFactor") or 1) or 1.0
    return imager[0] / enlarged, imager[1] / enlarged


def _groups(ds: Dataset, name: str) -> Iterator[Dataset]:
    """Items of a functional group, of the shared and then of each frame's.

    References
    ----------
    PS3.3 C.7.6.16.
    """
    for place in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in ds.get(place) or ():
            yield from group.get(name) or ()


def _only(values: set[str]) -> str:
    """The one thing that all say; ``?`` where they differ, nothing where none says any."""
    said = values - {""}
    if len(said) > 1:
        return "?"
    return next(iter(said), "")


def _pair(value: object) -> tuple[float, float] | None:
    try:
        row, column = (float(each) for each in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    return (row, column) if row > 0 and column > 0 else None
