"""How a PACS is best asked: what each way of asking came to, kept and used the next time.

Whatever is in a profile saves questions and proves nothing: a case that a quick way did not
bring is always asked for by its own Study Instance UID.

References
----------
QUIRKS.md C3, C4; STANDARDS.md 5.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

RELEARN = timedelta(days=7)
"""How long a way of asking that did not work is left alone: a PACS may be updated."""


class Rung(StrEnum):
    """A way of asking for studies; the ladder goes down from few questions to many."""

    WILDCARD = "accession numbers by wildcard"
    ACCESSION = "one accession number"
    UID_LIST = "a list of Study Instance UIDs"
    UID = "one Study Instance UID"
    PATIENT = "one patient ID"


class Outcome(StrEnum):
    """What a way of asking came to."""

    WORKS = "works"
    REFUSED = "refused"
    CAPPED = "answers are cut off"
    BLIND = "finds nothing that is there"
    BROKE = "breaks off"


@dataclass(frozen=True)
class QueryProfile:
    """What was learned about one PACS; None is "not known yet".

    Parameters
    ----------
    rungs : dict of Rung to Outcome
        Ways of asking that were tried.
    since : dict of Rung to datetime
        When each of them was last learned.
    cap : int or None
        How many answers were given to one question before they were cut off.
    image_level : bool or None
        Whether it answers questions at IMAGE level.
    counts : bool or None
        Whether it counts the objects of a study.
    charset : bool or None
        Whether its answers name their character set.
    patient_root : bool or None
        Whether it is asked in the Patient Root model, because it does not offer Study Root.
    saves_whole : bool or None
        Whether each save of its viewers holds anew all that is drawn (``resave = whole``), as
        its capability test showed; what a later save lacks is then asked about.
    """

    rungs: Mapping[Rung, Outcome] = field(default_factory=dict)
    since: Mapping[Rung, datetime] = field(default_factory=dict)
    cap: int | None = None
    image_level: bool | None = None
    counts: bool | None = None
    charset: bool | None = None
    patient_root: bool | None = None
    saves_whole: bool | None = None

    def may(self, rung: Rung) -> bool:
        """Whether a way of asking is worth a try."""
        return self.rungs.get(rung, Outcome.WORKS) is Outcome.WORKS

    @property
    def one_at_a_time(self) -> bool:
        """Whether studies have to be asked for one by one."""
        return not (self.may(Rung.WILDCARD) or self.may(Rung.UID_LIST))

    def fresh(self, now: datetime) -> QueryProfile:
        """Leave out what did not work so long ago that it is worth another try."""
        old = {
            rung
            for rung, outcome in self.rungs.items()
            if outcome is not Outcome.WORKS and now - self.since.get(rung, now) >= RELEARN
        }
        return replace(
            self,
            rungs={rung: what for rung, what in self.rungs.items() if rung not in old},
            since={rung: at for rung, at in self.since.items() if rung not in old},
            cap=None if old else self.cap,
        )

    def learn(self, learned: QueryProfile, now: datetime) -> QueryProfile:
        """Put what a sweep has taught over what was known; unchanged where it taught nothing."""
        return QueryProfile(
            rungs={**self.rungs, **learned.rungs},
            since={**self.since, **dict.fromkeys(learned.rungs, now)},
            cap=_newer(self.cap, learned.cap),
            image_level=_newer(self.image_level, learned.image_level),
            counts=_newer(self.counts, learned.counts),
            charset=_newer(self.charset, learned.charset),
            patient_root=_newer(self.patient_root, learned.patient_root),
            saves_whole=_newer(self.saves_whole, learned.saves_whole),
        )

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "rungs": {rung.name: what.name for rung, what in self.rungs.items()},
            "since": {rung.name: at.isoformat() for rung, at in self.since.items()},
            "cap": self.cap,
            "image_level": self.image_level,
            "counts": self.counts,
            "charset": self.charset,
            "patient_root": self.patient_root,
            "saves_whole": self.saves_whole,
            "one_at_a_time": self.one_at_a_time,
        }

    @classmethod
    def of_dict(cls, kept: Mapping[str, Any]) -> QueryProfile:
        """Read what `as_dict` gave, by whichever version; what is not known is left out."""
        rungs, since = kept.get("rungs") or {}, kept.get("since") or {}
        return cls(
            rungs={
                rung: Outcome[rungs[rung.name]]
                for rung in Rung
                if rungs.get(rung.name) in Outcome.__members__
            },
            since={
                rung: datetime.fromisoformat(since[rung.name])
                for rung in Rung
                if rung.name in since
            },
            cap=kept.get("cap"),
            image_level=kept.get("image_level"),
            counts=kept.get("counts"),
            charset=kept.get("charset"),
            patient_root=kept.get("patient_root"),
            saves_whole=kept.get("saves_whole"),
        )

    def lines(self) -> list[str]:
        """Tell it in plain sentences, one a line; none where nothing is known."""
        told = [
            f"{rung.value}: {self.rungs[rung].value}{self._when(rung)}"
            for rung in Rung
            if rung in self.rungs
        ]
        if self.cap is not None:
            told.append(f"gives no more than {self.cap} answers to a question")
        for known, yes, no in (
            (self.image_level, "lists images", "refuses questions at IMAGE level"),
            (self.counts, "counts the objects of a study", "does not count objects"),
            (self.charset, "names its character set", "does not name its character set"),
            (self.patient_root, "offers Patient Root only", "is asked in Study Root"),
            (self.saves_whole, "saves all marks anew", "saves new marks beside the old ones"),
        ):
            if known is not None:
                told.append(yes if known else no)
        if self.rungs and self.one_at_a_time:
            told.append("has to be asked for one study at a time")
        return told

    def _when(self, rung: Rung) -> str:
        at = self.since.get(rung)
        return "" if at is None else f" ({at:%d %B %Y})"


_Known = TypeVar("_Known", int, bool)


def _newer(before: _Known | None, learned: _Known | None) -> _Known | None:
    return before if learned is None else learned


UNKNOWN = QueryProfile()
"""Of a PACS that was never asked."""
