"""Taking a case set out of a PACS again, by the date that was promised.

References
----------
QUIRKS.md C6; IHE Radiology, IOCM.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pacs_bridge.domain.caseset import Passport

WITHIN = timedelta(days=28)
"""After the end of a round, if nothing else is set."""


class WithdrawalState(StrEnum):
    """How a withdrawal stands."""

    ASKED = "to be withdrawn"
    LATE = "late"
    GONE = "withdrawn"


@dataclass(frozen=True)
class Withdrawal:
    """The withdrawal of one load.

    Parameters
    ----------
    due_at : datetime
        By when it was promised to have gone.
    asked_at : datetime or None
        When the PACS was last asked whether it has gone.
    left : dict of str to str
        What the PACS still has, or why it is not known, in words by accession number.
    notes : dict of str to str
        How the PACS answered the rejection note of each study, in words by its UID.
    """

    load_id: int
    begun_at: datetime
    due_at: datetime
    asked_at: datetime | None = None
    gone_at: datetime | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def state(self, now: datetime) -> WithdrawalState:
        """How it stands at a moment."""
        if self.gone_at is not None:
            return WithdrawalState.GONE
        return WithdrawalState.LATE if now >= self.due_at else WithdrawalState.ASKED

    def sentence(self, now: datetime) -> str:
        """Say it to the contact: what is so, and what to do."""
        by = f"{self.due_at:%d %B %Y}"
        if self.gone_at is not None:
            return f"Nothing of it was found in your PACS on {self.gone_at:%d %B %Y}."
        if self.asked_at is None:
            return f"To be withdrawn by {by}."
        some = ", ".join(list(self.left)[:3]) + (" and others" if len(self.left) > 3 else "")
        ask = (
            f"remove what the list names from the PACS and its archive by {by}"
            if self.state(now) is WithdrawalState.ASKED
            else f"it was promised to be gone by {by}: remove it now, from PACS and archive"
        )
        return f"Your PACS still has {len(self.left)} of these cases ({some}); {ask}."

    def as_dict(self, now: datetime) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "state": self.state(now).value,
            "begun_at": self.begun_at.isoformat(),
            "due_at": self.due_at.isoformat(),
            "asked_at": None if self.asked_at is None else self.asked_at.isoformat(),
            "gone_at": None if self.gone_at is None else self.gone_at.isoformat(),
            "left": dict(self.left),
            "rejection_notes": dict(self.notes),
            "sentence": self.sentence(now),
        }


WHERE = (
    "the PACS, and the archive (VNA) and caches behind it",
    "copies that other sites fetched, image exchange and teaching folders",
    "presentation states, reports, key objects and captures that readers saved",
    "CAD and AI results, wherever they are kept",
)
"""Where it must go from; the list says it above the cases."""

_KINDS = (
    ("presentation_states", ("1.2.840.10008.5.1.4.1.1.11.",)),
    ("key_objects", ("1.2.840.10008.5.1.4.1.1.88.59",)),
    ("cad_results", ("1.2.840.10008.5.1.4.1.1.88.50", "1.2.840.10008.5.1.4.1.1.88.65")),
    ("reports", ("1.2.840.10008.5.1.4.1.1.88.",)),
    ("captures_and_others", ("",)),
)
"""Columns of the list, and how the SOP classes begin that each counts; the first that fits does."""

_HEAD = ("accession", "patient_id", "study_instance_uid", "images", *(name for name, _ in _KINDS))


def withdrawal_list(passport: Passport, came: Mapping[str, Mapping[str, int]]) -> str:
    """Write what must go as CSV, a study a line (RFC 4180).

    Parameters
    ----------
    came : dict of str to dict of str to int
        Objects that came to us from that PACS about each case, by SOP class: it holds at least
        those, in a column for each kind.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEAD)
    for case in passport.cases:
        counted = _by_kind(came.get(case.accession, {}))
        for study in case.studies:
            images = sum(1 for _ in study.instances())
            uid = study.study_instance_uid
            writer.writerow((case.accession, case.patient_id, uid, images, *counted))
    return text.getvalue()


def _by_kind(came: Mapping[str, int]) -> list[int]:
    counted = dict.fromkeys((name for name, _ in _KINDS), 0)
    for sop_class, count in came.items():
        kind = next(name for name, begins in _KINDS if sop_class.startswith(begins))
        counted[kind] += count
    return list(counted.values())


def places() -> Iterable[str]:
    """Give where it must go from, a line each."""
    return (f"- {place}" for place in WHERE)
