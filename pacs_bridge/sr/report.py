"""Structured reports to marks: TID 1500 and whatever else holds coordinates on images.

Every SCOORD of the tree that is tied to an image is a mark, wherever it stands: viewers
put it under the group (TID 1410), under a measurement (dcmjs, OHIF), under a text (AIM) or
at the root. What a group says (tracking, finding, suspicion, side) holds for its marks.

References
----------
PS3.16 TID 1500, 1410, 1501; PS3.3 C.18.6 (SCOORD); STANDARDS.md 2.2 and 4.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import (
    NOT_A_LOCATION,
    BreastDecision,
    Kind,
    Laterality,
    Mark,
    Point,
    ReadObject,
)
from pacs_bridge.sr import codes, elements, geometry, sop_classes
from pacs_bridge.sr.described import drawings
from pacs_bridge.sr.notes import parse_breasts
from pacs_bridge.sr.observers import made_at
from pacs_bridge.sr.planes import Room
from pacs_bridge.sr.references import References, references
from pacs_bridge.sr.said import Said, own, said_of, said_of_one
from pacs_bridge.sr.shares import Speakers, shares_of
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.solid import OnFrame, on_frames
from pacs_bridge.sr.spoken import is_note, note_text
from pacs_bridge.sr.tree import DRAWN, IN_ROOM, Node, Tree, path_of, read_tree
from pacs_bridge.sr.unplaced import (
    image_of,
    images_below,
    is_of_breasts,
    is_undrawn,
    measures_region,
    undrawn_marks,
    unread_region,
    written_marks,
)
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_MARKS = 5_000
"""Marks read of one report."""

MOST_DECISIONS = 200
"""Coded decisions and densities read of one report; a reader gives four."""

NOTHING_FOUND = "The program found nothing on the images; nothing is to be read."
UNFINISHED = "The program did not finish and marks nothing; let it run again."
NOTHING_MARKED = "The report marks no place on an image and decides nothing; nothing is to be read."


def read_report(ds: Dataset, words: SiteWords = NATIONAL, room: Room | None = None) -> ReadObject:
    """Read a structured report of any SOP class that may hold coordinates.

    Parameters
    ----------
    room : Room or None
        Where the images lie, for room coordinates (SCOORD3D), which are refused without it.
    """
    tree = read_tree(ds)
    unread = Unread()
    if tree.cut:
        unread.add("too-large")
    if tree.broken:
        unread.add("unread-part")
    found = references(ds)
    kind = _kind(ds, tree)
    machine = kind == "cad-sr"
    speakers = Speakers(ds, tree, machine=machine)
    marks = _marks(tree, found, unread, words, room, speakers, machine=machine)
    if any(measures_region(node) for node in tree.root.walk()):
        unread.add("unread-region")
    decisions = list(_breasts(tree, unread, words, speakers))
    if not decisions and not unread.flags and all(is_undrawn(mark) for _, mark in marks):
        _say_what_there_is(tree, unread)
    whole, *others = shares_of((speakers.observer, *speakers.others), marks, decisions, unread)
    breasts = whole.breasts
    nothing = not decisions and all(mark.shape == "TEXT" for _, mark in marks)
    refused = None
    if kind == "not-marks" and not marks:
        breasts, others, refused = (), [], sop_classes.refusal("dose report")
    elif (
        (nothing and (unread.flags or not marks))
        or (unread.flags and not marks)
        or "decision-conflict" in unread.flags
    ):
        refused = unread.sentence(_nothing_found(tree) if machine else NOTHING_MARKED)
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind=kind,
        observer=whole.observer,
        observed_at=made_at(ds),
        marks=whole.marks,
        breasts=breasts,
        referenced_images=found.images,
        referenced_studies=found.studies,
        predecessors=found.predecessors,
        refused=refused,
        others=tuple(share for share in others if share.marks or share.breasts),
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


def _say_what_there_is(tree: Tree, unread: Unread) -> None:
    """Name what a report holds instead of marks."""
    if any(unread_region(node) for node in tree.root.walk()):
        unread.add("unread-region")
    if not unread.flags and any(node.name == codes.ASSESSMENT for node in tree.root.walk()):
        unread.add("unread-assessment")
    if not unread.flags and any(map(_is_measured, tree.root.walk())):
        unread.add("unread-measurements")
    if not unread.flags and any(
        node.value_type == "TEXT" and node.relationship in ("CONTAINS", "")
        for node in tree.root.walk()
    ):
        unread.add("unread-text")


def _is_measured(node: Node) -> bool:
    """Whether an item measures something, and does not tell how an image was made."""
    above = node.parent
    return node.value_type == "NUM" and (above is None or above.value_type != "IMAGE")


def _nothing_found(tree: Tree) -> str:
    """Why a machine's report holds no marks."""
    summaries = {codes.key(node.value_code) for node in tree.root.walk()}
    return UNFINISHED if summaries & codes.UNFINISHED else NOTHING_FOUND


