"""Presentation states to marks.

References
----------
PS3.3 C.10.5 (graphic annotation), C.10.4 (displayed area), C.10.6 (spatial
transformation), C.11.11 (relationship); STANDARDS.md 1.3, 4.3 to 4.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Code, Kind, Mark, Point, ReadObject
from pacs_bridge.sr import decided, elements, geometry, sop_classes
from pacs_bridge.sr.linking import Drawn, Written, link
from pacs_bridge.sr.notes import Note, parse_breasts, parse_note
from pacs_bridge.sr.observers import made_at, observer_of_state
from pacs_bridge.sr.overlay import read_overlays
from pacs_bridge.sr.references import references
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

KIND: Kind = "presentation-state"

MOST_GRAPHICS = 2_000
"""Graphics and texts read of one state."""

NOTHING_DRAWN = "The presentation state holds no drawing and no text; nothing is to be read."


@dataclass(frozen=True)
class _Target:
    """The image an annotation applies to; `image` empty where it cannot be told."""

    image: str
    frame: int | None
    flags: tuple[str, ...]


def read_state(ds: Dataset) -> ReadObject:
    """Read the graphic annotations of a presentation state."""
    unread = Unread()
    drawn: list[Drawn] = []
    written: list[Written] = []
    if elements.text(ds, "SOPClassUID") in sop_classes.RENDERED_STATES:
        unread.add("unread-rendered")
    related = _related_images(ds)
    for number, annotation in enumerate(elements.items(ds, "GraphicAnnotationSequence"), 1):
        if len(drawn) + len(written) >= MOST_GRAPHICS:
            unread.add("too-large")
            break
        target = _target(annotation, related)
        _read_annotation(ds, annotation, number, target, drawn, written, unread)
    lies_on = _one_image(dict(related))
    bitmaps = read_overlays(ds, lies_on.image, lies_on.flags, unread, lies_on.frame)
    alone = link(drawn, written, lambda text: parse_note(text).about_breast)
    marks = [_finished(each) for each in drawn]
    marks += bitmaps
    marks += [_text_mark(each) for each in alone]
    said = [breast for each in written for breast in parse_breasts(each.text)]
    breasts = decided.unite(said, unread)
    found = references(ds)
    nothing = not any(mark.shape != "TEXT" for mark in marks) and not breasts
    refused = None
    if (nothing and (unread.flags or not marks)) or "decision-conflict" in unread.flags:
        refused = unread.sentence(NOTHING_DRAWN)
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind=KIND,
        observer=observer_of_state(ds),
        observed_at=made_at(ds),
        marks=tuple(replace(mark, flags=(*mark.flags, *unread.flags)) for mark in marks),
        breasts=breasts,
        referenced_images=found.images,
        referenced_studies=found.studies,
        predecessors=found.predecessors,
        refused=refused,
    )


def _related_images(ds: Dataset) -> list[tuple[str, list[int]]]:
    """Images of the relationship module, each once, with the frames named."""
    images: dict[str, list[int]] = {}
    for series in elements.items(ds, "ReferencedSeriesSequence"):
        for image, frames in _images(series):
            images.setdefault(image, frames)
    return list(images.items())


def _images(item: Dataset) -> list[tuple[str, list[int]]]:
    found = []
    for image in elements.items(item, "ReferencedImageSequence"):
        uid = elements.uid(image, "ReferencedSOPInstanceUID")
        if uid:
            found.append((uid, elements.integers(image, "ReferencedFrameNumber")))
    return found


def _target(annotation: Dataset, related: list[tuple[str, list[int]]]) -> _Target:
    return _one_image(dict(_images(annotation)) or dict(related))


def _one_image(named: dict[str, list[int]]) -> _Target:
    """What applies to these images as a whole lies on one, or nobody can tell on which."""
    if len(named) != 1:
        return _Target("", None, ("ambiguous-image",))
    [(image, frames)] = named.items()
    frames = [frame for frame in frames if frame > 0]
    if len(frames) > 1:
        return _Target(image, None, ("ambiguous-frame",))
    return _Target(image, frames[0] if frames else None, ())


def _read_annotation(
    ds: Dataset,
    annotation: Dataset,
    number: int,
    target: _Target,
    drawn: list[Drawn],
    written: list[Written],
    unread: Unread,
) -> None:
    rendered = "unread-rendered" in unread.flags
    simple: set[int | None] = set()
    for place, item in enumerate(_bounded(annotation, "GraphicObjectSequence", unread), 1):
        compound = _number(item, "CompoundGraphicInstanceID")
        simple.add(compound)
        where = f"annotation {number}, graphic {place}"
        mark = None if rendered else _graphic(ds, item, target, where, unread)
        if mark is not None:
            group = _number(item, "GraphicGroupID")
            drawn.append(Drawn(mark, number, group, compound))
    for item in elements.items(annotation, "CompoundGraphicSequence"):
        # A compound graphic may have an equal set of simple ones: those count, once.
        instance = _number(item, "CompoundGraphicInstanceID")
        if instance is None or instance not in simple:
            unread.add("unread-compound")
    for place, item in enumerate(_bounded(annotation, "TextObjectSequence", unread), 1):
        value = elements.text(item, "UnformattedTextValue")
        if not value:
            continue
        where = f"annotation {number}, text {place}"
        spot = None if rendered else _text_place(ds, item, target)
        mark = Mark(
            image=target.image,
            frame=target.frame,
            shape="TEXT",
            points=(spot,) if spot else (),
            centre=spot or (0.0, 0.0),
            text=value,
            item=where,
            flags=target.flags if spot else (*target.flags, "unplaced-text"),
        )
        group = _number(item, "GraphicGroupID")
        compound = _number(item, "CompoundGraphicInstanceID")
        written.append(Written(value, mark, number, group, compound))


def _bounded(annotation: Dataset, keyword: str, unread: Unread) -> list[Dataset]:
    found = elements.items(annotation, keyword)
    if len(found) > MOST_GRAPHICS:
        unread.add("too-large")
    return found[:MOST_GRAPHICS]


def _graphic(
    ds: Dataset, item: Dataset, target: _Target, where: str, unread: Unread
) -> Mark | None:
    points = elements.pairs(item, "GraphicData")
    kind = elements.text(item, "GraphicType").upper()
    shape = geometry.shape_of(kind, points) if points else None
    if points is None or shape is None:
        unread.add("unread-graphic")
        return None
    units = elements.text(item, "GraphicAnnotationUnits").upper()
    converted = _in_pixels(ds, points, units, target)
    if converted is None:
        unread.add("unread-display" if units == "DISPLAY" else "unread-units")
        return None
    uid = elements.uid(item, "TrackingUID")
    group = _number(item, "GraphicGroupID")
    compound = _number(item, "CompoundGraphicInstanceID")
    groups = (
        uid,
        f"graphic group {group}" if group is not None else "",
        f"compound graphic {compound}" if compound is not None else "",
    )
    return Mark(
        image=target.image,
        frame=target.frame,
        shape=shape,
        points=converted,
        centre=geometry.centre_of(shape, converted),
        item=where,
        group=next(filter(None, groups), None),
        flags=(*target.flags, *(("matrix-units",) if units == "MATRIX" else ())),
        tracking_uid=uid or None,
    )


def _in_pixels(
    ds: Dataset, points: tuple[Point, ...], units: str, target: _Target
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


def _displayed_area(ds: Dataset, target: _Target) -> geometry.DisplayedArea | None:
    """The displayed area that names the image, else the one that names none."""
    areas = elements.items(ds, "DisplayedAreaSelectionSequence")
    naming = [area for area in areas if target.image and target.image in dict(_images(area))]
    general = [area for area in areas if not _images(area)]
    rotation = _number(ds, "ImageRotation") or 0
    for area in (naming or general)[:1]:
        top_left = elements.integers(area, "DisplayedAreaTopLeftHandCorner")
        bottom_right = elements.integers(area, "DisplayedAreaBottomRightHandCorner")
        if len(top_left) == len(bottom_right) == 2 and rotation in (0, 90, 180, 270):
            return geometry.DisplayedArea(
                (top_left[0], top_left[1]),
                (bottom_right[0], bottom_right[1]),
                rotation,
                elements.text(ds, "ImageHorizontalFlip").upper() == "Y",
            )
    return None


def _text_place(ds: Dataset, item: Dataset, target: _Target) -> Point | None:
    """The anchor point, else the middle of the box; each in its own units."""
    anchor = elements.pairs(item, "AnchorPoint")
    if anchor:
        units = elements.text(item, "AnchorPointAnnotationUnits").upper()
        found = _in_pixels(ds, anchor[:1], units, target)
        if found:
            return found[0]
    corners = [
        elements.pairs(item, keyword)
        for keyword in ("BoundingBoxTopLeftHandCorner", "BoundingBoxBottomRightHandCorner")
    ]
    if corners[0] and corners[1]:
        units = elements.text(item, "BoundingBoxAnnotationUnits").upper()
        box = _in_pixels(ds, (corners[0][0], corners[1][0]), units, target)
        if box:
            return geometry.vertex_mean(box)
    return None


def _finished(each: Drawn) -> Mark:
    """A graphic with what its texts say."""
    notes = [parse_note(text) for text in each.texts]
    ratings = {note.rating for note in notes if note.rating is not None}
    conflict = len(ratings) > 1 or any("rating" in note.conflicts for note in notes)
    flags = list(each.mark.flags)
    if each.inferred:
        flags.append("inferred-text")
    if conflict:
        flags.append("rating-conflict")
    if any("rating-and-decision" in note.conflicts for note in notes):
        flags.append("rating-and-decision")
    if any(note.uncertain and (note.rating or note.findings) for note in notes):
        flags.append("uncertain")
    return replace(
        each.mark,
        text="\n".join(each.texts)[: elements.LONGEST_TEXT],
        rating=ratings.pop() if len(ratings) == 1 and not conflict else None,
        finding=_finding(notes),
        flags=tuple(flags),
    )


def _finding(notes: list[Note]) -> Code | None:
    return next((note.finding for note in notes if note.finding is not None), None)


def _text_mark(each: Written) -> Mark:
    note = parse_note(each.text)
    return replace(
        each.mark, rating=None if note.about_breast else note.rating, finding=note.finding
    )


def _number(item: Dataset, keyword: str) -> int | None:
    values = elements.integers(item, keyword)
    return values[0] if len(values) == 1 else None
