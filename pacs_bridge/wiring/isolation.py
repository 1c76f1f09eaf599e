"""Keeping readers apart: the services with all they need."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.db.unit_of_work import Begin
    from pacs_bridge.domain.pacs import Pacs
    from pacs_bridge.domain.ports import Clock
    from pacs_bridge.domain.probing import Fact
    from pacs_bridge.services.isolation import IsolationNow
    from pacs_bridge.services.mark_removal import SendNotes
    from pacs_bridge.web.context import IsolationServices


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


def isolation_jobs(installation: Installation) -> dict[str, Any]:
    """Give what the jobs role does of it, as arguments of its `Services`."""
    from pacs_bridge.services.clear_turn import clear_turn
    from pacs_bridge.services.exposure import exposures_due, watch_exposure
    from pacs_bridge.services.turns import turns_due
    from pacs_bridge.wiring.peers import build_finder

    begin, now, url = installation.begin, installation.now, installation.config.web.public_url
    finder = build_finder(installation)

    def all_due() -> None:
        exposures_due(begin=begin, now=now)
        turns_due(begin=begin, now=now)

    return {
        "isolation_due": all_due,
        "watch_exposure": partial(
            watch_exposure, begin=begin, finder=finder, now=now, public_url=url
        ),
        "clear_turn": partial(
            clear_turn,
            begin=begin,
            finder=finder,
            reject=build_reject(installation),
            now=now,
            public_url=url,
        ),
    }


def build_isolation(installation: Installation) -> IsolationServices:
    """Join what the pages call."""
    return isolation_services(
        begin=installation.begin,
        read=installation.read,
        now=installation.now,
        ask=build_ask(installation),
        reject=build_reject(installation),
        public_url=installation.config.web.public_url,
    )


def isolation_services(
    *,
    begin: Begin,
    now: Clock,
    ask: Callable[..., IsolationNow],
    reject: SendNotes,
    read: Begin | None = None,
    public_url: str = "",
) -> IsolationServices:
    """Join what the pages call out of its ports."""
    from pacs_bridge.services import exposure_lift, isolation, turns
    from pacs_bridge.services.case_opened import CaseOpened
    from pacs_bridge.web.context import IsolationServices

    def ask_now(pacs: str, *, remove: bool = False, **more: Any) -> IsolationNow:
        return ask(pacs, reject=reject if remove else None, **more)

    known: dict[str, Any] = {"begin": begin, "now": now}
    return IsolationServices(
        show=partial(isolation.show_isolation, **known),
        ask=ask_now,
        say_seen=partial(isolation.say_what_was_seen, **known),
        take_back=partial(isolation.take_back, **known),
        turns=partial(turns.show_turns, begin=begin),
        hand_on=partial(turns.hand_on, **known),
        my_turn=partial(turns.my_turn, **known),
        finish_turn=partial(turns.finish_turn, **known),
        exposed=partial(exposure_lift.list_exposed, begin=begin),
        lift=partial(exposure_lift.lift_exposure, **known),
        opened=CaseOpened(begin, read or begin, now, public_url),
    )


def facts_apart(installation: Installation) -> Callable[[Pacs], list[Fact]]:
    """Join what a probe asks about keeping readers apart; what that proves is kept."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.domain.pacs import Isolation
    from pacs_bridge.domain.probing import Fact

    ask = build_ask(installation)

    def facts(pacs: Pacs) -> list[Fact]:
        if pacs.isolation is Isolation.SHEET:
            return []
        try:
            found = ask(pacs.name)
        except RefusedInput as refused:
            return [Fact("keeps readers apart", works=None, detail=str(refused))]
        standing = found.standing
        said = standing.why or f"as {standing.claimed.value}"
        return [*found.facts, Fact("keeps readers apart", standing.is_proven, said)]

    return facts
