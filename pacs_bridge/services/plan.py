"""Starting loads, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.intact import IntactCheck
from pacs_bridge.domain.loading import (
    LEAVING,
    CaseVerdict,
    Completeness,
    Findable,
    InstanceCounts,
    Load,
    Near,
    Readiness,
    Way,
)
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.sending import OutsideWindow
from pacs_bridge.services.sending_status import SendingStatus, sending_in


def start_load(
    set_name: str,
    pacs: str,
    *,
    begin: Begin,
    now: Clock,
    copy: int = 0,
    way: Way | None = None,
) -> Load:
    """Plan a case set's load into a PACS and queue its job, or start a planned one again.

    Starting again sends only what is missing: images that failed are tried again, and what
    the next sweep does not find is sent again after it. A load that is ready stays so.

    Parameters
    ----------
    way : Way, optional
        How the images reach the PACS; else as before, and at first over the network. Of
        media nothing is sent: the PACS is asked until somebody has imported them.

    Raises
    ------
    RefusedInput
        When the set's name is none, the PACS has no address that we may call, or nobody has
        agreed to that copy.
    NotFound
        When there is no such set or PACS.
    """
    name, hospital = str(SetName.parse(set_name)), parse_name(pacs)
    with begin() as uow:
        known = uow.pacs.get(hospital)
        _check_agreed(uow, name, known.name, copy)
        passport = uow.case_sets.get(name, copy)
        if not known.is_called:
            raise RefusedInput(
                f"{known.name} has only called us so far; say where it is with "
                f"`pacs change {known.name} --role store --host HOST --port PORT`."
            )
        load = uow.loads.plan(passport, known.name, now())
        run = uow.loads.start_run(load.load_id)
        if way is not None and way is not load.way:
            uow.loads.set_way(load.load_id, way)
            load = uow.loads.get(load.load_id)
        if load.readiness in LEAVING:
            load = _bring_back(uow, load, now)
        if load.way is Way.MEDIA:
            return _await_import(uow, load, now)
        if load.readiness is not Readiness.READY:
            uow.loads.reopen(load.load_id, None, now())
        if load.readiness in (Readiness.SENT, Readiness.INCOMPLETE, Readiness.AWAITING):
            pending = uow.loads.pending(load.load_id, 1)
            uow.loads.set_readiness(load.load_id, Readiness.PLANNED if pending else Readiness.SENT)
        uow.events.add(now(), "load-started", f"{name} {known.name}", load=load.load_id, run=run)
        # A key a run, not a load: a key is never used twice. Two starts in a row make two
        # jobs, which is harmless: a PACS is one partition of the queue and has one job at a
        # time, and the second finds nothing left to send.
        uow.enqueue(
            "load", load.load_id, run, key=f"load-{load.load_id}-{run}", partition=known.name
        )
        return uow.loads.get(load.load_id)


def _check_agreed(uow: UnitOfWork, set_name: str, pacs: str, copy: int) -> None:
    """Refuse to send a copy to whose disk space nobody there has agreed."""
    if copy and uow.reader_copies.owner(set_name, pacs, copy) is None:
        raise RefusedInput(
            f"Nobody has agreed to copy {copy:02d} of {set_name} at {pacs} yet; see what it takes "
            f"with `load copies {set_name} {pacs}`, then agree with --agree."
        )


def _bring_back(uow: UnitOfWork, load: Load, now: Clock) -> Load:
    """Have a load that was withdrawn sent anew, every image of it."""
    everything = [row.sop_instance_uid for row in uow.loads.ledger(load.load_id)]
    uow.loads.reopen(load.load_id, everything, now())
    uow.loads.set_readiness(load.load_id, Readiness.PLANNED)
    uow.withdrawals.remove(load.load_id)
    return uow.loads.get(load.load_id)


def _await_import(uow: UnitOfWork, load: Load, now: Clock) -> Load:
    """Ask the PACS for what somebody imports there; in the caller's transaction."""
    if load.readiness is not Readiness.READY:
        uow.loads.set_readiness(load.load_id, Readiness.AWAITING)
    uow.events.add(now(), "load-awaited", f"{load.set_name} {load.pacs}", load=load.load_id)
    _enqueue_verify(uow, load, now)
    return uow.loads.get(load.load_id)


def start_again(load_id: int, *, begin: Begin, now: Clock) -> Load:
    """Start a load that is known by its number; raises `NotFound`."""
    with begin() as uow:
        load = uow.loads.get(load_id)
    return start_load(load.set_name, load.pacs, begin=begin, now=now, copy=load.copy)


