"""The seven PDUs of the upper layer, as values and as bytes.

`decode` is total: bytes in, a value or `Malformed` out. How long a PDU may be is for whoever
reads it from a socket; nothing here takes more than a few times its bytes.

References
----------
PS3.8 section 9.3 (structure of the PDUs), annex E.2 (message control header).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pacs_bridge.upper_layer.pdu_items import (
    APPLICATION_CONTEXT,
    AbortReason,
    AnsweredContext,
    Bytes,
    Malformed,
    ProposedContext,
    UserInformation,
    decode_answered,
    decode_proposed,
    decode_user,
    encode_answered,
    encode_proposed,
    encode_user,
    item,
    items,
    uid_in,
)

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ = 0x01, 0x02, 0x03
P_DATA_TF, RELEASE_RQ, RELEASE_RP, ABORT = 0x04, 0x05, 0x06, 0x07
HEADER = struct.Struct(">BxI")
"""PDU type, reserved, length of what follows."""

PDV_HEADER = struct.Struct(">IBB")
"""Length of what follows, context identifier, message control header."""

IS_COMMAND, IS_LAST = 0x01, 0x02
MOST_CONTEXTS = 128
_HEAD = struct.Struct(">H2x16s16s32x")  # protocol version, called and calling AE title
_SAID_AGAIN = 64  # bytes of it: the titles, and what is reserved behind them
_RESERVED_BYTES = 4


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ (PS3.8 9.3.2). AE titles are as sent, without the padding around.

    Parameters
    ----------
    application_context : str
        Empty where what was sent is no name.
    head : bytes
        As sent, the 64 bytes with both titles that an A-ASSOCIATE-AC says again.
    """

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation = field(default_factory=UserInformation)
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    head: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC (PS3.8 9.3.3). The AE titles are those of the request, and not tested.

    Parameters
    ----------
    head : bytes
        Of the request, said again as it was; empty to make one of the titles.
    """

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[AnsweredContext, ...]
    user: UserInformation = field(default_factory=UserInformation)
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1
    head: bytes = field(default=b"", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A presentation data value: a piece of one message."""

    context_id: int
    is_command: bool
    is_last: bool
    data: Bytes


@dataclass(frozen=True, slots=True)
class Data:
    """P-DATA-TF (PS3.8 9.3.5)."""

    fragments: tuple[Fragment, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A-RELEASE-RQ (PS3.8 9.3.6)."""


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """A-RELEASE-RP (PS3.8 9.3.7)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 table 9-26): source 0 the user, 2 the provider, with its reason."""

    source: int
    reason: int = 0


Pdu = (
    AssociateRequest
    | AssociateAccept
    | AssociateReject
    | Data
    | ReleaseRequest
    | ReleaseReply
    | Abort
)


def encode(pdu: Pdu) -> bytes:
    """Encode a whole PDU, header included.

    Raises
    ------
    ValueError
        When a value cannot be said in it (an AE title of 17 characters).
    """
    match pdu:
        case AssociateRequest():
            contexts = b"".join(map(encode_proposed, pdu.contexts))
            return _framed(ASSOCIATE_RQ, _associate(pdu, contexts))
        case AssociateAccept():
            contexts = b"".join(map(encode_answered, pdu.contexts))
            return _framed(ASSOCIATE_AC, _associate(pdu, contexts))
        case AssociateReject():
            return _framed(ASSOCIATE_RJ, bytes((0, pdu.result, pdu.source, pdu.reason)))
        case Data():
            return _framed(P_DATA_TF, b"".join(map(_fragment, pdu.fragments)))
        case ReleaseRequest():
            return _framed(RELEASE_RQ, bytes(_RESERVED_BYTES))
        case ReleaseReply():
            return _framed(RELEASE_RP, bytes(_RESERVED_BYTES))
        case Abort():
            return _framed(ABORT, bytes((0, 0, pdu.source, pdu.reason)))


def _framed(kind: int, body: bytes) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def _associate(pdu: AssociateRequest | AssociateAccept, contexts: bytes) -> bytes:
    head = _HEAD.pack(
        pdu.protocol_version, _ae_title(pdu.called_ae_title), _ae_title(pdu.calling_ae_title)
    )
    if pdu.head:
        head = head[: -len(pdu.head)] + pdu.head
    name = item(0x10, pdu.application_context.encode("ascii"))
    return head + name + contexts + encode_user(pdu.user)


def _ae_title(text: str) -> bytes:
    encoded = text.encode("latin-1")
    if len(encoded) > 16:
        raise ValueError("an AE title is longer than 16 characters")
    return encoded.ljust(16)


def _fragment(fragment: Fragment) -> bytes:
    control = IS_COMMAND * fragment.is_command | IS_LAST * fragment.is_last
    length = len(fragment.data) + 2
    return PDV_HEADER.pack(length, fragment.context_id, control) + bytes(fragment.data)


def data_header(context_id: int, length: int, *, is_command: bool, is_last: bool) -> bytes:
    """Encode what stands before the bytes of a P-DATA-TF with one fragment: 12 bytes."""
    control = IS_COMMAND * is_command | IS_LAST * is_last
    return HEADER.pack(P_DATA_TF, length + 6) + PDV_HEADER.pack(length + 2, context_id, control)


def split(data: Bytes) -> tuple[Pdu, memoryview]:
    """Decode the first PDU of a run of bytes; gives it and the rest.

    Raises
    ------
    Malformed
        Also when the bytes end before the PDU does.
    """
    view = memoryview(data)
    if len(view) < HEADER.size:
        raise Malformed("a PDU ends in its header")
    kind, length = HEADER.unpack_from(view)
    end = HEADER.size + length
    if len(view) < end:
        raise Malformed("a PDU ends too early")
    return decode(kind, view[HEADER.size : end]), view[end:]


def decode(kind: int, body: Bytes) -> Pdu:
    """Decode the body of a PDU.

    Parameters
    ----------
    kind : int
        PDU type, the first byte of its header.
    body : bytes-like
        What follows the six bytes of the header. `Data` refers to it and copies nothing.

    Raises
    ------
    Malformed
        With the reason that the peer is to be told.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Malformed("a PDU is of no known type", AbortReason.UNRECOGNISED_PDU)
    return decoder(body)


