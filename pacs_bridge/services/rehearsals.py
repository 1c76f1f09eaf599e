"""Rehearsals by the clock: before a round opens, every PACS that reads in it is rehearsed with.

One that fails tells the contact of the PACS what to do, while there are days left to do it; and it
is made again each day until it goes well or the round opens.

References
----------
QUIRKS.md C13: run before each round.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.loading import LEAVING, Load, Way
from pacs_bridge.domain.people import Round
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.rehearse import REHEARSED

if TYPE_CHECKING:
    from pacs_bridge.services.rehearse import Rehearsal, Stage

AHEAD = timedelta(days=3)
"""How long before a round opens, if nothing else is set."""

AGAIN = timedelta(hours=24)

_WHAT_TO_DO = {
    "sent": "Please see that the PACS runs and takes mammograms from us at the address that the "
    "site pack names, and that no firewall stands in between.",
    "found": "Please see that our AE title may query the PACS, and that a study without an order "
    "is filed and listed.",
    "fetched back": "Please ask why images come back changed, or not at all: a lossy compression "
    "or an export rule for our AE title is the most likely cause.",
    "mark saved": "Please have the PACS store presentation states that come from us.",
    "mark came back": "Please have presentation states, structured reports and key objects of our "
    "accession numbers forwarded to us, by the rule in the site pack.",
}


def rehearsals_due(*, begin: Begin, now: Clock, ahead: timedelta = AHEAD) -> int:
    """Queue a rehearsal with every PACS whose readers soon read; gives how many.

    Called by the clock; repeating it queues nothing twice.

    Parameters
    ----------
    ahead : timedelta
        How long before a round opens; none are queued where it is zero.
    """
    moment, due = now(), 0
    with begin() as uow:
        for load in uow.loads.all():
            round_ = uow.rounds.find(load.set_name)
            if round_ is None or not _is_due(uow, load, round_, moment, ahead):
                continue
            proof = uow.proofs.find(load.pacs, REHEARSED)
            stamp = 0 if proof is None else int(proof.proven_at.timestamp())
            opens, hour = int(round_.opens_at.timestamp()), int(moment.timestamp()) // 3600
            key = f"rehearse-{load.pacs}-{opens}-{stamp}-{hour}"
            uow.enqueue("rehearse", load.load_id, key=key, partition=load.pacs)
            due += 1
    return due


def _is_due(uow: UnitOfWork, load: Load, round_: Round, now: datetime, ahead: timedelta) -> bool:
    if not round_.opens_at - ahead <= now < round_.opens_at:
        return False
    if load.way is Way.MEDIA or load.readiness in LEAVING:
        return False
    pacs = uow.pacs.get(load.pacs)
    if pacs.paused or not pacs.is_called or pacs.sending.opens_at(now) is not None:
        return False
    if not uow.enrolments.on_pacs(load.set_name, load.pacs):
        return False
    proof = uow.proofs.find(load.pacs, REHEARSED)
    if proof is None or proof.proven_at < round_.opens_at - ahead:
        return True
    return not proof.body["good"] and now - proof.proven_at >= AGAIN


def rehearse_for_round(
    load_id: int,
    *,
    begin: Begin,
    rehearse: Callable[[str], Rehearsal],
    now: Clock,
    public_url: str = "",
) -> Rehearsal:
    """Rehearse with the PACS of a load, and tell its contact what to do where that fails.

    Parameters
    ----------
    rehearse : callable
        Rehearses with a PACS by its name.

    Raises
    ------
    NotFound
        When there is no such load.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
    done = rehearse(load.pacs)
    failed = next((each for each in done.stages if each.counts and not each.works), None)
    if not done.good and failed is not None:
        with begin() as uow:
            _tell(uow, load, done, failed, now(), public_url)
    return done


def _tell(
    uow: UnitOfWork, load: Load, done: Rehearsal, failed: Stage, now: datetime, public_url: str
) -> None:
    """Mail the contact, once a round and stage; what is ours to mend is not asked of them."""
    uow.events.add(now, "rehearsal-failed", load.pacs, stage=failed.name, set=load.set_name)
    todo = _WHAT_TO_DO.get(failed.name)
    if todo is None:
        return
    round_ = uow.rounds.find(load.set_name)
    opens = "" if round_ is None else f" The round opens on {round_.opens_at:%d %B %Y}."
    what = (
        f"Before {load.set_name} is read, we took one synthetic case (PERFORMS000) through your "
        f"PACS and back. It failed at: {failed.name}.{opens}"
    )
    lines = [
        what,
        failed.says,
        todo,
        "We try again each day until then; there is nothing to be sent by you.",
    ]
    key = f"rehearsal-{failed.name.replace(' ', '-')}-{load.load_id}-{load.set_name}"
    if round_ is not None:
        key += f"-{int(round_.opens_at.timestamp())}"
    subject = f"{done.pacs}: something to mend before {load.set_name} is read"
    mail_contacts(uow, load, key, subject, lines, now, public_url)
