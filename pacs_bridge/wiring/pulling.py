"""Pulling marks out of PACS: the services with all they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.domain.pulling import Pulled


def build_pull(installation: Installation) -> Callable[..., Pulled]:
    """Join `services.pull.pull_marks`: what is pulled goes the way of what is pushed."""
    from pacs_bridge.scp.contexts import STORED
    from pacs_bridge.scp.status import store_status
    from pacs_bridge.services.group_commit import GroupCommit
    from pacs_bridge.services.known_cases import KnownCases
    from pacs_bridge.services.pull import pull_marks
    from pacs_bridge.services.pull_fetch import FetchMarks
    from pacs_bridge.services.receive import Rules, receive_object
    from pacs_bridge.wiring.peers import build_finder, build_retriever

    key = installation.config.secret("alien_hmac")
    take = partial(
        receive_object,
        begin=installation.begin,
        read=installation.read,
        commit=GroupCommit(installation.begin_for_many),
        archive=installation.archive,
        rules=Rules(STORED, key, store_status, asked_for=True),
        now=installation.now,
        known=KnownCases(),
    )
    fetch = FetchMarks(
        retriever=build_retriever(installation),
        take=take,
        read=installation.read,
        status_of=store_status,
        sop_classes=STORED,
        alien_key=key,
        most_bytes=installation.config.node.max_object_mb << 20,
    )
    return partial(
        pull_marks,
        begin=installation.begin,
        read=installation.read,
        finder=build_finder(installation),
        fetch=fetch,
        alien_key=key,
        sop_classes=STORED,
        now=installation.now,
    )


def pull_jobs(installation: Installation) -> dict[str, Any]:
    """Give what the jobs role does of it, as arguments of its `Services`."""
    from pacs_bridge.services.pull import pulls_due

    return {
        "pulls_due": partial(pulls_due, begin=installation.begin, now=installation.now),
        "pull_marks": build_pull(installation),
    }
