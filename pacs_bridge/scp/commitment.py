"""Storage commitment at the node: requests of PACS, and their reports on requests of ours.

References
----------
PS3.4 J.3.2, J.3.3; PS3.7 sections 10.1.1, 10.1.4 and annex C (statuses).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from pacs_bridge.domain.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    CommitmentReport,
    CommitmentRequest,
    RefusedRequest,
    Route,
)
from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.objects import Caller
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.commitment import NO_SUCH_CLASS, NO_SUCH_INSTANCE, hear_report
from pacs_bridge.upper_layer.contract import SUCCESS, Notice, Question, Reply
from pacs_bridge.upper_layer.references import PROCESSING_FAILURE, decode_request, encode_report

LOG = structlog.get_logger()
NO_SUCH_ACTION, DUPLICATE_TRANSACTION = 0x0123, 0x0131
MISSING, INVALID, TOO_MANY = 0x0120, 0x0115, 0x0213
NO_SUCH_EVENT = 0x0113

MEANINGS = {
    SUCCESS: "The request is kept, and will be reported on; the report, or notification, is kept",
    PROCESSING_FAILURE: "The data set is damaged, the database is busy, or the PACS is paused "
    "here; of a report: no transaction of ours has its UID",
    NO_SUCH_INSTANCE: "Not the well-known SOP instance of storage commitment",
    NO_SUCH_EVENT: "Not an event type of storage commitment",
    INVALID: "A UID or an availability is none",
    NO_SUCH_CLASS: "A SOP class that has no such service",
    MISSING: "Something that must be there is missing, or no object is named",
    NO_SUCH_ACTION: "Not the action of storage commitment",
    0x0124: "A notification about no case of this scheme; nothing of it is kept",
    DUPLICATE_TRANSACTION: "The transaction UID is in use for other objects",
    TOO_MANY: "More objects than are taken in one request, or too many requests wait",
}
"""What each status tells; the conformance statement lists the same."""

REPORTED_REASONS = {
    0x0110: "It was stored, and its bytes cannot be found",
    0x0112: "No such object was stored by the application entity that asks",
    0x0119: "It was stored under another SOP class",
    0x0122: "Objects of this SOP class are not taken",
}
"""Why we do not commit to an object; the conformance statement lists the same."""


@dataclass(frozen=True)
class CommitmentServices:
    """What storage commitment calls; joined by wiring, every other argument already given.

    Parameters
    ----------
    take_request : callable
        Gives the number of a request that it took on, or None of one that came again.
    make_report : callable
        Claims a request and judges it; None where there is nothing to report any more.
    settle : callable
        Keeps what the PACS answered to a report.
    take_report : callable
        Keeps a report of the PACS with that name.
    """

    take_request: Callable[[Caller, CommitmentRequest], int | None]
    make_report: Callable[[int], CommitmentReport | None]
    settle: Callable[[int, CommitmentReport, int | None, Route], None]
    take_report: Callable[[CommitmentReport, Route, str], None]


def answer_commitment(
    question: Question, *, services: CommitmentServices
) -> Iterator[Reply] | None:
    """Answer an N-ACTION or N-EVENT-REPORT; None for any other request."""
    match question.command.field:
        case Field.N_ACTION:
            return iter((on_n_action(question, services),))
        case Field.N_EVENT_REPORT:
            return iter((on_n_event_report(question, services),))
    return None


def on_n_action(question: Question, services: CommitmentServices) -> Reply:
    """Answer a request to commit: Success only when it and its job are committed.

    The report is made on the same association, when that is quiet for a moment; where it ends
    before, the job makes it on a new one.
    """
    command = question.command
    if command.requested_sop_class_uid != PUSH_MODEL:
        return Reply(NO_SUCH_CLASS, comment="Only storage commitment has an action here.")
    if command.requested_sop_instance_uid != PUSH_MODEL_INSTANCE:
        return Reply(NO_SUCH_INSTANCE, comment="Not the instance of storage commitment.")
    if command.action_type_id != REQUEST_COMMITMENT:
        return Reply(NO_SUCH_ACTION, comment="Not the action of storage commitment.")
    try:
        request = decode_request(question.data_set, question.transfer_syntax_uid)
        custody_id = services.take_request(question.caller, request)
    except RefusedRequest as refused:
        return Reply(refused.status, comment=str(refused))
    except PacsBridgeError as error:
        return Reply(PROCESSING_FAILURE, comment=str(error))
    except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
        LOG.error("commitment failed", pacs=question.caller.pacs, error=type(error).__name__)  # noqa: TRY400
        return Reply(PROCESSING_FAILURE, comment="The node failed on this; tell the scheme.")
    if custody_id is not None:
        question.notify(_notice(custody_id, question.transfer_syntax_uid, services))
    return Reply(SUCCESS)


def _notice(custody_id: int, transfer_syntax_uid: str, services: CommitmentServices) -> Notice:
    made: list[CommitmentReport] = []

    def make() -> tuple[int, bytes] | None:
        report = services.make_report(custody_id)
        if report is None:
            return None
        made.append(report)
        return report.event_type, encode_report(report, transfer_syntax_uid)

    def answered(status: int | None) -> None:
        services.settle(custody_id, made[-1], status, Route.SAME)

    return Notice(PUSH_MODEL, PUSH_MODEL_INSTANCE, make, answered)


def on_n_event_report(question: Question, services: CommitmentServices) -> Reply:
    """Answer a report on a request of ours."""

    def take(report: CommitmentReport) -> None:
        services.take_report(report, Route.NEW, question.caller.pacs or "")

    answer = hear_report(question.command, question.transfer_syntax_uid, question.data_set, take)
    return Reply(answer.status, comment=answer.comment)
