"""What an image's header says about where it belongs: breast, view, size.

References
----------
STANDARDS.md 2.1: ImageLaterality, else FrameLaterality, else Laterality; the view code,
and ViewPosition only as a fall-back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.place import Placed

if TYPE_CHECKING:
    from pydicom import Dataset

HEADER_KEYWORDS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "ImageLaterality",
    "Laterality",
    "ViewCodeSequence",
    "ViewPosition",
    "SharedFunctionalGroupsSequence",
)
"""All that `describe_image` looks at."""


def describe_image(ds: Dataset) -> Placed | None:
    """Tell breast, view, size and frames of an image; None for an object that is none."""
    rows, columns = elements.integers(ds, "Rows"), elements.integers(ds, "Columns")
    if not rows or not columns:
        return None
    frames = max([1, *elements.integers(ds, "NumberOfFrames")])
    return Placed(laterality_of(ds), view_of(ds), rows[0], columns[0], frames)


def laterality_of(ds: Dataset) -> Laterality | None:
    """The breast that an image shows; None where it does not say, or shows both."""
    said = [elements.text(ds, "ImageLaterality")]
    for group in elements.items(ds, "SharedFunctionalGroupsSequence")[:1]:
        for anatomy in elements.items(group, "FrameAnatomySequence")[:1]:
            said.append(elements.text(anatomy, "FrameLaterality"))
    said.append(elements.text(ds, "Laterality"))
    side = next(filter(None, said), "").upper()
    return side if side in ("R", "L") else None  # type: ignore[return-value]  # just compared


def view_of(ds: Dataset) -> str | None:
    """The view as its short name (CC, MLO, ML …); None where it does not say."""
    view = codes.VIEWS.get(codes.key(elements.code(ds, "ViewCodeSequence")))
    return view or elements.text(ds, "ViewPosition").upper()[:16] or None
