"""Intact, not only present: how images that a PACS gives back differ from those we sent.

References
----------
DESIGN.md 5; PS3.3 C.8.11.3 (mammography image), C.11.2 (VOI LUT), C.7.6.1.1.5 (lossy compression).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Change(StrEnum):
    """What is wrong with an image that came back, the gravest first; the words are kept."""

    SIZE = "another size"
    PIXELS = "other pixels"
    SIDE = "the other breast"
    PHOTOMETRIC = "grey scale meaning"
    BITS = "bits stored"
    UNREADABLE = "cannot be opened"
    LOSSY = "compressed with loss"
    ABSENT = "did not come back"
    LATERALITY = "laterality"
    VIEW = "view"
    VOI = "window"
    LUT_SHAPE = "presentation LUT shape"
    SPACING = "pixel spacing"


GRAVE = frozenset(
    [
        Change.SIZE,
        Change.PIXELS,
        Change.SIDE,
        Change.PHOTOMETRIC,
        Change.BITS,
        Change.UNREADABLE,
    ]
)
"""Changes that make of an image of ours one with other content: a conflict (DESIGN.md 5)."""

_AGAIN = "then delete these studies there and start the load again"
_SENTENCES = {
    Change.SIZE: "at another size than we sent ({n}): have it keep them unchanged, " + _AGAIN,
    Change.PIXELS: "with other pixels than we sent ({n}): ask your PACS supplier what changes "
    "images on the way in or out, have it switched off for them, " + _AGAIN,
    Change.SIDE: "as images of the other breast ({n}): ask your PACS supplier which rule changes "
    "the laterality, have it leave our accession numbers out, " + _AGAIN,
    Change.PHOTOMETRIC: "with black and white exchanged ({n}): ask your PACS supplier what "
    "changes the photometric interpretation, have it switched off for them, " + _AGAIN,
    Change.BITS: "with other grey levels than we sent ({n}): ask your PACS supplier what changes "
    "the bits stored, have it switched off for them, " + _AGAIN,
    Change.UNREADABLE: "so that they cannot be opened ({n}): ask your PACS supplier to look at "
    "them in the store, " + _AGAIN,
    Change.LOSSY: "compressed with loss ({n}): switch lossy compression off for them and for "
    "whatever moves or archives them, then we send them again",
    Change.ABSENT: "not at all, though it was asked for each ({n}): see whether they open in "
    "your viewer, and whether it may send to us",
}
_ATTRIBUTES = (
    "with changed or missing {what}: ask your PACS supplier which rule changes these attributes, "
    "and leave our accession numbers out of it"
)


class Grade(StrEnum):
    """What a check came to."""

    INTACT = "intact"
    AMBER = "amber"
    CONFLICT = "conflict"
    UNPROVEN = "unproven"


@dataclass(frozen=True)
class IntactCheck:
    """What came of fetching a sample of a load back.

    Parameters
    ----------
    compared, total : int
        Images that were asked for back, and images of the load.
    by : str
        How they were fetched.
    changes : dict of Change to int
        Images, by what is wrong with them.
    images : dict of str to list of Change
        The images with which something is wrong, by SOP Instance UID; a hundred at most.
    note : str
        Why it is unproven.
    """

    load_id: int
    compared: int
    total: int
    by: str
    checked_at: datetime
    changes: Mapping[Change, int]
    images: Mapping[str, Sequence[Change]]
    note: str = ""

    @property
    def grade(self) -> Grade:
        """Green, amber, not ours any more, or nothing known."""
        if self.changes.keys() & GRAVE:
            return Grade.CONFLICT
        if self.changes:
            return Grade.AMBER
        return Grade.UNPROVEN if self.note else Grade.INTACT

    @property
    def sentence(self) -> str:
        """Say it to the contact of the PACS: what is so, and what to do."""
        if self.grade is Grade.UNPROVEN:
            return self.note
        if self.grade is Grade.INTACT:
            whole = "all" if self.compared == self.total else f"a sample of {self.compared}"
            return f"Images came back from your PACS as we sent them ({whole} of {self.total})."
        return f"Your PACS gives images back {'; and '.join(self._troubles())}."

    def _troubles(self) -> list[str]:
        told = [
            words.format(n=f"{self.changes[change]} of {self.compared}")
            for change, words in _SENTENCES.items()
            if change in self.changes
        ]
        attributes = [c.value for c in Change if c in self.changes and c not in _SENTENCES]
        if attributes:
            told.append(_ATTRIBUTES.format(what=" and ".join(attributes)))
        return told

    @property
    def came(self) -> int:
        """Images that really came back."""
        return self.compared - self.changes.get(Change.ABSENT, 0)

    @property
    def grave(self) -> dict[str, Change]:
        """Images that hold other content than ours, with the gravest change of each."""
        return {
            uid: min(GRAVE.intersection(found), key=_ORDER.index)
            for uid, found in self.images.items()
            if GRAVE.intersection(found)
        }

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "grade": self.grade.value,
            "compared": self.compared,
            "total": self.total,
            "by": self.by,
            "checked_at": self.checked_at.isoformat(),
            "changes": {change.value: count for change, count in self.changes.items()},
            "images": {uid: [c.value for c in found] for uid, found in self.images.items()},
            "sentence": self.sentence,
        }


def word_changed(change: Change, whose: str = "this case") -> str:
    """Say what to do about a case whose images, or others', came back with other content."""
    told = _SENTENCES[change].replace(" ({n})", "").replace("these studies", "this study")
    return f"Your PACS gives images of {whose} back {told}."


_ORDER = list(Change)
_MOST_NAMED = 100


def count_changes(
    found: Mapping[str, Sequence[Change]],
) -> tuple[dict[Change, int], dict[str, list[Change]]]:
    """Count changes by kind, and name the images they are in; a hundred at most."""
    counted = Counter(change for changes in found.values() for change in dict.fromkeys(changes))
    ordered = {change: counted[change] for change in Change if change in counted}
    worst = sorted((uid for uid in found if found[uid]), key=lambda uid: _gravity(found[uid]))
    named = {uid: list(found[uid]) for uid in worst}
    return ordered, dict(list(named.items())[:_MOST_NAMED])


def _gravity(changes: Sequence[Change]) -> int:
    return min(_ORDER.index(change) for change in changes)
