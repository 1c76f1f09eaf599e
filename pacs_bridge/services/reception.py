"""One object that is taken while it arrives: what every kind has in common.

Whatever goes wrong is remembered, the rest of the object is counted and dropped as fast as it
comes, and the reason is told when its last byte has come: a peer reads no answer before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pacs_bridge.archive.incoming import Incoming
from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import (
    MismatchedObject,
    OversizedObject,
    PacsBridgeError,
    StorageFull,
    UnreadableObject,
)
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.objects import ReceivedObject, StoreRequest
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.arrivals import SMALL
from pacs_bridge.services.group_commit import Commit
from pacs_bridge.services.held import Budget
from pacs_bridge.services.receive import Rules, note_refusal
from pacs_bridge.upper_layer.contract import StoreHead
from pacs_bridge.upper_layer.prescan import is_explicit
from pacs_bridge.upper_layer.seen import Seen
from pacs_bridge.upper_layer.stream_scan import StreamScan

KEEP_FREE = 1 << 30
_NOTHING = memoryview(b"")


@dataclass(frozen=True)
class Desk:
    """What all receptions of a node share.

    Parameters
    ----------
    most_bytes, most_mark_bytes : int
        Of one data set; of that of a mark.
    small : int
        Bytes of a mark up to which it is taken whole.
    keep_free : int
        Bytes of the disk that are left to marks and to the database.
    undecided : Budget
        What may lie in memory of objects of which nobody knows yet whose they are.
    """

    begin: Begin
    read: Begin
    commit: Commit
    archive: LocalArchive
    rules: Rules
    now: Clock
    undecided: Budget
    most_bytes: int = 2 << 30
    most_mark_bytes: int = 64 << 20
    small: int = SMALL
    keep_free: int = KEEP_FREE


class Reception:
    """Takes one object piece by piece; a kind of object fills in what it does with them.

    The order of calls is `write` any number of times, then `finish` or `abort`, once.
    """

    def __init__(self, head: StoreHead, desk: Desk) -> None:
        self.head, self.size = head, 0
        self._desk, self._most_bytes = desk, self._most(desk)
        self._file: Incoming | None = None
        self._error: PacsBridgeError | None = None
        try:
            self._scan = StreamScan(explicit=is_explicit(head.transfer_syntax_uid))
            self._check_head()
            self._open()
        except PacsBridgeError as error:
            self._fail(error)

    def write(self, data: memoryview) -> None:
        """Take the next bytes, or count them where the object is refused already."""
        self.size += len(data)
        if self._error is not None:
            return
        try:
            if self.size > self._most_bytes:
                raise OversizedObject("The object is too large to be taken here; send a part.")
            self._scan.feed(data)
            self._take(data)
        except PacsBridgeError as error:
            self._fail(error)

    def room(self) -> memoryview | None:
        """Give memory for the next bytes, where they go to the disk; `write` gets them next."""
        return None if self._file is None else self._file.room()

    def finish(self) -> None:
        """Return when the object is safe.

        Raises
        ------
        PacsBridgeError
            Why it was not taken; the refusal is in the database by then.
        """
        try:
            if self._error is None:
                self._keep(self._scan.finish())
        except PacsBridgeError as error:
            self._error = error
        finally:
            self.abort()
        if self._error is not None:
            self.refuse(self._error)
            raise self._error

    def abort(self) -> None:
        """Forget what has come; nothing happens after it was kept."""
        file, self._file = self._file, None
        if file is not None:
            file.drop()

    def refuse(self, error: PacsBridgeError) -> None:
        """Keep the row of a refusal."""
        desk = self._desk
        request = request_of(self.head, self.size)
        note_refusal(request, error, begin=desk.begin, rules=desk.rules, now=desk.now)

    def _most(self, desk: Desk) -> int:
        """Tell how many bytes such an object may have."""
        return desk.most_bytes

    def _keep_free(self) -> int:
        """Tell how many bytes of the disk such an object must leave free."""
        return self._desk.keep_free

    def _open(self) -> None:
        """Begin, now that only the command is known."""
        raise NotImplementedError

    def _take(self, data: memoryview) -> None:
        """Take bytes that the structural check has passed."""
        raise NotImplementedError

    def _keep(self, seen: Seen) -> None:
        """Make the whole object safe."""
        raise NotImplementedError

    def _fail(self, error: PacsBridgeError) -> None:
        self._error = error
        self.abort()

    def _check_head(self) -> None:
        uid = self.head.sop_instance_uid
        if parse_uid(uid) != uid:
            raise UnreadableObject("The SOP Instance UID is padded wrongly; export it again.")

    def _new_file(self, head: bytes) -> Incoming:
        """Begin a file in the spool, where the disk has room for more."""
        archive, keep_free = self._desk.archive, self._keep_free()
        if keep_free and archive.free_bytes() < keep_free:
            raise StorageFull("The archive's disk is nearly full; make room, then send again.")
        file = self._file = archive.incoming()
        file.write(head)
        return file

    def check_identifiers(self, seen: Seen) -> None:
        """Hold the data set to what the command said of it."""
        said = (parse_uid(seen.sop_class_uid), parse_uid(seen.sop_instance_uid))
        if said != (self.head.sop_class_uid, self.head.sop_instance_uid):
            raise MismatchedObject(
                "The object's own UIDs differ from those it was sent under; export it again."
            )
        if seen.study_instance_uid:
            parse_uid(seen.study_instance_uid)


def request_of(head: StoreHead, size: int, data_set: memoryview = _NOTHING) -> StoreRequest:
    """Give a request as far as it is known: its head, how large it is, and perhaps all of it."""
    return StoreRequest(
        caller=head.caller,
        sop_class_uid=head.sop_class_uid,
        sop_instance_uid=head.sop_instance_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        data_set=data_set,
        size=size,
        originator=head.originator,
    )


def announce(received: ReceivedObject, commit: Commit) -> bool:
    """Commit an object's row, and that its job is due; false where nothing was kept.

    The job is queued by whoever runs the jobs (`services/arrivals`).
    """
    added = False

    def keep(uow: UnitOfWork) -> None:
        nonlocal added
        added = uow.arrivals.announce(received)

    commit(keep)
    return added


class Receiving(Protocol):
    """What the node needs of a reception."""

    def room(self) -> memoryview | None:
        """Give memory for the next bytes, where there is some."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes."""

    def finish(self) -> None:
        """Return when the object is safe; raises `PacsBridgeError`."""

    def abort(self) -> None:
        """Forget what has come."""

    def refuse(self, error: PacsBridgeError) -> None:
        """Keep the row of a refusal."""

    @property
    def size(self) -> int:
        """Bytes that have come."""


OpenReception = Callable[[StoreHead], Receiving]
"""Begins to take an object."""
