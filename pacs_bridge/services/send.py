"""Sending a load: a few images at a time, each answer kept as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.alike import tell
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import Interrupted, PeerUnavailable
from pacs_bridge.domain.loading import InstanceState, LedgerRow, Load, Readiness, Way
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import (
    Archive,
    Clock,
    Convert,
    PacsPeer,
    Sendable,
    StoreAnswer,
)
from pacs_bridge.domain.sending import OutsideWindow
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.send_lanes import Lane, Lanes, first_error, send_lanes
from pacs_bridge.services.send_ledger import (
    count_loss,
    settle,
    settle_doubts,
    what_was_skipped,
    words_of,
)

_ON_THE_WAY = ("data", "answer")
"""Phases of a failure that an image itself may have caused."""

_IN_ORDER = (PeerUnavailable, Interrupted, OutsideWindow)
"""What ends an association so that it is known which images went out."""


@dataclass(frozen=True)
class Sender:
    """How images are sent, whatever load they are of.

    Parameters
    ----------
    attempts : int
        How often an image is offered to a PACS that is out of resources (0xA7xx), or that
        breaks off over it, before it counts as refused and no longer stands in the way of
        the next. Any other failure status counts at once.
    convert : callable, optional
        Gives for a load's number what makes lossless copies of its images in other transfer
        syntaxes; without it, they only go out as they are.
    forget : callable, optional
        Throws the copies of a load away.
    stopping : callable
        Whether we are to stop: then no further image goes out.
    """

    begin: Begin
    peer: PacsPeer
    archive: Archive
    now: Clock
    lanes: Lanes
    attempts: int = 5
    convert: Callable[[int], Convert] | None = None
    forget: Callable[[int], None] = lambda _load_id: None
    stopping: Callable[[], bool] = lambda: False


def send_next(
    load_id: int,
    limit: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    archive: Archive,
    now: Clock,
    attempts: int = 5,
    lanes: Lanes | None = None,
    convert: Callable[[int], Convert] | None = None,
    forget: Callable[[int], None] = lambda _load_id: None,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send up to `limit` pending images over each of the associations that the PACS is set to.

    Each image's answer is written into the ledger, in a transaction of its own, while the next
    image of its association goes out, and none after that before it is committed. An image of
    which no answer is kept stays in doubt, also where we died over it: whether the PACS has it
    is asked before it goes out again under the same UID.
    Arguments are those of `Sender`.

    Returns
    -------
    int
        How many images are still pending.

    Raises
    ------
    OutsideWindow
        When the PACS may not be sent to now, or no longer.
    PeerUnavailable
        When the conversation failed, or the PACS is out of resources; call again later.
    Interrupted
        When we are to stop.
    """
    sender = Sender(
        begin, peer, archive, now, lanes or Lanes(now), attempts, convert, forget, stopping
    )
    return _send_next(sender, load_id, limit)


def _send_next(sender: Sender, load_id: int, limit: int) -> int:
    _check(sender.stopping)
    with sender.begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        count = sender.lanes.of(pacs)
        pending = uow.loads.pending(load_id, limit * count)
        if not pending:
            return _end(sender, uow, load)
        _check_window(pacs, sender.now)
        passport = uow.case_sets.get(load.set_name, load.copy)
        doubtful = uow.loads.doubtful(load_id, pending)
        if not doubtful:
            # From here on, whoever finds these pending does not know what became of them.
            uow.loads.doubt(load_id, pending, in_doubt=True)
            if load.readiness is not Readiness.SENDING:
                uow.loads.set_readiness(load_id, Readiness.SENDING)
    if doubtful:
        settle_doubts(
            load_id, doubtful, pacs, passport, begin=sender.begin, peer=sender.peer, now=sender.now
        )
        return _send_next(sender, load_id, limit) if _remaining(sender, load_id) else 0
    lanes = _send(sender, load_id, pacs, _sendables(passport, pending, sender.archive), count)
    _close(sender, load_id, pacs, lanes)
    remaining = _remaining(sender, load_id)
    busy = next((lane.busy for lane in lanes if lane.busy), "")
    if busy:
        raise PeerUnavailable(pacs.name, "answer", f"it takes no more for now ({busy})")
    return remaining


def _send(
    sender: Sender, load_id: int, pacs: Pacs, sendables: Sequence[Sendable], count: int
) -> list[Lane]:
    def keep(answer: StoreAnswer) -> str:
        with sender.begin() as uow:
            state = settle(uow, load_id, answer, sender.attempts, sender.now)
        return words_of(answer) if state is InstanceState.PENDING else ""

    return send_lanes(
        pacs,
        sendables,
        count,
        peer=sender.peer,
        convert=None if sender.convert is None else sender.convert(load_id),
        keep=keep,
        check=partial(_check_between, sender, pacs),
    )


