"""The exposure guard: what somebody else made and a reader might see flags that reading, once.

The PACS is asked what lies in our studies beside our images, when readers are released, when one
sits down to read, and by the clock; what came to us from there counts from its arrival. So what
came and went between two questions is not overlooked.

References
----------
DESIGN.md 5; QUIRKS.md C8, C13.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pacs_bridge.db.repositories.isolation import KnownObject
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.exposure import (
    Exposure,
    Maker,
    Sighting,
    Watched,
    exposes,
    judge_maker,
    was_in_sight,
    word_exposure,
)
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.objects import WAITING
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.pulling import HeldMarks, MarkFinder
from pacs_bridge.services.exposure_mail import loads_of, tell_contact
from pacs_bridge.services.folded import reading_uid_of
from pacs_bridge.services.isolation import GUARD, isolation_of
from pacs_bridge.sr.write import derive_uid

EVERY = timedelta(minutes=10)
"""How often a PACS is asked while somebody may read there."""

ON_ITS_WAY = timedelta(minutes=5)
"""How long a mark may take from a PACS to us before it is fetched."""


@dataclass(frozen=True)
class Guarded:
    """What asking a PACS about one set came to.

    Parameters
    ----------
    seen : int
        Objects that lie beside our images.
    unasked : int
        Cases that could not be asked about, or not wholly.
    flagged : tuple of str
        Readings that were flagged now.
    unclear : int
        Objects of which nobody knows yet whose they are; they flag nothing by themselves.
    """

    pacs: str
    set_name: str
    seen: int = 0
    unasked: int = 0
    flagged: tuple[str, ...] = ()
    unclear: int = 0


def watch_exposure(
    pacs_name: str,
    set_name: str,
    *,
    begin: Begin,
    finder: MarkFinder,
    now: Clock,
    public_url: str = "",
) -> Guarded:
    """Ask a PACS what lies beside the images of a set, and flag the readings that it may lead.

    Repeating it flags nothing twice, and tells nothing twice.

    Raises
    ------
    NotFound
        When there is no such PACS.
    """
    with begin() as uow:
        pacs = uow.pacs.get(pacs_name)
        asked = replace(pacs, profile=uow.profiles.get(pacs.name))
        passports = [
            uow.case_sets.get(load.set_name, load.copy)
            for load in loads_of(uow, pacs_name, set_name)
        ]
    tests = [_tests(passport) for passport in passports]
    held: list[tuple[int, Case, HeldMarks]] = []
    if pacs.is_called:
        for passport, cases in zip(passports, tests, strict=True):
            answers = finder.find_marks(asked, cases, everything=True)
            pairs = zip(cases, answers, strict=True)
            held += [(passport.copy, case, answer) for case, answer in pairs]
    moment = now()
    with begin() as uow:
        for copy, case, answer in held:
            _note(uow, pacs.name, set_name, copy, case, answer, moment)
        cases = [case for some in tests for case in some]
        came = note_what_came(uow, pacs.name, set_name, cases)
        _note_gone(uow, pacs.name, set_name, held, moment)
        flagged, unclear = _judge(uow, pacs, set_name, cases, came, moment, public_url)
        seen = sum(each.gone_at is None for each in uow.sightings.of_set(pacs.name, set_name))
        unasked = sum(bool(answer.problems) for *_, answer in held)
        _fetch_unknown(uow, pacs.name, set_name, came, moment)
        done = Guarded(pacs.name, set_name, seen, unasked, tuple(flagged), unclear)
        body = {"set": set_name, "seen": seen, "unasked": unasked, "unclear": unclear}
        uow.proofs.put(pacs.name, GUARD, body, moment)
    return done


def _tests(passport: Passport) -> list[Case]:
    """Give the cases that are scored: on practice cases people are asked to draw."""
    return [case for case in passport.cases if case.kind != "practice"]


def _note(
    uow: UnitOfWork,
    pacs: str,
    set_name: str,
    copy: int,
    case: Case,
    held: HeldMarks,
    moment: datetime,
) -> None:
    """Keep what a PACS lists about one case, except our own images."""
    images = {image.sop_instance_uid for image in case.instances()}
    for mark in held.marks:
        if mark.sop_instance_uid in images:
            continue
        uow.sightings.see(
            Sighting(
                pacs,
                mark.sop_instance_uid,
                set_name,
                copy,
                case.accession,
                mark.study_instance_uid,
                mark.series_instance_uid,
                mark.sop_class_uid,
                mark.modality,
                moment,
            )
        )


def note_what_came(
    uow: UnitOfWork, pacs: str, set_name: str, cases: Iterable[Case]
) -> list[KnownObject]:
    """Keep what came from a PACS: it was there when it came, whether it is listed or not."""
    came = uow.sightings.came(pacs, [case.accession for case in cases])
    for each in came:
        copy = CaseName.parse(each.accession).copy
        kept = Sighting(
            pacs, each.sop_instance_uid, set_name, copy, each.accession, "", "",
            each.sop_class_uid, "", each.received_at,
        )  # fmt: skip
        uow.sightings.arrived(kept)
    return came


def _note_gone(
    uow: UnitOfWork,
    pacs: str,
    set_name: str,
    held: Sequence[tuple[int, Case, HeldMarks]],
    moment: datetime,
) -> None:
    """Note what is not listed any more, of cases that were asked about wholly."""
    listed = {
        case.accession: {mark.sop_instance_uid for mark in answer.marks}
        for _, case, answer in held
        if not answer.problems
    }
    gone = [
        each.sop_instance_uid
        for each in uow.sightings.of_set(pacs, set_name)
        if each.gone_at is None
        and each.accession in listed
        and each.sop_instance_uid not in listed[each.accession]
    ]
    uow.sightings.set_gone(pacs, gone, moment)


def _judge(
    uow: UnitOfWork,
    pacs: Pacs,
    set_name: str,
    cases: Sequence[Case],
    came: Iterable[KnownObject],
    moment: datetime,
    public_url: str,
) -> tuple[list[str], int]:
    """Flag the readings that what was seen may lead; tell how much of it is nobody's yet."""
    effective = isolation_of(uow, pacs, moment).effective
    known = {each.sop_instance_uid: each for each in came}
    sightings, machines = uow.sightings.of_set(pacs.name, set_name), uow.readers.machines()
    ours = _notes_of(cases) | uow.feedback.known([each.sop_instance_uid for each in sightings])
    flagged: list[str] = []
    told: dict[Maker, Sighting] = {}
    for enrolment in uow.enrolments.on_pacs(set_name, pacs.name):
        window = _window(uow, enrolment, pacs.name, effective)
        if window is None:
            continue
        since, until = window
        decided = _decided(uow, enrolment)
        by_case: dict[str, list[tuple[Maker, Sighting]]] = {}
        for each in sightings:
            at = decided.get(str(_master(each.accession)))
            ends = min((m for m in (at, until) if m is not None), default=None)
            watched = Watched(enrolment.reader, enrolment.copy, since, ends)
            arrived = known.get(each.sop_instance_uid)
            maker = judge_maker(
                each,
                enrolment.reader,
                owner=None if arrived is None else arrived.reader,
                machines=machines,
                is_device=arrived is not None and arrived.device,
                ours=ours,
            )
            if was_in_sight(each, watched) and exposes(maker, each, watched, effective):
                by_case.setdefault(str(_master(each.accession)), []).append((maker, each))
        for master, found in by_case.items():
            if _flag(uow, enrolment.reader, master, pacs.name, set_name, found, moment):
                flagged.append(reading_uid_of(master, enrolment.reader))
                told |= dict(found)
    for maker, each in told.items():
        tell_contact(uow, pacs, set_name, maker, each, effective, moment, public_url)
    unclear = sum(
        each.gone_at is None
        and each.sop_instance_uid not in ours
        and _is_nobodys(known.get(each.sop_instance_uid))
        for each in sightings
    )
    return flagged, unclear


