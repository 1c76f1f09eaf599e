"""Which DIMSE status each of our errors is answered with, in one table.

References
----------
PS3.4 table B.2-1 (C-STORE), PS3.7 annex C (general statuses).
"""

from __future__ import annotations

from pacs_bridge.domain.errors import (
    AlienObject,
    ConflictingObject,
    GiveUp,
    MismatchedObject,
    OversizedObject,
    PacsBridgeError,
    RetryLater,
    UnreadableObject,
    UnsupportedObject,
)
from pacs_bridge.upper_layer.contract import SUCCESS

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
CONFLICT = 0xC001
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124

STORE_STATUS: dict[type[PacsBridgeError], int] = {
    RetryLater: OUT_OF_RESOURCES,  # the sender keeps it and tries again
    GiveUp: CANNOT_UNDERSTAND,  # sending it again changes nothing
    UnreadableObject: CANNOT_UNDERSTAND,
    OversizedObject: CANNOT_UNDERSTAND,
    ConflictingObject: CONFLICT,
    MismatchedObject: DOES_NOT_MATCH,
    UnsupportedObject: SOP_CLASS_NOT_SUPPORTED,
    AlienObject: NOT_AUTHORISED,
}

MEANINGS = {
    SUCCESS: "The object is safe: on disk, in the index, and queued to be read",
    OUT_OF_RESOURCES: "Not safe just now, or the PACS is paused here; send it again later",
    DOES_NOT_MATCH: "The data set's UIDs differ from those of the request",
    CANNOT_UNDERSTAND: "The object is damaged or too large; sending it again changes nothing",
    CONFLICT: "Another object with this SOP Instance UID is here; both are kept",
    SOP_CLASS_NOT_SUPPORTED: "Objects of this SOP class are not taken",
    NOT_AUTHORISED: "Not a case of this scheme; the data set was discarded unread",
}
"""What each status tells the sender; the conformance statement lists the same."""


def store_status(error: PacsBridgeError) -> int:
    """Give the status for an error: its own, else that of the nearest class above it."""
    return next(
        (STORE_STATUS[kind] for kind in type(error).__mro__ if kind in STORE_STATUS),
        CANNOT_UNDERSTAND,
    )