def _close(sender: Sender, load_id: int, pacs: Pacs, lanes: Sequence[Lane]) -> None:
    """Note what is known of images without an answer, and raise what ended a lane."""
    with sender.begin() as uow:
        for lane in lanes:
            if lane.error is not None and not isinstance(lane.error, _IN_ORDER):
                continue  # how far the image came is not known
            waiting = [each.sop_instance_uid for each in lane.waiting]
            if isinstance(lane.error, PeerUnavailable) and lane.error.phase in _ON_THE_WAY:
                lost, *waiting = waiting or [""]
                if lost:
                    count_loss(uow, load_id, lost, str(lane.error), sender.attempts, sender.now)
            uow.loads.doubt(load_id, waiting, in_doubt=False)
    if len(lanes) > 1 and any(lane.is_rejected for lane in lanes):
        sender.lanes.narrow(pacs)
        lanes = [lane for lane in lanes if not lane.is_rejected] or lanes
    error = first_error(lanes)
    if error is not None:
        raise error


def _remaining(sender: Sender, load_id: int) -> int:
    """Count what is pending now that the PACS answers; end the sending where that is nothing."""
    with sender.begin() as uow:
        uow.loads.set_note(load_id, "")
        remaining = uow.loads.counts(load_id).remaining
        return remaining or _end(sender, uow, uow.loads.get(load_id))


def _end(sender: Sender, uow: UnitOfWork, load: Load) -> int:
    """Nothing is pending any more; a load that was judged in the meantime keeps its verdict."""
    if load.readiness in (Readiness.PLANNED, Readiness.SENDING):
        uow.loads.set_readiness(load.load_id, Readiness.SENT)
    sender.forget(load.load_id)
    return 0


def _check(stopping: Callable[[], bool]) -> None:
    if stopping():
        raise Interrupted("The jobs were stopped; the load goes on when they start again.")


def _check_between(sender: Sender, pacs: Pacs) -> None:
    """See between two images whether the next may go out."""
    _check(sender.stopping)
    _check_window(pacs, sender.now)


def _check_window(pacs: Pacs, now: Clock) -> None:
    opening = pacs.sending.opens_at(now())
    if opening is not None:
        raise OutsideWindow(pacs.name, opening, pacs.sending.told_opening(opening))


def _sendables(passport: Passport, uids: Sequence[str], archive: Archive) -> list[Sendable]:
    images = {image.sop_instance_uid: image for *_, image in passport.instances()}
    return [
        Sendable(
            archive.path(images[uid].content_hash),
            images[uid].sop_class_uid,
            uid,
            images[uid].transfer_syntax_uid,
            images[uid].pixel_hash,
        )
        for uid in uids
    ]


def reopen_missing(
    load_id: int, sop_instance_uids: Iterable[str], *, begin: Begin, now: Clock
) -> int:
    """Make images pending again that a sweep did not find; gives how many."""
    with begin() as uow:
        count = uow.loads.reopen(load_id, sop_instance_uids, now())
        if count:
            uow.events.add(now(), "load-reopened", str(load_id), images=count)
        return count


def note_load(load_id: int, note: str, *, begin: Begin) -> int:
    """Keep in one sentence what holds a load up; gives how many images are still pending."""
    with begin() as uow:
        uow.loads.set_note(load_id, note)
        return sum(row.state is InstanceState.PENDING for row in uow.loads.ledger(load_id))


def park_load(load_id: int, note: str, *, begin: Begin, now: Clock, public_url: str = "") -> None:
    """Stop working at a load and tell its contacts: a person is needed.

    Repeating it for the same start of the load tells nobody twice.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        ledger = uow.loads.ledger(load_id)
        note = _stopped(load, ledger) or what_was_skipped(load.pacs, ledger) or note
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


def _stopped(load: Load, ledger: Sequence[LedgerRow]) -> str:
    """Say of a load that was given up with images still to be sent why, and what to do."""
    pending = sum(row.state is InstanceState.PENDING for row in ledger)
    if not pending or load.way is Way.MEDIA:
        return ""
    why = f" ({load.note.rstrip('.')})" if load.note else ""
    return (
        f"{pending} of {len(ledger)} images are not sent: we tried again and again, and have "
        f"stopped{why[:300]}. Have that mended at your PACS, then press Start again."
    )


def _asks(uow: UnitOfWork, load_id: int) -> list[str]:
    asked = [v for v in uow.loads.verdicts(load_id) if v.instruction and not v.waiting]
    told = tell(asked)
    more = [f"The load's page says {len(told) - 8} things more."] if len(told) > 8 else []
    where = ["The buttons named here are on the page of this load."] if asked else []
    return [*told[:8], *more, *where]
