"""WADO-RS towards a PACS: objects back, streamed to their sinks within limits.

What arrives is believed, not what is said of it, as by C-GET: see `scu.get`.

References
----------
PS3.18 section 10.4 (Retrieve transaction), 8.7.3.5 (transfer syntax of what comes back).
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.retrieving import (
    Arriving,
    Asked,
    Limits,
    ObjectSink,
    Progress,
    Retrieved,
)
from pacs_bridge.scu.file_head import MOST_HEAD, read_head
from pacs_bridge.scu.get import OpenSink
from pacs_bridge.scu.web_client import Answer, Conversation
from pacs_bridge.scu.web_parts import Malformed, parse_boundary, read_parts

_STORED, _CANCELLED, _FAILED = (0x0000, 0xB000, 0xB006, 0xB007), 0xFE00, 0xC000
_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_AS_EVER = 'multipart/related; type="application/dicom"'  # Explicit VR Little Endian


def fetch(
    talk: Conversation,
    asked: Asked,
    open_sink: OpenSink,
    *,
    limits: Limits,
    progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Retrieved:
    """Have objects sent back, in the form in which the PACS stores them where it can.

    Raises
    ------
    PeerUnavailable
        Naming the phase: the conversation failed, or the PACS sent more than `limits` allows.
        Objects that a sink has kept before are kept.
    """
    desk = _Desk(talk, asked, open_sink, limits)
    until = time.monotonic() + limits.seconds
    status, comment, failed = 0x0000, "", list[str]()
    paths = _paths(asked)
    for number, (path, uid) in enumerate(paths, 1):
        if cancelled():
            status, comment = _CANCELLED, "cancelled"
            break
        said = _fetch_one(talk, path, desk, until, cancelled)
        if said is not None:
            status, comment = said
            failed += [uid] if uid else []
        done = len(desk.arrived)
        progress(Progress(len(paths) - number, done, len(failed), 0))
    return Retrieved(
        status,
        comment,
        Progress(),  # it counts nothing
        tuple(failed),
        tuple(desk.arrived),
        tuple(desk.refused),
        tuple(uid for uid in asked.sop_instance_uids if uid not in desk.arrived),
    )


def _paths(asked: Asked) -> list[tuple[str, str]]:
    """Give what to ask for below the service's address, with the instance that it is."""
    path = f"/studies/{parse_uid(asked.study_instance_uid)}"
    if asked.series_instance_uid:
        path += f"/series/{parse_uid(asked.series_instance_uid)}"
    uids = [parse_uid(uid) for uid in asked.sop_instance_uids]
    return [(f"{path}/instances/{uid}", str(uid)) for uid in uids] or [(path, "")]


def _fetch_one(
    talk: Conversation,
    path: str,
    desk: _Desk,
    until: float,
    cancelled: Callable[[], bool],
) -> tuple[int, str] | None:
    """Ask for one resource; gives a status and words where it was not had."""
    for accept in (_AS_STORED, _AS_EVER):
        seconds = until - time.monotonic()
        if seconds <= 0:
            talk.fail("answer", "it came to no end in the time that there is")
        headers = {"Accept": accept}
        with talk.ask("GET", path, headers=headers, seconds=seconds) as answer:
            if answer.status in (406, 415) and accept is _AS_STORED:
                continue  # it does not know the asterisk
            answer.refuse_strangers()
            if answer.status in (404, 410):
                return _FAILED, f"it does not have that (HTTP {answer.status})"
            if answer.status not in (200, 206):
                return _FAILED, f"it refused to send that (HTTP {answer.status})"
            _take(talk, answer, desk, cancelled)
            if cancelled():
                return _CANCELLED, "cancelled"
            if answer.status == 206:
                return 0xB000, "it sent a part only (HTTP 206)"
            return None
    return _FAILED, "it has no form that we take (HTTP 406)"


