"""What a report says of its coordinates: finding, rating, text, tracking, and where it stands.

Viewers describe a mark in its measurement group (TID 1410), in the CAD finding above it
(TID 4006), in the coordinates themselves (old dwv), in a container round the group (AIM),
or in a group that names the coordinates by reference.

References
----------
PS3.16 TID 1410, 1501, 4003 to 4006; PS3.3 C.17.3.2.5 (by reference); STANDARDS.md 4.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pacs_bridge.domain.marks import NOT_A_LOCATION, Code
from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.notes import flags_of, parse_note
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.tree import DRAWN, Node, Tree


@dataclass(frozen=True)
class Said:
    """What a group says of its marks; codes speak before the note in its texts does.

    Parameters
    ----------
    link : str or None
        Names the group where it is of one finding and draws it several times.
    """

    group: str | None
    tracking_uid: str | None
    finding: Code | None
    rating: int | None
    text: str
    flags: tuple[str, ...]
    link: str | None = None


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
        if node.value_type not in DRAWN:
            continue
        naming = referrers.get(node.path, [])
        holder = holder_of(node, naming[-1] if naming else None)
        yield node, holder, node
        for each in naming:
            group = _group_of(each)
            if group is not None and group is not holder:
                yield node, group, each


def _group_of(node: Node) -> Node | None:
    """The measurement group or coded finding that an item belongs to."""
    for each in node.ancestors():
        if each.parent is not None and (
            each.name == codes.MEASUREMENT_GROUP
            or (each.value_type == "CODE" and each.name in codes.FINDINGS)
        ):
            return each
    # Some encoders put a finding's coordinates behind it instead of below it.
    before = [
        each
        for each in (node.parent.children if node.parent is not None else [])
        if each.path < node.path and each.name == codes.SINGLE_IMAGE_FINDING
    ]
    return before[-1] if before else None


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
    flags: list[str] = ["machine-mark"] if machine else []
    several = sum(each.value_type in DRAWN for each in holder.walk()) > 1
    shared = several or holder.name == codes.SINGLE_IMAGE_FINDING
    for each in (holder, *own(holder, into_coordinates=not several)):
        name = each.name
        if name == codes.TRACKING_UID and not tracking_uid:
            tracking_uid = elements.uid(each.item, "UID")
        elif each.value_type == "TEXT" and (name in codes.NOTES or each.concept is None):
            texts.append(each.said())
        elif name in codes.CERTAINTIES:
            beside.append(_measured(each))
        elif each.value_type != "CODE" or (value := each.value_code) is None:
            continue
        elif value.value in codes.FREE_TEXT_VALUES:
            texts.append(value.meaning)
        elif name == codes.ASSESSMENT or codes.key(value) in codes.BIRADS:
            category = codes.BIRADS.get(codes.key(value))
            beside.append(f"BI-RADS: {category or value.meaning or value.value}")
        elif name in codes.FINDINGS:
            findings[codes.key(value)] = codes.canonical(value)
        elif codes.key(value) in codes.RATINGS:
            ratings.add(codes.RATINGS[codes.key(value)])
        elif name == codes.OBSERVER_TYPE and codes.key(value) == codes.DEVICE and not machine:
            flags.append("machine-mark")
        elif name == codes.RENDERING_INTENT and codes.key(value) == codes.NOT_FOR_PRESENTATION:
            flags += ["not-for-presentation", NOT_A_LOCATION]
    written = "\n".join(filter(None, texts))[: elements.LONGEST_TEXT]
    note = parse_note(written, words)
    if len(ratings) > 1:
        flags.append("rating-conflict")
    # A code goes before the note: its rating leaves nothing to ask about the note's.
    about_rating = ("rating-conflict", "side-or-scale") if ratings else ()
    flags += [flag for flag in flags_of([note]) if flag not in about_rating]
    if len(findings) > 1:
        flags.append("several-findings")
    return Said(
        group=tracking_uid or (holder.where() if shared and not alone else None),
        tracking_uid=tracking_uid or None,
        finding=next(iter(findings.values())) if len(findings) == 1 else note.finding,
        rating=ratings.pop() if len(ratings) == 1 else None if ratings else note.rating,
        text="\n".join(filter(None, (written, *beside)))[: elements.LONGEST_TEXT],
        flags=tuple(dict.fromkeys(flags)),
        link=holder.where() if several and holder.name == codes.MEASUREMENT_GROUP else None,
    )


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
        yield node
        closed = _APART if into_coordinates else _APART | DRAWN
        if node.value_type not in closed:
            waiting.extend(reversed(node.children))


def note_text(node: Node) -> str:
    """What a person wrote in a text item or in the meaning of a free-text code."""
    if node.value_type == "CODE":
        return "" if node.value_code is None else node.value_code.meaning
    return node.said()


def is_note(node: Node, words: SiteWords) -> bool:
    """Whether an item is something that a person wrote about what they saw.

    A text of an unknown name is one only where all of it is understood as a note.
    """
    if node.value_type == "CODE":
        return node.value_code is not None and node.value_code.value in codes.FREE_TEXT_VALUES
    if node.value_type != "TEXT":
        return False
    if node.name in codes.NOTES or node.concept is None:
        return True
    if node.relationship not in ("CONTAINS", "") or node.name == codes.TRACKING_ID:
        return False
    note = parse_note(node.said(), words)
    return not note.unparsed and (note.rating is not None or note.decision is not None)
