"""What an image of ours holds that a PACS sent back: found out after the sender was answered."""

from __future__ import annotations

import structlog

from pacs_bridge.archive.file_content import FileContent, read_content
from pacs_bridge.archive.incoming import name_on_arrival
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import GiveUp, NotFound, UnreadableObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.ports import Clock

LOG = structlog.get_logger()
OVERLAY = "The image came back with an overlay, which is being looked into."
UNCHANGED = "The image came back as it was loaded."
CHANGED = "The image came back with changed attributes and without an overlay."


def judge_image(key: str, *, begin: Begin, archive: LocalArchive, now: Clock) -> str:
    """Hash an image that came back, and keep it only where it holds something new.

    Doing it again changes nothing: an image that was judged is left as it is.

    Parameters
    ----------
    key : str
        What we call it, since more than one content may come under its UID.

    Returns
    -------
    str
        ``read`` or ``parked``; ``same`` where its content was here and its row is gone.
    """
    with begin() as uow:
        received = uow.objects.find(key)
        master = uow.images.master(received.image) if received and received.image else None
    name = name_on_arrival(key)
    is_settled = received is not None and received.content_hash != name
    if received is None or received.state != "received" or is_settled:
        if received is None or is_settled:  # it has its own name by now
            archive.forget(name)
        return received.state if received else "same"
    try:
        content = read_content(archive.path(name))
        settled = content.content_hash
        archive.settle(name, settled)
    except (FileNotFoundError, GiveUp) as error:
        return _park(key, error, begin=begin, now=now)
    is_unchanged = _says(master, content.same_content, archive)
    if is_unchanged and master is not None:
        content = FileContent(master, content.same_content)
    with begin() as uow:
        state = _settle(uow, received, content, is_unchanged=is_unchanged)
        is_spare = not uow.images.is_used(settled)
    archive.forget(name)
    if is_spare and settled != master:
        archive.forget(settled)
    return state


def _settle(
    uow: UnitOfWork,
    received: ReceivedObject,
    content: FileContent,
    *,
    is_unchanged: bool,
) -> str:
    assert received.image is not None
    key = received.sop_instance_uid
    known = uow.images.find_same(received.image, content.same_content)
    if known is not None:
        uow.objects.count_repeat(known)
        uow.images.remove(key)
        return "same"
    if is_unchanged:
        state, reason = "read", UNCHANGED
    elif received.kind == "overlay":
        state, reason = "parked", OVERLAY
        uow.enqueue("extract", key, key=f"extract-{key}")
    else:
        state, reason = "read", CHANGED
    uow.images.settle(
        key,
        content_hash=content.content_hash,
        same_content=content.same_content,
        state=state,
        reason=reason,
    )
    return state


def _says(master: str | None, same_content: str, archive: LocalArchive) -> bool:
    """Tell whether the image that was loaded has this content, in whatever encoding."""
    if master is None:
        return False
    try:
        return read_content(archive.path(master)).same_content == same_content
    except (OSError, NotFound, UnreadableObject):
        return False  # it has left the archive, and nothing is as it was


def _park(key: str, error: Exception, *, begin: Begin, now: Clock) -> str:
    LOG.error("image not judged", object=key, error=type(error).__name__)
    reason = "What it holds could not be found out; it is kept as it came."
    with begin() as uow:
        uow.objects.park(key, reason, kind="image")
        uow.events.add(now(), "object-parked", key, reason=reason)
    return "parked"
