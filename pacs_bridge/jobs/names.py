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
    poll : float
        Seconds between two looks for jobs that are due.
    """

    name: str
    concurrency: int
    partitioned: bool = False
    poll: float = 0.2


LOADS = Lane("pb_loads", 1000, partitioned=True)
"""Wider than there are PACS: each has one job at a time, and most of them only wait for theirs.

In a narrower lane those that wait for a PACS that is slow or dead keep all others from theirs.
"""

OBJECTS = Lane("pb_objects", 24)
"""The way to a receipt: a reader waits at its end, so nothing else goes along it."""

IMAGES = Lane("pb_images", 2, poll=0.5)
CLOSING = Lane("pb_closing", 4, poll=1.0)  # after a minute of silence: a second more is nothing
FORWARD = Lane("pb_forward", 12, poll=0.5)
MAIL = Lane(
    "pb_mail", 256, poll=1.0
)  # one is sent at a time; the others wait for a mailbox that is full
REPORTS = Lane("pb_reports", 256)  # most of them wait for a PACS that takes no report now
PULLS = Lane("pb_pulls", 1000, partitioned=True, poll=1.0)
LANES = (LOADS, OBJECTS, IMAGES, CLOSING, FORWARD, MAIL, REPORTS, PULLS)


@dataclass(frozen=True)
class Part:
    """What one process of the jobs does.

    Parameters
    ----------
    host_id : str
        Under which it takes up again what it left when it was killed.
    takes_arrivals : bool
        Whether it takes received objects out of the database.
    keeps_time : bool
        Whether it does what is due by the clock.
    """

    host_id: str
    lanes: tuple[Lane, ...]
    takes_arrivals: bool
    keeps_time: bool


WHOLE = Part("local", LANES, takes_arrivals=True, keeps_time=True)
RECEIPTS = Part("receipts", (OBJECTS,), takes_arrivals=True, keeps_time=False)
"""A reader waits for it: so it shares no interpreter with what moves images."""

REST = Part(
    "local",
    tuple(each for each in LANES if each is not OBJECTS),
    takes_arrivals=False,
    keeps_time=True,
)

JOBS = {
    "load": LOADS,
    "verify": LOADS,
    "check_intact": LOADS,
    "commit_load": LOADS,
    "check_withdrawal": LOADS,
    "send_feedback": LOADS,
    "withdraw_feedback": LOADS,
    "rehearse": LOADS,
    "make_copies": LOADS,
    "extract": OBJECTS,
    "came_back": IMAGES,
    "close": CLOSING,
    "forward": FORWARD,
    "deliver_truth": FORWARD,
    "mail": MAIL,
    "report_commitment": REPORTS,
    "pull_marks": PULLS,
    "watch_exposure": PULLS,
    "clear_turn": PULLS,
}
