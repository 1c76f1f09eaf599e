"""What a demo round comes to, as plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class ReaderOutcome:
    """What became of one reader's round."""

    reader: str
    saved_as: str
    skill: str
    objects: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    readings_scored: int = 0
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Outcome:
    """What became of the whole round.

    Parameters
    ----------
    pacs : str
        ``orthanc`` or ``sandbox``.
    readers_apart : bool
        Whether the PACS was proven, on the practice case, to keep readers apart.
    readings_exposed : int
        Readings that somebody else's objects may have led.
    """

    pacs: str
    cases: int = 0
    cases_sent: int = 0
    cases_proven: int = 0
    ready: bool = False
    objects_received: int = 0
    objects_parked: int = 0
    marks_captured: int = 0
    readings_scored: int = 0
    readings_expected: int = 0
    readers_apart: bool = False
    readings_exposed: int = 0
    mails: int = 0
    seconds: float = 0.0
    readers: list[ReaderOutcome] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every case was proven and every test reading scored."""
        return (
            self.ready
            and self.readers_apart
            and not self.readings_exposed
            and self.cases_proven == self.cases
            and self.readings_scored == self.readings_expected
        )

    def as_json(self) -> dict[str, Any]:
        """The outcome as plain JSON values."""
        return asdict(self) | {"complete": self.complete, "seconds": round(self.seconds, 1)}
