"""Which item of a report describes which coordinates: their group, finding, note or container.

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

from pacs_bridge.sr import codes, elements
from pacs_bridge.sr.tree import DRAWN, Node, Tree


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
    above = node.parent
    if above is None or above.name != codes.CENTRE:
        return False
    group = _group_of(node) if elements.numbers(node.item, "GraphicData") == [0.0, 0.0] else None
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
        if nearest is None and each.tells:
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


def _round(nearest: Node) -> Node | None:
    """The container round a finding or note, where it says more of the same."""
    return next(
        (each for each in nearest.ancestors() if each.parent is not None and each.gathers), None
    )


def _is_alone(nearest: Node, outer: Node) -> bool:
    """Whether no other item inside says what coordinates of its own show."""
    return all(each is nearest for each in outer.tellers)


def speaks_for_itself(node: Node) -> bool:
    """Whether coordinates below an item are described by it alone, not by the group round it."""
    if not (node.tells and node.draws):
        return False
    drawn = next(each for each in node.walk() if each.value_type in DRAWN)
    return _group_of(drawn) is node
