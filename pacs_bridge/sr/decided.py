"""What one object decides of each breast, however often it says so."""

from __future__ import annotations

from collections.abc import Iterable

from pacs_bridge.domain.marks import BreastDecision
from pacs_bridge.sr.unread import Unread


def unite(said: Iterable[BreastDecision], unread: Unread) -> tuple[BreastDecision, ...]:
    """Join what is said of each breast, right first.

    Two different decisions for one breast in one object give none and a conflict; two
    different ratings give none, since a breast's rating is otherwise its highest mark's.
    """
    breasts = []
    everything = list(said)
    for side in ("R", "L"):
        mine = [each for each in everything if each.laterality == side]
        if not mine:
            continue
        decisions = {each.decision for each in mine if each.decision is not None}
        ratings = {each.rating for each in mine if each.rating is not None}
        densities = {each.density for each in mine if each.density is not None}
        if len(decisions) > 1:
            unread.add("decision-conflict")
        breasts.append(
            BreastDecision(
                side,
                decisions.pop() if len(decisions) == 1 else None,
                ratings.pop() if len(ratings) == 1 else None,
                densities.pop() if len(densities) == 1 else None,
            )
        )
    return tuple(breasts)
