"""Notes that belong to no drawing: a text report, a key object's description, a comment.

They are marks without a place, so that nothing a reader typed is lost; a place is given to
none. Letters are no notes: what is mostly not understood is left to its refusal.
"""

from __future__ import annotations

from pacs_bridge.domain.marks import Mark
from pacs_bridge.sr import elements, sop_classes
from pacs_bridge.sr.described import is_note, note_text
from pacs_bridge.sr.notes import flags_of, parse_note
from pacs_bridge.sr.references import References
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.tree import Node, Tree

MOST_NOTES = 100
"""Notes without a place read of one report."""

MOST_UNPARSED = 3
"""Words not understood in a note that is still one; more is a letter."""

SIDE_NOT_SAID = "side-not-said"
"""Flag of a decision that names no breast: somebody has to ask which."""


def written_marks(
    tree: Tree,
    found: References,
    words: SiteWords,
    described: set[tuple[int, ...]] | frozenset[tuple[int, ...]] = frozenset(),
) -> list[Mark]:
    """Notes that rate, name or decide something, and about no breast that they name.

    Parameters
    ----------
    described : set of path
        Items that describe coordinates, whose notes are their marks' own.
    """
    marks: list[Mark] = []
    for node in tree.root.walk():
        if node.path in described or len(marks) >= MOST_NOTES or not is_note(node, words):
            continue
        text = note_text(node)
        note = parse_note(text, words)
        decides = note.decision is not None
        told = decides or note.rating is not None or bool(note.conflicts) or bool(note.findings)
        if not told or note.about_breast or len(note.unparsed) > MOST_UNPARSED:
            continue
        image, frame, flags = image_of(tree, node, node, found)
        asked = (SIDE_NOT_SAID,) if decides else ()
        marks.append(
            Mark(
                image=image,
                frame=frame,
                shape="TEXT",
                points=(),
                centre=(0.0, 0.0),
                finding=note.finding,
                rating=note.rating,
                text=text,
                item=node.where(),
                flags=(*flags, "unplaced-text", *asked, *flags_of([note])),
            )
        )
    return marks


def image_of(
    tree: Tree, node: Node, holder: Node, found: References
) -> tuple[str, int | None, tuple[str, ...]]:
    """Image and frame of an item: its own, else the only one of its group, else of the report."""
    named = images_below(tree, [node])
    flags: tuple[str, ...] = ()
    if not named:
        beside = [holder, *(each for each in holder.walk() if each.value_type == "NUM")]
        named = images_below(tree, beside) if holder.parent is not None else {}
        if len(named) != 1 and len(found.images) == 1:
            named = {found.images[0]: []}
        flags = ("inferred-image",)
    if len(named) != 1:
        return "", None, ("ambiguous-image",)
    [(image, frames)] = named.items()
    frames = [frame for frame in frames if frame > 0]
    if len(frames) > 1:
        return image, None, (*flags, "ambiguous-frame")
    return image, frames[0] if frames else None, flags


def images_below(tree: Tree, nodes: list[Node]) -> dict[str, list[int]]:
    """Images that the items right below refer to, by themselves or by reference."""
    named: dict[str, list[int]] = {}
    for child in (each for node in nodes for each in node.children):
        target = tree.follow(child)
        if target.value_type not in ("IMAGE", ""):
            continue
        for reference in elements.items(target.item, "ReferencedSOPSequence"):
            uid = elements.uid(reference, "ReferencedSOPInstanceUID")
            region = elements.uid(reference, "ReferencedSOPClassUID")
            if uid and region not in sop_classes.UNREAD_REGIONS:
                named.setdefault(uid, elements.integers(reference, "ReferencedFrameNumber"))
    return named
