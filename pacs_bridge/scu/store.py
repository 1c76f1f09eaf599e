"""C-STORE towards a PACS: files out of the archive, byte for byte.

References
----------
PS3.4 annex B (Storage service class), B.2.3 statuses; PS3.7 9.1.1; PS3.8 annex D.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from itertools import islice

from pydicom.uid import UID

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import MoveOriginator, Sendable, StoreAnswer
from pacs_bridge.scu.association import associate
from pacs_bridge.scu.file_head import data_set_offset
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.command import Command
from pacs_bridge.upper_layer.requested import RequestedAssociation, status_of
from pacs_bridge.upper_layer.requestor import ContextsRefused, Offer, SecureCall

NOT_SUPPORTED = 0x0122
"""Refused: SOP class not supported (PS3.7 annex C); given where no context was accepted."""

UNREADABLE = 0x0110
"""Processing failure (PS3.7 annex C); given for an archived file that we cannot send."""

_MAX_CONTEXTS = 128  # odd numbers 1 to 255, PS3.8 9.3.2.2
_SLOWEST_LINE = 100_000  # bytes a second; a slower one needs a longer time-out set


def store(
    pacs: Pacs,
    objects: Iterable[Sendable],
    secure: SecureCall | None = None,
    originator: MoveOriginator | None = None,
) -> Iterator[StoreAnswer]:
    """Send each object over one association, yielding each answer as it comes.

    Each is offered in exactly the transfer syntax in which it is archived, and its data set
    goes out untouched. What the PACS does not take in that form is answered here with
    `NOT_SUPPORTED`, without being sent.

    Parameters
    ----------
    originator : MoveOriginator, optional
        Whose C-MOVE this is done for; named in each request.

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
        with associate(pacs, pacs.endpoint("store"), _offers(waiting), secure) as association:
            for each in waiting:
                agreed = association.accepted.get((each.sop_class_uid, each.transfer_syntax_uid))
                yield (
                    _not_taken(each)
                    if agreed is None
                    else _send(association, each, agreed, originator)
                )
    except ContextsRefused:
        for each in waiting:
            yield _not_taken(each)


def _offers(objects: Sequence[Sendable]) -> list[Offer]:
    """One context for each pair, so that one refused syntax does not hide another accepted."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in objects)
    return [(sop_class, (syntax,)) for sop_class, syntax in islice(pairs, _MAX_CONTEXTS)]


def _not_taken(each: Sendable) -> StoreAnswer:
    kind, form = UID(each.sop_class_uid).name, UID(each.transfer_syntax_uid).name
    return StoreAnswer(
        each.sop_instance_uid,
        NOT_SUPPORTED,
        f"The PACS does not take {kind} as {form}.",
        phase="association",
    )


def _unreadable(each: Sendable) -> StoreAnswer:
    return StoreAnswer(
        each.sop_instance_uid,
        UNREADABLE,
        "Our archived copy cannot be read; import the case set again.",
        phase="data",
    )


def _send(
    association: RequestedAssociation,
    each: Sendable,
    context_id: int,
    originator: MoveOriginator | None,
) -> StoreAnswer:
    try:
        file = each.path.open("rb", buffering=0)
    except OSError:
        return _unreadable(each)
    with file:
        try:
            size = each.path.stat().st_size - data_set_offset(file, each)
        except (OSError, ValueError):  # found before anything was sent
            return _unreadable(each)
        answer = _store(association, each, file, size, context_id, originator)
    comment = clean(answer.error_comment or "", 64)
    offending = " ".join(f"{tag:08X}" for tag in (answer.offending_elements or ())[:8])
    return StoreAnswer(each.sop_instance_uid, status_of(answer), comment, offending)


def _store(
    association: RequestedAssociation,
    each: Sendable,
    file: FileIO,
    size: int,
    context_id: int,
    originator: MoveOriginator | None,
) -> Command:
    try:
        return association.send_store(
            file,
            size,
            context_id=context_id,
            sop_class_uid=each.sop_class_uid,
            sop_instance_uid=each.sop_instance_uid,
            seconds=association.answer_seconds + size / _SLOWEST_LINE,
            originator=originator,
        )
    except OSError as error:  # half of it may be on its way: only an abort ends that cleanly
        raise GiveUp(
            "An archived image could not be read to its end; check the disk, then start again."
        ) from error
