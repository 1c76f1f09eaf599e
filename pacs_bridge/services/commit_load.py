"""Storage commitment of a load, asked for once its images are stored.

It never makes a load ready, and no report is no failure: only finding every image proves a load.
"""

from __future__ import annotations

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.commitment import Committer
from pacs_bridge.domain.errors import GiveUp, RetryLater
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.commitment import ask_commitment


def queue_commitment(load_id: int, run: int, *, begin: Begin) -> None:
    """Queue the question, beside the load's own job: neither waits for the other."""
    with begin() as uow:
        load = uow.loads.get(load_id)
        key, partition = f"commit-{load_id}-{run}", f"{load.pacs} commitment"
        uow.enqueue("commit_load", load_id, key=key, partition=partition)


def commit_load(
    load_id: int, *, begin: Begin, peer: Committer, now: Clock, seconds: float = 2.0
) -> None:
    """Ask the PACS of a load to commit to what it has stored, once.

    A PACS that cannot be asked, or offers no storage commitment, costs an event and nothing
    else; `load commit` asks again.
    """
    try:
        ask_commitment(load_id, begin=begin, peer=peer, now=now, seconds=seconds)
    except (RetryLater, GiveUp) as error:
        with begin() as uow:
            load = uow.loads.get(load_id)
            uow.events.add(
                now(), "commitment-not-asked", load.pacs, load=load_id, reason=str(error)[:200]
            )
