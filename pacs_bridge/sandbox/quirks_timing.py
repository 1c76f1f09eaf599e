"""Quirks of a PACS that is slow, busy or cuts the line (QUIRKS.md C1, C4, C6)."""

from __future__ import annotations

import threading

from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_quirk import Counter, Cut, Every, Quirk, Switch


class SlowIndex(Quirk):
    """Finds an object only some seconds after it was stored."""

    def __init__(self, seconds: float) -> None:
        self.index_seconds = seconds


class Stall(Quirk):
    """Falls silent once, for a while, after it has taken N objects."""

    seconds = 15.0

    def __init__(self, count: float) -> None:
        self._last, self._stores = int(count), Counter()

    def on_store(self) -> None:
        """Count stores; keep the sender of one of them waiting."""
        if self._stores.next() == self._last + 1:
            threading.Event().wait(self.seconds)


class AnswerLate(Quirk):
    """Takes its time over every C-STORE."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def on_store(self) -> None:
        """Keep the sender waiting."""
        threading.Event().wait(self._seconds)


class SlowFind(Quirk):
    """Takes its time over every C-FIND."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def on_find(self, question: Question) -> Question:
        """Keep who asks waiting."""
        threading.Event().wait(self._seconds)
        return question


class RejectTransient(Quirk):
    """Rejects the first N associations."""

    def __init__(self, count: float) -> None:
        self._first, self._calls = int(count), Counter()

    def rejects(self) -> bool:
        """Count associations."""
        return self._calls.next() <= self._first


class OneAssociationOnly(Quirk):
    """Has one association at a time."""

    most_associations = 1


class AbortMidSet(Quirk):
    """Aborts in place of taking every Nth object."""

    def __init__(self, every: float) -> None:
        self._is_due = Every(every)

    def cuts_before_keeping(self) -> Cut:
        """Count objects."""
        return Cut.ABORT if self._is_due() else Cut.NOT


class DropsLink(Quirk):
    """Keeps every Nth object, and the line is cut before the answer."""

    def __init__(self, every: float) -> None:
        self._is_due = Every(every)

    def cuts_before_answering(self) -> Cut:
        """Count objects."""
        return Cut.DROP if self._is_due() else Cut.NOT


class AbortFind(Quirk):
    """Aborts the first association on which something is asked."""

    def __init__(self) -> None:
        self._questions = Counter()

    def breaks_off(self) -> bool:
        """Only the first time."""
        return self._questions.next() == 1


SWITCHES = (
    Switch(
        "slow-index", "Finds an object only so long after it was stored.",
        "C6 (mercure 45)", SlowIndex, "SECONDS",
    ),
    Switch(
        "router-delay", "A router that delivers so long after it said Success (see --router).",
        "issue 4: endpoints by role", SlowIndex, "SECONDS",
    ),
    Switch("stall", "Falls silent once, 15 s, after N objects.", "C1 (fo-dicom 1359)", Stall, "N"),
    Switch("answer-late", "Answers every C-STORE so late.", "C1", AnswerLate, "SECONDS"),
    Switch(
        "slow-find", "Answers every C-FIND so late.", "C4 (pynetdicom 550)", SlowFind, "SECONDS",
    ),
    Switch(
        "reject-transient", "Rejects the first N associations, with: later perhaps.",
        "C1 (dcmjs-dimse 45)", RejectTransient, "N", "2",
    ),
    Switch(
        "one-association-only", "Has one association at a time and rejects others.",
        "C1 (pynetdicom 629)", OneAssociationOnly,
    ),
    Switch(
        "abort-mid-set", "Aborts in place of taking every Nth object.", "C1 (dicoogle 710)",
        AbortMidSet, "N", "5",
    ),
    Switch(
        "drops-link", "Keeps every Nth object and cuts the line before the answer.",
        "C1 (fo-dicom 526)", DropsLink, "N", "5",
    ),
    Switch(
        "abort-find", "Aborts the first association on which it is asked something.", "C3, C4",
        AbortFind,
    ),
)  # fmt: skip
