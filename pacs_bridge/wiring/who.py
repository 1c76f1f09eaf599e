"""What a reader's pages of viewer and claims call."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.web.context import WhoServices


def build_who(installation: Installation) -> WhoServices:
    """Join them."""
    return who_services(
        begin=installation.begin,
        now=installation.now,
        settle=installation.config.marks.settle,
        redraw=build_redraw(),
    )


def redraw(picture: bytes) -> bytes:
    """Draw an uploaded picture anew; runs in a limited child process."""
    from pacs_bridge.services.saving_help import redraw_picture

    return redraw_picture(picture)


def build_redraw() -> Callable[[bytes], bytes]:
    """Give what draws uploaded pictures anew, in a process that may die of one."""
    from pacs_bridge.jobs.limits import LimitedReader

    return LimitedReader(redraw, wall_seconds=20, cpu_seconds=20)


def who_services(*, redraw: Callable[[bytes], bytes] = redraw, **ports: Any) -> WhoServices:
    """Join them out of ``begin``, ``now`` and ``settle``, and what draws pictures anew."""
    from pacs_bridge.services import (
        claims,
        handshake,
        own_saves,
        reading_sessions,
        saving_help,
    )
    from pacs_bridge.web.context import WhoServices

    known = {"begin": ports["begin"], "now": ports["now"]}
    return WhoServices(
        show_handshake=partial(handshake.show_handshake, **known),
        ask_handshake=partial(handshake.issue_handshake, **known),
        stop_handshake=partial(handshake.give_up, **known),
        show_session=partial(reading_sessions.show_session, **known),
        open_session=partial(reading_sessions.open_session, **known),
        close_session=partial(reading_sessions.close_session, **known),
        finish_case=partial(reading_sessions.finish_case, **known),
        claimable=partial(claims.claimable, **known),
        claim_objects=partial(claims.claim_objects, **ports),
        none_of_these=partial(claims.none_of_these, **known),
        dispute_claim=partial(claims.dispute_claim, **ports),
        show_saving=partial(saving_help.show_saving, begin=ports["begin"]),
        readers_saving=partial(saving_help.readers_saving, begin=ports["begin"]),
        state_own=partial(own_saves.state_own, **ports),
        set_saving=partial(saving_help.set_saving, redraw=redraw, **known),
    )
