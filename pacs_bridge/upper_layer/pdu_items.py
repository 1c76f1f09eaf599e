"""The items inside A-ASSOCIATE PDUs: contexts, and what the users tell each other.

Decoding is strict and bounded: whatever the bytes are, there is a value or `Malformed`.

References
----------
PS3.8 sections 9.3.2.1 to 9.3.3.3 and annex D.1; PS3.7 annex D.3.3.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from pacs_bridge.domain.errors import GiveUp

Bytes = bytes | bytearray | memoryview

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""The DICOM application context name (PS3.7 annex A.2.1)."""

_ITEM = struct.Struct(">BxH")
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_VERSION_LENGTH = 16


class AbortReason(IntEnum):
    """Why the provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNISED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNISED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class Malformed(GiveUp):
    """Bytes of a peer that break the upper layer's structure; the association is aborted.

    Parameters
    ----------
    what : str
        Fixed words, never a value from the wire.
    reason : AbortReason
        What the peer is told.
    """

    def __init__(self, what: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        self.what, self.reason = what, reason
        super().__init__(f"The peer broke the DICOM protocol: {what}; look at its log.")


class ContextResult(IntEnum):
    """What became of a presentation context (PS3.8 table 9-18)."""

    ACCEPTED = 0
    USER_REJECTED = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as asked for; the identifier is odd, 1 to 255.

    What is no UID is left out when it is decoded: such a context cannot be accepted, and those
    beside it can.
    """

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnsweredContext:
    """A presentation context as answered; the syntax means something when accepted only."""

    context_id: int
    result: int
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """Which roles the requestor may take for a SOP class (PS3.7 D.3.3.4)."""

    sop_class_uid: str
    scu: bool
    scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """What one service class negotiates about itself (PS3.7 D.3.3.5)."""

    sop_class_uid: str
    information: bytes


@dataclass(frozen=True, slots=True)
class CommonExtendedNegotiation:
    """Service class and related general SOP classes of a SOP class (PS3.7 D.3.3.6)."""

    sop_class_uid: str
    service_class_uid: str
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UserIdentity:
    """Who the requestor's user is (PS3.7 D.3.3.7).

    Parameters
    ----------
    kind : int
        1 name, 2 name and passcode, 3 Kerberos, 4 SAML, 5 JSON web token.
    """

    kind: int
    wants_answer: bool
    primary: bytes
    secondary: bytes = b""

    def __repr__(self) -> str:
        """Show no secret in any log or trace."""
        return f"UserIdentity(kind={self.kind})"


@dataclass(frozen=True, slots=True)
class UserInformation:
    """The sub-items of the user information item.

    Parameters
    ----------
    maximum_length : int
        Bytes of a P-DATA-TF's variable field that the sender takes; 0: any.
    operations_window : (int, int) or None
        Operations invoked, performed at the same time; None: not negotiated, which means 1.
    identity_answer : bytes or None
        In an A-ASSOCIATE-AC only.
    """

    maximum_length: int = 0
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    operations_window: tuple[int, int] | None = None
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()
    common_extended: tuple[CommonExtendedNegotiation, ...] = ()
    identity: UserIdentity | None = None
    identity_answer: bytes | None = None


def item(kind: int, body: bytes) -> bytes:
    """Encode one item.

    Raises
    ------
    ValueError
        When the body is longer than an item can be.
    """
    if len(body) > 0xFFFF:
        raise ValueError("an item of the association is longer than 65535 bytes")
    return _ITEM.pack(kind, len(body)) + body


def items(data: Bytes) -> Iterator[tuple[int, memoryview]]:
    """Go through items; each must end within what holds it."""
    view, at, end = memoryview(data), 0, len(data)
    while at < end:
        if at + 4 > end:
            raise Malformed("an item ends in its header")
        kind, length = _ITEM.unpack_from(view, at)
        at += 4
        if at + length > end:
            raise Malformed("an item is longer than what holds it")
        yield kind, view[at : at + length]
        at += length


