"""Proving how a PACS keeps readers apart, on practice case 001; and what readers follow until then.

Each step is kept as a statement with its evidence. What DICOM can show is asked of the PACS as the
next reader's workstation would ask; what only people can see is said by them, after the word on
the image shows that the case was really open.

References
----------
DESIGN.md 5 (Isolation); QUIRKS.md C8 (annotations visible to the next reader).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pacs_bridge.db.repositories.isolation import KnownObject
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.isolation import (
    Standing,
    Statement,
    Step,
    fingerprint,
    is_practice_kind,
    judge_isolation,
    next_step,
)
from pacs_bridge.domain.loading import LEAVING, Load, Readiness
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.probing import Fact
from pacs_bridge.domain.workstation import MOST_WRONG, WRONG_WITHIN, case_to_open, judge_word
from pacs_bridge.services.workstation import LONGEST_KIND

GUARD = "guard"  # the kind under which `services.exposure` keeps what it saw last
REJECTION = "rejection"  # the kind of proof under which `services.withdraw` keeps it


@dataclass(frozen=True)
class IsolationNow:
    """How the isolation of a PACS stands, and what is to be done.

    Parameters
    ----------
    accession : str
        The practice case; empty where no set stands there.
    facts : tuple of Fact
        What the PACS answered just now; empty where it was not asked.
    next : str
        What to do next, one sentence; empty where nothing is.
    readers : tuple of str
        Who may be the second person: readers there other than the one who drew.
    images : int
        Of the practice case; `has_word` tells whether a word is printed on one of them.
    removes : bool
        Whether the PACS was seen to act on our rejection notes.
    guarded_at : datetime or None
        When the PACS was last asked what lies beside the images of the set.
    guarded : dict
        What it had then: objects ``seen``, of these ``unclear`` whose; cases ``unasked``.
    exposed : int
        Readings of the set there that are flagged.
    """

    pacs: str
    set_name: str
    standing: Standing
    accession: str
    at: datetime
    facts: tuple[Fact, ...] = ()
    next: str = ""
    readers: tuple[str, ...] = ()
    images: int = 0
    has_word: bool = False
    removes: bool = False
    guarded_at: datetime | None = None
    guarded: Mapping[str, Any] = field(default_factory=dict)
    exposed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        standing = self.standing
        age = standing.age(self.at)
        return {
            "pacs": self.pacs,
            "set": self.set_name,
            "claimed": standing.claimed.value,
            "effective": standing.effective.value,
            "proven": standing.is_proven,
            "proven_at": None if standing.proven_at is None else standing.proven_at.isoformat(),
            "age_days": None if age is None else age.days,
            "why": standing.why,
            "next": self.next,
            "case": self.accession,
            "guard": {
                "asked_at": None if self.guarded_at is None else self.guarded_at.isoformat(),
                **{key: self.guarded.get(key) for key in ("seen", "unclear", "unasked")},
                "exposed": self.exposed,
            },
            "facts": [
                {"what": fact.what, "works": fact.works, "detail": fact.detail}
                for fact in self.facts
            ],
        }


def isolation_of(uow: UnitOfWork, pacs: Pacs, now: datetime) -> Standing:
    """Tell how the isolation of a PACS stands, in the caller's transaction."""
    if pacs.isolation is Isolation.SHEET:
        return Standing(pacs.isolation, pacs.isolation)
    shared = uow.logins.reading(pacs.name)[1] == "shared" or bool(uow.logins.shared(pacs.name))
    return judge_isolation(pacs, uow.isolation.of_pacs(pacs.name), now, shared=shared)


def effective_isolation(pacs: str, *, begin: Begin, now: Clock) -> Isolation:
    """Tell which mode readers of a PACS follow; raises `NotFound`."""
    with begin() as uow:
        return isolation_of(uow, uow.pacs.get(pacs), now()).effective


def show_isolation(pacs: str, *, begin: Begin, now: Clock, set_name: str = "") -> IsolationNow:
    """Tell how the isolation of a PACS stands, and what to do next; raises `NotFound`."""
    with begin() as uow:
        return describe(uow, uow.pacs.get(parse_name(pacs)), set_name, now())


def describe(
    uow: UnitOfWork, pacs: Pacs, set_name: str, now: datetime, facts: Sequence[Fact] = ()
) -> IsolationNow:
    """Describe how it stands, in the caller's transaction."""
    standing = isolation_of(uow, pacs, now)
    removes = acts_on_notes(uow, pacs.name)
    load = newest_load(uow, pacs.name, set_name)
    if load is None:
        said = next_step(standing, "001", removes=removes)
        if said:
            said = "Load a case set there first, so that practice case 001 can be opened."
        return IsolationNow(pacs.name, set_name, standing, "", now, tuple(facts), said)
    case = case_to_open(uow.case_sets.get(load.set_name))
    first = "" if standing.marked is None else str(standing.marked.body.get("reader", ""))
    there = {each.reader for each in uow.enrolments.on_pacs(load.set_name, pacs.name)}
    people = there - uow.readers.machines() - {first}
    guard = uow.proofs.find(pacs.name, GUARD)
    of_set = guard is not None and guard.body.get("set") == load.set_name
    flagged = uow.exposures.of_set(load.set_name).values()
    return IsolationNow(
        pacs.name,
        load.set_name,
        standing,
        case.accession,
        now,
        tuple(facts),
        next_step(standing, case.accession, removes=removes),
        tuple(sorted(people)),
        sum(1 for study in case.studies if not study.prior for _ in study.instances()),
        bool(case.word),
        removes,
        guard.proven_at if guard is not None and of_set else None,
        guard.body if guard is not None and of_set else {},
        sum(each.pacs == pacs.name for each in flagged),
    )


