"""The content tree of a structured report, walked without recursion and within bounds.

References
----------
PS3.3 C.17.3 (SR document content), C.17.3.2.5 (by-reference relationships).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from pacs_bridge.domain.marks import Code
from pacs_bridge.sr import codes, elements

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_NODES = 50_000
"""Content items read of one report; a reader's has a few hundred."""

DEEPEST = 64
"""Levels of content items read."""

IN_ROOM = "SCOORD3D"
DRAWN = frozenset({"SCOORD", IN_ROOM})
"""Value types of what is drawn: on an image, and in the room."""


@dataclass(eq=False)
class Node:
    """One content item.

    Parameters
    ----------
    path : tuple of int
        Positions from the root, 1-based, the root being (1,): as a by-reference
        relationship names it.
    above : reference or None
        The item right above, weakly: a report is thrown away as soon as it is read, not when
        somebody looks for rings of objects, which costs a third of reading it.
    target : tuple of int or None
        For a by-reference relationship, the path of the item it means.
    """

    item: Dataset
    path: tuple[int, ...]
    above: ReferenceType[Node] | None
    value_type: str
    relationship: str
    concept: Code | None
    target: tuple[int, ...] | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def parent(self) -> Node | None:
        """The item right above it, for as long as somebody holds the tree."""
        return None if self.above is None else self.above()

    @cached_property
    def value_code(self) -> Code | None:
        """The value of a CODE item."""
        return elements.code(self.item, "ConceptCodeSequence")

    @cached_property
    def name(self) -> tuple[str, str]:
        """Value and scheme of the concept name."""
        return codes.key(self.concept)

    @cached_property
    def tells(self) -> bool:
        """Whether it is a finding, note or rating, and says what coordinates below it show."""
        if self.value_type == "TEXT":
            return self.name in codes.NOTES or self.concept is None
        return self.value_type == "CODE" and (
            self.name in codes.FINDINGS or codes.key(self.value_code) in codes.RATINGS
        )

    @cached_property
    def draws(self) -> bool:
        """Whether it is, or holds, coordinates."""
        return any(each.value_type in DRAWN for each in self.walk())

    @cached_property
    def gathers(self) -> bool:
        """Whether an item right below it tracks or rates something."""
        return any(
            each.name == codes.TRACKING_UID or codes.key(each.value_code) in codes.RATINGS
            for each in self.children
        )

    @cached_property
    def tellers(self) -> tuple[Node, ...]:
        """All in it that say what coordinates of their own show."""
        return tuple(each for each in self.walk() if each.tells and each.draws)

    def said(self) -> str:
        """The value of a TEXT, PNAME, UIDREF or CODE item as text."""
        if self.value_type == "PNAME":
            return elements.person(self.item, "PersonName")
        if self.value_type == "UIDREF":
            return elements.text(self.item, "UID")
        if self.value_type == "CODE":
            code = self.value_code
            return "" if code is None else code.meaning or code.value
        return elements.text(self.item, "TextValue")

    def walk(self) -> Iterator[Node]:
        """Give the item and all below it, in document order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def ancestors(self) -> Iterator[Node]:
        """The items above it, nearest first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def where(self) -> str:
        """The path as a person reads it: ``1.4.2``."""
        return ".".join(map(str, self.path))


def path_of(where: str) -> tuple[int, ...]:
    """Give the path of an item that `Node.where` names."""
    return tuple(map(int, where.split(".")))


@dataclass(frozen=True)
class Tree:
    """A report's content; `cut` when larger than what is read, `broken` when damaged."""

    root: Node
    by_path: dict[tuple[int, ...], Node]
    cut: bool = False
    broken: bool = False

    def follow(self, node: Node) -> Node:
        """The item itself, or the one that a by-reference relationship means."""
        if node.target is None:
            return node
        return self.by_path.get(node.target, node)


def read_tree(ds: Dataset, deepest: int = DEEPEST) -> Tree:
    """Read the content tree whose root is the data set itself, down to so many levels."""
    root = _node(ds, (1,), None)
    by_path = {root.path: root}
    waiting = [root]
    cut = broken = False
    while waiting:
        node = waiting.pop()
        below = elements.items(node.item, "ContentSequence")
        broken = broken or (not below and elements.is_broken(node.item, "ContentSequence"))
        if below and (len(node.path) >= deepest or len(by_path) + len(below) > MOST_NODES):
            cut = True
            continue
        for position, item in enumerate(below, 1):
            child = _node(item, (*node.path, position), node)
            node.children.append(child)
            by_path[child.path] = child
        waiting.extend(node.children)
    return Tree(root, by_path, cut, broken)


def _node(item: Dataset, path: tuple[int, ...], parent: Node | None) -> Node:
    target = elements.integers(item, "ReferencedContentItemIdentifier")
    return Node(
        item,
        path,
        None if parent is None else ref(parent),
        elements.text(item, "ValueType").upper(),
        elements.text(item, "RelationshipType").upper(),
        elements.code(item, "ConceptNameCodeSequence"),
        tuple(target) if target else None,
    )
