"""Instance Availability Notification at the node.

References
----------
PS3.4 annex R; PS3.7 section 10.1.5 (N-CREATE).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence

import structlog

from pacs_bridge.domain.commitment import Reference, RefusedRequest
from pacs_bridge.domain.errors import PacsBridgeError, UnreadableObject
from pacs_bridge.domain.identifiers import parse_uid
from pacs_bridge.domain.objects import Caller
from pacs_bridge.services.availability import NOTIFICATION
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.commitment import NO_SUCH_CLASS
from pacs_bridge.upper_layer.contract import SUCCESS, Question, Reply
from pacs_bridge.upper_layer.references import INVALID, PROCESSING_FAILURE, decode_availability

LOG = structlog.get_logger()

TakeNotification = Callable[[Caller, str, Sequence[tuple[Reference, str, str]], int], None]
"""Keeps a notification: caller, study, objects, bytes; raises why not."""


def answer_notification(question: Question, *, take: TakeNotification) -> Iterator[Reply] | None:
    """Answer an N-CREATE; None for any other request."""
    if question.command.field != Field.N_CREATE:
        return None
    return iter((on_n_create(question, take),))


def on_n_create(question: Question, take: TakeNotification) -> Reply:
    """Answer a notification: Success only when it is kept."""
    command, size = question.command, len(question.data_set)
    if command.affected_sop_class_uid != NOTIFICATION:
        return Reply(NO_SUCH_CLASS, comment="Only availability is notified here.")
    named = command.affected_sop_instance_uid
    try:
        uid = str(parse_uid(named)) if named else f"2.25.{uuid.uuid4().int}"
    except UnreadableObject:
        return Reply(INVALID, comment="The SOP Instance UID is none.")
    try:
        study, objects = decode_availability(question.data_set, question.transfer_syntax_uid)
        take(question.caller, study, objects, size)
    except RefusedRequest as refused:
        return Reply(refused.status, comment=str(refused))
    except PacsBridgeError as error:
        return Reply(PROCESSING_FAILURE, comment=str(error))
    except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
        LOG.error("notice failed", pacs=question.caller.pacs, error=type(error).__name__)  # noqa: TRY400
        return Reply(PROCESSING_FAILURE, comment="The node failed on this; tell the scheme.")
    return Reply(SUCCESS, sop_instance_uid=uid)
