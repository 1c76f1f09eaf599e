"""What a PACS may have back of the case sets that were loaded into it (C-MOVE, C-GET).

Images only, as they lie in the archive: what readers said and what is true of a case is in no
index that this reads. Objects go back to the PACS that asks and to no other.

References
----------
PS3.4 C.4.2 (C-MOVE), C.4.3 (C-GET).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import NotFound, PacsBridgeError, PeerBusy, PeerUnavailable
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import (
    Archive,
    Clock,
    MoveOriginator,
    PacsPeer,
    Sendable,
    StoreAnswer,
)
from pacs_bridge.domain.query import (
    UNIQUE,
    Level,
    Question,
    RetrieveRequest,
    Root,
    UnknownDestination,
    check_levels,
)
from pacs_bridge.services.event_log import EventLog, Kept
from pacs_bridge.services.query import conditions_of, rows_of
from pacs_bridge.services.query_identifier import read_question
from pacs_bridge.services.query_index import QueryIndex, StoredImage

LOG = structlog.get_logger()
MOST_OBJECTS = 20_000
PATIENCE = 5.0
"""Seconds for which a destination that does not listen yet is called again."""

_AGAIN_SECONDS = 0.25  # some listen for a second at a time

_RECEIVES = frozenset(("store", "retrieve"))


@dataclass(frozen=True)
class Wanted:
    """What is to be sent, and where.

    Parameters
    ----------
    to : Pacs or None
        The PACS that asked, with the one endpoint it named; None for C-GET.
    originator : MoveOriginator or None
        Who asked, and in which request; None for C-GET.
    missing : tuple of str
        SOP Instance UIDs whose files are not in the archive.
    """

    level: Level
    objects: tuple[Sendable, ...]
    missing: tuple[str, ...] = ()
    to: Pacs | None = None
    originator: MoveOriginator | None = None


def find_wanted(
    request: RetrieveRequest,
    root: Root,
    *,
    read: Begin,
    index: QueryIndex,
    archive: Archive,
    most: int = MOST_OBJECTS,
) -> Wanted:
    """Find the objects that a retrieval names, among the sets loaded into the caller's PACS.

    Raises
    ------
    UnreadableObject, UnfitIdentifier
        When the identifier cannot be read, or does not fit the model.
    UnknownDestination
        When the destination is no endpoint of the PACS that asks.
    TooMuchAsked
        When there are more than `most`.
    """
    question = read_question(request.identifier, request.transfer_syntax_uid, root)
    check_levels(question, retrieve=True)
    conditions = conditions_of(_by_unique_keys(question))
    with read() as uow:
        pacs = uow.pacs.find(request.caller.pacs or "")
        to = None if request.destination is None else _destination(pacs, request.destination)
        view = index.view(uow, request.caller.pacs)
    images = [view.images[row] for row in rows_of(view, Level.IMAGE, conditions, most)]
    objects, missing = _in_archive(images, archive)
    if to is None:
        return Wanted(question.level, objects, missing)
    originator = MoveOriginator(request.caller.ae_title, request.message_id)
    return Wanted(question.level, objects, missing, to, originator)


def _by_unique_keys(question: Question) -> Question:
    """Look at unique keys alone, at IMAGE level: all else in a retrieval says nothing."""
    unique = {UNIQUE[Level(level)] for level in range(question.root.top, question.level + 1)}
    keys = {tag: text for tag, text in question.keys.items() if tag in unique}
    return replace(question, level=Level.IMAGE, keys=keys)


def _destination(pacs: Pacs | None, ae_title: str) -> Pacs:
    """Give the PACS with the named endpoint alone, where it is one of its own that receives."""
    wanted = ae_title.strip(" ")
    for endpoint in pacs.endpoints if pacs is not None else ():
        if wanted and endpoint.ae_title == wanted and _RECEIVES.intersection(endpoint.roles):
            assert pacs is not None
            return replace(pacs, endpoints=(replace(endpoint, roles=("store",)),))
    raise UnknownDestination("The destination is not registered for this PACS; have it added.")


def _in_archive(
    images: list[StoredImage], archive: Archive
) -> tuple[tuple[Sendable, ...], tuple[str, ...]]:
    objects, missing = [], []
    for each in images:
        try:
            path = archive.path(each.content_hash)
        except NotFound:
            path = None
        if path is None or not archive.has(each.content_hash):
            missing.append(each.sop_instance_uid)
            continue
        objects.append(
            Sendable(path, each.sop_class_uid, each.sop_instance_uid, each.transfer_syntax_uid)
        )
    return tuple(objects), tuple(missing)


@dataclass
class Tally:
    """Sub-operations of one retrieval: what became of each."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)

    def count(self, answer: StoreAnswer) -> None:
        """Count one sub-operation by its status (PS3.4 table B.2-1)."""
        self.remaining -= 1
        if answer.status == 0x0000:
            self.completed += 1
        elif answer.stored:
            self.warning += 1
        else:
            self.failed.append(answer.sop_instance_uid)


@dataclass(frozen=True)
class Summary:
    """What became of a retrieval, for its event; names no object."""

    caller: Caller
    service: str
    root: Root
    level: Level | None
    status: int
    tally: Tally


def note_retrieval(summary: Summary, *, log: EventLog, now: Clock) -> None:
    """Keep that objects were asked for, and how it ended."""
    caller, tally = summary.caller, summary.tally
    detail: dict[str, str | int] = {
        "association": caller.association_id,
        "service": summary.service,
        "model": summary.root.value,
        "level": summary.level.name if summary.level is not None else "",
        "status": f"{summary.status:04X}",
        "completed": tally.completed,
        "warning": tally.warning,
        "failed": len(tally.failed),
        "remaining": tally.remaining,
    }
    log.keep(Kept(now(), "retrieve", caller.pacs or "", detail))


def send_to(wanted: Wanted, *, peer: PacsPeer, patience: float = PATIENCE) -> Iterator[StoreAnswer]:
    """Send what a move asks for over one association, yielding each answer as it comes.

    Where the conversation fails, the rest is not answered: it has failed. Some open the port that
    they want it sent to a moment after they have asked, or have no association to spare while they
    wait for the answer to another: those are called again.

    Parameters
    ----------
    patience : float
        Seconds for which they are.
    """
    assert wanted.to is not None
    if not wanted.objects:
        return
    until = time.monotonic() + patience
    while True:
        answers = peer.store(wanted.to, wanted.objects, originator=wanted.originator)
        try:
            yield from answers
        except PacsBridgeError as error:
            if _is_late(error) and time.monotonic() + _AGAIN_SECONDS < until:
                threading.Event().wait(_AGAIN_SECONDS)
                continue
            LOG.warning("move broke off", pacs=wanted.to.name, error=type(error).__name__)
        finally:
            close = getattr(answers, "close", None)
            if close is not None:
                close()
        return


def _is_late(error: PacsBridgeError) -> bool:
    """Whether a destination may take an association in a moment; it has taken nothing by then."""
    if not isinstance(error, PeerUnavailable):
        return False
    is_hung_up = error.phase == "association" and isinstance(error.__cause__, ConnectionError)
    return error.phase == "connect" or isinstance(error, PeerBusy) or is_hung_up
