"""Key object selections: images that a reader picked out, with a title and a free text.

They hold no geometry. Titles such as "For Further Workup" may mean recall, but name no
breast, so nothing is decided from them alone. A note in the description is kept as a mark
without a place: who typed ``M4`` or ``recall`` there meant something by it.

References
----------
PS3.16 TID 2010 and CID 7010; STANDARDS.md 1.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.sr import codes, decided, elements
from pacs_bridge.sr.notes import parse_breasts
from pacs_bridge.sr.observers import made_at, observer_of_report
from pacs_bridge.sr.references import References, references
from pacs_bridge.sr.site_words import NATIONAL, SiteWords
from pacs_bridge.sr.tree import read_tree
from pacs_bridge.sr.unplaced import written_marks
from pacs_bridge.sr.unread import Unread

if TYPE_CHECKING:
    from pydicom import Dataset

REJECTION = "A rejection note: it takes out of use what it names, and marks nothing."
POINTS_AT_NOTHING = (
    "A key object selection picks images out and marks no place on them; mark the place, too."
)


def read_key_object(ds: Dataset, words: SiteWords = NATIONAL) -> ReadObject:
    """Read who picked which images out, and what the free text decides of a breast."""
    tree = read_tree(ds)
    unread = Unread()
    nodes = list(tree.root.walk())
    texts = [
        node.said()
        for node in nodes
        if node.value_type == "TEXT" and (node.name in codes.NOTES or node.concept is None)
    ]
    breasts = decided.unite((each for text in texts for each in parse_breasts(text, words)), unread)
    found = references(ds)
    if tree.root.name in codes.REJECTIONS:
        return _rejection(ds, found)
    marks = tuple(written_marks(tree, found, words))
    observer = observer_of_report(ds, (n for n in nodes if n.relationship == "HAS OBS CONTEXT"))
    title = "" if tree.root.concept is None else tree.root.concept.meaning
    for name, said in (("title", title), ("description", "\n".join(texts)[:1000])):
        if said:
            observer.evidence[name] = said
    conflict = "decision-conflict" in unread.flags
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind="key-object",
        observer=observer,
        observed_at=made_at(ds),
        marks=marks,
        breasts=breasts,
        referenced_images=found.images,
        referenced_studies=found.studies,
        predecessors=found.predecessors,
        refused=unread.sentence(POINTS_AT_NOTHING) if conflict or not (breasts or marks) else None,
    )


def _rejection(ds: Dataset, found: References) -> ReadObject:
    """What was taken out of use where it comes from; no text of it is anybody's note.

    References
    ----------
    IHE Radiology, Imaging Object Change Management (RAD-66); PS3.16 CID 7011.
    """
    return ReadObject(
        sop_class_uid=elements.uid(ds, "SOPClassUID"),
        sop_instance_uid=elements.uid(ds, "SOPInstanceUID"),
        kind="key-object",
        observed_at=made_at(ds),
        referenced_images=found.images,
        referenced_studies=found.studies,
        rejects=found.images,
        refused=REJECTION,
    )
