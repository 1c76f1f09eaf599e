"""One C-STORE: taken and safe, or refused with a row and a reason.

The order is the promise (DESIGN.md 3). Success is said only when the structure is sound, the
identifiers are valid, the object is ours, and its bytes, its row and its job are on the disk, in
one committed transaction of the database (decision 0026). What is larger goes another way
(`receive_mark`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

import structlog

from pacs_bridge.archive.content import same_content
from pacs_bridge.archive.file_content import read_content
from pacs_bridge.archive.part10 import file_head, split_head
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import (
    AlienObject,
    ConflictingObject,
    Crowded,
    GiveUp,
    MismatchedObject,
    OversizedObject,
    PacsBridgeError,
    PausedPeer,
    RefusedInput,
    StoreBusy,
    UnreadableObject,
    UnsupportedObject,
)
from pacs_bridge.domain.identifiers import parse_ae_title, parse_uid
from pacs_bridge.domain.objects import Originator, ReceivedObject, Refusal, StoreRequest
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.services.aliens import answer_aliens, hash_alien
from pacs_bridge.services.group_commit import Commit
from pacs_bridge.services.known_cases import Cases, KnownCases, Names
from pacs_bridge.upper_layer.prescan import is_explicit, scan
from pacs_bridge.upper_layer.seen import Seen

LOG = structlog.get_logger()
PULLED_ALIEN = "pulled-alien"
PAUSED = "This PACS is paused here; ask the scheme to resume it, then send again."


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
    asked_for : bool
        Whether we ask for the objects: then an alien among them is no fault of the PACS.
    """

    sop_classes: frozenset[str]
    alien_key: bytes
    status_of: Callable[[PacsBridgeError], int]
    asked_for: bool = False


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
    known: KnownCases | None = None,
) -> None:
    """Take one object that lies in memory, or refuse it.

    Returning means Success. The same object sent again is Success again, one object and one
    job; another object under its UID is refused and both are kept.

    Parameters
    ----------
    begin, read : callable
        Open a unit of work that may write; one that only reads.
    commit : callable
        Commits an object's row and job; made once for all associations of a process, so that
        they share transactions.
    known : KnownCases or None
        Remembers for all associations of a process which cases objects name.

    Raises
    ------
    PacsBridgeError
        Why it was not taken; the refusal is in the database by then.
    """
    try:
        taking = _Taking(read, commit, archive, rules, now, known or KnownCases())
        taking.take(request)
    except PacsBridgeError as error:
        note_refusal(request, error, begin=begin, rules=rules, now=now)
        raise


@dataclass(frozen=True)
class _Taking:
    read: Begin
    commit: Commit
    archive: Archive
    rules: Rules
    now: Clock
    known: KnownCases

    def take(self, request: StoreRequest) -> None:
        check_kind(request.sop_class_uid, self.rules)
        _check_uid(request.sop_instance_uid)
        scanned = scan(request.data_set, explicit=is_explicit(request.transfer_syntax_uid))
        check_uncompressed(scanned)
        _check_identifiers(request, scanned)
        cases = self._recall_or_ask(request, scanned)
        file = b"".join((_head(request), request.data_set))
        received = ReceivedObject(
            sop_instance_uid=request.sop_instance_uid,
            sop_class_uid=request.sop_class_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            content_hash=sha256(file).hexdigest(),
            same_content="",
            size=request.size,
            caller=request.caller,
            accession=cases[0].accession if len(cases) == 1 else None,
            received_at=self.now(),
            originator=originator_of(request.originator),
        )
        if not self._keep(received, file):
            data_set, explicit = request.data_set, is_explicit(request.transfer_syntax_uid)
            again = SentAgain(self.read, self.commit, self.archive)
            again.judge(
                received,
                same=lambda: same_content(data_set, explicit=explicit),
                put=lambda: self.archive.put(file),
            )

    def _recall_or_ask(self, request: StoreRequest, scanned: Seen) -> Cases:
        """Find the cases of an object; whether its PACS is paused is asked when it is kept."""
        names = _names(scanned)
        cases = self.known.recall(names)
        if not cases:
            cases = self._ask(request, scanned)
            self.known.remember(names, cases)
        return cases

    def _ask(self, request: StoreRequest, scanned: Seen) -> Cases:
        """Ask for the cases of ours that an object names in any way; none makes it an alien."""
        studies, images, accession = _names(scanned)
        with self.read() as uow:
            standing = uow.standings.ask(
                request.caller.pacs or "",
                request.sop_instance_uid,
                studies=valid_uids(studies),
                images=valid_uids(images),
                accession=accession,
            )
        if not standing.pacs_is_open:
            raise PausedPeer(PAUSED)
        if not standing.cases:
            raise AlienObject("This is not a case of this scheme.")
        return standing.cases

    def _keep(self, received: ReceivedObject, file: bytes) -> bool:
        """Commit row and bytes, which are the job too; false where nothing was kept."""
        added = False

        def keep(uow: UnitOfWork) -> None:
            nonlocal added
            added = uow.arrivals.add(received, file)

        self.commit(keep)
        return added