# Marks ------------------------------------------------------------------------------------


def _marks(
    tree: Tree,
    found: References,
    unread: Unread,
    words: SiteWords,
    room: Room | None,
    speakers: Speakers,
    *,
    machine: bool,
) -> list[tuple[int, Mark]]:
    """All marks, each with the place of whoever made it among the speakers."""
    marks: list[tuple[int, Mark]] = []
    seen: dict[tuple[object, ...], None] = {}
    told, described = _told(tree, words, machine=machine)
    elsewhere = {
        node.path
        for node, _, teller, about in told
        if teller is not node and not _is_measurement(about)
    }
    for node, holder, teller, about in told:
        who = speakers.of(teller.path, holder.path)
        if teller is not node and _is_measurement(about):
            continue  # of what another group marks
        if teller is node and node.path in elsewhere and _says_nothing(about):
            continue  # who names these coordinates says what they show
        drawn = (
            _in_room(tree, node, holder, about, found, room, unread)
            if node.value_type == IN_ROOM
            else _of_coordinates(tree, node, holder, about, found, unread)
        )
        for mark in drawn:
            # The same coordinates under several measurements are one mark, if they say the same.
            lies = (mark.image, mark.frame, mark.shape, mark.points)
            same = (who, *lies, mark.group, mark.rating, mark.finding, mark.flags)
            if same not in seen:
                seen[same] = None
                marks.append((who, mark))
        if len(marks) >= MOST_MARKS:
            unread.add("too-large")
            break
    notes = [
        *written_marks(tree, found, words, described),
        *undrawn_marks(tree, found, words, described, machine=machine),
    ]
    return marks + [(speakers.of(path_of(note.item)), note) for note in notes]


def _told(
    tree: Tree, words: SiteWords, *, machine: bool
) -> tuple[list[tuple[Node, Node, Node, Said]], set[tuple[int, ...]]]:
    """All coordinates with what is said of them; and the items that say it."""
    said: dict[tuple[int, ...], Said] = {}
    described: set[tuple[int, ...]] = set()
    told = []
    for node, holder, teller in drawings(tree):
        if holder.path not in said:
            said[holder.path] = said_of(holder, words, alone=holder is node, machine=machine)
            described.update(each.path for each in (holder, *own(holder, into_coordinates=True)))
        about = said[holder.path]
        if holder is not node:
            about = said_of_one(node, about, words)
        told.append((node, holder, teller, about))
        if len(told) > MOST_MARKS:
            break
    return told, described


def _is_measurement(about: Said) -> bool:
    return about.rating is None and about.finding is None


def _says_nothing(about: Said) -> bool:
    return _is_measurement(about) and not about.text and not about.flags


def _of_coordinates(
    tree: Tree, node: Node, holder: Node, said: Said, found: References, unread: Unread
) -> Iterator[Mark]:
    points = elements.pairs(node.item, "GraphicData")
    kind = elements.text(node.item, "GraphicType").upper()
    tip = _tip(node, points)
    if tip and kind == "POINT":
        points = (tip,)
    shape = geometry.shape_of(kind, points) if points else None
    if points is None or shape is None:
        unread.add("unread-graphic")
        return
    image, frame, flags = image_of(tree, node, holder, found)
    if node.name in codes.NOT_LOCATIONS:
        flags = (*flags, NOT_A_LOCATION)
    several = kind == "MULTIPOINT" and len(points) > 1
    for part in [(point,) for point in points] if several else [points]:
        mark = _mark(node, said, OnFrame(image, frame, shape, part), flags, several=several)
        yield replace(mark, centre=tip) if tip else mark


def _tip(node: Node, points: tuple[Point, ...] | None) -> Point | None:
    """Where an arrow points that is drawn by two points, the second being its tail (dcmjs)."""
    above = node.parent
    is_centre = above is not None and above.value_type == "NUM" and above.name == codes.CENTRE
    return points[0] if is_centre and points is not None and len(points) == 2 else None