def wait_for_window(load_id: int, run: int, *, begin: Begin, now: Clock) -> None:
    """Queue a start of a load's job again for when its PACS may be sent to, and say so."""
    with begin() as uow:
        load = uow.loads.get(load_id)
        sending = uow.pacs.get(load.pacs).sending
        moment = now()
        opening = sending.opens_at(moment) or moment
        if opening > moment:
            note = OutsideWindow(load.pacs, opening, sending.told_opening(opening))
            uow.loads.set_note(load_id, str(note))
        uow.enqueue(
            "load",
            load_id,
            run,
            key=f"load-{load_id}-{run}-{int(moment.timestamp())}",
            partition=load.pacs,
            delay=(opening - moment).total_seconds() + 1.0,
        )


def queue_verify(load_id: int, *, begin: Begin, now: Clock) -> None:
    """Queue one sweep over a load; asked for again within five seconds, it is one sweep."""
    with begin() as uow:
        _enqueue_verify(uow, uow.loads.get(load_id), now)


def _enqueue_verify(uow: UnitOfWork, load: Load, now: Clock) -> None:
    moment = int(now().timestamp()) // 5
    uow.enqueue("verify", load.load_id, key=f"verify-{load.load_id}-{moment}", partition=load.pacs)


@dataclass(frozen=True)
class LoadStatus:
    """How a load stands, case by case.

    Parameters
    ----------
    cases : tuple of CaseVerdict
        Of every case of the set, in the set's order; *unknown* where none was asked yet.
    intact : IntactCheck or None
        What came of fetching images back, if that was done.
    sending : SendingStatus or None
        How the sending gets on; None where it was told without a clock.
    """

    load: Load
    cases: tuple[CaseVerdict, ...]
    instances: InstanceCounts
    intact: IntactCheck | None = None
    sending: SendingStatus | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it as the JSON that the command line promises (DESIGN.md 4)."""
        load, counts = self.load, self.instances
        return {
            "set": load.set_name,
            "copy": load.copy,
            "pacs": load.pacs,
            "readiness": load.readiness.value,
            "note": load.note,
            "by": load.way.value,
            "cases": [
                {
                    "accession": case.accession,
                    "complete": case.complete.value,
                    "findable": case.findable.value,
                    "near": case.near.value,
                    "evidence": case.evidence,
                    "instruction": case.instruction,
                    "search_for": case.search_for,
                }
                for case in self.cases
            ],
            "instances": {
                "total": counts.total,
                "confirmed": counts.confirmed,
                "warned": counts.warned,
                "failed": counts.failed,
                "skipped": counts.skipped,
            },
            "sending": None if self.sending is None else self.sending.as_dict(),
            "last_sent_at": _moment(load.last_sent_at),
            "verified_at": _moment(load.verified_at),
            "ready_at": _moment(load.ready_at),
            "intact": None if self.intact is None else self.intact.as_dict(),
        }


def find_load(set_name: str, pacs: str, *, begin: Begin, copy: int = 0) -> Load:
    """Look a load up by set and PACS.

    Raises
    ------
    NotFound
        When the set was never loaded into that PACS.
    """
    name, hospital = str(SetName.parse(set_name)), parse_name(pacs)
    with begin() as uow:
        uow.pacs.get(hospital)
        load = uow.loads.find(name, hospital, copy)
    if load is None and copy:
        raise NotFound(
            f"Copy {copy:02d} of {name} was never loaded into {hospital}; `load copies {name} "
            f"{hospital}` shows whose copies there are."
        )
    if load is None:
        raise NotFound(
            f"{name} was never loaded into {hospital}; begin with `load start {name} {hospital}`."
        )
    return load


def load_status(load_id: int, *, begin: Begin, now: Clock | None = None) -> LoadStatus:
    """Tell how one load stands, and with a clock how its sending gets on; raises `NotFound`."""
    with begin() as uow:
        return _status(uow, uow.loads.get(load_id), now)


def load_statuses(
    *, begin: Begin, set_name: str | None = None, now: Clock | None = None
) -> list[LoadStatus]:
    """Tell how every load stands, or every load of one set."""
    name = None if set_name is None else str(SetName.parse(set_name))
    with begin() as uow:
        return [
            _status(uow, load, now)
            for load in uow.loads.all()
            if name is None or load.set_name == name
        ]


def _status(uow: UnitOfWork, load: Load, now: Clock | None) -> LoadStatus:
    judged = {verdict.accession: verdict for verdict in uow.loads.verdicts(load.load_id)}
    accessions = dict.fromkeys(row.accession for row in uow.loads.ledger(load.load_id))
    return LoadStatus(
        load,
        tuple(judged.get(accession) or _not_asked(accession) for accession in accessions),
        uow.loads.counts(load.load_id),
        uow.intact.find(load.load_id),
        None if now is None else sending_in(uow, load, now),
    )


def _not_asked(accession: str) -> CaseVerdict:
    return CaseVerdict(
        accession, Completeness.UNKNOWN, Findable.NOT_BY_NAME, Near.UNKNOWN, "not asked yet"
    )


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
