"""Which image a presentation state's annotation lies on, and by what area it is measured.

References
----------
PS3.3 C.10.5 (annotation), C.10.4 (displayed area), C.10.6 (spatial transformation), C.11.11
(relationship), C.11.14 and C.11.30 (blending); STANDARDS.md 4.3 to 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Point
from pacs_bridge.sr import elements, geometry

if TYPE_CHECKING:
    from pydicom import Dataset

Images = dict[str, list[int]]
"""SOP Instance UID to the frames named, which may be none."""


@dataclass(frozen=True)
class Target:
    """The image an annotation applies to; `image` empty where it cannot be told."""

    image: str
    frame: int | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Related:
    """The images that a state as a whole is about, each once.

    Parameters
    ----------
    inferred : bool
        Whether the state lists none where it should and the only one it names is taken.
    """

    images: Images
    inferred: bool = False


_BLENDED = ("BlendingSequence", "AdvancedBlendingSequence")


def related_images(ds: Dataset, named_at_all: tuple[str, ...]) -> Related:
    """Images of the relationship module, else of what is blended, else the only one named."""
    images: Images = {}
    for item in (ds, *(each for key in _BLENDED for each in elements.items(ds, key))):
        for series in elements.items(item, "ReferencedSeriesSequence"):
            for image, frames in images_of(series).items():
                _add(images, image, frames)
        if item is not ds and not images:
            images.update(images_of(item))
    if images or len(named_at_all) != 1:
        return Related(images)
    return Related({named_at_all[0]: []}, inferred=True)


def images_of(item: Dataset) -> Images:
    """Images that an item of a sequence refers to."""
    found: Images = {}
    for image in elements.items(item, "ReferencedImageSequence"):
        uid = elements.uid(image, "ReferencedSOPInstanceUID")
        if uid:
            _add(found, uid, elements.integers(image, "ReferencedFrameNumber"))
    return found


def _add(images: Images, image: str, frames: list[int]) -> None:
    """Add frames to those named of an image; one that is named without any is meant whole."""
    known = images.get(image, frames)
    images[image] = list(dict.fromkeys([*known, *frames])) if known and frames else []


def target_of(annotation: Dataset, related: Related) -> Target:
    """The image an annotation names, else the only one that its state is about.

    It names a part of what its state is about: where it gives no frames, the state's hold.
    """
    named = images_of(annotation)
    if not named:
        return one_image(related)
    return one_image(
        Related({uid: frames or related.images.get(uid, []) for uid, frames in named.items()})
    )


def one_image(related: Related) -> Target:
    """What applies to these images as a whole lies on one, or nobody can tell on which."""
    if len(related.images) != 1:
        return Target("", None, ("ambiguous-image",))
    [(image, frames)] = related.images.items()
    flags = ("inferred-image",) if related.inferred else ()
    frames = [frame for frame in frames if frame > 0]
    if len(frames) > 1:
        return Target(image, None, (*flags, "ambiguous-frame"))
    return Target(image, frames[0] if frames else None, flags)


def in_pixels(
    ds: Dataset, points: tuple[Point, ...], units: str, target: Target
) -> tuple[Point, ...] | None:
    """Points in image coordinates; None where their units cannot be converted.

    MATRIX counts in a tiled image's total matrix, which for a mammogram is the image.
    """
    if units in ("PIXEL", "MATRIX"):
        return points
    area = _displayed_area(ds, target) if units == "DISPLAY" else None
    if area is None:
        return None
    return tuple(geometry.from_display(point, area) for point in points)


def is_flipped(ds: Dataset) -> bool:
    """Whether the state shows the image as in a mirror."""
    return elements.text(ds, "ImageHorizontalFlip").upper() == "Y"


def _displayed_area(ds: Dataset, target: Target) -> geometry.DisplayedArea | None:
    """The displayed area that names the image and frame, else the image, else none."""
    areas = [
        (images_of(area), area) for area in elements.items(ds, "DisplayedAreaSelectionSequence")
    ]
    naming = [(named[target.image], area) for named, area in areas if target.image in named]
    fitting = [area for frames, area in naming if not frames or target.frame in frames]
    general = [area for named, area in areas if not named]
    rotations = elements.integers(ds, "ImageRotation") or [0]
    found: set[geometry.DisplayedArea] = set()
    for area in fitting or general:
        top_left = elements.integers(area, "DisplayedAreaTopLeftHandCorner")
        bottom_right = elements.integers(area, "DisplayedAreaBottomRightHandCorner")
        if len(top_left) == len(bottom_right) == 2 and rotations[0] % 360 in (0, 90, 180, 270):
            found.add(
                geometry.DisplayedArea(
                    (top_left[0], top_left[1]),
                    (bottom_right[0], bottom_right[1]),
                    rotations[0] % 360,
                    is_flipped(ds),
                )
            )
    return found.pop() if len(found) == 1 else None  # of several, nobody can tell which
