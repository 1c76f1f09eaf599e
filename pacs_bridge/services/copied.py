"""Drawings of another reader that a viewer saved again under this one's name.

Who opens a case on which a colleague's report lies, and saves it anew, saves the colleague's marks
with it. A TrackingUID is made once for one drawing (PS3.3 C.10.5), and a document names the one
that it continues: what bears another reader's TrackingUID, or continues another reader's document
and draws the same, is not this one's before they say so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.marks import Mark, ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.questions import ANOTHERS
from pacs_bridge.domain.reading import same_mark
from pacs_bridge.domain.revision import is_drawn


def flag_copied(
    uow: UnitOfWork,
    received: ReceivedObject,
    case: KnownCase,
    read: ReadObject,
    reader: str,
    now: datetime,
) -> ReadObject:
    """Flag marks that another reader of the same PACS drew, and tell staff of them."""
    drawn = [mark for mark in read.marks if is_drawn(mark)]
    if not drawn or not (read.predecessors or any(mark.tracking_uid for mark in drawn)):
        return read
    before = _asked_before(uow, received)
    theirs = [
        (uid, whose, other, before is None or arrival < uow.marks.arrival_of(read.sop_instance_uid))
        for uid, whose, arrival, other in uow.marks.of_others(
            received.caller.pacs or "", case.master, reader
        )
    ]
    copied = {
        id(mark)
        for mark in drawn
        for uid, _, other, is_first in theirs
        if is_first or any(same_mark(mark, each) for each in before or ())
        if _is_copy(mark, other, continues=uid in read.predecessors)
    }
    if not copied:
        return read
    others = sorted({
        whose for uid, whose, other, _ in theirs
        if any(_is_copy(m, other, continues=uid in read.predecessors) for m in drawn)
    })  # fmt: skip
    uow.events.add(now, "marks-copied", received.sop_instance_uid, reader=reader, others=others)
    return replace(
        read,
        marks=tuple(
            replace(mark, flags=(*mark.flags, ANOTHERS)) if id(mark) in copied else mark
            for mark in read.marks
        ),
    )


def _asked_before(uow: UnitOfWork, received: ReceivedObject) -> list[Mark] | None:
    """The marks of an object that were asked about when it was read before; None the first time.

    An object that is looked into anew copies nobody who came after it: they may have copied it.
    What somebody said to be a reader's is looked at as if for the first time.
    """
    uid = received.sop_instance_uid
    is_new = not received.read_by or bool(uow.claims.said_of([uid])[uid])
    known = None if is_new else uow.marks.find(uid)
    return None if known is None else [mark for mark in known.marks if ANOTHERS in mark.flags]


def _is_copy(mark: Mark, other: Mark, *, continues: bool) -> bool:
    if mark.tracking_uid and mark.tracking_uid == other.tracking_uid:
        return True
    return continues and same_mark(mark, other)
