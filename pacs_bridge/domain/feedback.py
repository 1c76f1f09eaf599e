"""Truth of a closed round on a PACS, and when it goes again: asked for and promised at once.

References
----------
QUIRKS.md C6 (what a hospital was promised to be rid of); IHE Radiology, IOCM.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pacs_bridge.domain.loading import InstanceState

STATE_CLASS = "1.2.840.10008.5.1.4.1.1.11.1"
"""Grayscale softcopy presentation state; what else is sent are captures."""


class FeedbackState(StrEnum):
    """How feedback on a PACS stands."""

    SENDING = "being sent"
    SENT = "sent, not found yet"
    SHOWN = "on the PACS"
    LEAVING = "to be withdrawn"
    LATE = "late"
    GONE = "withdrawn"


@dataclass(frozen=True)
class FeedbackObject:
    """One object of it: the ledger's row.

    Parameters
    ----------
    in_doubt : bool
        Whether the PACS may have it, though no answer is kept.
    found : bool
        Whether the PACS was ever seen to find it.
    """

    sop_instance_uid: str
    sop_class_uid: str
    accession: str
    study_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int
    content_hash: str
    state: InstanceState = InstanceState.PENDING
    status: int | None = None
    comment: str = ""
    attempts: int = 0
    in_doubt: bool = False
    found: bool = False

    @property
    def modality(self) -> str:
        """Of its series."""
        return "PR" if self.sop_class_uid == STATE_CLASS else "OT"

    @property
    def stored(self) -> bool:
        """Whether the PACS said that it has it."""
        return self.state in (InstanceState.STORED, InstanceState.WARNED)

    @property
    def may_be_there(self) -> bool:
        """Whether the PACS may have it."""
        return self.stored or self.in_doubt or self.found


@dataclass(frozen=True)
class FeedbackWithdrawal:
    """The promise that it goes: made with it, never apart.

    Parameters
    ----------
    due_at : datetime
        By when it was promised to have gone.
    begun_at : datetime or None
        From when on nothing more of it is sent.
    asked_at : datetime or None
        When the PACS was last asked whether it has gone.
    left : dict of str to str
        What the PACS still has, or why it is not known, in words by accession number.
    notes : dict of str to str
        How the PACS answered the rejection note of each study, in words by its UID.
    """

    due_at: datetime
    begun_at: datetime | None = None
    asked_at: datetime | None = None
    gone_at: datetime | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Feedback:
    """Truth, and perhaps one reader's marks beside it, on one copy of a set at one PACS.

    Parameters
    ----------
    copy : int
        The copy on which it is shown; 0 for the master, which every reader there sees.
    reader : str
        Scheme code of whose marks stand beside the truth; empty for the truth alone.
    run : int
        How often it was asked for, from 1.
    made_at : datetime or None
        When all of its objects were written and kept.
    found_at : datetime or None
        When the PACS was seen to find all that it took.
    tries, next_at : int, datetime or None
        How often sending was tried in vain in a row, and when it is tried again.
    note : str
        What holds it up, one sentence; empty where nothing does.
    """

    feedback_id: int
    set_name: str
    pacs: str
    copy: int
    reader: str
    run: int
    asked_at: datetime
    withdrawal: FeedbackWithdrawal
    account_id: int | None = None
    made_at: datetime | None = None
    found_at: datetime | None = None
    tries: int = 0
    next_at: datetime | None = None
    note: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether it has gone."""
        return self.withdrawal.gone_at is not None

    def state(self, now: datetime) -> FeedbackState:
        """How it stands at a moment."""
        if self.ended:
            return FeedbackState.GONE
        if now >= self.withdrawal.due_at:
            return FeedbackState.LATE
        if self.withdrawal.begun_at is not None:
            return FeedbackState.LEAVING
        if self.found_at is not None:
            return FeedbackState.SHOWN
        pending = self.counts.get(InstanceState.PENDING.value, 0)
        return FeedbackState.SENDING if pending or not self.made_at else FeedbackState.SENT

    def shows(self) -> str:
        """Say what it shows, and on what."""
        what = f"Truth beside the marks of {self.reader}" if self.reader else "Truth"
        return f"{what}, on {f'copy {self.copy:02d}' if self.copy else 'the master'}"

    def sentence(self, now: datetime) -> str:
        """Say how it stands: what is so, and what to do."""
        by, state = f"{self.withdrawal.due_at:%d %B %Y}", self.state(now)
        took = sum(self.counts.get(each.value, 0) for each in _STORED)
        not_taken = sum(self.counts.get(each.value, 0) for each in _NOT_TAKEN)
        without = f"; it did not take {not_taken}" if not_taken else ""
        held = f" {self.note}" if self.note else ""
        left = self.withdrawal.left
        some = ", ".join(list(left)[:3]) + (" and others" if len(left) > 3 else "")
        where = f" ({len(left)} cases: {some})" if left else ""
        if state is FeedbackState.GONE:
            return f"Nothing of it was found there on {self.withdrawal.gone_at:%d %B %Y}."
        if state is FeedbackState.LATE:
            return (
                f"It was promised to be gone by {by} and is not known to be: remove what the list "
                f"names{where} now, from PACS and archive."
            )
        if state is FeedbackState.LEAVING:
            return f"Remove what the list names{where} from the PACS and its archive by {by}."
        if state is FeedbackState.SHOWN:
            return f"The PACS has {took} objects{without}. It goes by {by}."
        if state is FeedbackState.SENT:
            return (
                f"The PACS took {took} objects{without}; we ask it for them.{held} It goes by {by}."
            )
        sent = f", {took} objects so far" if took else ""
        return f"It is on its way{sent}{without}.{held} It goes by {by}."

    def as_dict(self, now: datetime) -> dict[str, Any]:
        """Give it as JSON values."""
        w = self.withdrawal
        return {
            "set": self.set_name,
            "pacs": self.pacs,
            "copy": self.copy,
            "reader": self.reader or None,
            "run": self.run,
            "state": self.state(now).value,
            "asked_at": self.asked_at.isoformat(),
            "found_at": _iso(self.found_at),
            "objects": dict(self.counts),
            "note": self.note,
            "withdrawal": {
                "due_at": w.due_at.isoformat(),
                "begun_at": _iso(w.begun_at),
                "asked_at": _iso(w.asked_at),
                "gone_at": _iso(w.gone_at),
                "left": dict(w.left),
                "rejection_notes": dict(w.notes),
            },
            "sentence": self.sentence(now),
        }


_STORED = (InstanceState.STORED, InstanceState.WARNED)
_NOT_TAKEN = (InstanceState.FAILED, InstanceState.SKIPPED)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def count_states(objects: Iterable[FeedbackObject]) -> dict[str, int]:
    """Count objects by state."""
    return dict(Counter(each.state.value for each in objects))


def feedback_list(objects: Sequence[FeedbackObject]) -> str:
    """Write what must go as CSV, an object a line (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("accession", "study_instance_uid", "series_instance_uid", "sop_instance_uid",
                     "kind"))  # fmt: skip
    for each in objects:
        kind = "presentation state" if each.modality == "PR" else "capture"
        writer.writerow((each.accession, each.study_instance_uid, each.series_instance_uid,
                         each.sop_instance_uid, kind))  # fmt: skip
    return text.getvalue()
