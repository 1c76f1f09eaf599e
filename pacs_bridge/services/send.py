"""Sending a load: a few images on one association, each answer kept as it comes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.loading import InstanceState, Load, Readiness
from pacs_bridge.domain.phases import at_phase
from pacs_bridge.domain.ports import Archive, Clock, PacsPeer, Sendable, StoreAnswer
from pacs_bridge.services.mails import mail_contacts

_WORDS = {
    0x0122: "SOP class not supported",
    0x0124: "not authorised",
    0x0110: "processing failure",
    0x0112: "no such object",
    0x0117: "invalid object",
    0x0210: "duplicate request",
    0xB000: "stored, some values changed",
    0xB006: "stored, some elements left out",
    0xB007: "stored, though it does not fit its SOP class",
}
"""What statuses say, where the PACS adds no comment (PS3.7 annex C, PS3.4 B.2.3)."""


_ON_THE_WAY = ("data", "answer")
"""Phases of a failure that an image itself may have caused."""


def send_next(
    load_id: int,
    limit: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    archive: Archive,
    now: Clock,
    attempts: int = 5,
) -> int:
    """Send up to `limit` pending images over one association.

    Each image's answer is in the ledger, in a transaction of its own, before the next image
    goes out. An image whose answer was lost stays pending and is sent again under the same
    UID; whether the PACS has it is not asked first (QUIRKS.md C1).

    Parameters
    ----------
    attempts : int
        How often an image is offered to a PACS that is out of resources (0xA7xx), or that
        breaks off over it, before it counts as refused and no longer stands in the way of
        the next. Any other failure status counts at once.

    Returns
    -------
    int
        How many images are still pending.

    Raises
    ------
    PeerUnavailable
        When the conversation failed, or the PACS is out of resources; call again later.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        sendables = _sendables(uow, load, limit, archive)
        if not sendables:
            _note_sent(uow, load)
            return 0
        if load.readiness is not Readiness.SENDING:
            uow.loads.set_readiness(load_id, Readiness.SENDING, note=load.note)

    waiting, busy = [each.sop_instance_uid for each in sendables], ""
    with ExitStack() as stack:
        answers = peer.store(pacs, sendables)
        stack.callback(getattr(answers, "close", lambda: None))
        try:
            for answer in answers:
                with begin() as uow:
                    state = _settle(uow, load_id, answer, attempts, now)
                waiting.remove(answer.sop_instance_uid)
                if state is InstanceState.PENDING:
                    busy = _words(answer)
        except PeerUnavailable as error:
            if waiting and error.phase in _ON_THE_WAY:
                with begin() as uow:
                    _count_loss(uow, load_id, waiting[0], str(error), attempts, now)
            raise

    with begin() as uow:
        uow.loads.set_note(load_id, "")
        counts = uow.loads.counts(load_id)
        remaining = counts.total - counts.confirmed - counts.failed
        if not remaining:
            _note_sent(uow, uow.loads.get(load_id))
    if busy:
        raise PeerUnavailable(pacs.name, "answer", f"it takes no more for now ({busy})")
    return remaining


def _sendables(uow: UnitOfWork, load: Load, limit: int, archive: Archive) -> list[Sendable]:
    pending = uow.loads.pending(load.load_id, limit)
    if not pending:
        return []
    passport = uow.case_sets.get(load.set_name, load.copy)
    images = {image.sop_instance_uid: image for *_, image in passport.instances()}
    return [
        Sendable(
            archive.path(images[uid].content_hash),
            images[uid].sop_class_uid,
            uid,
            images[uid].transfer_syntax_uid,
        )
        for uid in pending
    ]


def _note_sent(uow: UnitOfWork, load: Load) -> None:
    """Nothing is pending any more; a load that was judged in the meantime keeps its verdict."""
    if load.readiness in (Readiness.PLANNED, Readiness.SENDING):
        uow.loads.set_readiness(load.load_id, Readiness.SENT)


def _settle(
    uow: UnitOfWork, load_id: int, answer: StoreAnswer, attempts: int, now: Clock
) -> InstanceState:
    tried = uow.loads.attempts(load_id, answer.sop_instance_uid) + 1
    if answer.stored:
        state = InstanceState.WARNED if answer.status else InstanceState.STORED
    elif answer.status >> 8 == 0xA7 and tried < attempts:
        state = InstanceState.PENDING
    else:
        state = InstanceState.FAILED
    uow.loads.settle(
        load_id,
        answer.sop_instance_uid,
        state,
        now(),
        status=answer.status,
        comment=_comment(answer),
    )
    return state


def _count_loss(
    uow: UnitOfWork, load_id: int, uid: str, why: str, attempts: int, now: Clock
) -> None:
    """Count an attempt of which no answer came; the image may or may not be stored."""
    tried = uow.loads.attempts(load_id, uid) + 1
    state = InstanceState.PENDING if tried < attempts else InstanceState.FAILED
    uow.loads.settle(load_id, uid, state, now(), comment=why)


def _comment(answer: StoreAnswer) -> str:
    """Say what a status means, and where it failed, if it did."""
    if not answer.status:
        return ""
    return _words(answer) if answer.stored else f"{_words(answer)} {at_phase(answer.phase)}"


def _words(answer: StoreAnswer) -> str:
    status = answer.status
    words = answer.comment or _WORDS.get(status) or _class_of(status)
    offending = f", elements {answer.offending}" if answer.offending else ""
    return f"0x{status:04X}: {words}{offending}"


def _class_of(status: int) -> str:
    if status >> 8 == 0xA7:
        return "out of resources"
    if status >> 8 == 0xA9:
        return "does not fit its SOP class"
    return "cannot understand it" if status >> 12 == 0xC else "failed"


def reopen_missing(
    load_id: int, sop_instance_uids: Iterable[str], *, begin: Begin, now: Clock
) -> int:
    """Make images pending again that a sweep did not find; gives how many."""
    with begin() as uow:
        count = uow.loads.reopen(load_id, sop_instance_uids, now())
        if count:
            uow.events.add(now(), "load-reopened", str(load_id), images=count)
        return count


def note_load(load_id: int, note: str, *, begin: Begin) -> None:
    """Keep in one sentence what holds a load up."""
    with begin() as uow:
        uow.loads.set_note(load_id, note)


def park_load(load_id: int, note: str, *, begin: Begin, now: Clock, public_url: str = "") -> None:
    """Stop working at a load and tell its contacts: a person is needed.

    Repeating it for the same start of the load tells nobody twice.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        uow.loads.set_note(load_id, note)
        if load.readiness in (Readiness.PLANNED, Readiness.SENDING, Readiness.SENT):
            uow.loads.set_readiness(load_id, Readiness.INCOMPLETE, note=note)
        uow.events.add(now(), "load-parked", f"{load.set_name} {load.pacs}", run=load.run)
        mail_contacts(
            uow,
            load,
            f"parked-{load.load_id}-{load.run}",
            f"{load.set_name}: the load into {load.pacs} needs you",
            [note, *_asks(uow, load_id)],
            now(),
            public_url,
        )


def _asks(uow: UnitOfWork, load_id: int) -> list[str]:
    asked = [v for v in uow.loads.verdicts(load_id) if v.instruction and not v.waiting]
    return [f"{v.accession}: {v.instruction}" for v in asked[:8]]