def uid_of(data: Bytes) -> str:
    """Decode a UID; padding at its end is forgiven."""
    text = str(data, "latin-1").rstrip("\0 ")
    if not _UID.fullmatch(text):
        raise Malformed("a UID is none")
    return text


def uid_in(data: Bytes) -> str:
    """Decode a UID; empty where there is none."""
    try:
        return uid_of(data)
    except Malformed:
        return ""


def encode_proposed(context: ProposedContext) -> bytes:
    """Encode a presentation context item of an A-ASSOCIATE-RQ."""
    syntaxes = b"".join(item(0x40, uid.encode("ascii")) for uid in context.transfer_syntaxes)
    body = item(0x30, context.abstract_syntax.encode("ascii")) + syntaxes
    return item(0x20, bytes((context.context_id, 0, 0, 0)) + body)


def decode_proposed(data: Bytes) -> ProposedContext:
    """Decode a presentation context item of an A-ASSOCIATE-RQ.

    Items that we do not know are passed over (PS3.8 9.3.1).
    """
    context_id = _context_id(data)
    abstract, transfer = list[str](), []
    for kind, body in items(memoryview(data)[4:]):
        if kind == 0x30:
            abstract.append(uid_in(body))
        elif kind == 0x40 and (syntax := uid_in(body)):
            transfer.append(syntax)
    if len(abstract) > 1:
        raise Malformed("a context has two abstract syntaxes", AbortReason.UNEXPECTED_PARAMETER)
    return ProposedContext(context_id, "".join(abstract), tuple(transfer))


def encode_answered(context: AnsweredContext) -> bytes:
    """Encode a presentation context item of an A-ASSOCIATE-AC."""
    head = bytes((context.context_id, 0, context.result, 0))
    return item(0x21, head + item(0x40, context.transfer_syntax.encode("ascii")))


def decode_answered(data: Bytes) -> AnsweredContext:
    """Decode a presentation context item of an A-ASSOCIATE-AC; as for one of a request."""
    context_id, result, syntax = _context_id(data), data[2], ""
    for kind, body in items(memoryview(data)[4:]):
        if kind == 0x40 and result == ContextResult.ACCEPTED:  # not to be looked at otherwise
            syntax = uid_of(body)
    if result == ContextResult.ACCEPTED and not syntax:
        raise Malformed("an accepted context has no transfer syntax")
    return AnsweredContext(context_id, result, syntax)


def _context_id(data: Bytes) -> int:
    if len(data) < 4:
        raise Malformed("a context ends in its header")
    if not data[0] & 1:
        raise Malformed("a context's identifier is even")
    return data[0]


def encode_user(user: UserInformation) -> bytes:
    """Encode the user information item."""
    parts = [item(0x51, struct.pack(">I", user.maximum_length))]
    if user.implementation_class_uid:
        parts.append(item(0x52, user.implementation_class_uid.encode("ascii")))
    if user.operations_window is not None:
        parts.append(item(0x53, struct.pack(">HH", *user.operations_window)))
    for role in user.roles:
        parts.append(item(0x54, _counted(role.sop_class_uid) + bytes((role.scu, role.scp))))
    if user.implementation_version_name:
        parts.append(item(0x55, user.implementation_version_name.encode("latin-1")))
    for each in user.extended:
        parts.append(item(0x56, _counted(each.sop_class_uid) + each.information))
    for common in user.common_extended:
        related = b"".join(map(_counted, common.related))
        body = _counted(common.sop_class_uid) + _counted(common.service_class_uid)
        parts.append(item(0x57, body + struct.pack(">H", len(related)) + related))
    if user.identity is not None:
        who = user.identity
        body = bytes((who.kind, who.wants_answer))
        parts.append(item(0x58, body + _prefixed(who.primary) + _prefixed(who.secondary)))
    if user.identity_answer is not None:
        parts.append(item(0x59, _prefixed(user.identity_answer)))
    return item(0x50, b"".join(parts))


