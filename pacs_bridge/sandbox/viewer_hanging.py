"""How a mammography viewer hangs a case: by what the images say, never by names or order.

Four attributes decide and each is needed: PresentationIntentType (what is meant for eyes),
ImageLaterality (which side of the screen), ViewCodeSequence (CC above MLO) and
PatientOrientation (chest walls together, lateral and head up).

References
----------
IHE mammography image profile, hanging; PS3.3 C.7.6.1.1.1 (patient orientation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.marks import Laterality
from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.images import laterality_of

if TYPE_CHECKING:
    from pydicom import Dataset

TOMOSYNTHESIS = "1.2.840.10008.5.1.4.1.1.13.1.3"
PLACES = ("RCC", "LCC", "RMLO", "LMLO")
"""Left to right, top to bottom: as if the woman faced the reader."""

_CHEST_WALL = {"R": "P", "L": "A"}  # where the rows must lead: chest walls meet in the middle
_DOWN: dict[tuple[str, str], str] = {
    ("R", "CC"): "L",  # down to medial, which for the right breast is the patient's left
    ("L", "CC"): "R",
    ("R", "MLO"): "F",
    ("L", "MLO"): "F",
}
_OPPOSITE = {"A": "P", "P": "A", "L": "R", "R": "L", "F": "H", "H": "F"}


@dataclass(frozen=True)
class Hung:
    """One image in its place, and how it must be turned for that."""

    image: Dataset
    laterality: Laterality
    view: str
    flip_horizontally: bool = False
    flip_vertically: bool = False

    @property
    def uid(self) -> str:
        """Its SOP Instance UID."""
        return str(self.image.SOPInstanceUID)


@dataclass(frozen=True)
class Hanging:
    """A case on the screen.

    Parameters
    ----------
    places : mapping
        ``RCC`` and so on to the image that hangs there.
    others : tuple of Hung
        Further views and repeats, in their order.
    """

    places: dict[str, Hung] = field(default_factory=dict)
    others: tuple[Hung, ...] = ()

    def __iter__(self) -> Iterator[Hung]:
        """Images in reading order: RCC LCC RMLO LMLO, then the others."""
        yield from (self.places[place] for place in PLACES if place in self.places)
        yield from self.others

    def side(self, laterality: Laterality) -> list[Hung]:
        """The images of one breast."""
        return [hung for hung in self if hung.laterality == laterality]


def hang(images: Sequence[Dataset]) -> Hanging:
    """Put a case's images in their places.

    Raw images (For Processing) are left aside.

    Raises
    ------
    RefusedInput
        When an image does not say enough; names the attribute.
    """
    places: dict[str, Hung] = {}
    others: list[Hung] = []
    for image in images:
        if not _for_eyes(image):
            continue
        hung = _hang(image)
        place = f"{hung.laterality}{hung.view}"
        if place in PLACES and place not in places:
            places[place] = hung
        else:
            others.append(hung)
    return Hanging({place: places[place] for place in PLACES if place in places}, tuple(others))


def _for_eyes(image: Dataset) -> bool:
    if elements.text(image, "SOPClassUID") == TOMOSYNTHESIS:
        return True  # exists for presentation only
    intent = elements.text(image, "PresentationIntentType").upper()
    if intent not in ("FOR PRESENTATION", "FOR PROCESSING"):
        raise _unclear("PresentationIntentType (0008,0068), whether it is meant to be looked at")
    return intent == "FOR PRESENTATION"


def _hang(image: Dataset) -> Hung:
    side = laterality_of(image)
    if side is None:
        raise _unclear("ImageLaterality (0020,0062), which breast it shows")
    view = codes.VIEWS.get(codes.key(elements.code(image, "ViewCodeSequence")))
    if view is None:
        raise _unclear("ViewCodeSequence (0054,0220), which view it is")
    rows_lead, columns_lead = _orientation(image)
    down = _DOWN.get((side, view))
    return Hung(
        image,
        side,
        view,
        flip_horizontally=rows_lead[0] != _CHEST_WALL[side],
        flip_vertically=down is not None and _OPPOSITE[down] in columns_lead,
    )


def _orientation(image: Dataset) -> tuple[str, str]:
    """Towards where rows and columns lead, in the patient."""
    values = [value.upper() for value in elements.words(image, "PatientOrientation")]
    if len(values) != 2 or values[0][:1] not in ("A", "P") or not values[1]:
        raise _unclear("PatientOrientation (0020,0020), how it lies in the breast")
    return values[0], values[1]


def _unclear(attribute: str) -> RefusedInput:
    return RefusedInput(f"An image cannot be hung: it does not say in {attribute}.")
