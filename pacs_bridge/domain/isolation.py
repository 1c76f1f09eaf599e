"""How a PACS keeps one reader's marks from the next: claimed, proven on practice case 001, used.

What is registered of a PACS is a claim. It is used once it is proven, as long as the PACS is what
it was then; else its readers read on the sheet (DESIGN.md 5). What proves it follows from the
statements kept, in their order; none is ever changed.

What DICOM alone can prove differs by mode. That marks lie on one copy only, or are gone, a query
shows. That a viewer hides them by who is signed in, no query of ours can show: two people see it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pacs_bridge.domain.pacs import OUTWARD, Isolation, Pacs

HOLDS = timedelta(days=365)
"""How long a proof is believed; hospitals change their PACS in between."""


class Step(StrEnum):
    """What a statement about the isolation of a PACS says."""

    MARKED = "marked"
    """A reader's mark on the practice case is at the PACS, and came from there."""
    LOOKED = "looked"
    """A second person opened the practice case under another log-in, and saw none of them."""
    APART = "apart"
    """A reader's mark lies on that reader's copy, and on no other."""
    CLEARED = "cleared"
    """The marks were taken away, and the PACS, asked, has none of them."""
    LEAKED = "leaked"
    """Marks of another reader were seen, or a person took the proof back."""


@dataclass(frozen=True)
class Statement:
    """One step on the way to a proof, or against it.

    Parameters
    ----------
    fingerprint : str
        What the PACS was then, see `fingerprint`.
    body : dict
        The evidence: who, which objects, how it was asked.
    account_id : int or None
        Who said or asked it; None from the command line.
    """

    pacs: str
    mode: Isolation
    step: Step
    fingerprint: str
    set_name: str
    at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    account_id: int | None = None


@dataclass(frozen=True)
class Standing:
    """How the isolation of a PACS stands.

    Parameters
    ----------
    claimed : Isolation
        What is registered.
    effective : Isolation
        What readers follow.
    proven_at : datetime or None
        When the last step of the proof was made; also of one that is used no more.
    why : str
        Why it is not what is claimed, one sentence; empty where it is.
    marked, looked, apart, cleared : Statement or None
        The steps that count now.
    """

    claimed: Isolation
    effective: Isolation
    proven_at: datetime | None = None
    why: str = ""
    marked: Statement | None = None
    looked: Statement | None = None
    apart: Statement | None = None
    cleared: Statement | None = None

    @property
    def is_proven(self) -> bool:
        """Whether what is claimed is what is used."""
        return self.claimed is self.effective

    def age(self, now: datetime) -> timedelta | None:
        """How old the proof is."""
        return None if self.proven_at is None else now - self.proven_at


