"""Which jobs there are and the queue each waits in.

A job's name is what services say to `Enqueue`; names and queues are kept in the database,
so a name that was ever released is never given another meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION = "pacs-bridge"
VERSION = "1"
"""Fixed, so that work queued by one release is taken up by the next."""


@dataclass(frozen=True)
class Lane:
    """One queue.

    Parameters
    ----------
    concurrency : int
        How many of its jobs run at once on this host.
    partitioned : bool
        One at a time for each partition key: for loads, that is each PACS.
    """

    name: str
    concurrency: int
    partitioned: bool = False


LOADS = Lane("pb_loads", 64, partitioned=True)  # one that waits for its PACS costs little
OBJECTS = Lane("pb_objects", 24)
FORWARD = Lane("pb_forward", 12)
MAIL = Lane("pb_mail", 1)
REPORTS = Lane("pb_reports", 4)
LANES = (LOADS, OBJECTS, FORWARD, MAIL, REPORTS)

JOBS = {
    "load": LOADS,
    "verify": LOADS,
    "check_intact": LOADS,
    "commit_load": LOADS,
    "check_withdrawal": LOADS,
    "rehearse": LOADS,
    "extract": OBJECTS,
    "came_back": OBJECTS,
    "close": OBJECTS,
    "forward": FORWARD,
    "deliver_truth": FORWARD,
    "mail": MAIL,
    "report_commitment": REPORTS,
    "pull_marks": REPORTS,
}
