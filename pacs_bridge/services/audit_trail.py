"""The audit trail: gathered, put into order under a seal, sent to a repository, looked into.

Nothing here is said twice and nothing is left out: gathering and its cursor, order and its seal,
what is dropped and the row that says so, each stand in one transaction. What is sent may arrive
again after a crash, under the same number.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pacs_bridge.db.repositories.audit import Dropped, Kept, Which
from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.audit import AuditMessage, audit_xml
from pacs_bridge.domain.ports import Clock

_AT_ONCE = 200  # messages on one connection
_PAGE = 1_000

Send = Callable[[list[tuple[int, AuditMessage]]], None]
"""Hands numbered messages to the repository; returns when it has them all, or raises
`PeerUnavailable`."""


@dataclass(frozen=True)
class Sealer:
    """Seals messages in their order: whoever changes or removes one breaks the chain.

    Parameters
    ----------
    key : bytes
        Of this installation; a seal cannot be made without it.
    """

    key: bytes

    def __call__(self, last: str, text: str) -> str:
        """Give the seal of a text that follows on another seal."""
        return hmac.new(self.key, f"{last}\n{text}".encode(), hashlib.sha256).hexdigest()


def _text(kept: Kept) -> str:
    """Everything in a message that must not change, always written alike."""
    fact = kept.fact
    told = [
        kept.place,
        fact.at.isoformat(),
        fact.event.name,
        fact.kind.name if fact.kind else "",
        int(fact.outcome),
        fact.pacs,
        fact.body(),
    ]
    return json.dumps(told, sort_keys=True)


def bring_up_to_date(*, begin: Begin, read: Begin, sealer: Sealer) -> int:
    """Gather and seal all that was committed; gives how many messages were put into order."""
    sealed = 0
    while True:
        with read() as uow:
            if not uow.audit.is_behind():
                return sealed
        with begin() as uow:
            uow.audit.gather()
            sealed += uow.audit.put_in_order(sealer, _text)


def make_room(most: int, *, begin: Begin, read: Begin, now: Clock) -> Dropped | None:
    """Drop the oldest messages where there are more than so many, and raise the alarm."""
    with read() as uow:  # nobody waits for us where there is room
        if not uow.audit.is_over(most):
            return None
    with begin() as uow:
        gone = uow.audit.drop_oldest(most, now())
        if gone is not None:
            numbers = {"first": gone.first_place, "last": gone.last_place}
            uow.events.add(
                now(), "audit-dropped", "audit", count=gone.count, unsent=gone.unsent, **numbers
            )
        return gone


def send_waiting(*, begin: Begin, read: Begin, send: Send, source: str, now: Clock) -> int:
    """Send the oldest messages that no repository has; gives how many.

    Raises
    ------
    PeerUnavailable
        Naming the phase; whatever went out goes again, under the same numbers.
    """
    with read() as uow:
        waiting = uow.audit.unsent(_AT_ONCE)
    if not waiting:
        return 0
    send([(kept.place or 0, kept.fact.message(source)) for kept in waiting])
    places = [kept.place for kept in waiting if kept.place is not None]
    with begin() as uow:
        uow.audit.set_sent(places, now())
    return len(waiting)


def list_messages(which: Which, limit: int, *, begin: Begin, now: Clock) -> list[Kept]:
    """List the newest messages; that somebody looked is itself one."""
    with begin() as uow:
        found = uow.audit.newest(limit, which)
        uow.events.add(now(), "audit-used", "listed")
    return found


@dataclass(frozen=True)
class Standing:
    """How the audit trail stands.

    Parameters
    ----------
    kept, unsent, dropped : int
        Messages here; of these, without a repository that has them; no longer here.
    lost : int
        Of those dropped, what no repository ever had.
    waits_since : datetime or None
        When the oldest unsent message was made.
    """

    kept: int
    unsent: int
    dropped: int
    lost: int
    waits_since: datetime | None


def standing(*, read: Begin) -> Standing:
    """Say how the trail stands."""
    with read() as uow:
        unsent, since = uow.audit.backlog()
        gone = uow.audit.dropped()
        return Standing(
            uow.audit.count(),
            unsent,
            sum(each.count for each in gone),
            sum(each.unsent for each in gone),
            since,
        )


@dataclass(frozen=True)
class Proof:
    """Whether the trail is whole.

    Parameters
    ----------
    checked : int
        Messages whose seal holds.
    broken_at : int or None
        Number of the first message that is missing or was changed.
    """

    checked: int
    broken_at: int | None

    @property
    def holds(self) -> bool:
        """Whether every message is there and as it was written."""
        return self.broken_at is None


def verify(*, read: Begin, sealer: Sealer, source: str, newest: int | None = None) -> Proof:
    """Check every seal, that no number is missing, and that each message can be written.

    Parameters
    ----------
    newest : int, optional
        Only so many, the newest; the one before them is believed.
    """
    with read() as uow:
        gone, (end, _) = uow.audit.dropped(), uow.audit.end()
        place, last = (gone[-1].last_place, gone[-1].seal) if gone else (0, "")
        if newest is not None and end - newest > place:
            before = uow.audit.in_order(end - newest - 1, 1)
            place, last = (end - newest, before[0].seal) if before else (place, last)
    if not _in_line(gone):
        return Proof(0, 1)
    checked = 0
    while True:
        with read() as uow:
            page = uow.audit.in_order(place, _PAGE)
        if not page:
            return Proof(checked, None)
        for kept in page:
            last = sealer(last, _text(kept))
            if kept.place != place + 1 or not hmac.compare_digest(last, kept.seal):
                return Proof(checked, place + 1)
            audit_xml(kept.fact.message(source))
            place, checked = place + 1, checked + 1


def _in_line(gone: list[Dropped]) -> bool:
    """Tell whether what was dropped was the oldest each time."""
    after = 0
    for each in gone:
        if each.first_place != after + 1:
            return False
        after = each.last_place
    return True
