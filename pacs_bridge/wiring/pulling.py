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
    from pacs_bridge.services.held import Budget
    from pacs_bridge.services.pull import pull_marks
    from pacs_bridge.services.pull_fetch import FetchMarks
    from pacs_bridge.services.receive import Rules
    from pacs_bridge.services.reception import Desk
    from pacs_bridge.wiring.node import bounds_of, receptions
    from pacs_bridge.wiring.peers import build_finder, build_retriever

    key, bounds = installation.config.secret("alien_hmac"), bounds_of(installation.config.node)
    desk = Desk(
        begin=installation.begin,
        read=installation.read,
        commit=GroupCommit(installation.begin_for_many),
        archive=installation.archive,
        rules=Rules(STORED, key, store_status, asked_for=True),
        now=installation.now,
        undecided=Budget(bounds.undecided_bytes),
        most_mark_bytes=bounds.object_bytes,
    )
    fetch = FetchMarks(
        retriever=build_retriever(installation),
        open_reception=receptions(desk),
        read=installation.read,
        status_of=store_status,
        sop_classes=STORED,
        alien_key=key,
        most_bytes=bounds.object_bytes,
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
