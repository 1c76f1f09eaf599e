"""Command sets: group 0000 in implicit VR little endian, to and from one plain value.

References
----------
PS3.7 section 6.3.1 (encoding), sections 9.3 and 10.3 (messages), annex E.1 (elements).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from enum import IntEnum
from operator import attrgetter
from typing import Any

from pacs_bridge.upper_layer.pdu_items import Bytes, Malformed

NO_DATA_SET = 0x0101
"""Command Data Set Type (0000,0800) of a message without a data set; all else means one."""

WITH_DATA_SET = 0x0001
_IS_RESPONSE = 0x8000
_ELEMENT = struct.Struct("<HHI")
_SHORT = struct.Struct("<H")
_MOST_ELEMENTS = 100


class Field(IntEnum):
    """Command Field (0000,0100) of requests; a response has 0x8000 added (PS3.7 E.1-1)."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


@dataclass(frozen=True, slots=True)
class Command:
    """One command set; None where an element is absent.

    Texts are as sent, without the padding at their end; nothing says that they are fit to
    be shown, stored or used as an identifier.

    Parameters
    ----------
    field : int
        Command Field (0000,0100).
    data_set_type : int
        Command Data Set Type (0000,0800); see `has_data_set`.
    """

    field: int
    data_set_type: int = NO_DATA_SET
    affected_sop_class_uid: str | None = None
    requested_sop_class_uid: str | None = None
    message_id: int | None = None
    message_id_responded_to: int | None = None
    move_destination: str | None = None
    priority: int | None = None
    status: int | None = None
    offending_elements: tuple[int, ...] | None = None
    error_comment: str | None = None
    error_id: int | None = None
    affected_sop_instance_uid: str | None = None
    requested_sop_instance_uid: str | None = None
    event_type_id: int | None = None
    attribute_identifiers: tuple[int, ...] | None = None
    action_type_id: int | None = None
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    move_originator_ae_title: str | None = None
    move_originator_message_id: int | None = None

    @property
    def has_data_set(self) -> bool:
        """Whether a data set follows."""
        return self.data_set_type != NO_DATA_SET

    @property
    def is_response(self) -> bool:
        """Whether this answers a request."""
        return bool(self.field & _IS_RESPONSE)

    def answer(self, status: int, **more: Any) -> Command:
        """Make the response to this request: same SOP class and instance, its message ID.

        Parameters
        ----------
        more
            Further parts of `Command`, or other values for those that are copied.
        """
        parts: dict[str, Any] = {
            "affected_sop_class_uid": self.affected_sop_class_uid or self.requested_sop_class_uid,
            "affected_sop_instance_uid": (
                self.affected_sop_instance_uid or self.requested_sop_instance_uid
            ),
            "message_id_responded_to": self.message_id,
            "status": status,
        } | more
        return Command(self.field | _IS_RESPONSE, **parts)


# element number, part of `Command`, VR: in the order of encoding
_ELEMENTS = (
    (0x0002, "affected_sop_class_uid", "UI"),
    (0x0003, "requested_sop_class_uid", "UI"),
    (0x0100, "field", "US"),
    (0x0110, "message_id", "US"),
    (0x0120, "message_id_responded_to", "US"),
    (0x0600, "move_destination", "AE"),
    (0x0700, "priority", "US"),
    (0x0800, "data_set_type", "US"),
    (0x0900, "status", "US"),
    (0x0901, "offending_elements", "AT"),
    (0x0902, "error_comment", "LO"),
    (0x0903, "error_id", "US"),
    (0x1000, "affected_sop_instance_uid", "UI"),
    (0x1001, "requested_sop_instance_uid", "UI"),
    (0x1002, "event_type_id", "US"),
    (0x1005, "attribute_identifiers", "AT"),
    (0x1008, "action_type_id", "US"),
    (0x1020, "remaining", "US"),
    (0x1021, "completed", "US"),
    (0x1022, "failed", "US"),
    (0x1023, "warning", "US"),
    (0x1030, "move_originator_ae_title", "AE"),
    (0x1031, "move_originator_message_id", "US"),
)
_BY_ELEMENT = {element: (name, vr) for element, name, vr in _ELEMENTS}
_values_of = attrgetter(*(name for _, name, _ in _ELEMENTS))
_LONGEST = {"UI": 64, "AE": 16, "LO": 64}
assert {name for _, name, _ in _ELEMENTS} == {each.name for each in fields(Command)}


def encode_command(command: Command) -> bytes:
    """Encode a command set, its group length first.

    Raises
    ------
    ValueError
        When a text is too long for its VR, or a number for its two bytes.
    """
    parts = []
    for (element, name, vr), value in zip(_ELEMENTS, _values_of(command), strict=True):
        if value is None:
            continue
        try:
            encoded = _encode(value, vr)
        except struct.error:
            raise ValueError(f"{name} does not fit a command set") from None
        parts.append(_ELEMENT.pack(0, element, len(encoded)) + encoded)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def _encode(value: Any, vr: str) -> bytes:
    if vr == "US":
        return _SHORT.pack(value)
    if vr == "AT":
        return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in value)
    encoded: bytes = value.encode("ascii" if vr != "LO" else "latin-1")
    if len(encoded) > _LONGEST[vr]:
        raise ValueError(f"a value of VR {vr} is longer than {_LONGEST[vr]} characters")
    if len(encoded) % 2:
        encoded += b"\0" if vr == "UI" else b" "
    return encoded


def decode_command(data: Bytes) -> Command:
    """Decode a whole command set; elements that we do not know are passed over.

    Raises
    ------
    Malformed
        When the structure is broken, a value is not what its VR says, or the command says
        not what it is (no Command Field).
    """
    found: dict[str, Any] = {}
    data = bytes(data)
    at, end, last, count = 0, len(data), -1, 0
    while at < end:
        if at + 8 > end:
            raise Malformed("a command set ends in an element's header")
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += 8
        count += 1
        if group or element <= last or count > _MOST_ELEMENTS:
            raise Malformed("a command set holds what it must not")
        if length > end - at:
            raise Malformed("a command element is longer than what is left")
        last = element
        known = _BY_ELEMENT.get(element)
        if known is not None:
            name, vr = known
            value = _decode(data[at : at + length], vr)
            if value is not None:
                found[name] = value
        at += length
    if "field" not in found or "data_set_type" not in found:
        raise Malformed("a command set says not what it is")
    return Command(**found)


def _decode(value: bytes, vr: str) -> Any:
    if vr == "US":
        if len(value) != 2:
            raise Malformed("a number in a command is not of two bytes")
        return _SHORT.unpack(value)[0]
    if vr == "AT":
        if len(value) % 4:
            raise Malformed("a list of tags in a command is cut off")
        pairs = struct.iter_unpack("<HH", value)
        return tuple(group << 16 | element for group, element in pairs) or None
    text = value.decode("latin-1")
    text = text.rstrip("\0 ") if vr == "UI" else text.strip("\0 ")  # some pad UIDs with a space
    if len(text) > _LONGEST[vr]:
        raise Malformed("a text in a command is too long")
    if vr != "LO" and not text.isascii():
        raise Malformed("an identifier in a command is not ASCII")
    return text or None
