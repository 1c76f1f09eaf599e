"""Asking a PACS, as the next reader's workstation would, for marks that it must not show.

Every answer is a fact; what proves a step becomes a statement. What was not answered, or not
wholly, is never "nothing there".

References
----------
DESIGN.md 5; PS3.4 C.4.1 (C-FIND), C.4.3 (C-GET).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.db.repositories.isolation import KnownObject
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable, RefusedInput
from pacs_bridge.domain.identifiers import CaseName, parse_name
from pacs_bridge.domain.isolation import Step
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.probing import Fact
from pacs_bridge.domain.pulling import HeldMark, HeldMarks, MarkFinder
from pacs_bridge.domain.retrieving import Asked, Retriever
from pacs_bridge.domain.workstation import case_to_open
from pacs_bridge.services.fetch import Folder
from pacs_bridge.services.isolation import (
    IsolationNow,
    describe,
    isolation_of,
    marks_from_readers,
    newest_load,
    show_isolation,
    state_step,
)
from pacs_bridge.services.mark_removal import SendNotes

_EXPLICIT, _IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


@dataclass(frozen=True)
class _World:
    """What is asked about: the practice case, once or once a copy, and what came of it."""

    pacs: Pacs
    set_name: str
    cases: tuple[Case, ...]
    came: tuple[KnownObject, ...]
    marked: tuple[str, ...] = ()


def ask_isolation(
    pacs: str,
    *,
    begin: Begin,
    finder: MarkFinder,
    retriever: Retriever,
    now: Clock,
    set_name: str = "",
    account_id: int | None = None,
    reject: SendNotes | None = None,
) -> IsolationNow:
    """Ask a PACS what of the practice case's marks it shows, and keep what that proves.

    Repeating it is safe, and is how a proof goes from step to step.

    Parameters
    ----------
    reject : callable, optional
        Has the marks on the practice case removed first, where readers read one at a time.

    Raises
    ------
    NotFound
        When there is no such PACS.
    RefusedInput
        When no set stands there, or it cannot be asked at all.
    """
    world = _look_up(parse_name(pacs), set_name, begin, now())
    if world is None or world.pacs.isolation is Isolation.SHEET:
        shown = show_isolation(pacs, begin=begin, now=now, set_name=set_name)
        if world is None:
            raise RefusedInput(shown.next or f"No case set stands at {shown.pacs}.")
        return shown
    facts: list[Fact] = []
    if reject is not None and world.pacs.isolation is Isolation.SEQUENTIAL:
        (held,) = finder.find_marks(world.pacs, world.cases[:1])
        ours = [m for m in held.marks if m.sop_instance_uid in {*world.marked, *_uids(world.came)}]
        if ours:
            facts.append(
                Fact(
                    "rejection note",
                    works=True,
                    detail=reject(world.pacs, world.cases[0], ours).words,
                )
            )
    held_marks = list(finder.find_marks(world.pacs, world.cases))
    step = {
        Isolation.PRIVATE: _private,
        Isolation.COPIES: _copies,
        Isolation.SEQUENTIAL: _sequential,
    }[world.pacs.isolation]
    found, statement = step(world, held_marks, retriever)
    with begin() as uow:
        current = uow.pacs.get(world.pacs.name)
        if statement is not None:
            kind, body = statement
            state_step(uow, current, kind, world.set_name, now(), account_id, **body)
        return describe(uow, current, world.set_name, now(), (*facts, *found))


_Found = tuple[list[Fact], "tuple[Step, dict[str, object]] | None"]


def _look_up(pacs: str, set_name: str, begin: Begin, now: datetime) -> _World | None:
    with begin() as uow:
        known = uow.pacs.get(pacs)
        load = newest_load(uow, known.name, set_name)
        if load is None or not known.is_called:
            return None
        copies = [0]
        if known.isolation is Isolation.COPIES:
            copies = sorted(
                each.copy
                for each in uow.loads.all()
                if each.pacs == known.name
                and each.set_name == load.set_name
                and each.readiness not in (*LEAVING, Readiness.PLANNED)
            )
        passports = [uow.case_sets.get(load.set_name, copy) for copy in copies]
        cases = tuple(map(case_to_open, passports))
        came = tuple(marks_from_readers(uow, known.name, cases))
        standing = isolation_of(uow, known, now)
        marked = () if standing.marked is None else standing.marked.body.get("objects", ())
        profile = uow.profiles.get(known.name)
    return _World(replace(known, profile=profile), load.set_name, cases, came, tuple(marked))


def _uids(came: Sequence[KnownObject]) -> tuple[str, ...]:
    return tuple(each.sop_instance_uid for each in came)


_NONE_CAME = "none has come yet: let one reader draw and save"


def _newest_of_one(world: _World) -> list[KnownObject]:
    """Give the objects of the reader whose mark came last."""
    if not world.came:
        return []
    last = world.came[-1]
    return [each for each in world.came if each.reader == last.reader]


def _private(world: _World, held: Sequence[HeldMarks], retriever: Retriever) -> _Found:
    """See what whoever asks is shown; that a viewer hides it takes people to see."""
    case, theirs = world.cases[0], _newest_of_one(world)
    if not theirs:
        return [
            Fact(f"a reader's mark on {case.accession} came", works=False, detail=_NONE_CAME)
        ], None
    uids = set(_uids(theirs))
    listed = [each for each in held[0].marks if each.sop_instance_uid in uids]
    given = _given(world.pacs, retriever, listed)
    facts = [
        Fact(f"a reader's mark on {case.accession} came", works=True, detail=_objects(len(theirs))),
        _kept_from(held[0], "a workstation that asks is shown it by C-FIND", listed),
        _gives("a workstation that asks is given it by C-GET", listed, given),
    ]
    return facts, (
        Step.MARKED,
        {
            "reader": theirs[-1].reader,
            "objects": sorted(uids),
            "listed": len(listed),
            "given": len(given),
            "problems": list(held[0].problems),
        },
    )


def _copies(world: _World, held: Sequence[HeldMarks], retriever: Retriever) -> _Found:
    """See that a reader's mark lies on that reader's copy alone."""
    held_by = dict(zip((case.accession for case in world.cases), held, strict=True))
    own = [case for case in world.cases if CaseName.parse(case.accession).copy]
    facts: list[Fact] = [Fact("copies of the set stand there", len(own) > 1, f"{len(own)} copies")]
    theirs = [
        each
        for each in world.came
        if any(m.sop_instance_uid == each.sop_instance_uid for m in held_by[each.accession].marks)
        and CaseName.parse(each.accession).copy
    ]
    if not theirs:
        facts.append(
            Fact("a reader's mark on their own copy is listed", works=False, detail=_NONE_CAME)
        )
        return facts, None
    one = theirs[-1]
    uids = {each.sop_instance_uid for each in theirs if each.reader == one.reader}
    facts.append(
        Fact("a reader's mark on their own copy is listed", works=True, detail=one.accession)
    )
    apart = len(own) > 1
    marks = [m for m in held_by[one.accession].marks if m.sop_instance_uid in uids]
    for case in world.cases:
        if case.accession == one.accession:
            continue
        what = f"it is hidden from whoever opens {case.accession}"
        there = [m for m in held_by[case.accession].marks if m.sop_instance_uid in uids]
        given = uids & _given_of_study(world.pacs, retriever, case, marks)
        if there or given:
            facts.append(Fact(what, works=False, detail="the PACS shows it there, too"))
            apart = False
        elif held_by[case.accession].problems:
            facts.append(Fact(what, None, held_by[case.accession].problems[0]))
            apart = False
        else:
            facts.append(Fact(what, works=True, detail="by C-FIND and C-GET"))
    if not apart:
        return facts, None
    body: dict[str, object] = {
        "reader": one.reader,
        "case": one.accession,
        "objects": sorted(uids),
        "asked": [case.accession for case in world.cases],
    }
    return facts, (Step.APART, body)


def _sequential(world: _World, held: Sequence[HeldMarks], retriever: Retriever) -> _Found:
    """See the marks there; then, the next time, that they have gone."""
    del retriever
    case, now_held = world.cases[0], held[0]
    there = {each.sop_instance_uid for each in now_held.marks}
    theirs = _newest_of_one(world)
    left = there & {*world.marked, *_uids(world.came)}
    if world.marked and not left:
        what = f"the marks on {case.accession} have gone"
        if now_held.problems:
            return [Fact(what, None, now_held.problems[0])], None
        body: dict[str, object] = {"objects": sorted(world.marked), "case": case.accession}
        return [Fact(what, works=True, detail="the PACS, asked, lists none of them")], (
            Step.CLEARED,
            body,
        )
    if not theirs:
        return [
            Fact(f"a reader's mark on {case.accession} came", works=False, detail=_NONE_CAME)
        ], None
    if not left:
        detail = now_held.problems[0] if now_held.problems else "it lists none of them"
        return [
            Fact(f"the PACS lists the marks on {case.accession}", works=False, detail=detail)
        ], None
    facts = [
        Fact(
            f"the PACS lists the marks on {case.accession}", works=True, detail=_objects(len(left))
        ),
        Fact(
            f"the marks on {case.accession} have gone",
            works=False,
            detail=f"{_objects(len(left))} there",
        ),
    ]
    return facts, (Step.MARKED, {"reader": theirs[-1].reader, "objects": sorted(left)})


def _kept_from(held: HeldMarks, what: str, listed: Sequence[HeldMark]) -> Fact:
    if listed:
        return Fact(
            what,
            works=True,
            detail=f"{_objects(len(listed))}: only the viewer can hide it from people",
        )
    if held.problems:
        return Fact(what, None, held.problems[0])
    return Fact(what, works=False, detail="the PACS lists none of it")


def _gives(what: str, listed: Sequence[HeldMark], given: set[str]) -> Fact:
    if not listed:
        return Fact(what, None, "nothing to ask for")
    return Fact(what, bool(given), _objects(len(given)) if given else "it gave none")


def _given(pacs: Pacs, retriever: Retriever, marks: Sequence[HeldMark]) -> set[str]:
    """Try to have objects by C-GET, as a workstation would; nothing of them is kept."""
    came: set[str] = set()
    for each in marks:
        asked = Asked(
            each.study_instance_uid,
            each.series_instance_uid,
            (each.sop_instance_uid,),
            each.patient_id,
        )
        kinds = [(each.sop_class_uid, (syntax,)) for syntax in (_EXPLICIT, _IMPLICIT)]
        if not each.sop_class_uid:
            continue
        with TemporaryDirectory(prefix="asked-") as folder:
            shelf = Folder(Path(folder))
            try:
                retriever.get(pacs, asked, shelf.open, kinds=kinds)
            except (PeerUnavailable, GiveUp):
                continue
            came |= set(shelf.fetched)
    return came


def _given_of_study(
    pacs: Pacs, retriever: Retriever, case: Case, marks: Sequence[HeldMark]
) -> set[str]:
    """Have a whole study by C-GET, but only what is of the kinds of these marks."""
    classes = {mark.sop_class_uid for mark in marks} - {""}
    kinds = [(uid, (syntax,)) for uid in sorted(classes) for syntax in (_EXPLICIT, _IMPLICIT)]
    came: set[str] = set()
    for study in case.studies if kinds else ():
        with TemporaryDirectory(prefix="asked-") as folder:
            shelf = Folder(Path(folder))
            try:
                retriever.get(pacs, Asked(study.study_instance_uid), shelf.open, kinds=kinds)
            except (PeerUnavailable, GiveUp):
                continue
            came |= set(shelf.fetched)
    return came


def _objects(number: int) -> str:
    return f"{number} object{'s' * (number != 1)}"
