"""STOW-RS towards a PACS: files out of the archive, byte for byte, one a request.

One a request, so that each is confirmed before the next goes out, and what a proxy refuses for
its size is one image and not the set.

References
----------
PS3.18 section 10.5 (Store transaction), 10.5.3 (response), table I.2-1 and I.2-2 (reasons).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import chain

from pydicom.uid import UID

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.ports import Convert, Sendable, StoreAnswer
from pacs_bridge.scu.association import EXPLICIT
from pacs_bridge.scu.file_head import data_set_offset
from pacs_bridge.scu.pacing import Bucket
from pacs_bridge.scu.web_client import Answer, Conversation
from pacs_bridge.scu.web_json import JsonRow, parse_json

_NOT_SUPPORTED, _UNREADABLE, _NOT_UNDERSTOOD, _FULL = 0x0122, 0x0110, 0xC000, 0xA700
_SLOWEST_LINE = 100_000  # bytes a second; a slower one needs a longer time-out set
_CHUNK = 256 << 10
_WARNINGS = (0xB000, 0xB006, 0xB007)


def store(
    talk: Conversation,
    objects: Iterable[Sendable],
    *,
    convert: Convert | None = None,
    bucket: Bucket | None = None,
) -> Iterator[StoreAnswer]:
    """Send each object as it is archived, yielding each answer as it comes.

    Parameters
    ----------
    convert : callable, optional
        Brings what the PACS does not take as it is into Explicit VR Little Endian, which
        every DICOMweb service takes (PS3.18 8.7.3.2).
    bucket : Bucket, optional
        How fast bytes may go.

    Raises
    ------
    PeerUnavailable
        When the conversation fails; the object not yet answered may or may not be stored.
    GiveUp
        When a file of ours cannot be read.
    """
    for each in objects:
        answer = _send(talk, each, bucket)
        if answer.status == _NOT_SUPPORTED and convert is not None and each.pixel_hash:
            try:
                copy = convert(each, EXPLICIT)
            except GiveUp:
                yield answer
                continue
            if copy.transfer_syntax_uid != each.transfer_syntax_uid:
                answer = _send(talk, copy, bucket)
        yield answer


def _send(talk: Conversation, each: Sendable, bucket: Bucket | None) -> StoreAnswer:
    try:
        file = each.path.open("rb", buffering=0)
    except OSError:
        return _unreadable(each)
    with file:
        try:
            data_set_offset(file, each)  # is it what we think?
            size = each.path.stat().st_size
            file.seek(0)
        except (OSError, ValueError):
            return _unreadable(each)
        return _post(talk, each, _Source(file, size, bucket))


@dataclass(frozen=True)
class _Source:
    """An archived file that is open, its size, and how fast it may go."""

    file: FileIO
    size: int
    bucket: Bucket | None

    def read(self) -> Iterator[bytes]:
        left = self.size
        while left:
            try:
                part = self.file.read(min(left, _CHUNK))
            except OSError:
                part = b""
            if not part:  # half of it may be on its way: only breaking off ends that cleanly
                raise GiveUp(
                    "An archived image could not be read to its end; check the disk, then start "
                    "again."
                )
            if self.bucket is not None:
                self.bucket.take(len(part))
            left -= len(part)
            yield part


def _post(talk: Conversation, each: Sendable, source: _Source) -> StoreAnswer:
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(len(head) + source.size + len(tail)),
        "Accept": "application/dicom+json",
    }
    slowest = _SLOWEST_LINE if source.bucket is None else min(_SLOWEST_LINE, source.bucket.rate / 2)
    seconds = talk.pacs.timeouts["dimse"] + source.size / slowest
    content = chain([head], source.read(), [tail])
    with talk.ask("POST", "/studies", headers=headers, content=content, seconds=seconds) as answer:
        return _judge(talk, each, answer)


def _judge(talk: Conversation, each: Sendable, answer: Answer) -> StoreAnswer:
    """Find what the answer says of this object; what it does not confirm is not stored."""
    status, uid = answer.status, each.sop_instance_uid
    if status == 413:
        comment = "It, or a proxy before it, takes nothing so large (HTTP 413): raise that limit."
        return StoreAnswer(uid, _UNREADABLE, comment, phase="data")
    if status == 415:
        kind, form = UID(each.sop_class_uid).name, UID(each.transfer_syntax_uid).name
        comment = f"The PACS does not take {kind} as {form}."
        return StoreAnswer(uid, _NOT_SUPPORTED, comment, phase="association")
    if status == 507:
        return StoreAnswer(uid, _FULL, "its disk is full (HTTP 507)")
    answer.refuse_strangers()
    answer.refuse_no_service()
    found = _found(talk, answer, each)
    if found is not None:
        return found
    if status in (200, 202):
        talk.fail("answer", "it does not say that it has stored the image")
    return StoreAnswer(uid, _NOT_UNDERSTOOD, f"it refused the image (HTTP {status})")


def _found(talk: Conversation, answer: Answer, each: Sendable) -> StoreAnswer | None:
    """Look for the object among those that failed, then among those stored."""
    uid = each.sop_instance_uid
    if not answer.is_json:
        if answer.status in (200, 202):
            talk.fail("answer", "it confirms in another form than the one asked for (JSON)")
        return None
    try:
        rows = parse_json(answer.body())
    except ValueError:
        if answer.status in (200, 202):
            talk.fail("answer", "it sent an answer that cannot be read")
        return None
    for row in rows:
        for item in _naming(row, "FailedSOPSequence", uid):
            reason = item.whole_number("FailureReason") or 0
            is_failure = 0 < reason <= 0xFFFF and reason not in _WARNINGS
            return StoreAnswer(uid, reason if is_failure else _UNREADABLE)
    for row in rows:
        for item in _naming(row, "ReferencedSOPSequence", uid):
            warned = item.whole_number("WarningReason") or 0
            known = warned if warned in _WARNINGS else (0xB000 if warned else 0)
            return StoreAnswer(uid, known, sent_as=each.transfer_syntax_uid)
    return None


def _naming(row: JsonRow, sequence: str, uid: str) -> list[JsonRow]:
    items = row.rows(sequence)
    return [item for item in items if item.uid("ReferencedSOPInstanceUID") == uid]


def _unreadable(each: Sendable) -> StoreAnswer:
    return StoreAnswer(
        each.sop_instance_uid,
        _UNREADABLE,
        "Our archived copy cannot be read; import the case set again.",
        phase="data",
    )
