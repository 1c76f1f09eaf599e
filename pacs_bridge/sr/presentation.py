"""Presentation states to marks.

References
----------
PS3.3 C.10.5 (graphic annotation), C.10.4 (displayed area), C.10.6 (spatial
transformation), C.11.11 (relationship); STANDARDS.md 1.3, 4.3 to 4.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import Kind, Mark, Point, ReadObject, Shape
from pacs_bridge.sr import elements, geometry, sop_classes
from pacs_bridge.sr.compound import SCALES, as_simple
from pacs_bridge.sr.linking import Drawn, Written, link
from pacs_bridge.sr.notes import flags_of, parse_breasts, parse_note
from pacs_bridge.sr.observers import made_at, observer_of_state
from pacs_bridge.sr.overlay import read_overlays
from pacs_bridge.sr.references import references
from pacs_bridge.sr.shares import Layers, shares_of
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.targets import (
    Target,
    in_pixels,
    is_flipped,
    one_image,
    related_images,
    target_of,
)
from pacs_bridge.sr.twins import COMPOUND, without_repeats, without_twins
from pacs_bridge.sr.unplaced import SIDE_NOT_SAID
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

KIND: Kind = "presentation-state"

MOST_GRAPHICS = 2_000
"""Graphics and texts read of one state."""

_INSTANCE = "CompoundGraphicInstanceID"
_TICK = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*(?:mm|cm)?", re.IGNORECASE)
"""What stands beside the tick of a ruler, and rates nothing."""

NOTHING_DRAWN = "The presentation state holds no drawing and no text; nothing is to be read."


def read_state(ds: Dataset, words: SiteWords = NATIONAL) -> ReadObject:
    """Read the graphic annotations of a presentation state."""
    unread = Unread()
    drawn: list[Drawn] = []
    written: list[Written] = []
    layers = Layers(ds)
    if elements.text(ds, "SOPClassUID") in sop_classes.RENDERED_STATES:
        unread.add("unread-rendered")
    found = references(ds)
    related = related_images(ds, found.images)
    for number, annotation in enumerate(_annotations(ds), 1):
        if len(drawn) + len(written) >= MOST_GRAPHICS:
            unread.add("too-large")
            break
        target = target_of(annotation, related)
        _read_annotation(ds, annotation, number, target, drawn, written, unread)
    lies_on = one_image(related)
    bitmaps = read_overlays(ds, lies_on.image, lies_on.flags, unread, lies_on.frame)
    drawn = without_repeats(drawn, lambda each: layers.who(each.mark))
    alone = [
        each
        for who in range(len(layers.others) + 1)
        for each in link(
            [one for one in drawn if layers.who(one.mark) == who],
            [one for one in written if layers.who(one.mark) == who],
            lambda text: parse_note(text, words).about_breast,
        )
    ]
    marks = [(layers.who(each.mark), _finished(each, words)) for each in drawn]
    marks += [(layers.who(mark), mark) for mark in bitmaps]
    marks += [(layers.who(each.mark), _text_mark(each, words)) for each in alone]
    said = [
        (layers.who(each.mark), breast)
        for each in written
        for breast in parse_breasts(each.text, words)
    ]
    whole, *others = shares_of((observer_of_state(ds), *layers.others), marks, said, unread)
    nothing = not any(mark.shape != "TEXT" for _, mark in marks) and not said
    refused = None
    if (nothing and (unread.flags or not marks)) or "decision-conflict" in unread.flags:
        refused = unread.sentence(NOTHING_DRAWN)
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind=KIND,
        observer=whole.observer,
        observed_at=made_at(ds),
        marks=whole.marks,
        breasts=whole.breasts,
        referenced_images=found.images,
        referenced_studies=found.studies,
        predecessors=found.predecessors,
        refused=refused,
        others=tuple(share for share in others if share.marks or share.breasts),
    )


def _annotations(ds: Dataset) -> list[Dataset]:
    """The annotations of a state; of a structured display, its text boxes as one."""
    found = elements.items(ds, "GraphicAnnotationSequence")
    boxes = elements.items(ds, "StructuredDisplayTextBoxSequence")
    if boxes:
        from pydicom import Dataset

        texts = Dataset()
        texts.TextObjectSequence = boxes
        found = [*found, texts]
    return found


def _read_annotation(
    ds: Dataset,
    annotation: Dataset,
    number: int,
    target: Target,
    drawn: list[Drawn],
    written: list[Written],
    unread: Unread,
) -> None:
    rendered = "unread-rendered" in unread.flags
    layer = elements.text(annotation, "GraphicLayer")[:16]
    within = f"annotation {number}" + (f" on layer {layer}" if layer else "")
    if not rendered:
        drawn.extend(_graphics(ds, annotation, number, within, target, unread))
    scales = _scales(annotation)
    for place, item in enumerate(_bounded(annotation, "TextObjectSequence", unread), 1):
        value = elements.text(item, "UnformattedTextValue")
        compound = _number(item, _INSTANCE)
        if not value or (compound in scales and _TICK.fullmatch(value)):
            continue
        where = f"{within}, text {place}"
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
        written.append(Written(value, mark, number, group, compound))


def _graphics(
    ds: Dataset, annotation: Dataset, number: int, within: str, target: Target, unread: Unread
) -> list[Drawn]:
    """Graphics of an annotation; of a compound one and its simple twins one is taken."""
    simple: list[Drawn] = []
    for place, item in enumerate(_bounded(annotation, "GraphicObjectSequence", unread), 1):
        group, instance = _number(item, "GraphicGroupID"), _number(item, _INSTANCE)
        for mark in _graphic(ds, item, target, f"{within}, graphic {place}", unread):
            simple.append(Drawn(mark, number, group, instance))
    compounds: list[Drawn] = []
    broken: set[int | None] = set()
    for place, item in enumerate(_bounded(annotation, "CompoundGraphicSequence", unread), 1):
        group, instance = _number(item, "GraphicGroupID"), _number(item, _INSTANCE)
        compound = _compound(ds, item, target, f"{within}, compound graphic {place}")
        if compound is not None:
            compounds.append(Drawn(compound, number, group, instance))
            continue
        broken.add(instance)
        if instance is None or all(each.compound != instance for each in simple):
            unread.add(_why_not(ds, item, target))
    return without_twins(simple, compounds, broken)


def _compound(ds: Dataset, item: Dataset, target: Target, where: str) -> Mark | None:
    """A compound graphic as the mark that its simple twin would be."""
    units = elements.text(item, "CompoundGraphicUnits").upper()
    points = in_pixels(ds, elements.pairs(item, "GraphicData") or (), units, target)
    pivots = in_pixels(ds, elements.pairs(item, "RotationPoint") or (), units, target)
    degrees = elements.number(item, "RotationAngle")
    if units == "DISPLAY" and is_flipped(ds):
        degrees = -degrees
    kind = elements.text(item, "CompoundGraphicType").upper()
    simple = as_simple(kind, points or (), degrees, pivots[0] if pivots else None)
    shape = geometry.shape_of(*simple) if simple else None
    if simple is None or shape is None:
        return None
    return _mark(item, shape, simple[1], units, target, where)


def _why_not(ds: Dataset, item: Dataset, target: Target) -> str:
    """Name what is the matter with a compound graphic that cannot be read."""
    units = elements.text(item, "CompoundGraphicUnits").upper()
    points = elements.pairs(item, "GraphicData")
    if points and units == "DISPLAY" and in_pixels(ds, points, units, target) is None:
        return "unread-display"
    return "unread-compound"


def _scales(annotation: Dataset) -> set[int]:
    """Instances of compound graphics that bear numbers of their own: rulers, axes."""
    instances = (
        _number(item, _INSTANCE)
        for item in elements.items(annotation, "CompoundGraphicSequence")[:MOST_GRAPHICS]
        if elements.text(item, "CompoundGraphicType").upper() in SCALES
    )
    return {instance for instance in instances if instance is not None}


def _bounded(annotation: Dataset, keyword: str, unread: Unread) -> list[Dataset]:
    found = elements.items(annotation, keyword)
    if len(found) > MOST_GRAPHICS:
        unread.add("too-large")
    return found[:MOST_GRAPHICS]


def _graphic(
    ds: Dataset, item: Dataset, target: Target, where: str, unread: Unread
) -> Iterator[Mark]:
    points = elements.pairs(item, "GraphicData")
    kind = elements.text(item, "GraphicType").upper()
    if points is None or geometry.shape_of(kind, points) is None:
        unread.add("unread-graphic")
        return
    units = elements.text(item, "GraphicAnnotationUnits").upper()
    converted = in_pixels(ds, points, units, target)
    # Only in pixels can it be told whether a line ends where it begins.
    shape = geometry.shape_of(kind, converted) if converted else None
    if converted is None or shape is None:
        unread.add("unread-display" if units == "DISPLAY" else "unread-units")
        return
    several = kind == "MULTIPOINT" and len(converted) > 1
    for part in [(point,) for point in converted] if several else [converted]:
        mark = _mark(item, shape, part, units, target, where)
        yield replace(mark, group=mark.group or where) if several else mark


def _mark(
    item: Dataset, shape: Shape, points: tuple[Point, ...], units: str, target: Target, where: str
) -> Mark:
    uid = elements.uid(item, "TrackingUID")
    group = _number(item, "GraphicGroupID")
    compound = _number(item, _INSTANCE)
    annotation = where.partition(",")[0].partition(" on layer ")[0]
    each_its_own = "" if annotation == "annotation 1" else f" of {annotation}"
    groups = (
        uid,
        f"graphic group {group}" if group is not None else "",
        f"{COMPOUND} {compound}{each_its_own}" if compound is not None else "",
    )
    return Mark(
        image=target.image,
        frame=target.frame,
        shape=shape,
        points=points,
        centre=geometry.centre_of(shape, points),
        item=where,
        group=next(filter(None, groups), None),
        flags=(*target.flags, *(("matrix-units",) if units == "MATRIX" else ())),
        tracking_uid=uid or None,
    )


def _text_place(ds: Dataset, item: Dataset, target: Target) -> Point | None:
    """The anchor point, else the middle of the box; each in its own units."""
    anchor = elements.pairs(item, "AnchorPoint")
    if anchor:
        units = elements.text(item, "AnchorPointAnnotationUnits").upper()
        found = in_pixels(ds, anchor[:1], units, target)
        if found:
            return found[0]
    corners = [
        elements.pairs(item, keyword)
        for keyword in ("BoundingBoxTopLeftHandCorner", "BoundingBoxBottomRightHandCorner")
    ]
    if corners[0] and corners[1]:
        units = elements.text(item, "BoundingBoxAnnotationUnits").upper()
        box = in_pixels(ds, (corners[0][0], corners[1][0]), units, target)
        if box:
            return geometry.vertex_mean(box)
    return None


def _finished(each: Drawn, words: SiteWords) -> Mark:
    """A graphic with what its texts say."""
    notes = [parse_note(text, words) for text in each.texts]
    asked = flags_of(notes)
    ratings = {note.rating for note in notes if note.rating is not None}
    inferred = ("inferred-text",) if each.inferred else ()
    return replace(
        each.mark,
        text="\n".join(each.texts)[: elements.LONGEST_TEXT],
        rating=ratings.pop() if len(ratings) == 1 and "rating-conflict" not in asked else None,
        finding=next((note.finding for note in notes if note.finding is not None), None),
        flags=(*each.mark.flags, *inferred, *asked),
    )


def _text_mark(each: Written, words: SiteWords) -> Mark:
    note = parse_note(each.text, words)
    asked = (SIDE_NOT_SAID,) if note.decision is not None and note.side is None else ()
    return replace(
        each.mark,
        rating=None if note.about_breast else note.rating,
        finding=note.finding,
        flags=(*each.mark.flags, *asked, *flags_of([note])),
    )


def _number(item: Dataset, keyword: str) -> int | None:
    values = elements.integers(item, keyword)
    return values[0] if len(values) == 1 else None
