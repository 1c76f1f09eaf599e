"""What answers the questions and retrievals of PACS in an installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

from pacs_bridge.domain.ports import PacsPeer, StoreAnswer
from pacs_bridge.domain.query import FindRequest
from pacs_bridge.scp.query import QueryServices
from pacs_bridge.scp.query_replies import answer_question
from pacs_bridge.scp.retrieve import RetrieveServices
from pacs_bridge.services import query, retrieve
from pacs_bridge.services.event_log import EventLog
from pacs_bridge.services.query_index import QueryIndex
from pacs_bridge.services.query_times import study_time_in
from pacs_bridge.upper_layer.contract import Question, Reply
from pacs_bridge.wiring.installation import Installation


def build_desk(installation: Installation) -> Callable[[Question], Iterator[Reply] | None]:
    """Join index, database and archive, and our side towards PACS for what is moved."""
    read, now = installation.read, installation.now
    log = EventLog(installation.begin)
    index = QueryIndex(study_time_in(installation.archive))

    @cache
    def peer() -> PacsPeer:
        from pacs_bridge.wiring.peers import build_peer  # heavy, and moves are rare

        return build_peer(installation)

    def find_worklist(request: FindRequest) -> query.Found:
        from pacs_bridge.services import worklist  # its parser takes 40 MB, and few ask for one

        return worklist.find_worklist(request, read=read)

    def send(wanted: retrieve.Wanted) -> Iterator[StoreAnswer]:
        return retrieve.send_to(wanted, peer=peer())

    return partial(
        answer_question,
        queries=QueryServices(
            find=partial(query.find_matches, read=read, index=index),
            worklist=find_worklist,
            note=partial(query.note_query, log=log, now=now),
        ),
        retrievals=RetrieveServices(
            find=partial(
                retrieve.find_wanted, read=read, index=index, archive=installation.archive
            ),
            send=send,
            note=partial(retrieve.note_retrieval, log=log, now=now),
        ),
    )