def _in_room(
    tree: Tree,
    node: Node,
    holder: Node,
    said: Said,
    found: References,
    room: Room | None,
    unread: Unread,
) -> Iterator[Mark]:
    """Room coordinates as marks on the frames that they lie on."""
    named = images_below(tree, [node]) or images_below(tree, [holder])
    several = elements.text(node.item, "GraphicType").upper() == "MULTIPOINT"
    flags = (NOT_A_LOCATION,) if node.name in codes.NOT_LOCATIONS else ()
    for drawn in on_frames(node, room, tuple(named) or found.images, unread):
        yield _mark(node, said, drawn, flags, several=several)


def _mark(node: Node, said: Said, drawn: OnFrame, flags: tuple[str, ...], *, several: bool) -> Mark:
    return Mark(
        image=drawn.image,
        frame=drawn.frame,
        shape=drawn.shape,
        points=drawn.points,
        centre=geometry.centre_of(
            "POLYGON" if said.encloses and drawn.shape == "POLYLINE" else drawn.shape, drawn.points
        ),
        finding=said.finding,
        rating=said.rating,
        text=said.text,
        item=node.where(),
        group=said.group or (node.where() if several else None),
        flags=(*flags, *said.flags),
        tracking_uid=said.tracking_uid,
        link=said.link,
        said_side=said.side,
    )


# Breasts ----------------------------------------------------------------------------------


def _breasts(
    tree: Tree, unread: Unread, words: SiteWords, speakers: Speakers
) -> Iterator[tuple[int, BreastDecision]]:
    """What coded items and notes decide of each breast, each with who says so."""
    coded = 0
    groups: dict[tuple[int, ...], _Group] = {}
    for node in tree.root.walk():
        name = node.name
        if is_note(node, words):
            said: Iterable[BreastDecision] = parse_breasts(note_text(node), words)
        elif name not in _OF_BREASTS or coded >= MOST_DECISIONS:
            continue
        else:
            coded += 1
            said = _coded(node, groups, unread, words)
        who = speakers.of(node.path)
        yield from ((who, each) for each in said)


@dataclass(frozen=True)
class _Group:
    """What a group says of the decisions in it: about which breasts, with which rating."""

    sides: tuple[Laterality, ...]
    rating: int | None
    decides: bool
    rates_breasts: bool


_OF_BREASTS = (codes.FOLLOW_UP, codes.DENSITY, codes.SUSPICION)


def _coded(
    node: Node, groups: dict[tuple[int, ...], _Group], unread: Unread, words: SiteWords
) -> Iterator[BreastDecision]:
    """A coded decision, density or rating, with the rating that its group gives the breast."""
    value = codes.key(node.value_code)
    decision, density = codes.DECISIONS.get(value), codes.DENSITIES.get(value)
    parent = node.parent or node
    if parent.path not in groups:
        groups[parent.path] = _group(parent, words)
    group = groups[parent.path]
    if decision is None and density is None:
        if node.name == codes.FOLLOW_UP and not group.decides:
            unread.add("unread-decision")
        if group.rating is None or not group.rates_breasts:
            return
    sides = _sides(node) or group.sides
    if not sides:
        unread.add("unread-side")
    for side in sides:
        yield BreastDecision(side, decision, group.rating, density)


def _group(parent: Node, words: SiteWords) -> _Group:
    marks = any(each.value_type in DRAWN for each in parent.walk())
    said = None if marks else said_of(parent, words, alone=True)
    sides: dict[Laterality, None] = {}
    for each in (parent, *parent.ancestors()):
        for child in each.children:
            if child.name in (codes.FINDING_SITE, codes.LATERALITY):
                sides.update(dict.fromkeys(_sides(child)))
        sides = sides or dict.fromkeys(codes.SIDES.get(each.name, ()))
        if sides:
            break
    return _Group(
        tuple(sides),
        None if said is None else said.rating,
        decides=any(codes.key(child.value_code) in codes.DECISIONS for child in parent.children),
        rates_breasts=said is not None
        and is_of_breasts(parent)
        and codes.key(said.finding) not in codes.FINDING_WORDS,
    )


def _sides(site: Node) -> tuple[Laterality, ...]:
    """The breasts an item names, by a laterality below it or itself."""
    for node in (*site.children, site):
        sides = codes.SIDES.get(codes.key(node.value_code), ())
        if sides:
            return sides
    return ()
