"""Exposure: somebody else's object lay beside a case while a reader might look at it.

Seen is what a PACS lists in our studies beside our images, and what came to us from there. It is
harmless where it is this reader's own, where it is ours, or where it is what the PACS was proven
to hide from other readers. Everything else that was there between a reader's release and that
reader's decision flags the reading of that case, once.

References
----------
DESIGN.md 5; QUIRKS.md C8 (annotations visible to the next reader), C3 (routers and AI services).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pacs_bridge.domain.pacs import Isolation

CAD = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{tail}" for tail in ("88.50", "88.65", "88.69", "88.70", "88.74")
)
"""Reports that only programs make (PS3.4 B.5: mammography, chest and colon CAD, and alike)."""

OURS = "OURS"
"""In place of a modality: an object that we sent there ourselves."""

_STATES, _REPORTS = "1.2.840.10008.5.1.4.1.1.11.", "1.2.840.10008.5.1.4.1.1.88."


class Maker(StrEnum):
    """Who made an object that was seen, as far as that is known."""

    OWN = "own"
    OURS = "ours"
    READER = "reader"
    """Another reader of the round, from whom it came to us."""
    MACHINE = "machine"
    """A program; or who made an image or a capture, for that is no mark of a reader."""
    NOBODY = "nobody"
    """Not known, or not yet."""


@dataclass(frozen=True)
class Sighting:
    """One object in a study of ours at a PACS that is none of our images.

    Parameters
    ----------
    accession : str
        The case, as the PACS has it (with its copy).
    first_seen_at : datetime
        When it was listed, or came to us, for the first time.
    gone_at : datetime or None
        When the PACS, asked, did not list it any more.
    """

    pacs: str
    sop_instance_uid: str
    set_name: str
    copy: int
    accession: str
    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    modality: str
    first_seen_at: datetime
    gone_at: datetime | None = None

    @property
    def is_mark(self) -> bool:
        """Whether it is of a kind in which readers save marks; captures and images are not."""
        told = self.sop_class_uid.startswith((_STATES, _REPORTS))
        return told or self.modality in ("PR", "SR", "KO")

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if self.sop_class_uid in CAD:
            return "a report of a CAD or AI program"
        if self.sop_class_uid.startswith(_STATES) or self.modality == "PR":
            return "a presentation state"
        if self.sop_class_uid == _REPORTS + "59" or self.modality == "KO":
            return "a key object"
        if self.sop_class_uid.startswith(_REPORTS) or self.modality == "SR":
            return "a report"
        return "an image or another object"


@dataclass(frozen=True)
class Exposure:
    """A reading that may have been influenced.

    Parameters
    ----------
    words : str
        Why, as its reader is told it: what lay there, never whose it is or what it says.
    """

    reading_uid: str
    set_name: str
    accession: str
    reader: str
    pacs: str
    at: datetime
    objects: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Watched:
    """One reader and one case, as far as exposure goes.

    Parameters
    ----------
    since : datetime
        From when the reader might look at the case.
    decided_at : datetime or None
        When the reader had decided; None while that is open.
    """

    reader: str
    copy: int
    since: datetime
    decided_at: datetime | None = None


@dataclass(frozen=True)
class Lift:
    """A statement of staff that a reading was flagged wrongly.

    Parameters
    ----------
    because : str
        Why, in their words.
    flagged_at, words
        Of the flag that it lifts.
    objects : dict of str to str
        What the flag was for, and who made each, as far as that was known then.
    """

    reading_uid: str
    at: datetime
    because: str
    flagged_at: datetime
    words: str
    objects: Mapping[str, str]
    account_id: int | None = None
    lift_id: int = 0


def is_lifted(sop_instance_uid: str, maker: Maker, lifts: Iterable[Lift]) -> bool:
    """Whether staff said that an object flags nothing; not where it is known better since."""
    return any(lift.objects.get(sop_instance_uid) == maker.value for lift in lifts)


def was_in_sight(sighting: Sighting, watched: Watched) -> bool:
    """Whether an object was there at a moment at which the reader might still be led by it."""
    if sighting.copy != watched.copy:
        return False
    if sighting.gone_at is not None and sighting.gone_at <= watched.since:
        return False
    return watched.decided_at is None or sighting.first_seen_at <= watched.decided_at


def judge_maker(
    sighting: Sighting, reader: str, *, owner: str | None, machines: Collection[str],
    is_device: bool, ours: Collection[str],
) -> Maker:  # fmt: skip
    """Tell who made an object, seen from one reader.

    Parameters
    ----------
    owner : str or None
        Whose it is, if it came to us and that is known.
    is_device : bool
        Whether it says itself that a program made it.
    """
    if sighting.modality == OURS or sighting.sop_instance_uid in ours:
        return Maker.OURS
    if owner == reader:
        return Maker.OWN
    if owner in machines or is_device or sighting.sop_class_uid in CAD:
        return Maker.MACHINE
    if owner is None and not sighting.is_mark:
        return Maker.MACHINE
    return Maker.NOBODY if owner is None else Maker.READER


def exposes(maker: Maker, sighting: Sighting, watched: Watched, effective: Isolation) -> bool:
    """Whether an object that was in sight flags the reading.

    What nobody is known to have made may be the reader's own, on its way to us: it flags only
    where it was there before this reader could have made it.
    """
    if maker in (Maker.OWN, Maker.OURS):
        return False
    if maker is Maker.MACHINE:
        return True
    if maker is Maker.READER:
        return effective is not Isolation.PRIVATE
    return sighting.first_seen_at < watched.since


def word_exposure(kinds: Iterable[str]) -> str:
    """Say to the reader why a reading is flagged."""
    what = " and ".join(dict.fromkeys(kinds))
    return (
        f"While you might look at this case, {what} lay beside its images that is not yours. Your "
        "reading is kept, and is not counted among the blinded ones. There is nothing for you to "
        "do; your hospital was told."
    )
