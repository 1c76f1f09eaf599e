"""Structured reports to marks: TID 1500 and whatever else holds coordinates on images.

Every SCOORD of the tree that is tied to an image is a mark, wherever it stands: viewers
put it under the group (TID 1410), under a measurement (dcmjs, OHIF), under a text (AIM) or
at the root. What a group says (tracking, finding, suspicion, side) holds for its marks.

References
----------
PS3.16 TID 1500, 1410, 1501; PS3.3 C.18.6 (SCOORD); STANDARDS.md 2.2 and 4.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import (
    NOT_A_LOCATION,
    BreastDecision,
    Code,
    Kind,
    Laterality,
    Mark,
    ReadObject,
)
from pacs_bridge.sr import codes, decided, elements, geometry, sop_classes
from pacs_bridge.sr.notes import flags_of, parse_breasts, parse_note
from pacs_bridge.sr.observers import made_at, observer_of_report
from pacs_bridge.sr.references import References, references
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.tree import Node, Tree, read_tree
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_MARKS = 5_000
"""Marks read of one report."""

MOST_DECISIONS = 200
"""Coded decisions and densities read of one report; a reader gives four."""

NOTHING_MARKED = "The report marks no place on an image and decides nothing; nothing is to be read."


@dataclass(frozen=True)
class _Said:
    """What a group says of its marks; codes speak before the note in its texts does."""

    group: str | None
    tracking_uid: str | None
    finding: Code | None
    rating: int | None
    text: str
    flags: tuple[str, ...]


def read_report(ds: Dataset, words: SiteWords = NATIONAL) -> ReadObject:
    """Read a structured report of any SOP class that may hold coordinates."""
    tree = read_tree(ds)
    unread = Unread()
    if tree.cut:
        unread.add("too-large")
    found = references(ds)
    marks = _marks(tree, found, unread, words)
    breasts = decided.unite(_breasts(tree, unread, words), unread)
    kind = _kind(ds, tree)
    machine = kind == "cad-sr"
    observer = observer_of_report(ds, _contexts(tree), machine=machine)
    if not marks and not unread.flags and any(n.value_type == "NUM" for n in tree.root.walk()):
        unread.add("unread-measurements")
    refused = None
    if kind == "not-marks" and not marks:
        breasts = ()
    elif (not marks and not breasts) or "decision-conflict" in unread.flags:
        refused = unread.sentence(NOTHING_MARKED)
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind=kind,
        observer=observer,
        observed_at=made_at(ds),
        marks=tuple(replace(mark, flags=(*mark.flags, *unread.flags)) for mark in marks),
        breasts=breasts,
        referenced_images=found.images,
        referenced_studies=found.studies,
        predecessors=found.predecessors,
        refused=refused,
    )


def _kind(ds: Dataset, tree: Tree) -> Kind:
    sop_class = elements.text(ds, "SOPClassUID")
    templates = {
        elements.text(item, "TemplateIdentifier")
        for item in elements.items(ds, "ContentTemplateSequence")
    }
    title = tree.root.name
    if sop_class in sop_classes.CAD_REPORTS:
        return "cad-sr"
    if title in codes.DOSE_REPORTS or templates & {"10001", "10003", "10011"}:
        return "not-marks"
    if title == codes.MEASUREMENT_REPORT or "1500" in templates:
        return "measurement-report"
    return "other-sr"


def _contexts(tree: Tree) -> list[Node]:
    """Observation context of the report, then of its groups."""
    nodes = [node for node in tree.root.walk() if node.relationship == "HAS OBS CONTEXT"]
    return sorted(nodes, key=lambda node: len(node.path))


# Marks ------------------------------------------------------------------------------------


def _marks(tree: Tree, found: References, unread: Unread, words: SiteWords) -> list[Mark]:
    marks: list[Mark] = []
    seen: dict[tuple[object, ...], None] = {}
    said: dict[tuple[int, ...], _Said] = {}
    for node in tree.root.walk():
        if node.value_type == "SCOORD3D":
            unread.add("unread-3d")
        if node.value_type != "SCOORD":
            continue
        if len(marks) >= MOST_MARKS:
            unread.add("too-large")
            break
        holder = _holder(node)
        if holder.path not in said:
            said[holder.path] = _said(holder, words, alone=holder is node)
        for mark in _of_coordinates(tree, node, said[holder.path], found, unread):
            # The same coordinates under several measurements are one mark.
            same = (mark.image, mark.frame, mark.shape, mark.points, mark.group)
            if same not in seen:
                seen[same] = None
                marks.append(mark)
    return marks


def _holder(node: Node) -> Node:
    """The item whose other children describe the mark: its group, else what is nearest."""
    containers = [each for each in node.ancestors() if each.value_type == "CONTAINER"]
    for each in node.ancestors():
        if each.parent is not None and (
            each.name == codes.MEASUREMENT_GROUP
            or (each.value_type == "CODE" and each.name in codes.FINDINGS)
        ):
            return each
    if any(child.value_type in ("TEXT", "UIDREF", "CODE") for child in node.children):
        return node  # old dwv: the coordinates hold their own description
    if containers and containers[0].parent is not None:
        return containers[0]
    return node


def _of_coordinates(
    tree: Tree, node: Node, said: _Said, found: References, unread: Unread
) -> Iterator[Mark]:
    points = elements.pairs(node.item, "GraphicData")
    kind = elements.text(node.item, "GraphicType").upper()
    shape = geometry.shape_of(kind, points) if points else None
    if points is None or shape is None:
        unread.add("unread-graphic")
        return
    image, frame, flags = _image_of(tree, node, found)
    if node.name in codes.NOT_LOCATIONS:
        flags = (*flags, NOT_A_LOCATION)
    several = kind == "MULTIPOINT" and len(points) > 1
    for part in [(point,) for point in points] if several else [points]:
        yield Mark(
            image=image,
            frame=frame,
            shape=shape,
            points=part,
            centre=geometry.centre_of(shape, part),
            finding=said.finding,
            rating=said.rating,
            text=said.text,
            item=node.where(),
            group=said.group or (node.where() if several else None),
            flags=(*flags, *said.flags),
            tracking_uid=said.tracking_uid,
        )


def _image_of(tree: Tree, node: Node, found: References) -> tuple[str, int | None, tuple[str, ...]]:
    """Image and frame of coordinates: the SELECTED FROM child's, else the report's only one."""
    named: dict[str, list[int]] = {}
    for child in node.children:
        if child.relationship not in ("SELECTED FROM", ""):
            continue
        target = tree.follow(child)
        for reference in elements.items(target.item, "ReferencedSOPSequence"):
            uid = elements.uid(reference, "ReferencedSOPInstanceUID")
            if uid:
                named.setdefault(uid, elements.integers(reference, "ReferencedFrameNumber"))
    flags: tuple[str, ...] = ()
    if not named and len(found.images) == 1:
        named = {found.images[0]: []}
        flags = ("inferred-image",)
    if len(named) != 1:
        return "", None, ("ambiguous-image",)
    [(image, frames)] = named.items()
    frames = [frame for frame in frames if frame > 0]
    if len(frames) > 1:
        return image, None, (*flags, "ambiguous-frame")
    return image, frames[0] if frames else None, flags


def _said(holder: Node, words: SiteWords, *, alone: bool = False) -> _Said:
    """Collect what the holder says of its marks; of nested groups each says its own.

    Parameters
    ----------
    alone : bool
        Whether the holder is the coordinates themselves, and so no group of several.
    """
    tracking_uid = ""
    findings: dict[tuple[str, str], Code] = {}
    ratings: set[int] = set()
    texts: list[str] = []
    flags: list[str] = []
    several = sum(each.value_type == "SCOORD" for each in holder.walk()) > 1
    for each in (holder, *_own(holder, into_coordinates=not several)):
        name = each.name
        if name == codes.TRACKING_UID and not tracking_uid:
            tracking_uid = elements.uid(each.item, "UID")
        elif each.value_type == "TEXT" and (name in codes.NOTES or each.concept is None):
            texts.append(each.said())
        elif each.value_type != "CODE" or (value := each.value_code) is None:
            continue
        elif value.value in codes.FREE_TEXT_VALUES:
            texts.append(value.meaning)
        elif name in codes.FINDINGS:
            findings[codes.key(value)] = codes.canonical(value)
        elif codes.key(value) in codes.RATINGS:
            ratings.add(codes.RATINGS[codes.key(value)])
        elif name == codes.OBSERVER_TYPE and codes.key(value) == codes.DEVICE:
            flags.append("machine-mark")
    text = "\n".join(filter(None, texts))[: elements.LONGEST_TEXT]
    note = parse_note(text, words)
    if len(ratings) > 1:
        flags.append("rating-conflict")
    # A code goes before the note: its rating leaves nothing to ask about the note's.
    about_rating = ("rating-conflict", "side-or-scale") if ratings else ()
    flags += [flag for flag in flags_of([note]) if flag not in about_rating]
    if len(findings) > 1:
        flags.append("several-findings")
    return _Said(
        group=tracking_uid or (holder.where() if several and not alone else None),
        tracking_uid=tracking_uid or None,
        finding=next(iter(findings.values())) if len(findings) == 1 else note.finding,
        rating=ratings.pop() if len(ratings) == 1 else None if ratings else note.rating,
        text=text,
        flags=tuple(flags),
    )


def _own(holder: Node, *, into_coordinates: bool) -> Iterator[Node]:
    """Items below a holder, those of groups inside it and of measurements' contexts left out.

    Parameters
    ----------
    into_coordinates : bool
        Whether what coordinates say of themselves holds for all; not where there are several.
    """
    waiting = list(reversed(holder.children))
    while waiting:
        node = waiting.pop()
        yield node
        closed = ("CONTAINER", "NUM") if into_coordinates else ("CONTAINER", "NUM", "SCOORD")
        if node.value_type not in closed:
            waiting.extend(reversed(node.children))


# Breasts ----------------------------------------------------------------------------------


def _breasts(tree: Tree, unread: Unread, words: SiteWords) -> Iterator[BreastDecision]:
    """What coded items and notes decide of each breast."""
    coded = 0
    groups: dict[tuple[int, ...], _Group] = {}
    for node in tree.root.walk():
        name = node.name
        if node.value_type == "TEXT" and (name in codes.NOTES or node.concept is None):
            yield from parse_breasts(node.said(), words)
        if node.value_type != "CODE" or (value := node.value_code) is None:
            continue
        if value.value in codes.FREE_TEXT_VALUES:
            yield from parse_breasts(value.meaning, words)
        elif name in (codes.FOLLOW_UP, codes.DENSITY) and coded < MOST_DECISIONS:
            coded += 1
            yield from _coded(node, value, groups, unread, words)


@dataclass(frozen=True)
class _Group:
    """What a group says of the decisions in it: about which breasts, with which rating."""

    sides: tuple[Laterality, ...]
    rating: int | None


def _coded(
    node: Node,
    value: Code,
    groups: dict[tuple[int, ...], _Group],
    unread: Unread,
    words: SiteWords,
) -> Iterator[BreastDecision]:
    """A coded decision or density, with the rating that its group gives the breast."""
    decision = codes.DECISIONS.get(codes.key(value))
    density = codes.DENSITIES.get(codes.key(value))
    if decision is None and density is None:
        return
    parent = node.parent or node
    if parent.path not in groups:
        groups[parent.path] = _group(parent, words)
    group = groups[parent.path]
    sides = _sides(node) or group.sides
    if not sides:
        unread.add("unread-side")
    for side in sides:
        yield BreastDecision(side, decision, group.rating if decision else None, density)


def _group(parent: Node, words: SiteWords) -> _Group:
    marks = any(each.value_type == "SCOORD" for each in parent.walk())
    rating = None if marks else _said(parent, words, alone=True).rating
    for each in (parent, *parent.ancestors()):
        for child in each.children:
            if child.name in (codes.FINDING_SITE, codes.LATERALITY):
                sides = _sides(child)
                if sides:
                    return _Group(sides, rating)
    return _Group((), rating)


def _sides(site: Node) -> tuple[Laterality, ...]:
    """The breasts an item names, by a laterality below it or itself."""
    for node in (*site.children, site):
        sides = codes.SIDES.get(codes.key(node.value_code), ())
        if sides:
            return sides
    return ()
