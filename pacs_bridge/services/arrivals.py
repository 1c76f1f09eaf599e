"""Small objects on their way: from the database, where they are safe, into archive and job.

An object's row, its bytes and with them the job that will look into it are committed together,
with one sync of the disk for all that associations bring at a time (decision 0026). Here the
bytes become the archive's file and the job a job of the queue. A crash between the two leaves a
file that is written again as it is and a job whose key was used: nothing is done twice. Of an
object that went to the archive while it arrived the job alone is waiting here.
"""

from __future__ import annotations

import structlog

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.ports import Archive

LOG = structlog.get_logger()

SMALL = 256 << 10
"""Bytes of an object that go into the database first; larger ones go to the archive at once."""

AT_ONCE = 32


def hand_over(*, begin: Begin, read: Begin, archive: Archive, most: int = AT_ONCE) -> int:
    """Put waiting objects into the archive and queue their jobs; gives how many.

    Doing it again, or at the same time in another process, changes nothing.

    Raises
    ------
    StorageFull
        When the archive's disk does not take them; they stay where they are, safe.
    StoreBusy
        When the database did not take the change in time.
    """
    with read() as uow:
        if not uow.arrivals.any():
            return 0
        waiting = uow.arrivals.oldest(most)
    put = {
        each.sop_instance_uid: archive.put(each.data) if each.data else each.content_hash
        for each in waiting
    }
    with begin() as uow:
        for each in waiting:
            uid = each.sop_instance_uid
            if put[uid] == each.content_hash:
                queue_extract(uow, uid) if each.image is None else queue_judging(uow, uid)
            else:  # it must not pass for what was received
                LOG.error("arrival damaged", object=uid, archived=put[uid])
                uow.objects.park(uid, "Its bytes were damaged in our database; a person must look.")
        uow.arrivals.remove(list(put))
    return len(waiting)


def queue_extract(uow: UnitOfWork, sop_instance_uid: str) -> None:
    """Queue the job that looks into a received object; once, however often it is said."""
    uow.enqueue("extract", sop_instance_uid, key=f"extract-{sop_instance_uid}")


def queue_judging(uow: UnitOfWork, key: str) -> None:
    """Queue the job that looks into an image that came back; once, however often it is said."""
    uow.enqueue("came_back", key, key=f"came-back-{key}")


def file_of(received: ReceivedObject, *, read: Begin, archive: Archive) -> bytes:
    """Give a received object's file from wherever it lies.

    Raises
    ------
    NotFound
        When it is nowhere.
    """
    with read() as uow:
        data = uow.arrivals.data(received.sop_instance_uid)
    if data:  # else it lies in the archive: it leaves here only after that
        return data
    with archive.open(received.content_hash) as file:
        return file.read()
