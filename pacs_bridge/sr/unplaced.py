"""Notes that belong to no drawing: a text report, a key object's description, a comment.

They are marks without a place, so that nothing a reader typed is lost; a place is given to
none. Letters are no notes: what is mostly not understood is left to its refusal.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from pacs_bridge.domain.marks import Mark
from pacs_bridge.domain.questions import UNLINKED_NOTE
from pacs_bridge.sr import codes, elements, sop_classes
from pacs_bridge.sr.notes import flags_of, parse_note, write_note
from pacs_bridge.sr.references import References
from pacs_bridge.sr.said import said_of
from pacs_bridge.sr.site_words import SiteWords
from pacs_bridge.sr.spoken import is_note, note_text
from pacs_bridge.sr.tree import DRAWN, Node, Tree

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
        if not told or note.is_dealt or len(note.unparsed) > MOST_UNPARSED:
            continue
        image, frame, flags = image_of(tree, node, _group_round(node), found)
        asked = (SIDE_NOT_SAID,) if decides and note.side is None else ()
        marks.append(
            Mark(
                image=image,
                frame=frame,
                shape="TEXT",
                points=(),
                centre=(0.0, 0.0),
                finding=note.finding,
                rating=None if note.about_breast else note.rating,
                text=text,
                item=node.where(),
                flags=(*flags, "unplaced-text", *asked, *flags_of([note])),
            )
        )
    return marks


def undrawn_marks(
    tree: Tree,
    found: References,
    words: SiteWords,
    drawn: Container[tuple[int, ...]],
    *,
    machine: bool,
) -> Iterator[Mark]:
    """Groups that rate or name a lesion in codes and draw it nowhere, as marks without a place.

    Parameters
    ----------
    drawn : container of path
        Groups that have their drawings, below them or elsewhere.
    """
    for group in tree.root.walk():
        if group.name != codes.MEASUREMENT_GROUP or group.path in drawn or _shows(tree, group):
            continue
        about = said_of(group, words, alone=True, machine=machine)
        named = codes.key(about.finding) in codes.FINDING_WORDS
        if not named and (about.rating is None or is_of_breasts(group)):
            continue
        if not is_said_in_codes(group):
            continue  # its note is a mark already
        image, frame, flags = image_of(tree, group, group, found)
        yield Mark(
            image=image,
            frame=frame,
            shape="TEXT",
            points=(),
            centre=(0.0, 0.0),
            finding=about.finding,
            rating=about.rating,
            text=about.text or write_note(about.rating, about.finding),
            item=group.where(),
            flags=(*flags, "unplaced-text", UNLINKED_NOTE, *about.flags),
            tracking_uid=about.tracking_uid,
        )


def _shows(tree: Tree, group: Node) -> bool:
    """Whether something below a group is drawn, or measured as a region of another object."""
    return any(
        tree.follow(each).value_type in DRAWN or unread_region(each) for each in group.walk()
    )


def unread_region(node: Node) -> bool:
    """Whether an item means a region in a form that is not read, such as a segmentation."""
    return any(
        elements.uid(reference, "ReferencedSOPClassUID") in sop_classes.UNREAD_REGIONS
        for reference in elements.items(node.item, "ReferencedSOPSequence")
    )


def measures_region(node: Node) -> bool:
    """Whether a group means such a region and draws nothing itself."""
    if node.value_type not in _PICTURES or not unread_region(node):
        return False
    group = _group_round(node)
    return group is not node and not group.draws


def is_undrawn(mark: Mark) -> bool:
    """Whether a mark is one of `undrawn_marks`."""
    return UNLINKED_NOTE in mark.flags


def is_of_breasts(group: Node) -> bool:
    """Whether what a group rates is the breasts that it names, not a lesion."""
    return any(
        child.name == codes.FOLLOW_UP or codes.SIDES.get(codes.key(each.value_code))
        for child in group.children
        for each in (child, *child.children)
        if each.value_type == "CODE"
    )


def is_said_in_codes(group: Node) -> bool:
    """Whether a group itself gives a finding or rating in a code that is no free text."""
    return any(
        child.name in (*codes.FINDINGS, codes.SUSPICION) or value in codes.RATINGS
        for child in group.children
        if (code := child.value_code) is not None
        and code.value not in codes.FREE_TEXT_VALUES
        and (value := codes.key(code))
    ) or any(child.name == codes.SUSPICION for child in group.children)


def image_of(
    tree: Tree, node: Node, holder: Node, found: References
) -> tuple[str, int | None, tuple[str, ...]]:
    """Image and frame of an item: its own, else the only one of its group, else of the report."""
    named = images_below(tree, [node], among=_PICTURES) or _image_round(node)
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
    meant = {frame for frame in frames if frame > 0}
    if len(meant) > 1 or (frames and not meant):  # of several, or of one that there cannot be
        return image, None, (*flags, "ambiguous-frame")
    return image, meant.pop() if meant else None, flags


def _group_round(node: Node) -> Node:
    """The measurement group that an item stands in, else itself."""
    return next((each for each in node.ancestors() if each.name == codes.MEASUREMENT_GROUP), node)


_IMAGES = frozenset({"IMAGE", ""})
_PICTURES = _IMAGES | {"COMPOSITE"}
"""What coordinates are selected from is an image, whatever it is called."""


def images_below(
    tree: Tree, nodes: list[Node], among: frozenset[str] = _IMAGES
) -> dict[str, list[int]]:
    """Images that the items right below refer to, by themselves or by reference.

    Parameters
    ----------
    among : frozenset of str
        Value types of items that name images.

    Returns
    -------
    dict of str to list of int
        SOP Instance UID to all frames of it that are named.
    """
    named: dict[str, list[int]] = {}
    for child in (each for node in nodes for each in node.children):
        target = tree.follow(child)
        if target.value_type in among:
            _add_images(target, named)
    return named


def _image_round(node: Node) -> dict[str, list[int]]:
    """The images that an item stands below, where it stands below any."""
    named: dict[str, list[int]] = {}
    for each in node.ancestors():
        if each.value_type == "IMAGE":
            _add_images(each, named)
            break
    return named


def _add_images(node: Node, named: dict[str, list[int]]) -> None:
    for reference in elements.items(node.item, "ReferencedSOPSequence"):
        uid = elements.uid(reference, "ReferencedSOPInstanceUID")
        kind = elements.uid(reference, "ReferencedSOPClassUID")
        if uid and kind not in sop_classes.NO_IMAGES:
            named.setdefault(uid, []).extend(elements.integers(reference, "ReferencedFrameNumber"))