def _window(
    uow: UnitOfWork, enrolment: Enrolment, pacs: str, effective: Isolation
) -> tuple[datetime, datetime | None] | None:
    """From when to when a reader may look at the cases there; None where never.

    Where one reads at a time that is the reader's turn.
    """
    if enrolment.released_at is None or enrolment.way == "laptop":
        return None
    if effective is not Isolation.SEQUENTIAL:
        return enrolment.released_at, None
    turns = uow.reading_turns.at(enrolment.set_name, pacs)
    mine = [each for each in turns if each.reader == enrolment.reader]
    return (mine[-1].since, mine[-1].ended_at) if mine else None


def _fetch_unknown(
    uow: UnitOfWork, pacs: str, set_name: str, came: Iterable[KnownObject], moment: datetime
) -> None:
    """Have marks fetched that lie there and did not come, so that it is known whose they are."""
    here = {each.sop_instance_uid for each in came}
    unknown = [
        each.sop_instance_uid
        for each in uow.sightings.of_set(pacs, set_name)
        if each.gone_at is None
        and each.is_mark
        and each.sop_instance_uid not in here
        and moment - each.first_seen_at >= ON_ITS_WAY
    ]
    if unknown:
        name = hashlib.sha256("".join(sorted(unknown)).encode()).hexdigest()[:16]
        uow.enqueue("pull_marks", pacs, key=f"guard-pull-{pacs}-{name}", partition=pacs)


