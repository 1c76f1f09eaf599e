"""Checking loads by what their PACS gives back: the services with all they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.domain.intact import IntactCheck


def build_check(installation: Installation) -> Callable[..., IntactCheck]:
    """Join `services.intact.check_load`."""
    from pacs_bridge.services.intact import check_load
    from pacs_bridge.services.moved import watch_arrivals
    from pacs_bridge.wiring.peers import build_retriever

    return partial(
        check_load,
        begin=installation.begin,
        peer=build_retriever(installation),
        archive=installation.archive,
        now=installation.now,
        moved=partial(watch_arrivals, read=installation.read, archive=installation.archive),
        public_url=installation.config.web.public_url,
    )


def check_jobs(installation: Installation) -> dict[str, Any]:
    """Give what the jobs role does of checks, as arguments of its `Services`."""
    from pacs_bridge.services.intact import checks_due

    return {
        "check_intact": build_check(installation),
        "checks_due": partial(checks_due, begin=installation.begin, now=installation.now),
    }
