"""C-STORE towards a PACS: files out of the archive, byte for byte.

References
----------
PS3.4 annex B (Storage service class), B.2.3 statuses; PS3.7 9.1.1; PS3.8 annex D.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.scu.association import ContextsRefused, Conversation
from pacs_bridge.scu.words import clean

NOT_SUPPORTED = 0x0122
"""Refused: SOP class not supported (PS3.7 annex C); given where no context was accepted."""

UNREADABLE = 0x0110
"""Processing failure (PS3.7 annex C); given for an archived file that we cannot send."""

_MAX_CONTEXTS = 128  # odd numbers 1 to 255, PS3.8 9.3.2.2
_SLOWEST_LINE = 100_000  # bytes a second; a slower one needs a longer time-out set


def store(pacs: Pacs, objects: Iterable[Sendable]) -> Iterator[StoreAnswer]:
    """Send each object over one association, yielding each answer as it comes.

    Each is offered in exactly the transfer syntax in which it is archived, and its data set
    goes out untouched. What the PACS does not take in that form is answered here with
    `NOT_SUPPORTED`, without being sent.

    Raises
    ------
    PeerUnavailable
        When the conversation fails; objects not yet answered may or may not be stored.
    GiveUp
        When a file of ours cannot be read.
    """
    waiting = list(objects)
    if not waiting:
        return
    try:
        with Conversation(pacs, pacs.endpoint("store"), _contexts(waiting)) as conversation:
            agreed = conversation.accepted()
            for each in waiting:
                if (each.sop_class_uid, each.transfer_syntax_uid) in agreed:
                    yield _send(conversation, each)
                else:
                    yield _not_taken(each)
    except ContextsRefused:
        for each in waiting:
            yield _not_taken(each)


def _contexts(objects: Sequence[Sendable]) -> list[PresentationContext]:
    """One context for each pair, so that one refused syntax does not hide another accepted."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in objects)
    return [build_context(sop_class, syntax) for sop_class, syntax in list(pairs)[:_MAX_CONTEXTS]]


def _not_taken(each: Sendable) -> StoreAnswer:
    kind, form = UID(each.sop_class_uid).name, UID(each.transfer_syntax_uid).name
    return StoreAnswer(
        each.sop_instance_uid, NOT_SUPPORTED, f"The PACS does not take {kind} as {form}."
    )


def _unreadable(each: Sendable) -> StoreAnswer:
    return StoreAnswer(
        each.sop_instance_uid,
        UNREADABLE,
        "Our archived copy cannot be read; import the case set again.",
    )


def _send(conversation: Conversation, each: Sendable) -> StoreAnswer:
    try:
        size = each.path.stat().st_size
    except OSError:
        return _unreadable(each)
    started = conversation.begin(conversation.answer_seconds + size / _SLOWEST_LINE)
    try:
        status = conversation.association.send_c_store(
            each.path, msg_id=conversation.next_message_id()
        )
    except (InvalidDicomError, AttributeError, ValueError):
        # Its file meta is not what the passport says: found before anything was sent.
        return _unreadable(each)
    except OSError as error:  # half of it may be on its way: only an abort ends that cleanly
        raise GiveUp(
            "An archived image could not be read to its end; check the disk, then start again."
        ) from error
    if "Status" not in status:
        raise conversation.lost(started)
    return StoreAnswer(each.sop_instance_uid, int(status.Status), *_what_the_pacs_said(status))


def _what_the_pacs_said(status: Any) -> tuple[str, str]:
    """Give Error Comment (0000,0902) and Offending Element (0000,0901) as clean text."""
    comment = clean(status.get("ErrorComment", ""), 64)
    offending = status.get("OffendingElement", None) or []
    tags = offending if isinstance(offending, Iterable) else [offending]
    return comment, " ".join(f"{int(tag):08X}" for tag in list(tags)[:8])
