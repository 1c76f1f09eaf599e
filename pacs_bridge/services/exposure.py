"""The exposure guard: what somebody else made and a reader might see flags that reading, once.

The PACS is asked what lies in our studies beside our images, when readers are released, when one
sits down to read, when our page opens a case, and by the clock; what came to us from there counts
from its arrival. So what came and went between two questions is not overlooked.

References
----------
DESIGN.md 5; QUIRKS.md C8, C13.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.exposure import Exposure, Maker, Sighting, word_exposure
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.pulling import HeldMarks, MarkFinder
from pacs_bridge.services.exposure_judge import (
    Beside,
    Led,
    find_led,
    look_beside,
    master_of,
    sighting_of,
)
from pacs_bridge.services.exposure_mail import loads_of, tell_contact
from pacs_bridge.services.isolation import GUARD

EVERY = timedelta(minutes=10)
"""How often a PACS is asked while somebody may read there."""

ON_ITS_WAY = timedelta(minutes=5)
"""How long a mark may take from a PACS to us before it is fetched."""

MOST = 20
"""Objects that a flag names."""


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
    case: str = "",
) -> Guarded:
    """Ask a PACS what lies beside the images of a set, and flag the readings that it may lead.

    Repeating it flags nothing twice, and tells nothing twice.

    Parameters
    ----------
    case : str
        The master of the one case that is asked about; else all that are scored.

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
    tests = [_tests(passport, case) for passport in passports]
    held: list[tuple[int, Case, HeldMarks]] = []
    if pacs.is_called:
        for passport, cases in zip(passports, tests, strict=True):
            answers = finder.find_marks(asked, cases, everything=True)
            pairs = zip(cases, answers, strict=True)
            held += [(passport.copy, each, answer) for each, answer in pairs]
    moment = now()
    with begin() as uow:
        for copy, each, answer in held:
            _note(uow, pacs.name, set_name, copy, each, answer, moment)
        cases = [each for some in tests for each in some]
        note_what_came(uow, pacs.name, set_name, cases)
        _note_gone(uow, pacs.name, set_name, held, moment)
        beside = look_beside(uow, pacs, set_name, cases, moment)
        flagged = flag_led(uow, pacs, beside, find_led(uow, beside), moment, public_url)
        seen = sum(each.gone_at is None for each in beside.sightings)
        unclear = sum(map(beside.is_unclear, beside.sightings))
        unasked = sum(bool(answer.problems) for *_, answer in held)
        _fetch_unknown(uow, beside, moment)
        done = Guarded(pacs.name, set_name, seen, unasked, tuple(flagged), unclear)
        if not case:
            body = {"set": set_name, "seen": seen, "unasked": unasked, "unclear": unclear}
            uow.proofs.put(pacs.name, GUARD, body, moment)
    return done


def _tests(passport: Passport, master: str) -> list[Case]:
    """Give the cases that are scored: on practice cases people are asked to draw."""
    return [
        case
        for case in passport.cases
        if case.kind != "practice" and master in ("", str(master_of(case.accession)))
    ]


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


def note_what_came(uow: UnitOfWork, pacs: str, set_name: str, cases: Sequence[Case]) -> None:
    """Keep what came from a PACS: it was there when it came, whether it is listed or not."""
    for each in uow.sightings.came(pacs, [case.accession for case in cases]):
        uow.sightings.arrived(sighting_of(each, pacs, set_name))


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


def flag_led(
    uow: UnitOfWork,
    pacs: Pacs,
    beside: Beside,
    found: Sequence[Led],
    moment: datetime,
    public_url: str,
) -> list[str]:
    """Flag readings in the caller's transaction, and tell the contact; gives which are new."""
    flagged: list[str] = []
    told: dict[Maker, Sighting] = {}
    for led in found:
        if _flag(uow, led, beside, moment):
            flagged.append(led.reading_uid)
            told |= dict(led.found)
    for maker, each in told.items():
        tell_contact(uow, pacs, beside.set_name, maker, each, beside.effective, moment, public_url)
    return flagged


def _fetch_unknown(uow: UnitOfWork, beside: Beside, moment: datetime) -> None:
    """Have marks fetched that lie there and did not come, so that it is known whose they are."""
    unknown = [
        each.sop_instance_uid
        for each in beside.sightings
        if each.gone_at is None
        and each.is_mark
        and each.sop_instance_uid not in beside.known
        and moment - each.first_seen_at >= ON_ITS_WAY
    ]
    if unknown:
        name, pacs = hashlib.sha256("".join(sorted(unknown)).encode()).hexdigest()[:16], beside.pacs
        uow.enqueue("pull_marks", pacs, key=f"guard-pull-{pacs}-{name}", partition=pacs)


def _flag(uow: UnitOfWork, led: Led, beside: Beside, moment: datetime) -> bool:
    """Flag one reading; false where it is flagged already. A closed one goes out anew, flagged."""
    uid, objects = led.reading_uid, tuple(each.sop_instance_uid for _, each in led.found)
    words = word_exposure(each.kind for _, each in led.found)[:300]
    exposure = Exposure(
        uid, beside.set_name, led.master, led.reader, beside.pacs, moment, objects[:MOST], words
    )
    if not uow.exposures.add(exposure):
        return False
    makers = sorted({maker.value for maker, _ in led.found})
    uow.events.add(
        moment, "reading-exposed", uid, pacs=beside.pacs, by=makers, objects=len(objects)
    )
    send_anew(uow, uid, f"exposed-{moment:%Y%m%dT%H%M%S%f}")
    return True


def send_anew(uow: UnitOfWork, reading_uid: str, key: str) -> None:
    """Have a reading that was closed go out once more; `key` names why."""
    state = uow.readings.find(reading_uid)
    if state is not None and state.state in ("closed", "scored"):
        uow.readings.set_state(reading_uid, "open")
        uow.enqueue("close", reading_uid, key=f"close-{reading_uid}-{key}")


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


def ask_soon(uow: UnitOfWork, pacs: str, set_name: str, why: str, case: str = "") -> None:
    """Queue one question in the caller's transaction; `why` makes it one of its own."""
    key, about = f"guard-{pacs}-{set_name}-{why}", (case,) if case else ()
    uow.enqueue("watch_exposure", pacs, set_name, *about, key=key, partition=pacs)


def exposed_of(uow: UnitOfWork, reading_uid: str) -> str:
    """Say why a reading is flagged; empty where it is not."""
    exposure = uow.exposures.find(reading_uid)
    return "" if exposure is None else exposure.words
