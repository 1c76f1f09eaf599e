"""The upper layer's questions become requests of ours, and our answers its replies.

References
----------
PS3.7 sections 9.1.2 to 9.1.4 (C-FIND, C-GET, C-MOVE).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

from pacs_bridge.domain.query import FindRequest, RetrieveAnswer, RetrieveRequest
from pacs_bridge.scp.query import CANCELLED, PENDING, QueryServices, on_c_find
from pacs_bridge.scp.retrieve import RetrieveServices, on_c_get, on_c_move
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.contract import Question, Reply

_LOOK_EVERY = 128
"""Matches between two looks whether a cancel came: some 30 KB."""


def answer_question(
    question: Question, *, queries: QueryServices, retrievals: RetrieveServices
) -> Iterator[Reply] | None:
    """Answer a C-FIND, C-MOVE or C-GET; None for any other request."""
    match question.command.field:
        case Field.C_FIND:
            return _find(question, queries)
        case Field.C_MOVE:
            destination = question.command.move_destination or ""
            return _counted(on_c_move(_retrieval(question, destination), retrievals))
        case Field.C_GET:
            return _counted(
                on_c_get(_retrieval(question, None), retrievals, send_back=question.send_back)
            )
    return None


def _find(question: Question, services: QueryServices) -> Iterator[Reply]:
    request = FindRequest(
        question.caller,
        question.command.affected_sop_class_uid or "",
        question.transfer_syntax_uid,
        question.data_set,
        _now_and_then(question.cancelled),
    )
    with closing(on_c_find(request, services)) as answers:
        for each in answers:
            yield Reply(
                each.status,
                each.identifier,
                each.comment,
                each.offending,
                at_once=not each.identifier,
            )


def _retrieval(question: Question, destination: str | None) -> RetrieveRequest:
    return RetrieveRequest(
        question.caller,
        question.command.affected_sop_class_uid or "",
        question.transfer_syntax_uid,
        question.data_set,
        destination,
        question.cancelled,
        question.command.message_id or 0,
    )


def _counted(answers: Generator[RetrieveAnswer, None, None]) -> Iterator[Reply]:
    """Count what remains only while some may remain (PS3.4 C.4.2.1.6)."""
    with closing(answers):
        for each in answers:
            is_open = each.status in (PENDING, CANCELLED)
            yield Reply(
                each.status,
                each.identifier,
                each.comment,
                each.offending,
                each.remaining if is_open else None,
                each.completed,
                each.failed,
                each.warning,
            )


def _now_and_then(look: Callable[[], bool]) -> Callable[[], bool]:
    count = 0

    def cancelled() -> bool:
        nonlocal count
        count += 1
        return count % _LOOK_EVERY == 0 and look()

    return cancelled
