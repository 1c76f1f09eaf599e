"""One C-STORE: taken and safe, or refused with a row and a reason.

The order is the promise (DESIGN.md 3). Success is said only when the structure is sound, the
identifiers are valid, the object is ours, its bytes are on the disk under their hash, and its
row and its job stand in one committed transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from pacs_bridge.archive.content import digest_of
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.db.repositories.standing import Standing
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import (
    AlienObject,
    ConflictingObject,
    MismatchedObject,
    OversizedObject,
    PacsBridgeError,
    PausedPeer,
    UnreadableObject,
    UnsupportedObject,
)
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.objects import ReceivedObject, Refusal, StoreRequest
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.services.aliens import answer_aliens, hash_alien
from pacs_bridge.services.group_commit import Commit
from pacs_bridge.upper_layer.prescan import Scan, is_explicit, scan

LOG = structlog.get_logger()


@dataclass(frozen=True)
class Rules:
    """What the node takes, and how a refusal is written down.

    Parameters
    ----------
    sop_classes : frozenset of str
        Everything else is refused as unsupported.
    alien_key : bytes
        Keys the hash under which an alien object is remembered.
    status_of : callable
        The DIMSE status that an error is answered with.
    """

    sop_classes: frozenset[str]
    alien_key: bytes
    status_of: Callable[[PacsBridgeError], int]


class Conflict(ConflictingObject):
    """Remembers where the other content lies."""

    def __init__(self, content_hash: str) -> None:
        self.content_hash = content_hash
        super().__init__(
            "An object with this SOP Instance UID and other content is here already; "
            "send the new one under a UID of its own."
        )


def receive_object(
    request: StoreRequest,
    *,
    begin: Begin,
    read: Begin,
    commit: Commit,
    archive: Archive,
    rules: Rules,
    now: Clock,
) -> None:
    """Take one object, or refuse it.

    Returning means Success. The same object sent again is Success again, one object and one
    job; another object under its UID is refused and both are kept.

    Parameters
    ----------
    begin, read : callable
        Open a unit of work that may write; one that only reads.
    commit : callable
        Commits an object's row and job; made once for all associations of a process, so that
        they share transactions.

    Raises
    ------
    PacsBridgeError
        Why it was not taken; the refusal is in the database by then.
    """
    try:
        _take(request, read=read, commit=commit, archive=archive, now=now, rules=rules)
    except PacsBridgeError as error:
        note_refusal(request, error, begin=begin, rules=rules, now=now)
        raise


def _take(
    request: StoreRequest,
    *,
    read: Begin,
    commit: Commit,
    archive: Archive,
    rules: Rules,
    now: Clock,
) -> None:
    _check_request(request, rules)
    content: list[bytes | memoryview] = []
    scanned = scan(
        request.data_set, explicit=is_explicit(request.transfer_syntax_uid), content=content
    )
    _check_identifiers(request, scanned)
    uid = request.sop_instance_uid
    with read() as uow:
        standing = _ask(uow, request, scanned)
    if not standing.pacs_is_open:
        raise PausedPeer("This PACS is paused here; ask the scheme to resume it, then send again.")
    if not standing.cases:
        raise AlienObject("This is not a case of this scheme.")
    digest = digest_of(scanned, content)
    if standing.same_content == digest:
        commit(lambda uow: uow.objects.count_repeat(uid))
        return
    content_hash = archive.put(_head(request), request.data_set)
    received = ReceivedObject(
        sop_instance_uid=uid,
        sop_class_uid=request.sop_class_uid,
        transfer_syntax_uid=request.transfer_syntax_uid,
        content_hash=content_hash,
        same_content=digest,
        size=request.size,
        caller=request.caller,
        accession=standing.cases[0].accession if len(standing.cases) == 1 else None,
        received_at=now(),
    )
    if not keep_object(received, commit):
        raise Conflict(content_hash)


def keep_object(received: ReceivedObject, commit: Commit) -> bool:
    """Commit row and job, or that it came again; false where other content has its UID."""
    uid, ours = received.sop_instance_uid, True

    def keep(uow: UnitOfWork) -> None:
        nonlocal ours
        ours = True
        if uow.objects.add(received):
            uow.enqueue("extract", uid, key=f"extract-{uid}")
            return
        ours = uow.objects.same_content(uid) == received.same_content
        if ours:
            uow.objects.count_repeat(uid)

    commit(keep)
    return ours


def _check_request(request: StoreRequest, rules: Rules) -> None:
    if request.sop_class_uid not in rules.sop_classes:
        raise UnsupportedObject("Objects of this kind are not taken here; send marks only.")
    if request.size > len(request.data_set):
        raise OversizedObject("The object is larger than is taken here; send marks only.")
    if parse_uid(request.sop_instance_uid) != request.sop_instance_uid:
        raise UnreadableObject("The SOP Instance UID is padded wrongly; export it again.")


def _check_identifiers(request: StoreRequest, scanned: Scan) -> None:
    said = (parse_uid(scanned.sop_class_uid), parse_uid(scanned.sop_instance_uid))
    if said != (request.sop_class_uid, request.sop_instance_uid):
        raise MismatchedObject(
            "The object's own UIDs differ from those it was sent under; export it again."
        )
    if scanned.study_instance_uid:  # without one it may still name a case of ours
        parse_uid(scanned.study_instance_uid)


def _ask(uow: UnitOfWork, request: StoreRequest, scanned: Scan) -> Standing:
    """Ask how the object stands: it may name cases of ours in any way."""
    return uow.standings.ask(
        request.caller.pacs or "",
        request.sop_instance_uid,
        studies=valid_uids({scanned.study_instance_uid, *scanned.referenced_studies}),
        images=valid_uids(scanned.referenced_instances),
        accession=scanned.accession_number,
    )


def valid_uids(uids: Iterable[str]) -> list[str]:
    """Keep what is a UID; a reference that is none refers to nothing."""
    valid = []
    for uid in uids:
        try:
            valid.append(str(parse_uid(uid)))
        except UnreadableObject:
            continue
    return sorted(valid)


def _head(request: StoreRequest) -> bytes:
    return file_head(request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid)


_KINDS: dict[type[PacsBridgeError], str] = {
    AlienObject: "alien",
    ConflictingObject: "conflict",
    MismatchedObject: "mismatched",
    OversizedObject: "oversized",
    PausedPeer: "paused",
    UnreadableObject: "unreadable",
    UnsupportedObject: "unsupported",
}


def refusal_kind(error: PacsBridgeError) -> str:
    """Name the kind of a refusal, as its row does."""
    return next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), "failed")


def note_refusal(
    request: StoreRequest,
    error: PacsBridgeError,
    *,
    begin: Begin,
    rules: Rules,
    now: Clock,
) -> None:
    """Keep the row of a refusal, and raise the alarm where one is due.

    Never raises what the database says: the sender has its answer coming.
    """
    kind = refusal_kind(error)
    alien = isinstance(error, AlienObject)
    moment, caller = now(), request.caller
    refusal = Refusal(
        at=moment,
        caller=caller,
        sop_class_uid=next(iter(valid_uids([request.sop_class_uid])), ""),
        size=request.size,
        status=rules.status_of(error),
        kind=kind,
        reason=str(error),
        keyed_hash=hash_alien(request.sop_instance_uid, rules.alien_key) if alien else "",
        content_hash=error.content_hash if isinstance(error, Conflict) else "",
    )
    try:
        with begin() as uow:
            uow.refusals.add(refusal)
            if alien and caller.pacs is not None:
                answer_aliens(uow, caller.pacs, moment)
            if isinstance(error, ConflictingObject):
                uow.events.add(moment, "conflict", request.sop_instance_uid, pacs=caller.pacs)
    except PacsBridgeError as unkept:
        failure = type(unkept).__name__  # no traceback: it may hold values of the object
        LOG.error("refusal not kept", kind=kind, pacs=caller.pacs, error=failure)  # noqa: TRY400
