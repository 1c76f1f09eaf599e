"""What administrators see of the claim queue, and decide."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.claims import Claim, Saying, Waiting
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.claims import check_open, move
from pacs_bridge.services.handshake import enrolled


@dataclass(frozen=True)
class AskedOf:
    """One waiting object as an administrator sees it.

    Parameters
    ----------
    reading_there : tuple of str
        Readers who said that they were reading at that PACS when it came.
    said : tuple of Claim
        All that was said of it.
    """

    waiting: Waiting
    reading_there: tuple[str, ...]
    said: tuple[Claim, ...]


def decide_claim(
    object_uid: str,
    reader: str | None,
    *,
    because: str,
    begin: Begin,
    now: Clock,
    settle: float,
    account_id: int | None = None,
) -> None:
    """Say as an administrator whose an object is; None puts it back into the queue.

    Parameters
    ----------
    because : str
        Why; kept with the decision.

    Raises
    ------
    NotFound
        When there is no such object, or the reader is not enrolled in its set.
    RefusedInput
        When no reason is given, it is about no case of ours, or the round has closed.
    """
    moment, reason = now(), " ".join(because.split())
    if not reason:
        raise RefusedInput("Say why: the reason is kept with the decision.")
    with begin() as uow:
        received = uow.objects.find(object_uid)
        if received is None:
            raise NotFound("No such object has arrived; `marks list` shows which have.")
        waiting = uow.claims.find(object_uid)
        accession = waiting.accession if waiting else received.accession
        case = uow.case_sets.case(accession) if accession else None
        if case is None:
            raise RefusedInput("It is about no one case of ours, so it cannot be a reader's.")
        if reader is not None:
            enrolled(uow, case.set_name, reader)
        check_open(uow, case.set_name, reader or received.reader or "", moment)
        saying = Saying.UNDO if reader is None else Saying.DECIDE
        statement = "Nobody's again." if reader is None else f"It is {reader}'s."
        number = uow.claims.say(
            Claim(object_uid, saying, reader, statement, moment, account_id, reason)
        )
        move(uow, object_uid, number, moment, settle)
        uow.events.add(moment, "claim-decided", object_uid, reader=reader or "", reason=reason)


def waiting_objects(*, begin: Begin, pacs: str = "", set_name: str = "") -> list[AskedOf]:
    """List what waits, for administrators: with who said that they were reading then."""
    with begin() as uow:
        waiting = uow.claims.waiting(pacs=pacs, set_name=set_name)
        said = uow.claims.said_of(each.object_uid for each in waiting)
        return [
            AskedOf(
                each,
                tuple(
                    dict.fromkeys(
                        s.reader for s in uow.sessions.covering(each.pacs, each.received_at)
                    )
                ),
                tuple(said[each.object_uid]),
            )
            for each in waiting
        ]
