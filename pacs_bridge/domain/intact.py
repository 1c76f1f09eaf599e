"""Intact, not only present: how images that a PACS gives back differ from those we sent.

References
----------
DESIGN.md 5; PS3.3 C.8.11.3 (mammography image), C.11.2 (VOI LUT), C.7.6.1.1.5 (lossy compression).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pacs_bridge.domain.sentences import CHECK_AGAIN, About, steps


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

_OFF = "and have it switched off for them"
_WORDS = {
    Change.SIZE: (
        "at another size than we sent{sizes}",
        f"ask your PACS supplier what changes their size, {_OFF}",
    ),
    Change.PIXELS: (
        "with other pixels than we sent",
        f"ask your PACS supplier what changes images on the way in or out, {_OFF}",
    ),
    Change.SIDE: (
        "as images of the other breast",
        f"ask your PACS supplier which rule changes the laterality, {_OFF}",
    ),
    Change.PHOTOMETRIC: (
        "with black and white exchanged",
        f"ask your PACS supplier what changes the photometric interpretation, {_OFF}",
    ),
    Change.BITS: (
        "with other grey levels than we sent",
        f"ask your PACS supplier what changes the bits stored, {_OFF}",
    ),
    Change.UNREADABLE: (
        "so that they cannot be opened",
        "ask your PACS supplier to look at them in the store",
    ),
    Change.LOSSY: (
        "compressed with loss",
        "have lossy compression switched off for them, and for whatever moves or archives them",
    ),
}
"""Of each change, what is so and what is asked of the PACS."""

_ANEW = "then delete these studies there and press Start again: we send them anew, and check"
_ABSENT = (
    "not at all, though it was asked for each ({n}): see whether they open in your viewer, and "
    "whether your PACS may send to us"
)
_ATTRIBUTES = (
    "with changed or missing {what}: ask your PACS supplier which rule changes these attributes, "
    "and have it leave our accession numbers out"
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
    sizes : dict of str to (int, int)
        Rows and columns as they came of images with another size than ours, by SOP Instance
        UID.
    """

    load_id: int
    compared: int
    total: int
    by: str
    checked_at: datetime
    changes: Mapping[Change, int]
    images: Mapping[str, Sequence[Change]]
    note: str = ""
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

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
        troubles = ". It also gives images back ".join(self._troubles())
        return f"Your PACS gives images back {troubles}."

    def _troubles(self) -> list[str]:
        told = [
            f"{so.format(sizes='')} ({self.changes[change]} of {self.compared}): {ask}; {_ANEW}"
            for change, (so, ask) in _WORDS.items()
            if change in self.changes
        ]
        if Change.ABSENT in self.changes:
            told.append(_ABSENT.format(n=f"{self.changes[Change.ABSENT]} of {self.compared}"))
        attributes = [c.value for c in Change if c in self.changes and c not in _TOLD]
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


def word_changed(change: Change, of: About, *, there: str = "", here: str = "") -> str:
    """Say what to do about a case whose images came back with other content.

    Parameters
    ----------
    there, here : str
        Rows and columns as they came and as we have them, where these differ.
    """
    so, ask = _WORDS[change]
    sizes = f": {there} pixels, ours have {here}" if there else ""
    done = "mended" if change is Change.UNREADABLE else "switched off"
    return (
        f"Your PACS gives images of this case back {so.format(sizes=sizes)}. Readers may judge "
        "other images than ours."
        + steps(
            f"{ask[0].upper()}{ask[1:]}. Ask, too, whether it stores them so, or changes them "
            "only when they are fetched.",
            f"If it stores them so: when that is {done}, delete this study there ({of.uid}), and "
            "press Start again: we send it anew, and check.",
            f"If it changes them only when they are fetched: when that is {done} for our AE title "
            f"{of.known.asking}, press Check again.",
        )
        + f"\nIf it cannot be {done}, tell the scheme, and let nobody read this case there."
    )


def word_others_changed(change: Change) -> str:
    """Say why a case waits of which nothing came back, where others came back changed."""
    so = _WORDS[change][0].format(sizes="")
    return (
        "Your PACS does not say at what size it keeps these images, and gives images of other "
        f"cases back {so}. Do first what stands beside those cases. {CHECK_AGAIN}"
    )


_TOLD = {*_WORDS, Change.ABSENT}
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
