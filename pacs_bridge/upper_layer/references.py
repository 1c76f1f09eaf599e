"""Data sets that list objects: what a commitment is asked and reported with, availability.

Read only after the pre-scan: depth, items and lengths are bounded by then. Values are taken
as bytes, without a parser of data sets; each UID passes its own here, before anybody else sees it.

References
----------
PS3.4 J.3.2.1, J.3.3.1 (storage commitment), R.3.2 (instance availability notification).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from pacs_bridge.domain.commitment import (
    MOST_REFERENCES,
    CommitmentReport,
    CommitmentRequest,
    Failure,
    Reference,
    RefusedRequest,
)
from pacs_bridge.domain.errors import RefusedInput, UnreadableObject
from pacs_bridge.domain.identifiers import parse_ae_title, parse_uid
from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.plain import Damaged, Plain, elements_of, items_of
from pacs_bridge.upper_layer.prescan import is_explicit, scan

Elements = Mapping[int, Plain]

PROCESSING_FAILURE, MISSING, INVALID, TOO_MANY = 0x0110, 0x0120, 0x0115, 0x0213
"""Statuses: processing failure, missing attribute, invalid argument value, resource limitation."""

_TRANSACTION, _CLASS, _INSTANCE = 0x00081195, 0x00081150, 0x00081155
_REASON, _FAILED, _REFERENCED = 0x00081197, 0x00081198, 0x00081199
_STUDY, _SERIES, _SERIES_LIST = 0x0020000D, 0x0020000E, 0x00081115
_AVAILABILITY, _RETRIEVE_AE = 0x00080056, 0x00080054

_LIMITS = Limits(depth=8, items=2 * MOST_REFERENCES, elements=10 * MOST_REFERENCES)


def encode_request(request: CommitmentRequest, transfer_syntax_uid: str) -> bytes:
    """Encode the data set of an N-ACTION."""
    explicit = is_explicit(transfer_syntax_uid)
    items = [_reference(each, explicit=explicit) for each in request.references]
    transaction = _element(_TRANSACTION, "UI", _uid(request.transaction_uid), explicit=explicit)
    return transaction + _sequence(_REFERENCED, items, explicit=explicit)


def encode_report(report: CommitmentReport, transfer_syntax_uid: str) -> bytes:
    """Encode the data set of an N-EVENT-REPORT; a list that would be empty is left out."""
    explicit = is_explicit(transfer_syntax_uid)
    parts = [_element(_TRANSACTION, "UI", _uid(report.transaction_uid), explicit=explicit)]
    if report.failed:
        items = [
            _reference(each.reference, explicit=explicit)
            + _element(_REASON, "US", struct.pack("<H", each.reason), explicit=explicit)
            for each in report.failed
        ]
        parts.append(_sequence(_FAILED, items, explicit=explicit))
    if report.committed:
        items = [_reference(each, explicit=explicit) for each in report.committed]
        parts.append(_sequence(_REFERENCED, items, explicit=explicit))
    return b"".join(parts)


def decode_request(data: bytes | memoryview, transfer_syntax_uid: str) -> CommitmentRequest:
    """Read the data set of an N-ACTION; an object named twice is named once.

    Raises
    ------
    RefusedRequest
        With the status to answer, when it is not one, or names nothing or too much.
    """
    ds = _read(data, transfer_syntax_uid)
    found = dict.fromkeys(_references(_items(ds, _REFERENCED)))
    if not found:
        raise RefusedRequest(MISSING, "No object is named; name those to commit to.")
    return CommitmentRequest(_checked(ds, _TRANSACTION), tuple(found))


def decode_report(data: bytes | memoryview, transfer_syntax_uid: str) -> CommitmentReport:
    """Read the data set of an N-EVENT-REPORT.

    Raises
    ------
    RefusedRequest
        With the status to answer, when it is not one, or names nothing.
    """
    ds = _read(data, transfer_syntax_uid)
    committed = dict.fromkeys(_references(_items(ds, _REFERENCED)))
    failed = {
        Reference(_checked(item, _CLASS), _checked(item, _INSTANCE)): _reason(item)
        for item in _items(ds, _FAILED)
    }
    if not committed and not failed:
        raise RefusedRequest(MISSING, "No object is named; name those reported on.")
    return CommitmentReport(
        _checked(ds, _TRANSACTION),
        tuple(committed),
        tuple(Failure(reference, reason) for reference, reason in failed.items()),
    )


def decode_availability(
    data: bytes | memoryview, transfer_syntax_uid: str
) -> tuple[str, list[tuple[Reference, str, str]]]:
    """Read the data set of an Instance Availability Notification.

    Returns
    -------
    str, list of (Reference, str, str)
        The study; each object with its availability and, where it is fit to be shown, the AE
        title to retrieve it from.

    Raises
    ------
    RefusedRequest
        With the status to answer, when it is not one.
    """
    ds = _read(data, transfer_syntax_uid)
    found = []
    for series in _items(ds, _SERIES_LIST):
        _checked(series, _SERIES)
        for item in _items(series, _REFERENCED):
            reference = Reference(_checked(item, _CLASS), _checked(item, _INSTANCE))
            availability = _text(item, _AVAILABILITY).strip(" ")
            if availability not in ("ONLINE", "NEARLINE", "OFFLINE", "UNAVAILABLE"):
                raise RefusedRequest(INVALID, "An availability is none that the standard has.")
            found.append((reference, availability, _ae_title(item)))
    if not found:
        raise RefusedRequest(MISSING, "No object is named; name those notified of.")
    return _checked(ds, _STUDY), found


def _read(data: bytes | memoryview, transfer_syntax_uid: str) -> Elements:
    explicit = is_explicit(transfer_syntax_uid)
    try:
        scan(data, explicit=explicit, limits=_LIMITS)
        return elements_of(bytes(data), explicit=explicit)
    except UnreadableObject as error:
        raise RefusedRequest(PROCESSING_FAILURE, "The data set is damaged, or too long.") from error
    except Damaged as error:  # whatever a peer's bytes do
        raise RefusedRequest(PROCESSING_FAILURE, "The data set is damaged.") from error


def _items(ds: Elements, tag: int) -> Sequence[Elements]:
    if tag not in ds:
        return ()
    try:
        items = list(islice(items_of(ds[tag]), MOST_REFERENCES + 1))
    except Damaged as error:  # as above
        raise RefusedRequest(PROCESSING_FAILURE, "A list in the data set is damaged.") from error
    if len(items) > MOST_REFERENCES:
        raise RefusedRequest(TOO_MANY, "Too many objects are named; name fewer at once.")
    return items


def _references(items: Iterable[Elements]) -> Iterator[Reference]:
    for item in items:
        yield Reference(_checked(item, _CLASS), _checked(item, _INSTANCE))


def _checked(ds: Elements, tag: int) -> str:
    text = _text(ds, tag)
    if not text:
        raise RefusedRequest(MISSING, "A UID that must be there is missing.")
    try:
        return str(parse_uid(text))
    except UnreadableObject:
        raise RefusedRequest(INVALID, "A UID in the data set is none.") from None


def _reason(item: Elements) -> int:
    value = item[_REASON].data if _REASON in item else b""
    return int.from_bytes(value, "little") if len(value) == 2 else PROCESSING_FAILURE


def _ae_title(item: Elements) -> str:
    try:
        return str(parse_ae_title(_text(item, _RETRIEVE_AE)))
    except RefusedInput:
        return ""


def _text(ds: Elements, tag: int) -> str:
    return ds[tag].data.rstrip(b"\0 ").decode("latin-1") if tag in ds else ""


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)


def _reference(reference: Reference, *, explicit: bool) -> bytes:
    return _element(_CLASS, "UI", _uid(reference.sop_class_uid), explicit=explicit) + _element(
        _INSTANCE, "UI", _uid(reference.sop_instance_uid), explicit=explicit
    )


def _element(tag: int, vr: str, value: bytes, *, explicit: bool) -> bytes:
    group, element = tag >> 16, tag & 0xFFFF
    if not explicit:
        return struct.pack("<HHI", group, element, len(value)) + value
    if vr == "SQ":
        return struct.pack("<HH2sHI", group, element, b"SQ", 0, len(value)) + value
    return struct.pack("<HH2sH", group, element, vr.encode(), len(value)) + value


def _sequence(tag: int, items: Iterable[bytes], *, explicit: bool) -> bytes:
    value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in items)
    return _element(tag, "SQ", value, explicit=explicit)
