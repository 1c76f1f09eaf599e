"""C-FIND: a request in, matches out one after another, a status at the end.

References
----------
PS3.4 C.4.1.1.4 and table C.4-1 (statuses).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import structlog

from pacs_bridge.domain.errors import PacsBridgeError, RetryLater
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.query import (
    FIND,
    FindAnswer,
    FindRequest,
    Level,
    Root,
    UnfitIdentifier,
    UnknownDestination,
)
from pacs_bridge.scp.contexts import WORKLIST
from pacs_bridge.services.query import Found

LOG = structlog.get_logger()

PENDING, PENDING_KEYS_IGNORED, CANCELLED, SUCCESS = 0xFF00, 0xFF01, 0xFE00, 0x0000
OUT_OF_RESOURCES, UNFIT, CANNOT_PROCESS = 0xA700, 0xA900, 0xC000
SOP_CLASS_NOT_SUPPORTED, UNKNOWN_DESTINATION = 0x0122, 0xA801

STATUSES: dict[type[PacsBridgeError], int] = {
    RetryLater: OUT_OF_RESOURCES,
    UnfitIdentifier: UNFIT,
    UnknownDestination: UNKNOWN_DESTINATION,
}
"""What an error of ours is answered with; any other with `CANNOT_PROCESS`."""


@dataclass(frozen=True)
class QueryServices:
    """What a query calls; joined by wiring, every other argument already given."""

    find: Callable[[FindRequest, Root], Found]
    worklist: Callable[[FindRequest], Found]
    note: Callable[[Caller, Root | None, Level | None, int, int], None]


def on_c_find(request: FindRequest, services: QueryServices) -> Generator[FindAnswer, None, None]:
    """Answer a C-FIND, match by match.

    The last answer is not pending, unless the iterator is closed before: that is how the
    acceptor says that the peer is gone. Each question leaves one event, whatever its end.
    """
    root = FIND.get(request.sop_class_uid)
    if root is None and request.sop_class_uid != WORKLIST:
        yield FindAnswer(SOP_CLASS_NOT_SUPPORTED, comment="Not a model that is answered here.")
        return
    level, sent, status = None, 0, CANCELLED
    try:
        found = services.worklist(request) if root is None else services.find(request, root)
        level = found.level
        pending = PENDING_KEYS_IGNORED if found.ignored else PENDING
        for identifier in found.identifiers:
            if request.cancelled():
                break
            sent += 1
            yield FindAnswer(pending, identifier)
        else:
            status = SUCCESS
        last = FindAnswer(status)
    except PacsBridgeError as error:
        status = status_of(error)
        offending = error.offending if isinstance(error, UnfitIdentifier) else ()
        last = FindAnswer(status, comment=str(error), offending=offending)
    except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
        LOG.error("query failed", pacs=request.caller.pacs, error=type(error).__name__)  # noqa: TRY400
        status = CANNOT_PROCESS
        last = FindAnswer(status, comment="The node failed on this; tell the scheme.")
    finally:
        services.note(request.caller, root, level, status, sent)
    yield last


def status_of(error: PacsBridgeError) -> int:
    """Give the status for an error: its own, else that of the nearest class above it."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES),
                CANNOT_PROCESS)  # fmt: skip
