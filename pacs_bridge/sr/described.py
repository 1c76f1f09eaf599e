"""What a report says of its coordinates: finding, rating, text, tracking, and where it stands.

Viewers describe a mark in its measurement group (TID 1410), in the CAD finding above it
(TID 4006), in the coordinates themselves (old dwv), in a container round the group (AIM),
or in a group that names the coordinates by reference.

References
----------
PS3.16 TID 1410, 1501, 4003 to 4006; PS3.3 C.17.3.2.5 (by reference); STANDARDS.md 4.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pacs_bridge.domain.marks import NOT_A_LOCATION, Code, Laterality
from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.notes import flags_of, parse_note
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.spoken import is_note
from pacs_bridge.sr.tree import DRAWN, Node, Tree


@dataclass(frozen=True)
class Said:
    """What a group says of its marks; codes speak before the note in its texts does.

    Parameters
    ----------
    link : str or None
        Names the group where it is of one finding and draws it several times.
    side : {"R", "L"} or None
        The one breast that its codes name.
    several : bool
        Whether it describes several coordinates, of which each may say more of itself.
    encloses : bool
        Whether an area was measured, so that a line encloses what it shows, closed or not.
    """

    group: str | None
    tracking_uid: str | None
    finding: Code | None
    rating: int | None
    text: str
    flags: tuple[str, ...]
    link: str | None = None
    side: Laterality | None = None
    several: bool = False
    encloses: bool = False


def holder_of(node: Node, referrer: Node | None = None) -> Node:
    """The item whose other children describe coordinates: their group, else what is nearest.

    Parameters
    ----------
    referrer : Node or None
        An item elsewhere that names the coordinates by reference.
    """
    group = _group_of(node)
    if group is None and referrer is not None:
        group = _group_of(referrer)
    if group is not None:
        return group
    if any(child.value_type in ("TEXT", "UIDREF", "CODE") for child in node.children):
        return node  # old dwv: the coordinates hold their own description
    containers = [
        each
        for each in node.ancestors()
        if each.value_type == "CONTAINER" and each.parent is not None
    ]
    tracked = [
        each
        for each in containers
        if any(child.name == codes.TRACKING_UID for child in each.children)
    ]
    return (tracked or containers or [node])[0]


def drawings(tree: Tree) -> Iterator[tuple[Node, Node, Node]]:
    """All coordinates of a report, with what describes them, and where that is said of them.

    Coordinates that several groups mean, by reference, are given once for each: every one of
    them may rate them, or may be somebody else's.
    """
    referrers: dict[tuple[int, ...], list[Node]] = {}
    for each in tree.root.walk():
        if each.target is not None:
            referrers.setdefault(each.target, []).append(each)
    for node in tree.root.walk():
        if node.value_type not in DRAWN or _is_nowhere(node):
            continue
        naming = referrers.get(node.path, [])
        holder = holder_of(node, naming[-1] if naming else None)
        yield node, holder, node
        for each in naming:
            group = _group_of(each)
            if group is not None and group is not holder:
                yield node, group, each


_KEY_IMAGE = re.compile(r":KeyImage(?::Series)?$")


def _is_nowhere(node: Node) -> bool:
    """Whether cornerstone means an image as a whole: it then writes a point at its corner."""
    if elements.numbers(node.item, "GraphicData") != [0.0, 0.0]:
        return False
    group = _group_of(node)
    return group is not None and any(
        child.name == codes.TRACKING_ID and _KEY_IMAGE.search(child.said())
        for child in group.children
    )


def _group_of(node: Node) -> Node | None:
    """The measurement group, or the coded finding or note, that an item belongs to.

    A finding or note speaks for the coordinates below it where its group holds several such.
    """
    nearest = group = None
    for each in node.ancestors():
        if each.parent is None:
            break
        if each.name == codes.MEASUREMENT_GROUP:
            group = each
            break
        if nearest is None and _tells(each):
            nearest = each
    if nearest is not None:
        outer = group or _round(nearest)
        return outer if outer is not None and _is_alone(nearest, outer) else nearest
    if group is not None:
        return group
    # Some encoders put a finding's coordinates behind it instead of below it.
    before = [
        each
        for each in (node.parent.children if node.parent is not None else [])
        if each.path < node.path and each.name == codes.SINGLE_IMAGE_FINDING
    ]
    return before[-1] if before else None


def _tells(node: Node) -> bool:
    """Whether an item says what coordinates below it show."""
    if node.value_type == "TEXT":
        return node.name in codes.NOTES or node.concept is None
    return node.value_type == "CODE" and (
        node.name in codes.FINDINGS or codes.key(node.value_code) in codes.RATINGS
    )


def _round(nearest: Node) -> Node | None:
    """The container round a finding or note, where it says more of the same."""
    for each in nearest.ancestors():
        if each.parent is not None and any(
            child.name == codes.TRACKING_UID or codes.key(child.value_code) in codes.RATINGS
            for child in each.children
        ):
            return each
    return None


def _is_alone(nearest: Node, outer: Node) -> bool:
    """Whether no other item inside says what coordinates of its own show."""
    return not any(each is not nearest and _tells(each) and _draws(each) for each in outer.walk())


def _draws(node: Node) -> bool:
    return bool(node.children) and any(each.value_type in DRAWN for each in node.walk())


def said_of(holder: Node, words: SiteWords, *, alone: bool = False, machine: bool = False) -> Said:
    """Collect what the holder says of its marks; of nested groups each says its own.

    Parameters
    ----------
    alone : bool
        Whether the holder is the coordinates themselves, and so no group of several.
    machine : bool
        Whether the whole report is a machine's.
    """
    tracking_uid = ""
    findings: dict[tuple[str, str], Code] = {}
    ratings: set[int] = set()
    texts: list[str] = []
    beside: list[str] = []
    sides: set[Laterality] = set()
    devices = persons = encloses = False
    flags: list[str] = ["machine-mark"] if machine else []
    several = sum(each.value_type in DRAWN for each in holder.walk()) > 1
    shared = several or holder.name == codes.SINGLE_IMAGE_FINDING
    for each in (holder, *own(holder, into_coordinates=not several)):
        name = each.name
        if name == codes.TRACKING_UID and not tracking_uid:
            tracking_uid = elements.uid(each.item, "UID")
        elif name == codes.SUSPICION and (value := _rating_of(each)) is not None:
            ratings.add(value)
        elif each.value_type == "TEXT" and is_note(each, words):
            texts.append(each.said())
        elif name in codes.CERTAINTIES:
            beside.append(_measured(each))
        elif name == codes.AREA:
            encloses = True
        elif name == codes.ALGORITHM_NAME:
            devices = True
        elif name in codes.PERSONS:
            persons = True
        elif each.value_type != "CODE" or (coded := each.value_code) is None:
            continue
        elif coded.value in codes.FREE_TEXT_VALUES:
            texts.append(coded.meaning)
        elif name == codes.ASSESSMENT or codes.is_birads(coded):
            category = codes.BIRADS.get(codes.key(coded))
            beside.append(f"BI-RADS: {category or coded.meaning or coded.value}")
        elif name in codes.FINDINGS:
            findings[codes.key(coded)] = codes.canonical(coded)
        elif codes.key(coded) in codes.RATINGS:
            ratings.add(codes.RATINGS[codes.key(coded)])
        elif name == codes.OBSERVER_TYPE:
            devices = devices or codes.key(coded) == codes.DEVICE
        elif name == codes.RENDERING_INTENT and codes.key(coded) == codes.NOT_FOR_PRESENTATION:
            flags += ["not-for-presentation", NOT_A_LOCATION]
        elif name in (codes.FINDING_SITE, codes.LATERALITY):
            sides.update(codes.SIDES.get(codes.key(coded), ()))
    if devices and not persons and not machine:
        flags.append("machine-mark")
    if findings.keys() & codes.NOT_LESIONS:
        flags.append(NOT_A_LOCATION)
    written = "\n".join(filter(None, texts))[: elements.LONGEST_TEXT]
    note = parse_note(written, words)
    if len(ratings) > 1:
        flags.append("rating-conflict")
    # A code goes before the note: its rating leaves nothing to ask about the note's.
    about_rating = ("rating-conflict", "side-or-scale") if ratings else ()
    flags += [flag for flag in flags_of([note]) if flag not in about_rating]
    if len(findings) > 1:
        flags.append("several-findings")
    is_group = holder.name == codes.MEASUREMENT_GROUP or holder.name in codes.FINDINGS
    is_list = not (is_group or ratings or findings or written)  # of what has nothing in common
    return Said(
        group=tracking_uid or (holder.where() if shared and not alone and not is_list else None),
        tracking_uid=tracking_uid or None,
        finding=next(iter(findings.values())) if len(findings) == 1 else note.finding,
        rating=ratings.pop() if len(ratings) == 1 else None if ratings else note.rating,
        text="\n".join(filter(None, (written, *beside)))[: elements.LONGEST_TEXT],
        flags=tuple(dict.fromkeys(flags)),
        link=holder.where() if several and holder.name == codes.MEASUREMENT_GROUP else None,
        side=sides.pop() if len(sides) == 1 else None,
        several=several,
        encloses=encloses,
    )


def said_of_one(node: Node, about: Said, words: SiteWords) -> Said:
    """What is said of one of several coordinates: what they hold themselves, else their group."""
    if not about.several or all(child.value_type in _OTHERS for child in node.children):
        return about
    own_words = said_of(node, words, alone=True)
    flags = tuple(dict.fromkeys((*about.flags, *own_words.flags)))
    return replace(
        about,
        finding=own_words.finding or about.finding,
        rating=about.rating if own_words.rating is None else own_words.rating,
        text=own_words.text or about.text,
        flags=flags,
    )


_OTHERS = DRAWN | {"IMAGE", "COMPOSITE", "CONTAINER", "UIDREF", ""}
"""Value types of items that say nothing of the coordinates above them."""

_DIGIT = re.compile(r"\s*M?\s?-?\s?([1-5])(?:\.0*)?\s*", re.IGNORECASE)


def _rating_of(node: Node) -> int | None:
    """The rating that a text or measurement of that name gives: ``M4``, 4."""
    values = elements.items(node.item, "MeasuredValueSequence")[:1]
    said = elements.text(values[0], "NumericValue") if values else node.said()
    match = None if node.value_type == "CODE" else _DIGIT.fullmatch(said)
    return None if match is None else int(match[1])


def _measured(node: Node) -> str:
    """A measurement as text: name, value, unit."""
    for value in elements.items(node.item, "MeasuredValueSequence")[:1]:
        unit = elements.code(value, "MeasurementUnitsCodeSequence")
        name = node.concept.meaning if node.concept is not None else ""
        sign = "" if unit is None else unit.value
        return f"{name}: {elements.text(value, 'NumericValue')} {sign}".strip()
    return ""


_APART = frozenset({"CONTAINER", "NUM"})


def own(holder: Node, *, into_coordinates: bool) -> Iterator[Node]:
    """Items below a holder, those of groups inside it and of measurements' contexts left out.

    Parameters
    ----------
    into_coordinates : bool
        Whether what coordinates say of themselves holds for all; not where there are several.
    """
    waiting = list(reversed(holder.children))
    while waiting:
        node = waiting.pop()
        if _tells(node) and _draws(node) and _speaks_for_itself(node):
            continue
        yield node
        closed = _APART if into_coordinates else _APART | DRAWN
        if node.value_type not in closed:
            waiting.extend(reversed(node.children))


def _speaks_for_itself(node: Node) -> bool:
    """Whether coordinates below an item are described by it alone, not by the group round it."""
    drawn = next(each for each in node.walk() if each.value_type in DRAWN)
    return _group_of(drawn) is node