@dataclass(frozen=True)
class SentAgain:
    """What becomes of an object whose UID is here already."""

    read: Begin
    commit: Commit
    archive: Archive

    def judge(
        self, received: ReceivedObject, *, same: Callable[[], str], put: Callable[[], str]
    ) -> None:
        """Count one that is here; refuse and keep another content under its UID.

        Parameters
        ----------
        same, put : callable
            Digest its content; put its file into the archive, and give its hash.

        Raises
        ------
        Conflict
            When it says something else.
        PausedPeer
            When it was not its UID that it was not taken for.
        """
        uid = received.sop_instance_uid
        with self.read() as uow:
            here = uow.objects.find(uid)
            pacs = uow.pacs.find(received.caller.pacs or "")
        if here is None or pacs is None or pacs.paused:
            raise PausedPeer(PAUSED)
        if here.content_hash != received.content_hash and self._content_of(here) != same():
            raise Conflict(put())
        self.commit(lambda uow: uow.objects.count_repeat(uid))

    def _content_of(self, here: ReceivedObject) -> str:
        if here.same_content:
            return here.same_content
        with self.read() as uow:
            waiting = uow.arrivals.data(here.sop_instance_uid)
        if not waiting:  # it lies in the archive, and may be large
            return read_content(self.archive.path(here.content_hash)).same_content
        explicit = is_explicit(here.transfer_syntax_uid)
        return same_content(split_head(waiting), explicit=explicit)


def _names(scanned: Seen) -> Names:
    instances = frozenset(scanned.referenced_instances)
    return frozenset(scanned.studies), instances, scanned.accession_number


def check_kind(sop_class_uid: str, rules: Rules) -> None:
    """Hold an object to the kinds that are taken."""
    if sop_class_uid not in rules.sop_classes:
        raise UnsupportedObject("Objects of this kind are not taken here; send marks only.")


def check_uncompressed(seen: Seen) -> None:
    """Hold a mark to what marks consist of."""
    if seen.compressed:
        raise UnsupportedObject("Compressed images are not taken here; send the marks only.")


def _check_uid(sop_instance_uid: str) -> None:
    if parse_uid(sop_instance_uid) != sop_instance_uid:
        raise UnreadableObject("The SOP Instance UID is padded wrongly; export it again.")


def _check_identifiers(request: StoreRequest, scanned: Seen) -> None:
    said = (parse_uid(scanned.sop_class_uid), parse_uid(scanned.sop_instance_uid))
    if said != (request.sop_class_uid, request.sop_instance_uid):
        raise MismatchedObject(
            "The object's own UIDs differ from those it was sent under; export it again."
        )
    if scanned.study_instance_uid:  # without one it may still name a case of ours
        parse_uid(scanned.study_instance_uid)


def valid_uids(uids: Iterable[str]) -> list[str]:
    """Keep what is a UID; a reference that is none refers to nothing."""
    valid = []
    for uid in uids:
        try:
            valid.append(str(parse_uid(uid)))
        except UnreadableObject:
            continue
    return sorted(valid)


def originator_of(said: Originator | None) -> Originator | None:
    """Give who asked for an object, where the name may be written down; else nobody."""
    if said is None:
        return None
    try:
        return Originator(parse_ae_title(said.ae_title), said.message_id)
    except RefusedInput:
        return None


def _head(request: StoreRequest) -> bytes:
    return file_head(request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid)


_KINDS: dict[type[PacsBridgeError], str] = {
    AlienObject: "alien",
    ConflictingObject: "conflict",
    Crowded: "crowded",
    MismatchedObject: "mismatched",
    OversizedObject: "oversized",
    PausedPeer: "paused",
    UnreadableObject: "unreadable",
    UnsupportedObject: "unsupported",
}


def refusal_kind(error: PacsBridgeError) -> str:
    """Name the kind of a refusal, as its row does."""
    return next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), "failed")


def _is_ours(request: StoreRequest) -> bool:
    """Whether it was we who asked the PACS to store an object here (C-MOVE)."""
    asked_by = originator_of(request.originator)
    return asked_by is not None and asked_by.ae_title == request.caller.called_ae_title


def _told(refusal: Refusal) -> dict[str, str | int]:
    """Say of a refused object what anybody may know: nothing that was in it."""
    return {
        "association": refusal.caller.association_id,
        "why": refusal.kind,
        "status": f"{refusal.status:04X}",
        "bytes": refusal.size,
    }


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
    if isinstance(error, StoreBusy):  # it has no place for a row either; nobody waits for it twice
        LOG.error("object sent back: the database is busy", pacs=request.caller.pacs)
        return
    kind = refusal_kind(error)
    alien = isinstance(error, AlienObject)
    asked_for = rules.asked_for or _is_ours(request)
    if alien and asked_for:
        kind = PULLED_ALIEN
    moment, caller = now(), request.caller
    refusal = Refusal(
        at=moment,
        caller=caller,
        sop_class_uid=next(iter(valid_uids([request.sop_class_uid])), ""),
        size=request.size,
        status=rules.status_of(error),
        kind=kind,
        reason=str(error),
        keyed_hash=hash_alien(request.sop_instance_uid, rules.alien_key)
        if alien or (asked_for and isinstance(error, GiveUp))
        else "",
        content_hash=error.content_hash if isinstance(error, Conflict) else "",
    )
    try:
        with begin() as uow:
            uow.refusals.add(refusal)
            uow.events.add(moment, "object-refused", caller.pacs or "", **_told(refusal))
            if alien and not asked_for and caller.pacs is not None:
                answer_aliens(uow, caller.pacs, moment)
            if isinstance(error, ConflictingObject):
                uow.events.add(moment, "conflict", request.sop_instance_uid, pacs=caller.pacs)
    except PacsBridgeError as unkept:
        failure = type(unkept).__name__  # no traceback: it may hold values of the object
        LOG.error("refusal not kept", kind=kind, pacs=caller.pacs, error=failure)  # noqa: TRY400
