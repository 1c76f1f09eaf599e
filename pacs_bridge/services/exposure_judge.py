"""Which readings something of somebody else's may have led, judged from what is known already.

Nothing is asked of a PACS here, and nothing is written.

References
----------
DESIGN.md 5; QUIRKS.md C8.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pacs_bridge.db.repositories.isolation import KnownObject
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.exposure import (
    Maker,
    Sighting,
    Watched,
    exposes,
    is_lifted,
    judge_maker,
    was_in_sight,
)
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.objects import WAITING, ReadingState
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.services.folded import end_of, fold_reading, reading_uid_of
from pacs_bridge.services.isolation import isolation_of
from pacs_bridge.sr.write import derive_uid

COMING = timedelta(minutes=30)
"""How long it is waited for a mark that lies at a PACS to come from there, or to be claimed."""

Windows = list[tuple[datetime, datetime | None]]
"""From when to when somebody may look at cases; an end of None has not come yet."""


@dataclass(frozen=True)
class Beside:
    """What is known to lie, or to have lain, beside cases of a set at a PACS.

    Parameters
    ----------
    known : dict of str to KnownObject
        What of it came to us.
    ours : collection of str
        UIDs of objects of our own making.
    effective : Isolation
        What the PACS is trusted with.
    at : datetime
        When that is judged.
    """

    pacs: str
    set_name: str
    sightings: Sequence[Sighting]
    known: dict[str, KnownObject]
    machines: Collection[str]
    ours: Collection[str]
    effective: Isolation
    at: datetime

    @property
    def first_seen(self) -> dict[str, datetime]:
        """When each object was known to be there for the first time."""
        return {each.sop_instance_uid: each.first_seen_at for each in self.sightings}

    def maker_of(self, each: Sighting, reader: str) -> Maker:
        """Tell who made an object, seen from one reader."""
        arrived = self.known.get(each.sop_instance_uid)
        return judge_maker(
            each,
            reader,
            owner=None if arrived is None else arrived.reader,
            machines=self.machines,
            is_device=arrived is not None and arrived.device,
            ours=self.ours,
        )

    def is_being_read(self, each: Sighting) -> bool:
        """Whether it came and is just being looked into, so that it is known soon whose it is."""
        arrived = self.known.get(each.sop_instance_uid)
        return arrived is not None and arrived.state == "received"

    def may_be_decided(self, each: Sighting) -> bool:
        """Whether a mark that lay there before an object may be a reader's own, on its way to us.

        Then that reader may have decided before the object came; it is judged once that is known.
        """
        return any(
            other.is_mark
            and (other.accession, other.copy) == (each.accession, each.copy)
            and other.first_seen_at < each.first_seen_at
            and self.at - other.first_seen_at < COMING
            and self.is_unclear(other)
            for other in self.sightings
        )

    def is_unclear(self, each: Sighting) -> bool:
        """Whether an object is there of which nobody knows yet whose it is."""
        arrived = self.known.get(each.sop_instance_uid)
        is_nobodys = arrived is None or (arrived.reader is None and not arrived.device)
        return each.gone_at is None and each.sop_instance_uid not in self.ours and is_nobodys


@dataclass(frozen=True)
class Led:
    """One reading that may have been led, and by what."""

    reader: str
    master: str
    found: tuple[tuple[Maker, Sighting], ...]

    @property
    def reading_uid(self) -> str:
        """The name of the reading."""
        return reading_uid_of(self.master, self.reader)


def look_beside(
    uow: UnitOfWork, pacs: Pacs, set_name: str, cases: Sequence[Case], moment: datetime
) -> Beside:
    """Gather what is known to lie beside cases, that which came to us included."""
    masters = {str(master_of(case.accession)) for case in cases}
    seen = {
        each.sop_instance_uid: each
        for each in uow.sightings.of_set(pacs.name, set_name)
        if str(master_of(each.accession)) in masters
    }
    came = uow.sightings.came(pacs.name, [case.accession for case in cases])
    for each in came:
        sighting = sighting_of(each, pacs.name, set_name)
        before = seen.get(each.sop_instance_uid)
        if before is None:
            seen[each.sop_instance_uid] = sighting
        elif sighting.first_seen_at < before.first_seen_at:
            seen[each.sop_instance_uid] = replace(before, first_seen_at=sighting.first_seen_at)
    return Beside(
        pacs.name,
        set_name,
        sorted(seen.values(), key=lambda each: (each.first_seen_at, each.sop_instance_uid)),
        {each.sop_instance_uid: each for each in came},
        uow.readers.machines(),
        _notes_of(cases) | uow.feedback.known(list(seen)),
        isolation_of(uow, pacs, moment).effective,
        moment,
    )


def sighting_of(each: KnownObject, pacs: str, set_name: str) -> Sighting:
    """What came to us from a PACS was there when it came, whether it is listed or not."""
    copy = CaseName.parse(each.accession).copy
    return Sighting(
        pacs, each.sop_instance_uid, set_name, copy, each.accession, "", "",
        each.sop_class_uid, "", each.received_at,
    )  # fmt: skip


def find_led(uow: UnitOfWork, beside: Beside, only: str = "") -> list[Led]:
    """Find the readings that what is known may have led, but what staff said to be harmless.

    Parameters
    ----------
    only : str
        The code of one reader; else all who read at the PACS are meant.
    """
    by_case: dict[str, list[Sighting]] = {}
    for each in beside.sightings:
        by_case.setdefault(str(master_of(each.accession)), []).append(each)
    found = []
    for enrolment in uow.enrolments.on_pacs(beside.set_name, beside.pacs):
        windows = windows_of(uow, enrolment, beside.pacs, beside.effective)
        if not windows or only not in ("", enrolment.reader):
            continue
        decided = decided_at(uow, enrolment, by_case, beside.first_seen)
        for master, sightings in by_case.items():
            led = tuple(
                (maker, each)
                for each in sightings
                if (maker := _leads(beside, each, enrolment, windows, decided.get(master)))
            )
            if led:
                found.append(Led(enrolment.reader, master, led))
    return [kept for each in found if (kept := _but_lifted(uow, each)) is not None]


def _leads(
    beside: Beside,
    each: Sighting,
    enrolment: Enrolment,
    windows: Windows,
    decided: datetime | None,
) -> Maker | None:
    """Tell who made an object, where it may have led a reader; else None."""
    if beside.is_being_read(each):
        return None
    maker = beside.maker_of(each, enrolment.reader)
    if decided is None and maker is not Maker.NOBODY and beside.may_be_decided(each):
        return None
    for since, until in windows:
        ends = min((m for m in (decided, until) if m is not None), default=None)
        watched = Watched(enrolment.reader, enrolment.copy, since, ends)
        if was_in_sight(each, watched) and exposes(maker, each, watched, beside.effective):
            return maker
    return None


def _but_lifted(uow: UnitOfWork, led: Led) -> Led | None:
    """Leave out what staff said to be harmless; None where nothing is left."""
    lifts = uow.exposures.lifts_of(led.reading_uid)
    found = tuple(
        (maker, each)
        for maker, each in led.found
        if not is_lifted(each.sop_instance_uid, maker, lifts)
    )
    return replace(led, found=found) if found else None


def windows_of(uow: UnitOfWork, enrolment: Enrolment, pacs: str, effective: Isolation) -> Windows:
    """From when to when a reader may look at the cases there; none where never.

    Where one reads at a time these are the reader's turns.
    """
    if enrolment.released_at is None or enrolment.way == "laptop":
        return []
    if effective is not Isolation.SEQUENTIAL:
        return [(enrolment.released_at, None)]
    turns = uow.reading_turns.at(enrolment.set_name, pacs)
    return [(each.since, each.ended_at) for each in turns if each.reader == enrolment.reader]


def decided_at(
    uow: UnitOfWork,
    enrolment: Enrolment,
    masters: Collection[str],
    first_seen: Mapping[str, datetime],
) -> dict[str, datetime]:
    """When this reader had decided cases: with the last thing that they said of each.

    A reading that was opened again because of something else, such as a question of ours, was
    decided when it was. What is fetched was said when it was first seen, if that was earlier.
    """
    states = {
        state.reading_uid: state
        for state in uow.readings.of_reader(enrolment.reader, enrolment.set_name)
        if state.accession in masters and _is_decided(uow, state)
    }
    end = end_of(uow, enrolment.set_name, enrolment.reader)
    came: dict[str, datetime] = {}
    for reading, uid, received_at in uow.marks.came_at(states, end):
        at = min(received_at, first_seen.get(uid, received_at))
        came[reading] = max(at, came.get(reading, at))
    answered = uow.answers.given_at(states)
    decided = {}
    for uid, state in states.items():
        said = [came.get(uid) or _scored_of(uow, state), answered.get(uid)]
        decided[state.accession] = max(
            (at for at in said if at is not None), default=state.closed_at or state.last_object_at
        )
    return decided


def _scored_of(uow: UnitOfWork, state: ReadingState) -> datetime | None:
    """When the last object came of which what was closed is made; also of one that went since.

    An object that is looked into anew is nobody's for a moment.
    """
    body = uow.readings.body(state.reading_uid) if state.revision else None
    return uow.objects.last_of(body["sources"]) if body else None


def _is_decided(uow: UnitOfWork, state: ReadingState) -> bool:
    if state.state not in WAITING or state.revision:
        return True
    folded = fold_reading(uow, state.reading_uid, state.set_name, state.reader).folded
    return not folded.asked and {b.laterality for b in folded.breasts if b.decision} == {"R", "L"}


def master_of(accession: str) -> CaseName:
    """Name a case without its copy."""
    return replace(CaseName.parse(accession), copy=0)


def _notes_of(cases: Iterable[Case]) -> frozenset[str]:
    """Name the notes of a withdrawal, which are of our own making and may lie there."""
    return frozenset(
        derive_uid(study.study_instance_uid, "rejection")
        for case in cases
        for study in case.studies
    )