def _is_nobodys(arrived: KnownObject | None) -> bool:
    return arrived is None or (arrived.reader is None and not arrived.device)


def _master(accession: str) -> CaseName:
    return replace(CaseName.parse(accession), copy=0)


def _notes_of(cases: Iterable[Case]) -> frozenset[str]:
    """Name the notes of a withdrawal, which are of our own making and may lie there."""
    return frozenset(
        derive_uid(study.study_instance_uid, "rejection")
        for case in cases
        for study in case.studies
    )


def _decided(uow: UnitOfWork, enrolment: Enrolment) -> dict[str, datetime]:
    """When this reader had decided each case: with the last that came of it."""
    return {
        state.accession: state.last_object_at
        for state in uow.readings.of_reader(enrolment.reader, enrolment.set_name)
        if state.state not in WAITING
    }


def _flag(
    uow: UnitOfWork,
    reader: str,
    master: str,
    pacs: str,
    set_name: str,
    found: Sequence[tuple[Maker, Sighting]],
    moment: datetime,
) -> bool:
    """Flag one reading; false where it is flagged already. A closed one goes out anew, flagged."""
    uid = reading_uid_of(master, reader)
    objects = tuple(each.sop_instance_uid for _, each in found)
    words = word_exposure(each.kind for _, each in found)
    exposure = Exposure(uid, set_name, master, reader, pacs, moment, objects[:20], words[:300])
    if not uow.exposures.add(exposure):
        return False
    makers = sorted({maker.value for maker, _ in found})
    uow.events.add(moment, "reading-exposed", uid, pacs=pacs, by=makers, objects=len(objects))
    state = uow.readings.find(uid)
    if state is not None and state.state in ("closed", "scored"):
        uow.readings.set_state(uid, "open")
        uow.enqueue("close", uid, key=f"close-{uid}-exposed")
    return True


def exposures_due(*, begin: Begin, now: Clock) -> int:
    """Queue a question to every PACS at which somebody may read now; gives how many.

    Called by the clock; repeating it queues nothing twice.
    """
    moment, due = now(), 0
    slot = int(moment.timestamp()) // int(EVERY.total_seconds())
    with begin() as uow:
        pairs = {
            (load.pacs, load.set_name)
            for load in uow.loads.all()
            if load.readiness not in (*LEAVING, Readiness.PLANNED)
        }
        for pacs, set_name in sorted(pairs):
            round_ = uow.rounds.find(set_name)
            if round_ is None or not round_.is_open(moment):
                continue
            if not any(e.released_at for e in uow.enrolments.on_pacs(set_name, pacs)):
                continue
            ask_soon(uow, pacs, set_name, str(slot))
            due += 1
    return due


def ask_soon(uow: UnitOfWork, pacs: str, set_name: str, why: str) -> None:
    """Queue one question in the caller's transaction; `why` makes it one of its own."""
    key = f"guard-{pacs}-{set_name}-{why}"
    uow.enqueue("watch_exposure", pacs, set_name, key=key, partition=pacs)


def exposed_of(uow: UnitOfWork, reading_uid: str) -> str:
    """Say why a reading is flagged; empty where it is not."""
    exposure = uow.exposures.find(reading_uid)
    return "" if exposure is None else exposure.words