def _counted(uid: str) -> bytes:
    return _prefixed(uid.encode("ascii"))


def _prefixed(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def decode_user(data: Bytes) -> UserInformation:
    """Decode the body of the user information item; sub-items we do not know are passed over."""
    found = _Found()
    for kind, body in items(data):
        found.take(kind, body)
    once = found.once
    return UserInformation(
        maximum_length=int.from_bytes(once.get(0x51, b""), "big"),
        implementation_class_uid=uid_in(once.get(0x52, b"")),  # nothing hangs on it
        implementation_version_name=_version(once.get(0x55, b"")),
        operations_window=struct.unpack(">HH", once[0x53]) if 0x53 in once else None,
        roles=tuple(found.roles),
        extended=tuple(found.extended),
        common_extended=tuple(found.common),
        identity=_identity(once[0x58]) if 0x58 in once else None,
        identity_answer=_identity_answer(once[0x59]) if 0x59 in once else None,
    )


_WIDTHS = {0x51: 4, 0x53: 4}
_ONCE = frozenset((0x51, 0x52, 0x53, 0x55, 0x58, 0x59))


class _Found:
    """What was seen of the user information so far."""

    def __init__(self) -> None:
        self.once: dict[int, memoryview | bytes] = {}
        self.roles: list[RoleSelection] = []
        self.extended: list[ExtendedNegotiation] = []
        self.common: list[CommonExtendedNegotiation] = []

    def take(self, kind: int, body: memoryview) -> None:
        if kind in _ONCE:
            if kind in self.once:
                raise Malformed("a sub-item stands twice", AbortReason.UNEXPECTED_PARAMETER)
            if len(body) != _WIDTHS.get(kind, len(body)):
                raise Malformed("a sub-item has the wrong length")
            self.once[kind] = body
        elif kind == 0x54:
            uid, rest = _take_uid(body)
            if len(rest) != 2 or rest[0] > 1 or rest[1] > 1:
                raise Malformed("a role selection is none")
            self.roles.append(RoleSelection(uid, bool(rest[0]), bool(rest[1])))
        elif kind == 0x56:
            uid, rest = _take_uid(body)
            self.extended.append(ExtendedNegotiation(uid, bytes(rest)))
        elif kind == 0x57:
            self.common.append(_common(body))


def _common(body: memoryview) -> CommonExtendedNegotiation:
    sop_class, rest = _take_uid(body)
    service_class, rest = _take_uid(rest)
    listed, _ = _take(rest)  # what follows is reserved
    related = []
    while len(listed):
        uid, listed = _take_uid(listed)
        related.append(uid)
    return CommonExtendedNegotiation(sop_class, service_class, tuple(related))


def _identity(body: Bytes) -> UserIdentity:
    if len(body) < 2 or body[1] > 1:
        raise Malformed("a user identity is none")
    primary, rest = _take(memoryview(body)[2:])
    secondary, rest = _take(rest)
    if len(rest):
        raise Malformed("a user identity is longer than it says")
    return UserIdentity(body[0], bool(body[1]), bytes(primary), bytes(secondary))


def _identity_answer(body: Bytes) -> bytes:
    answer, rest = _take(memoryview(body))
    if len(rest):
        raise Malformed("the answer to a user identity is longer than it says")
    return bytes(answer)


def _version(body: Bytes) -> str:
    return str(body, "latin-1").strip("\0 ")[:_VERSION_LENGTH]


def _take(data: memoryview) -> tuple[memoryview, memoryview]:
    """Cut off a value that is led by its length in two bytes."""
    if len(data) < 2:
        raise Malformed("a sub-item ends too early")
    length = data[0] << 8 | data[1]
    if 2 + length > len(data):
        raise Malformed("a sub-item holds more than fits")
    return data[2 : 2 + length], data[2 + length :]


def _take_uid(data: memoryview) -> tuple[str, memoryview]:
    value, rest = _take(data)
    return uid_of(value), rest