def _decode_request(body: Bytes) -> AssociateRequest:
    version, called, calling, rest = _decode_head(body)
    name, contexts, user = _decode_items(rest, 0x20)
    decoded = tuple(map(decode_proposed, contexts))
    _check_contexts([each.context_id for each in decoded])
    head = bytes(body[_HEAD.size - _SAID_AGAIN : _HEAD.size])
    return AssociateRequest(called, calling, decoded, user, name, version, head)


def _decode_accept(body: Bytes) -> AssociateAccept:
    version, called, calling, rest = _decode_head(body)
    name, contexts, user = _decode_items(rest, 0x21)
    decoded = tuple(map(decode_answered, contexts))
    _check_contexts([each.context_id for each in decoded])
    return AssociateAccept(called, calling, decoded, user, name, version)


def _decode_head(body: Bytes) -> tuple[int, str, str, memoryview]:
    if len(body) < _HEAD.size:
        raise Malformed("an association's PDU ends in its head")
    version, called, calling = _HEAD.unpack_from(body)
    return version, _text(called), _text(calling), memoryview(body)[_HEAD.size :]


def _text(ae_title: bytes) -> str:
    return ae_title.decode("latin-1").strip(" \0")  # some pad with NUL


def _decode_items(
    rest: memoryview, context_kind: int
) -> tuple[str, list[memoryview], UserInformation]:
    name, user, contexts = None, None, []
    for kind, body in items(rest):
        if kind == context_kind:
            contexts.append(body)
        elif kind == 0x10 and name is None:
            name = uid_in(body)
        elif kind == 0x50 and user is None:
            user = decode_user(body)
        elif kind in (0x10, 0x20, 0x21, 0x50):
            raise Malformed("an item stands where it must not", AbortReason.UNEXPECTED_PARAMETER)
    if user is None:
        raise Malformed("user information is missing")
    return name or "", contexts, user


def _check_contexts(context_ids: list[int]) -> None:
    if len(context_ids) > MOST_CONTEXTS or len(set(context_ids)) != len(context_ids):
        raise Malformed("two contexts have one identifier")


def _decode_reject(body: Bytes) -> AssociateReject:
    _check_four(body)
    return AssociateReject(body[1], body[2], body[3])


def _decode_abort(body: Bytes) -> Abort:
    _check_four(body)
    return Abort(body[2], body[3])


def _decode_release_request(body: Bytes) -> ReleaseRequest:
    _check_four(body)
    return ReleaseRequest()


def _decode_release_reply(body: Bytes) -> ReleaseReply:
    _check_four(body)
    return ReleaseReply()


def _check_four(body: Bytes) -> None:
    if len(body) != _RESERVED_BYTES:
        raise Malformed("a PDU of four bytes has another length")


def _decode_data(body: Bytes) -> Data:
    view, at, fragments = memoryview(body), 0, []
    while at < len(view):
        if at + PDV_HEADER.size > len(view):
            raise Malformed("a data value ends in its header")
        length, context_id, control = PDV_HEADER.unpack_from(view, at)
        end = at + 4 + length
        if length < 2 or end > len(view):
            raise Malformed("a data value is longer than its PDU")
        data = view[at + PDV_HEADER.size : end]
        fragments.append(
            Fragment(context_id, bool(control & IS_COMMAND), bool(control & IS_LAST), data)
        )
        at = end
    if not fragments:
        raise Malformed("a data PDU holds no data value")
    return Data(tuple(fragments))


_DECODERS: dict[int, Callable[[Bytes], Pdu]] = {
    ASSOCIATE_RQ: _decode_request,
    ASSOCIATE_AC: _decode_accept,
    ASSOCIATE_RJ: _decode_reject,
    P_DATA_TF: _decode_data,
    RELEASE_RQ: _decode_release_request,
    RELEASE_RP: _decode_release_reply,
    ABORT: _decode_abort,
}
