"""What the jobs do with objects that arrived, done at once in the test's own process."""

from __future__ import annotations

from functools import partial

from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.extract import extract_object
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.jobs import read_archived


def read_waiting(home: Installation) -> list[str]:
    """Read all that waits; gives what became of each."""
    begin, read, archive = home.begin, home.read, home.archive
    while hand_over(begin=begin, read=read, archive=archive):
        pass
    with read() as uow:
        waiting = [each.sop_instance_uid for each in uow.objects.in_state("received")]
    extract = partial(
        extract_object, begin=begin, archive=archive, read_file=read_archived,
        now=home.now, settle=60.0,
    )  # fmt: skip
    return [extract(uid) for uid in waiting]
