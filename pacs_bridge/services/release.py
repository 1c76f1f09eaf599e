"""Releasing readers: enrolled, consent given, load ready, round open."""

from __future__ import annotations

from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.people import judge_release
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.exposure import ask_soon
from pacs_bridge.services.mails import mail_released
from pacs_bridge.services.turns import begin_turn, may_begin, reads_in_turn
from pacs_bridge.services.way import way_of


def release_due(*, begin: Begin, now: Clock, public_url: str = "") -> int:
    """Release every reader who may read by now; gives how many.

    For what no sweep tells: a round that opens, an enrolment, a consent.
    """
    with begin() as uow:
        ready = [load for load in uow.loads.all() if load.readiness is Readiness.READY]
        return sum(release_readers(uow, load, now(), public_url) for load in ready)


def release_readers(uow: UnitOfWork, load: Load, now: datetime, public_url: str) -> int:
    """Release the readers of one load in the caller's transaction, each with a mail.

    Where one reads at a time, only the next is released, and only once nothing of the one
    before is left in the PACS.

    Returns
    -------
    int
        How many were released now; one who was before is not told again.
    """
    round_ = uow.rounds.find(load.set_name)
    if round_ is None:
        return 0
    released = 0
    checked = {each.site for each in uow.workstations.passed(load.set_name, load.copy)}
    waived = {site.name for site in uow.sites.all() if not site.requires_check}
    in_turn = reads_in_turn(uow, load.pacs, now)
    for enrolment in uow.enrolments.on_pacs(load.set_name, load.pacs):
        takes_turn = in_turn and enrolment.way != "laptop"
        if enrolment.copy != load.copy or (enrolment.released_at and not takes_turn):
            continue
        if takes_turn and not may_begin(uow, load, enrolment):
            continue
        seen = enrolment.site in checked | waived
        if not judge_release(enrolment, round_, load.readiness, now, checked=seen):
            continue
        uow.enrolments.release(load.set_name, enrolment.reader, now)
        uow.events.add(
            now, "reader-released", enrolment.reader, set=load.set_name, site=enrolment.site
        )
        ask_soon(uow, load.pacs, load.set_name, f"released-{enrolment.reader}")
        if takes_turn:
            begin_turn(uow, load, enrolment, now, public_url)
        else:
            for account in uow.accounts.of_reader(enrolment.reader):
                way = way_of(uow, enrolment, now)
                mail_released(uow, account, load, round_.closes_at, now, public_url, way.words)
        released += 1
    return released
