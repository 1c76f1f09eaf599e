"""What several people say in one object, each of them by themselves.

An object of which a group, or a layer, names somebody else than the whole does is dealt out: what
that person says is kept as a part under a UID of ours, and goes the way of every object from
there: to its reader, or into the claim queue. None of it is ever the whole's.

References
----------
PS3.16 TID 1001 to 1004; STANDARDS.md 1.5.
"""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.marks import ReadObject, Share
from pacs_bridge.domain.objects import ReceivedObject, part_uid

GONE = "It is read otherwise by now: what it said stands with the object that it came in."


def whole_of(read: ReadObject) -> ReadObject:
    """What the observer of the whole object says, and of whom it replaces earlier words."""
    own = Share(read.observer)
    return replace(read, others=(), predecessors=_predecessors(read, own))


def part_named(read: ReadObject, received: ReceivedObject) -> ReadObject | None:
    """One person's part as an object of its own; None where the object does not hold it."""
    assert received.part_of is not None
    for share in read.others:
        if part_uid(received.part_of, share.person) == received.sop_instance_uid:
            return replace(
                read,
                sop_instance_uid=received.sop_instance_uid,
                observer=share.observer,
                marks=share.marks,
                breasts=share.breasts,
                predecessors=_predecessors(read, share),
                others=(),
            )
    return None


def _predecessors(read: ReadObject, share: Share) -> tuple[str, ...]:
    """Earlier documents, and this person's part of each: nobody replaces another's words."""
    parts = (part_uid(uid, share.person) for uid in read.predecessors)
    return (*read.predecessors, *parts)


def deal_out(uow: UnitOfWork, received: ReceivedObject, read: ReadObject) -> int:
    """Keep each further person's part of an object, and queue its job; gives how many are new."""
    new = 0
    for share in read.others:
        uid = part_uid(received.sop_instance_uid, share.person)
        if uow.objects.add_part(received.sop_instance_uid, uid):
            uow.enqueue("extract", uid, key=f"extract-{uid}")
            new += 1
    return new
