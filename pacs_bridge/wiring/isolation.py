"""Keeping readers apart: the services with all they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.services.isolation import IsolationNow
    from pacs_bridge.services.mark_removal import SendNotes


def build_ask(installation: Installation) -> Callable[..., IsolationNow]:
    """Join `services.isolation_ask.ask_isolation`."""
    from pacs_bridge.services.isolation_ask import ask_isolation
    from pacs_bridge.wiring.peers import build_finder, build_retriever

    return partial(
        ask_isolation,
        begin=installation.begin,
        finder=build_finder(installation),
        retriever=build_retriever(installation),
        now=installation.now,
    )


def build_reject(installation: Installation) -> SendNotes:
    """Join what has marks removed by a rejection note; see `services.mark_removal`."""
    from pacs_bridge.services.mark_removal import send_notes
    from pacs_bridge.wiring.peers import build_peer

    return partial(send_notes, peer=build_peer(installation), now=installation.now)
