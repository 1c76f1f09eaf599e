"""Marks that a PACS holds and does not push: what it says that it has, and what was had of it.

References
----------
QUIRKS.md C7: vendors keep what readers save to themselves unless asked, and some save it as a
study of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.pacs import Pacs

MODALITIES = ("PR", "SR", "KO")
"""Of series that may hold marks: presentation states, structured reports, key objects."""


@dataclass(frozen=True)
class HeldMark:
    """One object that a PACS says it holds.

    Parameters
    ----------
    sop_class_uid : str
        Empty where the PACS does not say.
    elsewhere : bool
        Whether it lies in a study that is none of ours.
    modality : str
        Of its series, as the PACS says; empty where it does not.
    patient_id : str
        Whose study it lies in, as we name the patient.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str = ""
    elsewhere: bool = False
    modality: str = ""
    patient_id: str = ""


@dataclass(frozen=True)
class HeldSeries:
    """A series of which a PACS does not list the objects, for it refuses the IMAGE level.

    Parameters
    ----------
    count : int or None
        How many objects it says that the series holds.
    problem : str
        The sentence on it among the problems: it holds until the series was fetched as a whole.
    """

    study_instance_uid: str
    series_instance_uid: str
    patient_id: str
    problem: str
    elsewhere: bool = False
    count: int | None = None


@dataclass(frozen=True)
class HeldMarks:
    """What a PACS says it holds about one case.

    Parameters
    ----------
    problems : tuple of str
        What could not be asked, in one sentence each; then there may be more than `marks`.
    series : tuple of HeldSeries
        Those whose objects are not listed; each has its sentence among the problems, too.
    """

    accession: str
    marks: tuple[HeldMark, ...] = ()
    problems: tuple[str, ...] = ()
    series: tuple[HeldSeries, ...] = ()


class MarkFinder(Protocol):
    """How a PACS is asked which marks it holds."""

    def find_marks(
        self, pacs: Pacs, cases: Sequence[Case], *, everything: bool = False
    ) -> Iterator[HeldMarks]:
        """Ask about each case, in order; never raises, but says what could not be asked.

        With `everything`, about each series that is none of ours, whatever its modality.
        """


@dataclass(frozen=True)
class PulledCase:
    """What was had of one case's marks.

    Parameters
    ----------
    found : int
        Objects that the PACS says it holds.
    had : int
        Of these, objects that were here.
    fetched : int
        Objects that came and are safe here.
    refused : int
        Objects that are not taken: of no case of ours, of another kind, damaged.
    failed : int
        Objects that did not come; they are asked for again.
    elsewhere : int
        Of those found, objects in a study that is none of ours.
    problems : tuple of str
        What could not be asked or had, in one sentence each.
    unasked : bool
        Whether there may be more than was found.
    """

    accession: str
    found: int = 0
    had: int = 0
    fetched: int = 0
    refused: int = 0
    failed: int = 0
    elsewhere: int = 0
    problems: tuple[str, ...] = ()
    unasked: bool = False

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {**vars(self), "problems": list(self.problems)}


_COUNTED = ("found", "had", "fetched", "refused", "failed")


@dataclass(frozen=True)
class Pulled:
    """What one pull came to."""

    pacs: str
    at: datetime
    cases: tuple[PulledCase, ...]

    @property
    def unasked(self) -> int:
        """How many cases could not be asked about, or not wholly."""
        return sum(each.unasked for each in self.cases)

    @property
    def counts(self) -> dict[str, int]:
        """The sums over all cases."""
        sums = {name: sum(getattr(each, name) for each in self.cases) for name in _COUNTED}
        return {**sums, "unasked": self.unasked}

    @property
    def is_whole(self) -> bool:
        """Whether all was asked, and all that was found is here or not taken."""
        return not self.unasked and not any(each.failed for each in self.cases)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "pacs": self.pacs,
            "at": self.at.isoformat(),
            **self.counts,
            "cases": [each.as_json() for each in self.cases],
        }
