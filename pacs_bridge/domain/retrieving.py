"""What we ask of a PACS by C-GET or C-MOVE, what arrives, and how it ended.

A PACS's own counts are kept beside what was really seen: they differ often enough
(QUIRKS.md C7) that only the latter proves anything.

References
----------
PS3.4 C.4.2 (C-MOVE), C.4.3 (C-GET), C.6.2 (Study Root).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pacs_bridge.domain.pacs import Pacs

MOST_INSTANCES = 900
"""UIDs that one question can name: more do not fit one element in explicit VR."""

Kind = tuple[str, Sequence[str]]
"""A SOP class that may arrive, and the transfer syntaxes of which the PACS may choose one.

The same class may stand more than once, with other syntaxes: each gets a presentation context of
its own, so that one syntax refused does not hide another accepted.
"""


@dataclass(frozen=True)
class Asked:
    """What is to be retrieved: a study, a series of it, or some of that one's instances.

    Parameters
    ----------
    patient_id : str
        Whose the study is: without it, a PACS with the Patient Root model alone cannot be asked.

    Raises
    ------
    ValueError
        When a UID above is missing, or more than `MOST_INSTANCES` are named.
    """

    study_instance_uid: str
    series_instance_uid: str = ""
    sop_instance_uids: tuple[str, ...] = ()
    patient_id: str = ""

    def __post_init__(self) -> None:
        is_whole = self.series_instance_uid or not self.sop_instance_uids
        if not self.study_instance_uid or not is_whole:
            raise ValueError("a question names the unique keys of every level above its own")
        if len(self.sop_instance_uids) > MOST_INSTANCES:
            raise ValueError(f"one question names at most {MOST_INSTANCES} instances")

    @property
    def level(self) -> str:
        """The Query/Retrieve Level (0008,0052)."""
        if self.sop_instance_uids:
            return "IMAGE"
        return "SERIES" if self.series_instance_uid else "STUDY"

    @property
    def whole_series(self) -> Asked:
        """The same, by its series: what a PACS is asked that refuses the IMAGE level."""
        return replace(self, sop_instance_uids=())


@dataclass(frozen=True)
class Limits:
    """How much of one retrieval is taken; a PACS that sends more is cut off.

    Parameters
    ----------
    objects : int
        Objects that may arrive; where instances are named, no more than these ever may.
    object_bytes : int
        Of one object; a longer one is refused, and the rest of it dropped as it arrives.
    total_bytes : int
        Of all together.
    seconds : float
        Until the last answer, however much progress is reported.
    """

    objects: int = 2_000
    object_bytes: int = 2 << 30
    total_bytes: int = 16 << 30
    seconds: float = 3_600.0


LIMITS = Limits()


@dataclass(frozen=True)
class Arriving:
    """An object that a C-GET brings, before its first byte. The UIDs are well-formed."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class ObjectSink(Protocol):
    """Takes one object while it arrives. After the last `write` comes `finish` or `abort`."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes of the data set; they are gone when this returns."""

    def finish(self) -> int:
        """Say what became of the object, now that it is whole: the status to answer."""

    def abort(self) -> None:
        """Forget the object: its last byte will not come, or it is not wanted."""


@dataclass(frozen=True)
class Progress:
    """How far the PACS says that it has come; None where it does not say."""

    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None


@dataclass(frozen=True)
class Retrieved:
    """How a retrieval ended.

    Parameters
    ----------
    status : int
        The last status of the PACS; 0x0000 alone proves nothing.
    counted : Progress
        Its last word on the sub-operations.
    failed : tuple of str
        SOP Instance UIDs that it names as failed.
    arrived : tuple of str
        SOP Instance UIDs that really arrived here and were kept (C-GET).
    refused : tuple of str
        Those that arrived and were not kept: not asked for, too large, or not kept by the sink.
    missing : tuple of str
        Those asked for by name that did not arrive (C-GET).
    """

    status: int
    comment: str = ""
    counted: Progress = Progress()
    failed: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing contradicts that all is here: neither the PACS nor what arrived."""
        sent = (self.counted.completed or 0) + (self.counted.warning or 0)
        is_counted = self.counted.completed is not None
        return (
            self.status == 0x0000
            and not (self.failed or self.missing or self.refused or self.counted.failed)
            and (not is_counted or sent == len(self.arrived))
        )


def never() -> bool:
    """Never cancel."""
    return False


def tell_nobody(_progress: Progress) -> None:
    """Let progress go unseen."""


class Retriever(Protocol):
    """How a PACS is asked for objects."""

    def get(
        self,
        pacs: Pacs,
        asked: Asked,
        open_sink: Callable[[Arriving], ObjectSink],
        *,
        kinds: Sequence[Kind],
        limits: Limits = LIMITS,
        progress: Callable[[Progress], None] = tell_nobody,
        cancelled: Callable[[], bool] = never,
    ) -> Retrieved:
        """Have objects sent over the association that asks (C-GET)."""

    def move(
        self,
        pacs: Pacs,
        asked: Asked,
        *,
        limits: Limits = LIMITS,
        progress: Callable[[Progress], None] = tell_nobody,
        cancelled: Callable[[], bool] = never,
    ) -> Retrieved:
        """Have objects sent to our node, under our own AE title (C-MOVE)."""
