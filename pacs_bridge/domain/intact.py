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

    LOSSY = "compressed with loss"
    PIXELS = "other pixels"
    UNREADABLE = "cannot be opened"
    ABSENT = "did not come back"
    PHOTOMETRIC = "grey scale meaning"
    BITS = "bits stored"
    LATERALITY = "laterality"
    VIEW = "view"
    VOI = "window"
    LUT_SHAPE = "presentation LUT shape"
    SPACING = "pixel spacing"


_SENTENCES = {
    Change.LOSSY: "compressed with loss ({n}): switch lossy compression off for them and for "
    "whatever moves or archives them, then we send them again",
    Change.PIXELS: "with other pixels than we sent ({n}): ask your PACS supplier what changes "
    "images on the way in or out, and switch it off for them",
    Change.UNREADABLE: "so that they cannot be opened ({n}): ask your PACS supplier to look at "
    "them in the store",
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
        """Green, amber, or nothing known."""
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


_MOST_NAMED = 100


def count_changes(
    found: Mapping[str, Sequence[Change]],
) -> tuple[dict[Change, int], dict[str, list[Change]]]:
    """Count changes by kind, and name the images they are in; a hundred at most."""
    counted = Counter(change for changes in found.values() for change in dict.fromkeys(changes))
    ordered = {change: counted[change] for change in Change if change in counted}
    named = {uid: list(changes) for uid, changes in found.items() if changes}
    return ordered, dict(list(named.items())[:_MOST_NAMED])
