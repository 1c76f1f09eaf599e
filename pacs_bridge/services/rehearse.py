"""Rehearsal: one synthetic case through the whole real path and away again.

Health is proven by traffic, not by a state: what a rehearsal found, with its age, is how a PACS
is. Its set has a number of its own that no real set can have, is listed nowhere among them, and
leaves the PACS at the end; whether a PACS acts on rejection notes is learned by this.

References
----------
QUIRKS.md C13.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import GiveUp, PacsBridgeError
from pacs_bridge.domain.identifiers import parse_name
from pacs_bridge.domain.intact import Grade
from pacs_bridge.domain.loading import InstanceState, Readiness
from pacs_bridge.domain.pacs import Isolation, Pacs
from pacs_bridge.domain.ports import Archive, Clock, PacsPeer
from pacs_bridge.domain.retrieving import Retriever
from pacs_bridge.services.intact import check_load
from pacs_bridge.services.moved import Moved, never_comes
from pacs_bridge.services.rehearse_mark import Drawn, Marking, await_mark, await_score, save_mark
from pacs_bridge.services.send import send_next
from pacs_bridge.services.withdraw import REJECTION, withdraw_load

REHEARSED = "rehearsal"
"""Kind of the proof that is kept."""

INDEXING = 60.0
"""Seconds that a PACS is given to find what it has taken."""

AS_ARCHIVED: Mapping[str, Any] = MappingProxyType({})
"""Sent over one association, in no other form than the archived one."""

_POLL = 1.0


@dataclass(frozen=True)
class Stage:
    """One stage of the way; `works` is None where it was not tried."""

    name: str
    works: bool | None
    says: str

    @property
    def counts(self) -> bool:
        """Whether it has to work: a person may have no time, and we need not remove it."""
        return self.name not in ("marks", "removed")


@dataclass(frozen=True)
class Rehearsal:
    """How one rehearsal went."""

    pacs: str
    rehearsed_at: datetime
    seconds: float
    stages: tuple[Stage, ...]

    @property
    def good(self) -> bool:
        """Whether everything that has to work did: that it can be removed by us need not."""
        return all(each.works for each in self.stages if each.counts)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "pacs": self.pacs,
            "good": self.good,
            "rehearsed_at": self.rehearsed_at.isoformat(),
            "seconds": round(self.seconds, 1),
            "stages": [
                {"stage": each.name, "works": each.works, "says": each.says} for each in self.stages
            ],
        }


def rehearse(
    name: str,
    *,
    begin: Begin,
    make_set: Callable[[], Passport],
    peer: PacsPeer,
    retriever: Retriever,
    archive: Archive,
    now: Clock,
    moved: Moved = never_comes,
    indexing: float = INDEXING,
    wait: float = 0.0,
    sending: Mapping[str, Any] = AS_ARCHIVED,
    marking: Marking | None = None,
    marks: bool | None = None,
) -> Rehearsal:
    """Send the synthetic case to a PACS, find it, fetch it back, and have it leave again.

    In between a simulated reader marks it, and what was saved comes back and is scored.

    Parameters
    ----------
    make_set : callable
        Gives the passport of the rehearsal's set, made where it is not there yet.
    indexing : float
        Seconds in which the PACS has to find it.
    wait : float
        Seconds to wait for somebody's marks on it.
    sending : mapping of str to object
        How loads are sent: further arguments of `services.send.send_next`.
    marking : Marking, optional
        How a mark is rehearsed; without it none is.
    marks : bool, optional
        Whether one is; else where the readers of the PACS do not read on the sheet.

    Raises
    ------
    NotFound
        When there is no such PACS.
    """
    with begin() as uow:
        pacs = uow.pacs.get(parse_name(name))
    started, passport = time.monotonic(), make_set()
    load_id = _open(pacs, passport, begin, now)
    run = _Run(begin, peer, now)
    run.stage("sent", lambda: _send(load_id, begin, peer, archive, now, sending))
    marks = pacs.isolation is not Isolation.SHEET if marks is None else marks
    if run.works:
        run.stage("found", lambda: _find(pacs, passport, peer, indexing))
        run.stage(
            "fetched back",
            lambda: _fetch(load_id, begin, retriever, archive, now, moved),
        )
        if marks and marking is not None and run.works:
            _rehearse_mark(run, pacs, passport, marking, begin, peer, retriever, archive, now)
        if wait:
            run.stage("marks", lambda: _marks(passport, begin, wait, now()))
        run.stage("removed", lambda: _remove(load_id, pacs, begin, peer, now))
    done = Rehearsal(pacs.name, now(), time.monotonic() - started, tuple(run.stages))
    with begin() as uow:
        uow.proofs.put(pacs.name, REHEARSED, done.as_dict(), now())
        uow.events.add(now(), "pacs-rehearsed", pacs.name, good=done.good)
    return done


class _Run:
    """Goes from stage to stage; what fails is a result, not an error."""

    def __init__(self, begin: Begin, peer: PacsPeer, now: Clock) -> None:
        self.stages: list[Stage] = []
        self._begin, self._peer, self._now = begin, peer, now

    @property
    def works(self) -> bool:
        return all(each.works for each in self.stages)

    def stage(self, name: str, call: Callable[[], str]) -> None:
        """Do a stage: what it says, or why it failed."""
        try:
            self.stages.append(Stage(name, works=True, says=call()))
        except PacsBridgeError as error:
            self.stages.append(Stage(name, works=False, says=str(error)))


def _open(pacs: Pacs, passport: Passport, begin: Begin, now: Clock) -> int:
    """Have the load with nothing of it sent, whatever became of it the last time."""
    with begin() as uow:
        load = uow.loads.plan(passport, pacs.name, now())
        everything = [row.sop_instance_uid for row in uow.loads.ledger(load.load_id)]
        uow.loads.reopen(load.load_id, None, now())  # what it takes none of, it may take by now
        uow.loads.reopen(load.load_id, everything, now())
        uow.loads.set_readiness(load.load_id, Readiness.SENDING)
        uow.withdrawals.remove(load.load_id)
        uow.loads.start_run(load.load_id)
        return load.load_id


def _rehearse_mark(
    run: _Run,
    pacs: Pacs,
    passport: Passport,
    marking: Marking,
    begin: Begin,
    peer: PacsPeer,
    retriever: Retriever,
    archive: Archive,
    now: Clock,
) -> None:
    """Have a mark saved, come back and be scored; each only where the one before worked."""
    saved: list[Drawn] = []

    def save() -> str:
        saved.append(save_mark(pacs, passport, begin=begin, peer=peer, archive=archive, now=now))
        return "a presentation state stored in the PACS"

    run.stage("mark saved", save)
    if saved:
        drawn, seconds = saved[0], marking.settle + marking.scoring
        run.stage(
            "mark came back",
            lambda: await_mark(
                drawn, pacs, passport, begin=begin, retriever=retriever, seconds=marking.arrival
            ),
        )
        if run.works:
            run.stage("scored", lambda: await_score(drawn, begin=begin, seconds=seconds))


def _send(
    load_id: int,
    begin: Begin,
    peer: PacsPeer,
    archive: Archive,
    now: Clock,
    sending: Mapping[str, Any],
) -> str:
    left = -1
    while left != 0:
        before = left
        left = send_next(
            load_id,
            16,
            begin=begin,
            peer=peer,
            archive=archive,
            now=now,
            **{"attempts": 1, **sending},
        )
        if left == before:
            raise GiveUp("Sending came to a halt; look at `load status`.")
    with begin() as uow:
        rows = uow.loads.ledger(load_id)
    bad = [r for r in rows if r.state not in (InstanceState.STORED, InstanceState.WARNED)]
    if bad:
        said = f"0x{bad[0].status:04X}" if bad[0].status is not None else "no answer"
        raise GiveUp(
            f"The PACS refused {len(bad)} of {len(rows)} images ({said} {bad[0].comment}); ask "
            "whether it takes mammograms from us."
        )
    return f"{len(rows)} images stored"


def _find(pacs: Pacs, passport: Passport, peer: PacsPeer, seconds: float) -> str:
    (case,) = passport.cases
    (study,) = case.studies
    wanted = {image.sop_instance_uid for image in study.instances()}
    pause, until = threading.Event(), time.monotonic() + seconds
    while True:
        answer = peer.find_case(pacs, case)
        found = None if answer.error else answer.studies.get(study.study_instance_uid)
        there = set() if found is None else {i.sop_instance_uid for i in found.images or ()}
        if wanted <= there:
            return f"{len(wanted)} images listed by the PACS"
        if found is not None and not found.lists_images and found.count == len(wanted):
            return f"{len(wanted)} images counted by the PACS, which does not list them"
        if time.monotonic() >= until:
            said = answer.error or f"{len(there & wanted)} of {len(wanted)} images listed"
            raise GiveUp(f"The PACS took it and does not find it after {seconds:g} s ({said}).")
        pause.wait(_POLL)


def _fetch(
    load_id: int,
    begin: Begin,
    retriever: Retriever,
    archive: Archive,
    now: Clock,
    moved: Moved,
) -> str:
    check = check_load(
        load_id,
        begin=begin,
        peer=retriever,
        archive=archive,
        now=now,
        every=True,
        moved=moved,
    )
    if check.grade is not Grade.INTACT:
        raise GiveUp(check.sentence)
    return f"{check.compared} images came back intact by {check.by}"


def _marks(passport: Passport, begin: Begin, seconds: float, since: datetime) -> str:
    (case,) = passport.cases
    pause, until = threading.Event(), time.monotonic() + seconds
    while True:
        with begin() as uow:
            newest = uow.objects.list_newest()
        came = [
            each
            for each in newest
            if each.accession == case.accession and not each.image and each.received_at >= since
        ]
        if came:
            return f"{len(came)} objects came back: {', '.join(sorted({e.kind for e in came}))}"
        if time.monotonic() >= until:
            raise GiveUp(f"Nobody's marks on {case.accession} came within {seconds:g} s.")
        pause.wait(_POLL)


def _remove(load_id: int, pacs: Pacs, begin: Begin, peer: PacsPeer, now: Clock) -> str:
    """Have it leave by a rejection note; whether that works is learned for withdrawals."""
    done = withdraw_load(
        load_id, begin=begin, peer=peer, now=now, notes=True, seen=True, tell=False
    )
    gone = done.withdrawal.gone_at is not None
    answered = all("asked" not in words for words in done.withdrawal.left.values())
    if gone or answered:
        with begin() as uow:
            body = {"works": gone, "notes": dict(done.withdrawal.notes)}
            uow.proofs.put(pacs.name, REJECTION, body, now())
    if not gone:
        raise GiveUp(
            "The PACS does not act on our rejection note, so the case is still there: have "
            f"{', '.join(done.withdrawal.left)} removed by hand."
        )
    return "gone by a rejection note"


STALE = timedelta(days=7)
"""After which a rehearsal proves nothing any more, whichever way it ended."""


@dataclass(frozen=True)
class Health:
    """How one PACS is, by its last rehearsal."""

    pacs: str
    good: bool
    says: str


def health(*, begin: Begin, now: Clock) -> list[Health]:
    """Tell of each PACS that was rehearsed how it is, with the age of the proof."""
    with begin() as uow:
        proofs = [(pacs.name, uow.proofs.find(pacs.name, REHEARSED)) for pacs in uow.pacs.all()]
    told = []
    for name, proof in proofs:
        if proof is None:
            continue
        age = now() - proof.proven_at
        failed = [each for each in proof.body["stages"] if each["works"] is False]
        if proof.body["good"]:
            says = f"last real proof {words_of(age)} ago"
        else:
            says = f"failed at: {failed[0]['stage']}, {words_of(age)} ago; {failed[0]['says']}"
        if age >= STALE:
            says = f"{says}: run `pacs-bridge rehearse {name}`"
        told.append(Health(name, proof.body["good"] or age >= STALE, says))
    return told


def words_of(age: timedelta) -> str:
    """Say an age in its largest unit: 40 s, 12 min, 3 h, 5 days."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
