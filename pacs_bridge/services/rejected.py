"""What a PACS says that it took out of use: asked about, and never deleted here in silence.

A note may overtake the object that it rejects. So what a PACS rejects is kept as it was said, and
takes effect when the object is here: at once, or when it comes.

References
----------
IHE Radiology, Imaging Object Change Management (IOCM); DESIGN.md section 3.
"""

from __future__ import annotations

from datetime import datetime

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.services.folded import end_of
from pacs_bridge.services.whose import reopen

MOST_REJECTED = 5_000
"""Objects of one note that are kept for later; a study of ours has a few dozen."""


def note_rejected(
    uow: UnitOfWork, note: ReceivedObject, read: ReadObject, now: datetime, settle: float
) -> int:
    """Keep that a PACS rejects what it sent us; gives how many objects here that is new of.

    Readings that hold them are open again: each mark that nothing else holds is asked about. After
    the round has ended it is told and nothing is changed. What has not come yet is rejected when
    it comes, see `reject_if_named`.
    """
    pacs, count = note.caller.pacs or "", 0
    if not pacs:
        return 0
    images = uow.case_sets.images(set(read.rejects))
    uids = [uid for uid in read.rejects if uid not in images]
    uow.rejections.keep(pacs, uids[:MOST_REJECTED], note.sop_instance_uid, now)
    for uid in uids:
        for each in uow.objects.reject(uid, pacs, note.sop_instance_uid):
            count += 1
            is_late = False
            if each.accession and each.reader is not None:
                is_late = _has_ended(uow, each.accession, each.reader, now)
                if not is_late:
                    key = f"{each.sop_instance_uid}-rejected"
                    reopen(uow, each.accession, each.reader, key, now, settle)
            _tell(uow, each, now, is_late=is_late)
    return count


def reject_if_named(uow: UnitOfWork, received: ReceivedObject) -> bool:
    """Take an object that has come as rejected, if its PACS said so before; true where it is new.

    Only the PACS that sent an object can reject it, as when the note comes after it. Done before
    the object is looked into, so that its reading holds the question from the first moment.
    """
    pacs, named = received.caller.pacs or "", (received.sop_instance_uid, received.part_of or "")
    note = uow.rejections.note_of(pacs, *filter(None, named)) if pacs else ""
    return bool(note) and uow.objects.reject_one(received.sop_instance_uid, note)


def tell_rejected(uow: UnitOfWork, sop_instance_uid: str, now: datetime) -> None:
    """Tell of an object that was rejected before it came, once it is known whose it is."""
    received = uow.objects.find(sop_instance_uid)
    if received is None:
        return
    is_late = bool(
        received.accession
        and received.reader
        and _has_ended(uow, received.accession, received.reader, received.received_at)
    )
    _tell(uow, received, now, is_late=is_late)


def _has_ended(uow: UnitOfWork, accession: str, reader: str, moment: datetime) -> bool:
    """Whether a reader's round had ended; of a practice case it never does."""
    case = uow.case_sets.case(accession)
    if case is None or case.kind == "practice":
        return False
    end = end_of(uow, case.set_name, reader)
    return end is not None and moment >= end


def _tell(uow: UnitOfWork, each: ReceivedObject, now: datetime, *, is_late: bool) -> None:
    reader = each.reader or ""
    uow.events.add(now, "object-rejected", each.sop_instance_uid, reader=reader, late=is_late)
