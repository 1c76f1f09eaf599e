"""A report on storage commitment, whichever side of an association it comes to.

References
----------
PS3.4 J.3.3; PS3.7 section 10.1.1.1.8 (statuses).
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from pacs_bridge.domain.commitment import (
    ALL_COMMITTED,
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    SOME_FAILED,
    CommitmentReport,
    RefusedRequest,
)
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.upper_layer.command import Command
from pacs_bridge.upper_layer.contract import SUCCESS, Answer
from pacs_bridge.upper_layer.references import PROCESSING_FAILURE, decode_report

LOG = structlog.get_logger()
NO_SUCH_INSTANCE, NO_SUCH_EVENT, NO_SUCH_CLASS = 0x0112, 0x0113, 0x0118


def hear_report(
    command: Command,
    transfer_syntax_uid: str,
    data_set: bytes | memoryview,
    take: Callable[[CommitmentReport], None],
) -> Answer:
    """Answer an N-EVENT-REPORT; does not raise.

    Parameters
    ----------
    take : callable
        Keeps the report, or raises why not.
    """
    if command.affected_sop_class_uid != PUSH_MODEL:
        return Answer(NO_SUCH_CLASS, "Only storage commitment is reported here.")
    if command.affected_sop_instance_uid != PUSH_MODEL_INSTANCE:
        return Answer(NO_SUCH_INSTANCE, "Not the well-known instance of storage commitment.")
    if command.event_type_id not in (ALL_COMMITTED, SOME_FAILED):
        return Answer(NO_SUCH_EVENT, "Not an event of storage commitment.")
    try:
        take(decode_report(data_set, transfer_syntax_uid))
    except RefusedRequest as refused:
        return Answer(refused.status, str(refused))
    except PacsBridgeError as error:
        return Answer(PROCESSING_FAILURE, str(error))
    except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
        LOG.error("report not kept", error=type(error).__name__)  # noqa: TRY400
        return Answer(PROCESSING_FAILURE, "The report could not be kept; report again.")
    return Answer(SUCCESS)
