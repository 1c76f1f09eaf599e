"""C-MOVE and C-GET: a request in, the count of sub-operations after each, a status at the end.

References
----------
PS3.4 C.4.2.1, C.4.3.1 and tables C.4-2, C.4-3 (statuses); PS3.7 9.1.3, 9.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import structlog

from pacs_bridge.domain.errors import PacsBridgeError, RetryLater
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.domain.query import (
    FAILED_INSTANCES,
    GET,
    MOVE,
    RetrieveAnswer,
    RetrieveRequest,
    Root,
    UnfitIdentifier,
)
from pacs_bridge.scp.query import (
    CANCELLED,
    CANNOT_PROCESS,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_KEYS_IGNORED,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    UNFIT,
    UNKNOWN_DESTINATION,
    status_of,
)
from pacs_bridge.services.query_tables import encode_element
from pacs_bridge.services.retrieve import Summary, Tally, Wanted
from pacs_bridge.upper_layer.prescan import is_explicit

LOG = structlog.get_logger()

SOME_FAILED, ALL_FAILED, CANNOT_COUNT = 0xB000, 0xA702, 0xA701

MEANINGS = {
    SUCCESS: "All was answered, or sent and taken",
    PENDING: "A match, or sub-operations go on",
    PENDING_KEYS_IGNORED: "A match; the question had keys that are not supported",
    CANCELLED: "Ended by C-CANCEL",
    SOME_FAILED: "Sub-operations ended; some failed or gave a warning",
    ALL_FAILED: "No sub-operation succeeded",
    CANNOT_COUNT: "More objects, or busier, than is served at once; ask for less or later",
    OUT_OF_RESOURCES: "More matches, or busier, than is answered at once; ask for less or later",
    UNKNOWN_DESTINATION: "The destination is not registered for the PACS that asks",
    UNFIT: "The identifier lacks a unique key, or does not fit the model (Offending Element)",
    CANNOT_PROCESS: "The identifier is damaged or too long",
    SOP_CLASS_NOT_SUPPORTED: "The SOP class is not one of these models",
}
"""What each status of a query or retrieval tells; the conformance statement lists the same."""


@dataclass(frozen=True)
class RetrieveServices:
    """What a retrieval calls; joined by wiring, every other argument already given."""

    find: Callable[[RetrieveRequest, Root], Wanted]
    send: Callable[[Wanted], Iterator[StoreAnswer]]
    note: Callable[[Summary], None]


def on_c_move(
    request: RetrieveRequest, services: RetrieveServices
) -> Generator[RetrieveAnswer, None, None]:
    """Answer a C-MOVE: objects go to the named endpoint of the PACS that asks, or nowhere."""
    return _retrieve(request, MOVE.get(request.sop_class_uid), "move", services, services.send)


def on_c_get(
    request: RetrieveRequest,
    services: RetrieveServices,
    *,
    send_back: Callable[[Sendable], StoreAnswer],
) -> Generator[RetrieveAnswer, None, None]:
    """Answer a C-GET: objects go back over the same association.

    Parameters
    ----------
    send_back : callable
        Stores one object; a status says what became of it.
    """

    def send(wanted: Wanted) -> Iterator[StoreAnswer]:
        return map(send_back, wanted.objects)

    return _retrieve(request, GET.get(request.sop_class_uid), "get", services, send)


def _retrieve(
    request: RetrieveRequest,
    root: Root | None,
    service: str,
    services: RetrieveServices,
    send: Callable[[Wanted], Iterator[StoreAnswer]],
) -> Generator[RetrieveAnswer, None, None]:
    if root is None:
        yield RetrieveAnswer(SOP_CLASS_NOT_SUPPORTED, comment="Not a model that is answered here.")
        return
    tally, level, status = Tally(0), None, CANCELLED
    try:
        wanted = services.find(request, root)
        level = wanted.level
        tally.remaining = len(wanted.objects)
        tally.failed.extend(wanted.missing)
        if tally.remaining:
            yield _pending(tally)
        with closing(_as_generator(send(wanted))) as answers:
            cancelled = yield from _carry_out(request, wanted, answers, tally)
        status = CANCELLED if cancelled else _end_status(tally)
        last = _last(request, status, tally)
    except PacsBridgeError as error:
        status = _status_of(error)
        offending = error.offending if isinstance(error, UnfitIdentifier) else ()
        last = RetrieveAnswer(status, comment=str(error), offending=offending)
    except Exception as error:  # noqa: BLE001  no peer may end the thread it is served by
        LOG.error("retrieval failed", pacs=request.caller.pacs, error=type(error).__name__)  # noqa: TRY400
        status = CANNOT_PROCESS
        last = RetrieveAnswer(status, comment="The node failed on this; tell the scheme.")
    finally:
        services.note(Summary(request.caller, service, root, level, status, tally))
    yield last


def _carry_out(
    request: RetrieveRequest, wanted: Wanted, answers: Iterator[StoreAnswer], tally: Tally
) -> Generator[RetrieveAnswer, None, bool]:
    """Go through the sub-operations; gives whether they were cancelled.

    What was not answered when the conversation ended has failed.
    """
    waiting = dict.fromkeys(each.sop_instance_uid for each in wanted.objects)
    while tally.remaining:
        if request.cancelled():
            return True
        answer = next(answers, None)
        if answer is None:
            tally.failed.extend(waiting)
            tally.remaining = 0
            break
        waiting.pop(answer.sop_instance_uid, None)
        tally.count(answer)
        if tally.remaining:
            yield _pending(tally)
    return False


def _as_generator(answers: Iterator[StoreAnswer]) -> Generator[StoreAnswer, None, None]:
    yield from answers


def _pending(tally: Tally) -> RetrieveAnswer:
    return RetrieveAnswer(
        PENDING, tally.remaining, tally.completed, len(tally.failed), tally.warning
    )


def _last(request: RetrieveRequest, status: int, tally: Tally) -> RetrieveAnswer:
    """Count all, and list what failed (PS3.4 C.4.2.1.4.2)."""
    identifier = b""
    if tally.failed:
        explicit = is_explicit(request.transfer_syntax_uid)
        failed = "\\".join(tally.failed)
        identifier = encode_element(FAILED_INSTANCES, "UI", failed, explicit=explicit)
    return RetrieveAnswer(
        status,
        tally.remaining,
        tally.completed,
        len(tally.failed),
        tally.warning,
        identifier,
    )


def _end_status(tally: Tally) -> int:
    if not tally.failed and not tally.warning:
        return SUCCESS
    return SOME_FAILED if tally.completed or tally.warning else ALL_FAILED


def _status_of(error: PacsBridgeError) -> int:
    return CANNOT_COUNT if isinstance(error, RetryLater) else status_of(error)