def fingerprint(pacs: Pacs) -> str:
    """Name what a proof is about: the mode, and where and as whom the PACS is spoken to.

    Who may call us from it is no part of it: to adopt one more workstation changes no PACS.
    """
    said = [
        [
            sorted(set(each.roles) & set(OUTWARD)),
            each.ae_title,
            each.host,
            each.port,
            each.url,
            each.our_ae_title,
        ]
        for each in pacs.endpoints
        if set(each.roles) & set(OUTWARD)
    ]
    text = json.dumps([pacs.isolation.value, pacs.our_ae_title, sorted(said, key=str)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


NOT_PROVEN = "It is not proven on practice case 001 yet."
SHARED = (
    "Readers share a log-in there, so that a viewer which hides marks by who is signed in hides "
    "nothing."
)
CHANGED = "The PACS was changed since it was proven; prove it again."
TOO_OLD = "The proof is older than a year; prove it again."
TAKEN_BACK = "Marks of another reader were seen, or the proof was taken back; prove it again."


def judge_isolation(
    pacs: Pacs, statements: Iterable[Statement], now: datetime, *, shared: bool = False
) -> Standing:
    """Tell what the isolation of a PACS is worth.

    Parameters
    ----------
    statements : iterable of Statement
        All of this PACS, oldest first.
    shared : bool
        Whether readers there work under a log-in that is not theirs alone.
    """
    claimed = pacs.isolation
    if claimed is Isolation.SHEET:
        return Standing(claimed, claimed)
    every = [each for each in statements if each.mode is claimed]
    mark = fingerprint(pacs)
    current, leaked = _since_leak([each for each in every if each.fingerprint == mark])
    steps = _steps(current)
    proven_at = _proven_at(claimed, steps)
    why = ""
    if proven_at is None:
        before, _ = _since_leak([each for each in every if each.fingerprint != mark])
        was = _proven_at(claimed, _steps(before))
        if leaked:
            why = TAKEN_BACK
        elif was is not None:
            why, proven_at = CHANGED, was
        else:
            why = NOT_PROVEN
    elif now - proven_at > HOLDS:
        why = TOO_OLD
    elif shared and claimed is Isolation.PRIVATE:
        why = SHARED
    effective = Isolation.SHEET if why else claimed
    return Standing(claimed, effective, proven_at, why, *(steps.get(each) for each in _COUNTED))


_COUNTED = (Step.MARKED, Step.LOOKED, Step.APART, Step.CLEARED)


def _since_leak(statements: Sequence[Statement]) -> tuple[list[Statement], bool]:
    """Keep what came after the last leak; tell whether there was one."""
    places = [nth for nth, each in enumerate(statements) if each.step is Step.LEAKED]
    return list(statements[places[-1] + 1 :] if places else statements), bool(places)


def _steps(statements: Sequence[Statement]) -> dict[Step, Statement]:
    """Give the step of each kind that counts: what follows a mark is about that mark."""
    found: dict[Step, Statement] = {}
    for each in statements:
        if each.step in (Step.LOOKED, Step.CLEARED) and not _is_about(each, found):
            continue
        found[each.step] = each
    return found


def _is_about(each: Statement, found: Mapping[Step, Statement]) -> bool:
    marked = found.get(Step.MARKED)
    if marked is None or each.at < marked.at:
        return False
    if each.step is Step.LOOKED:
        return each.body.get("first") == marked.body.get("reader") != each.body.get("second")
    return set(marked.body.get("objects", ())) <= set(each.body.get("objects", ()))


def _proven_at(claimed: Isolation, steps: Mapping[Step, Statement]) -> datetime | None:
    last = {
        Isolation.PRIVATE: Step.LOOKED,
        Isolation.COPIES: Step.APART,
        Isolation.SEQUENTIAL: Step.CLEARED,
    }.get(claimed)
    return None if last is None or last not in steps else steps[last].at


MODES = {
    Isolation.PRIVATE: "its viewer hides what other people saved",
    Isolation.COPIES: "each reader has a copy of the cases",
    Isolation.SEQUENTIAL: "one reader at a time; marks are removed in between",
    Isolation.SHEET: "marks are put on our pages, and nothing is saved in the PACS",
}
"""The modes in words."""


def next_step(standing: Standing, accession: str, *, removes: bool = False) -> str:
    """Say in one sentence what to do next so that a claim becomes proven; empty when it is.

    Parameters
    ----------
    accession : str
        The practice case.
    removes : bool
        Whether the PACS was seen to act on our rejection notes.
    """
    if standing.is_proven:
        return ""
    if standing.why == SHARED:
        return "Give each reader a log-in of their own there, or let them read by copies."
    draw = (
        f"Ask one reader to open practice case {accession} in the viewer, draw one mark and save "
        "it; then ask the PACS again here."
    )
    if standing.claimed is Isolation.COPIES:
        return (
            "Load a copy of the set for each of two readers, ask one of them to draw one mark on "
            "the practice case of their own copy and save it; then ask the PACS again here."
        )
    if standing.marked is None:
        return draw
    if standing.claimed is Isolation.PRIVATE:
        return (
            f"Ask a second reader to sign in to the viewer under their own log-in, open practice "
            f"case {accession}, and say here what they see."
        )
    if removes:
        return "Have the marks removed by a rejection note; then ask the PACS again here."
    return (
        f"Have the marks on practice case {accession} removed in the PACS (the list names them); "
        "then ask the PACS again here."
    )


def say_age(age: timedelta) -> str:
    """Say how long ago something was: ``today``, ``3 days ago``."""
    if age.days < 1:
        return "today"
    return f"{age.days} day{'s' * (age.days > 1)} ago"


def is_practice_kind(kind: str) -> bool:
    """Whether an object of this kind is something that a reader drew or wrote in a viewer."""
    return kind in (
        "presentation-state",
        "measurement-report",
        "other-sr",
        "key-object",
        "overlay",
    )
