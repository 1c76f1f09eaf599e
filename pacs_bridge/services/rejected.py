"""What a PACS says that it took out of use: asked about, and never deleted here in silence.

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


def note_rejected(
    uow: UnitOfWork, note: ReceivedObject, read: ReadObject, now: datetime, settle: float
) -> int:
    """Keep that a PACS rejects what it sent us before; gives how many objects that is new of.

    Readings that hold them are open again: each mark that nothing else holds is asked about. After
    the round has ended it is told and nothing is changed.
    """
    count = 0
    for uid in read.rejects:
        for each in uow.objects.reject(uid, note.caller.pacs or "", note.sop_instance_uid):
            count += 1
            case = uow.case_sets.case(each.accession) if each.accession else None
            is_late = False
            if case is not None and each.reader is not None:
                end = None if case.kind == "practice" else end_of(uow, case.set_name, each.reader)
                is_late = end is not None and now >= end
                if not is_late:
                    key = f"{each.sop_instance_uid}-rejected"
                    reopen(uow, case.accession, each.reader, key, now, settle)
            uow.events.add(
                now,
                "object-rejected",
                each.sop_instance_uid,
                reader=each.reader or "",
                late=is_late,
            )
    return count