def acts_on_notes(uow: UnitOfWork, pacs: str) -> bool:
    """Whether a PACS was seen to act on rejection notes."""
    proof = uow.proofs.find(pacs, REJECTION)
    return proof is not None and bool(proof.body.get("works"))


def newest_load(uow: UnitOfWork, pacs: str, set_name: str = "") -> Load | None:
    """Find the load of a set, or of the newest, that stands at a PACS; the master's if it can."""
    there = [
        load
        for load in uow.loads.all()
        if load.pacs == pacs
        and load.readiness not in (*LEAVING, Readiness.PLANNED)
        and set_name in ("", load.set_name)
    ]
    return max(there, key=lambda each: (each.set_name, -each.copy), default=None)


def state_step(
    uow: UnitOfWork,
    pacs: Pacs,
    step: Step,
    set_name: str,
    now: datetime,
    account_id: int | None = None,
    **body: Any,
) -> None:
    """Keep one step with its evidence, tell it, and queue the release of whom it lets read."""
    before = isolation_of(uow, pacs, now)
    mark = fingerprint(pacs)
    made = Statement(pacs.name, pacs.isolation, step, mark, set_name, now, body, account_id)
    uow.isolation.add(made)
    after = isolation_of(uow, pacs, now)
    uow.events.add(
        now, f"isolation-{step.value}", pacs.name, mode=pacs.isolation.value, set=set_name
    )
    if after.effective is not before.effective:
        kind = "isolation-proven" if after.is_proven else "isolation-lost"
        uow.events.add(now, kind, pacs.name, mode=pacs.isolation.value, used=after.effective.value)


def say_what_was_seen(
    pacs: str,
    second: str,
    kind: str,
    *,
    typed: str,
    saw_none: bool,
    begin: Begin,
    now: Clock,
    set_name: str = "",
    account_id: int | None = None,
) -> IsolationNow:
    """Keep what a second reader saw when opening the practice case under their own log-in.

    Parameters
    ----------
    second : str
        The reader's code.
    kind : str
        The workstation, in the site's own words.
    typed : str
        The word printed on the image, where there is one.
    saw_none : bool
        Whether no mark of another reader showed.

    Raises
    ------
    RefusedInput
        When nobody else's mark is known to be there, the reader is the one who drew or reads
        elsewhere, or the word is another.
    NotFound
        When there is no such PACS, or no set stands there.
    """
    moment, named = now(), " ".join(kind.split())
    if not named or len(named) > LONGEST_KIND or not named.isprintable():
        raise RefusedInput(f"Name the workstation in at most {LONGEST_KIND} characters.")
    wrong = False
    with begin() as uow:
        known = uow.pacs.get(parse_name(pacs))
        if known.isolation is not Isolation.PRIVATE:
            raise RefusedInput(
                f"Readers of {known.name} are not kept apart by their viewer; ask the PACS instead."
            )
        now_ = describe(uow, known, set_name, moment)
        marked = now_.standing.marked
        if not now_.accession:
            raise NotFound(f"No case set stands at {known.name}; load one first.")
        if marked is None:
            raise RefusedInput(
                "No reader's mark on the practice case is known to be there, so that seeing none "
                "proves nothing: let one reader draw and save, and ask the PACS first."
            )
        if second not in now_.readers:
            raise RefusedInput(
                "Choose a reader who reads at this PACS and is not the one who drew the mark."
            )
        case = case_to_open(uow.case_sets.get(now_.set_name))
        tries = [
            each
            for each in uow.events.newest(200, kind="isolation-wrong-word")
            if each.subject == known.name and moment - each.at < WRONG_WITHIN
        ]
        if len(tries) >= MOST_WRONG:
            raise RefusedInput(
                "Too many wrong words within an hour: open the case again later, and read the "
                "word from the image."
            )
        if not judge_word(case, typed):
            wrong = True
            uow.events.add(moment, "isolation-wrong-word", known.name)
        else:
            body = {
                "first": marked.body.get("reader"),
                "second": second,
                "workstation": named,
                "case": case.accession,
                "word": bool(case.word),
            }
            step = Step.LOOKED if saw_none else Step.LEAKED
            state_step(uow, known, step, now_.set_name, moment, account_id, **body)
        done = describe(uow, known, now_.set_name, moment)
    if wrong:
        raise RefusedInput(
            f"That is not the word on practice case {done.accession}: look at all its images again."
        )
    return done


def take_back(
    pacs: str, because: str, *, begin: Begin, now: Clock, account_id: int | None = None
) -> IsolationNow:
    """Take the proof of a PACS back: its readers read on the sheet until it is proven anew.

    Raises
    ------
    RefusedInput
        When no reason is given.
    """
    reason = " ".join(because.split())
    if not reason or len(reason) > 200 or not reason.isprintable():
        raise RefusedInput("Say in at most 200 characters why the proof is taken back.")
    with begin() as uow:
        known = uow.pacs.get(parse_name(pacs))
        if isolation_of(uow, known, now()).is_proven and known.isolation is not Isolation.SHEET:
            state_step(uow, known, Step.LEAKED, "", now(), account_id, because=reason)
        return describe(uow, known, "", now())


def marks_from_readers(uow: UnitOfWork, pacs: str, cases: Sequence[Case]) -> list[KnownObject]:
    """List what people drew on cases and what came from a PACS, in order of arrival."""
    machines = uow.readers.machines()
    return [
        each
        for each in uow.sightings.came(pacs, [case.accession for case in cases])
        if each.reader is not None
        and each.reader not in machines
        and each.state == "read"
        and is_practice_kind(each.kind)
    ]
