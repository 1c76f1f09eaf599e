"""Checking loads by what their PACS gives back: the services with all they need."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.peers import build_peer, build_retriever

if TYPE_CHECKING:
    from pacs_bridge.domain.intact import IntactCheck
    from pacs_bridge.domain.probing import ProbeReport
    from pacs_bridge.services.withdraw import Withdrawn


def build_check(installation: Installation) -> Callable[..., IntactCheck]:
    """Join `services.intact.check_load`."""
    from pacs_bridge.services.intact import check_load
    from pacs_bridge.services.moved import watch_arrivals

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
    from pacs_bridge.services.rehearsals import rehearsals_due, rehearse_for_round
    from pacs_bridge.services.withdraw import check_withdrawal, withdrawals_due
    from pacs_bridge.services.withdraw_feedback import feedback_due
    from pacs_bridge.wiring.rehearse import build_rehearse

    begin, now, url = installation.begin, installation.now, installation.config.web.public_url
    within = _withdraw_within(installation)
    ahead = timedelta(days=installation.config.loading.rehearse_days)

    def all_due() -> None:
        checks_due(begin=begin, now=now)
        withdrawals_due(begin=begin, now=now, within=within, public_url=url)
        feedback_due(begin=begin, now=now)
        rehearsals_due(begin=begin, now=now, ahead=ahead)

    return {
        "check_intact": build_check(installation),
        "check_withdrawal": partial(
            check_withdrawal,
            begin=begin,
            peer=build_peer(installation),
            now=now,
            public_url=url,
        ),
        "checks_due": all_due,
        "rehearse": partial(
            rehearse_for_round,
            begin=begin,
            rehearse=build_rehearse(installation),
            now=now,
            public_url=url,
        ),
    }


def build_withdraw(installation: Installation) -> Callable[..., Withdrawn]:
    """Join `services.withdraw.withdraw_load`."""
    from pacs_bridge.services.withdraw import withdraw_load

    return partial(
        withdraw_load,
        begin=installation.begin,
        peer=build_peer(installation),
        now=installation.now,
        within=_withdraw_within(installation),
        public_url=installation.config.web.public_url,
    )


def _withdraw_within(installation: Installation) -> timedelta:
    return timedelta(days=installation.config.loading.withdraw_days)


def build_probe(installation: Installation, *, stores: bool = False) -> Callable[..., ProbeReport]:
    """Join `services.probe.probe_pacs`.

    Parameters
    ----------
    stores : bool
        Whether synthetic objects are really stored.
    """
    from pacs_bridge.services.probe import probe_pacs
    from pacs_bridge.services.probe_store import Trial
    from pacs_bridge.wiring.isolation import facts_apart
    from pacs_bridge.wiring.peers import build_prober
    from pacs_bridge.wiring.rehearse import rehearsal_set
    from pacs_bridge.wiring.site_pack import our_node

    prober, peer = build_prober(installation), build_peer(installation)
    retriever = build_retriever(installation)
    trial = Trial(
        installation.begin,
        partial(rehearsal_set, installation),
        prober,
        peer,
        retriever,
        installation.archive,
        installation.now,
    )
    return partial(
        probe_pacs,
        begin=installation.begin,
        prober=prober,
        peer=peer,
        retriever=retriever,
        now=installation.now,
        node=our_node(installation.config),
        trial=trial if stores else None,
        apart=facts_apart(installation),
    )
