"""A reading as documents of the standard (TID 1500): what is kept, and who has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ReportState(StrEnum):
    """How far a document has come."""

    KEPT = "kept"
    """Written and safe; not on its way."""
    ASKED = "asked"
    """The scorer wants it and has not got it yet."""
    DELIVERED = "delivered"
    """The scorer's receipt names its hash."""
    UNTAKEN = "untaken"
    """The scorer took the reading and wants no report."""
    REFUSED = "refused"
    """The scorer will never take it; why stands beside it."""
    UNWRITTEN = "unwritten"
    """It could not be written; why stands beside it. The reading goes out without it."""


@dataclass(frozen=True)
class KeptReport:
    """One document of one revision of a reading.

    Parameters
    ----------
    number : int
        1 for the study that was read, more for priors; 0 where none could be written.
    content_hash : str
        SHA-256 of the file's bytes, hexadecimal, under which the archive has it.
    """

    reading_uid: str
    revision: int
    number: int
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    content_hash: str = ""
    marks: int = 0
    state: ReportState = ReportState.KEPT
    reason: str = ""
    delivered_at: datetime | None = None

    def digest(self) -> dict[str, Any]:
        """Name it in the payload of its reading."""
        return {
            "sha256": self.content_hash,
            "sop_instance_uid": self.sop_instance_uid,
            "marks": self.marks,
        }

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "reading": self.reading_uid,
            "revision": self.revision,
            "number": self.number,
            "sop_instance_uid": self.sop_instance_uid,
            "sha256": self.content_hash,
            "marks": self.marks,
            "state": self.state.value,
            "reason": self.reason,
            "delivered_at": None if self.delivered_at is None else self.delivered_at.isoformat(),
        }
