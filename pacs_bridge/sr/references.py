"""What an object refers to: enough to tell whether it is about a case of ours.

Cheap on purpose: the node asks before it takes an object, and of an object that names
nothing of ours nothing else is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pacs_bridge.sr import codes, elements

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_ITEMS = 200_000
"""Sequence items looked at in one object."""

_NO_IMAGES = frozenset(
    {
        "PredecessorDocumentsSequence",
        "IdenticalDocumentsSequence",
        "ReferencedPerformedProcedureStepSequence",
        "ReferencedPatientSequence",
    }
)


@dataclass(frozen=True)
class References:
    """UIDs that an object names, each once, in its order.

    Parameters
    ----------
    studies : tuple of str
        Its own Study Instance UID first, then those of its evidence and content.
    images : tuple of str
        Every referenced SOP Instance UID, other documents' excepted.
    predecessors : tuple of str
        SOP Instance UIDs of the documents it replaces or continues.
    accession : str
        Its own accession number, as it stands; empty where it has none.
    """

    studies: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()
    accession: str = ""


def references(ds: Dataset) -> References:
    """Collect every study and object that a data set names, at any depth; never raises.

    References
    ----------
    PS3.3 C.17.2.1 (evidence), C.11.11 (presentation state relationship), C.17.3 (content).
    """
    elements.tolerate_odd_values()
    studies: dict[str, None] = {}
    images: dict[str, None] = {}
    predecessors: dict[str, None] = {}
    looked_at = 0
    waiting: list[tuple[str, Dataset]] = [("", ds)]
    while waiting and looked_at < MOST_ITEMS:
        within, item = waiting.pop()
        looked_at += 1
        study, named = (
            elements.uid(item, "StudyInstanceUID"),
            elements.uid(item, "ReferencedSOPInstanceUID"),
        )
        if study:
            studies[study] = None
        if named and within == "ReferencedStudySequence":
            studies[named] = None
        elif named and within == "PredecessorDocumentsSequence":
            predecessors[named] = None
        elif named and within not in _NO_IMAGES:
            images[named] = None
        if (
            "UID" in item
            and codes.key(elements.code(item, "ConceptNameCodeSequence")) == codes.STUDY_UID
        ):
            study = elements.uid(item, "UID")
            if study:
                studies[study] = None
        below = [
            (within if within in _NO_IMAGES else keyword, child)
            for keyword, child in elements.sequences(item)
        ]
        waiting.extend(reversed(below))
    accession = elements.text(ds, "AccessionNumber")[:16]
    return References(tuple(studies), tuple(images), tuple(predecessors), accession)
