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
from pacs_bridge.domain.ports import Convert, MoveOriginator, Sendable, StoreAnswer
from pacs_bridge.domain.sending import FORMS
from pacs_bridge.scu.association import associate
from pacs_bridge.scu.file_head import data_set_offset
from pacs_bridge.scu.pacing import Bucket, PacedFile
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
    *,
    convert: Convert | None = None,
    bucket: Bucket | None = None,
) -> Iterator[StoreAnswer]:
    """Send each object over one association, yielding each answer as it comes.

    Each is offered in the transfer syntax in which it is archived, and its data set goes out
    untouched where the PACS takes that. What the PACS takes in no form that we have is answered
    here with `NOT_SUPPORTED`, without being sent.

    Parameters
    ----------
    originator : MoveOriginator, optional
        Whose C-MOVE this is done for; named in each request.
    convert : callable, optional
        Makes lossless copies in other transfer syntaxes, which are offered then, too, each in
        a context of its own.
    bucket : Bucket, optional
        How fast may be sent.

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
    offers = _offers(waiting, _forms(convert))
    try:
        with associate(pacs, pacs.endpoint("store"), offers, secure) as association:
            for each in waiting:
                yield _answer(association, each, originator, convert, bucket)
    except ContextsRefused:
        for each in waiting:
            yield _not_taken(each, is_kind=convert is not None)


def _forms(convert: Convert | None) -> tuple[str, ...]:
    """Say what images can be brought into: where the converter does not, what always can be."""
    return () if convert is None else getattr(convert, "forms", FORMS)


def _offers(objects: Sequence[Sendable], forms: Sequence[str]) -> list[Offer]:
    """One context for each pair, so that one refused syntax does not hide another accepted."""
    pairs = dict.fromkeys((each.sop_class_uid, each.transfer_syntax_uid) for each in objects)
    kinds = dict.fromkeys(each.sop_class_uid for each in objects if each.pixel_hash)
    pairs |= dict.fromkeys((kind, form) for kind in kinds for form in forms)
    return [(sop_class, (syntax,)) for sop_class, syntax in islice(pairs, _MAX_CONTEXTS)]


def _answer(
    association: RequestedAssociation,
    each: Sendable,
    originator: MoveOriginator | None,
    convert: Convert | None,
    bucket: Bucket | None,
) -> StoreAnswer:
    """Send one object as it is, else in the first form that the PACS takes and that proves."""
    sop_class, accepted = each.sop_class_uid, association.accepted
    agreed = accepted.get((sop_class, each.transfer_syntax_uid))
    if agreed is not None:
        return _send(association, each, agreed, originator, bucket)
    if convert is None or not each.pixel_hash:
        return _not_taken(each)
    forms = [form for form in _forms(convert) if (sop_class, form) in accepted]
    if not forms:
        return _not_taken(each, is_kind=True)
    for form in forms:
        try:
            copy = convert(each, form)
        except GiveUp:
            continue
        return _send(association, copy, accepted[sop_class, form], originator, bucket)
    return _inconvertible(each, forms)


def _not_taken(each: Sendable, *, is_kind: bool = False) -> StoreAnswer:
    kind, form = UID(each.sop_class_uid).name, UID(each.transfer_syntax_uid).name
    what = f"The PACS takes no {kind}." if is_kind else f"The PACS does not take {kind} as {form}."
    return StoreAnswer(each.sop_instance_uid, NOT_SUPPORTED, what, phase="association")


def _inconvertible(each: Sendable, forms: Sequence[str]) -> StoreAnswer:
    names = " or ".join(UID(form).name for form in forms)
    return StoreAnswer(
        each.sop_instance_uid,
        UNREADABLE,
        f"It could not be brought into what the PACS takes ({names}) without loss.",
        phase="data",
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
    bucket: Bucket | None,
) -> StoreAnswer:
    try:
        file = each.path.open("rb", buffering=0) if bucket is None else PacedFile(each.path, bucket)
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
    return StoreAnswer(
        each.sop_instance_uid,
        status_of(answer),
        comment,
        offending,
        sent_as=each.transfer_syntax_uid,
    )


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
            priority=association.store_priority,
        )
    except OSError as error:  # half of it may be on its way: only an abort ends that cleanly
        raise GiveUp(
            "An archived image could not be read to its end; check the disk, then start again."
        ) from error
