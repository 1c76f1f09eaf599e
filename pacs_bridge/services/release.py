"""Releasing readers: enrolled, consent given, load ready, round open."""

from __future__ import annotations

from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.people import judge_release
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.mails import mail_released


def release_due(*, begin: Begin, now: Clock, public_url: str = "") -> int:
    """Release every reader who may read by now; gives how many.

    For what no sweep tells: a round that opens, an enrolment, a consent.
    """
    with begin() as uow:
        ready = [load for load in uow.loads.all() if load.readiness is Readiness.READY]
        return sum(release_readers(uow, load, now(), public_url) for load in ready)


def release_readers(uow: UnitOfWork, load: Load, now: datetime, public_url: str) -> int:
    """Release the readers of one load in the caller's transaction, each with a mail.

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
    for enrolment in uow.enrolments.on_pacs(load.set_name, load.pacs):
        if enrolment.copy != load.copy or enrolment.released_at is not None:
            continue
        seen = enrolment.site in checked | waived
        if not judge_release(enrolment, round_, load.readiness, now, checked=seen):
            continue
        uow.enrolments.release(load.set_name, enrolment.reader, now)
        uow.events.add(
            now, "reader-released", enrolment.reader, set=load.set_name, site=enrolment.site
        )
        for account in uow.accounts.of_reader(enrolment.reader):
            mail_released(uow, account, load, round_.closes_at, now, public_url)
        released += 1
    return released
