"""What C-GET and C-MOVE have in common: the question, the answers, how they are counted.

References
----------
PS3.4 C.4.2.1, C.4.3.1 (identifiers, responses), C.6.2.1 (Study Root).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.datadict import tag_for_keyword

from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.retrieving import Asked, Limits, Progress, Retrieved
from pacs_bridge.scu.identifier import decode, encode
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.command import Command
from pacs_bridge.upper_layer.requested import RequestedAssociation, status_of

_FAILED_LIST = tag_for_keyword("FailedSOPInstanceUIDList")
_MOST_FAILED = 20_000  # UIDs of such a list that we look at


def identifier_of(asked: Asked, transfer_syntax: str) -> bytes:
    """Encode what is asked for; only unique keys stand in it."""
    keys = {"QueryRetrieveLevel": asked.level, "StudyInstanceUID": asked.study_instance_uid}
    if asked.series_instance_uid:
        keys["SeriesInstanceUID"] = asked.series_instance_uid
    if asked.sop_instance_uids:
        keys["SOPInstanceUID"] = "\\".join(asked.sop_instance_uids)
    return encode(keys, transfer_syntax)


@dataclass(frozen=True)
class Followed:
    """What the PACS says at the end."""

    status: int
    comment: str
    counted: Progress
    failed: tuple[str, ...]

    def retrieved(self) -> Retrieved:
        """Give the same for a retrieval of which nothing arrives here."""
        return Retrieved(self.status, self.comment, self.counted, self.failed)


def follow(
    association: RequestedAssociation,
    answers: Iterator[tuple[Command, bytes]],
    transfer_syntax: str,
    *,
    limits: Limits,
    progress: Callable[[Progress], None],
) -> Followed:
    """Read answers to the last one.

    Counts of the last are completed by those before it: a PACS need not repeat them.

    Raises
    ------
    PeerUnavailable
        When the conversation breaks off, or the last answer does not come in time.
    """
    until = time.monotonic() + limits.seconds
    counted = Progress()
    for answer, identifier in answers:
        counted = _merged(counted, answer)
        if status_of(answer) >> 8 == 0xFF:
            if time.monotonic() > until:
                detail = f"it came to no end within {limits.seconds:.0f} s"
                raise association.unavailable("answer", detail)
            progress(counted)
            continue
        comment = clean(answer.error_comment or "", 64)
        failed = _failed(identifier, transfer_syntax)
        return Followed(status_of(answer), comment, counted, failed)
    raise association.unavailable("answer", "it gave no last answer")


def _merged(before: Progress, answer: Command) -> Progress:
    def last(said: int | None, known: int | None) -> int | None:
        return known if said is None else said

    return Progress(
        answer.remaining,
        last(answer.completed, before.completed),
        last(answer.failed, before.failed),
        last(answer.warning, before.warning),
    )


def _failed(identifier: bytes, transfer_syntax: str) -> tuple[str, ...]:
    """Read the Failed SOP Instance UID List (0008,0058); what is no UID is left out."""
    found = decode(identifier, transfer_syntax)
    if found is None or _FAILED_LIST is None or _FAILED_LIST not in found:
        return ()
    value = found.get_item(_FAILED_LIST).value
    if not isinstance(value, bytes):
        return ()
    uids = []
    for part in value.decode("ascii", "replace").split("\\")[:_MOST_FAILED]:
        try:
            uids.append(str(parse_uid(part.strip("\0 "))))
        except UnreadableObject:
            continue
    return tuple(uids)