def _take(talk: Conversation, answer: Answer, desk: _Desk, cancelled: Callable[[], bool]) -> None:
    if answer.media_type != "multipart/related":
        talk.fail("answer", "it sent something other than the images asked for")
    entry = _Entry(desk)
    try:
        boundary = parse_boundary(answer.parameters.get("boundary", ""))
        for data in read_parts(answer.chunks(), boundary):
            if cancelled():
                return
            if data is None:
                entry.finish()
                entry = _Entry(desk)
            else:
                entry.write(data)
    except Malformed as error:
        talk.fail("data", str(error))
    finally:
        entry.abort()


class _Desk:
    """Takes in what comes, within the limits, and remembers what became of it."""

    def __init__(
        self, talk: Conversation, asked: Asked, open_sink: OpenSink, limits: Limits
    ) -> None:
        self.arrived: dict[str, None] = {}
        self.refused: list[str] = []
        self._talk, self._open_sink, self.limits = talk, open_sink, limits
        self._wanted = frozenset(asked.sop_instance_uids)
        self._most = min(limits.objects, 2 * len(self._wanted) or limits.objects)
        self._objects = self._bytes = 0

    def open(self, head: tuple[str, ...]) -> tuple[str, ObjectSink | None]:
        """Begin to take an object, or to refuse it."""
        try:
            sop_class, uid, syntax = map(str, map(parse_uid, head))
        except UnreadableObject:
            return "?", None
        if self._wanted and uid not in self._wanted:
            return uid, None
        return uid, self._open_sink(Arriving(sop_class, uid, syntax))

    def begin(self) -> None:
        """Count an object."""
        self._objects += 1
        if self._objects > self._most:
            self._talk.fail("data", "it sends more objects than were asked for")

    def count(self, size: int) -> None:
        """Count bytes of all objects."""
        self._bytes += size
        if self._bytes > self.limits.total_bytes:
            self._talk.fail("data", "it sends more bytes than are taken")

    def note(self, uid: str, *, kept: bool) -> None:
        """Remember what became of an object."""
        if kept:
            self.arrived[uid] = None
        else:
            self.refused.append(uid)


class _Entry:
    """One file on its way: its head says what it is, its data set goes to a sink."""

    def __init__(self, desk: _Desk) -> None:
        self._desk, self._head = desk, bytearray()
        self._uid, self._sink = "?", None  # type: tuple[str, ObjectSink | None]
        self._size, self._is_open = 0, False

    def write(self, data: bytes) -> None:
        if not self._size:
            self._desk.begin()
        self._size += len(data)
        self._desk.count(len(data))
        if self._size > self._desk.limits.object_bytes:
            self.abort()
            self._is_open = True  # what is left of it goes nowhere
        if self._is_open:
            self._pass_on(data)
            return
        self._head += data
        offset = self._open(is_whole=False)
        if offset is not None:
            rest = bytes(self._head[offset:])
            self._head.clear()
            self._pass_on(rest)

    def _open(self, *, is_whole: bool) -> int | None:
        """Read the head, once enough of it is there; gives where the data set begins."""
        try:
            offset, head = read_head(bytes(self._head[:MOST_HEAD]))
        except EOFError:
            if not is_whole and len(self._head) < MOST_HEAD:
                return None
            offset, head = len(self._head), ("", "", "")
        except ValueError:
            offset, head = len(self._head), ("", "", "")
        self._is_open = True
        self._uid, self._sink = self._desk.open(head)
        return offset

    def _pass_on(self, data: bytes) -> None:
        if self._sink is not None and data:
            self._sink.write(memoryview(data))

    def finish(self) -> None:
        """Take the end of the part for that of the object."""
        if not self._is_open:
            if not self._size:
                self._desk.begin()
            self._open(is_whole=True)
        sink, self._sink = self._sink, None
        is_kept = sink is not None and sink.finish() in _STORED
        self._desk.note(self._uid, kept=is_kept)

    def abort(self) -> None:
        """Forget what is not whole."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.abort()
