"""Images that a PACS sends to our node because we asked it to (C-MOVE): seen to arrive.

What a C-MOVE brings comes in at the node like anything else, is told apart there from what is
known already, and lies in the archive afterwards. Here its arrival is waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.ports import Archive

Arrived = Callable[[], dict[str, Path]]
"""Gives the images that arrived, by SOP Instance UID; waits for those that are on their way."""

Moved = Callable[[Sequence[str]], AbstractContextManager[Arrived]]
"""Watches for images, from before they are asked for."""

_POLL = 0.2


@contextmanager
def never_comes(_uids: Sequence[str]) -> Iterator[Arrived]:
    """Watch for nothing: there is no node of ours that anything could be sent to."""
    yield dict


@contextmanager
def watch_arrivals(
    uids: Sequence[str], *, read: Begin, archive: Archive, seconds: float = 30.0
) -> Iterator[Arrived]:
    """Watch for images from now on.

    Parameters
    ----------
    seconds : float
        How long to wait without anything new.
    """
    before = _seen(uids, read)
    yield partial(_wait, uids, before, read, archive, seconds)


def _wait(
    uids: Sequence[str],
    before: dict[str, int],
    read: Begin,
    archive: Archive,
    seconds: float,
) -> dict[str, Path]:
    pause, arrived = threading.Event(), dict[str, Path]()
    until = time.monotonic() + seconds
    while len(arrived) < len(uids) and time.monotonic() < until:
        with read() as uow:
            kept = [copy for uid in uids for copy in uow.images.copies(uid)]
        fresh = {
            copy.image: archive.path(copy.content_hash)
            for copy in kept
            if copy.is_settled and copy.repeats > before.get(copy.key, -1)
        }
        if len(fresh) > len(arrived):
            arrived, until = fresh, time.monotonic() + seconds
        else:
            pause.wait(_POLL)
    return arrived


def _seen(uids: Sequence[str], read: Begin) -> dict[str, int]:
    with read() as uow:
        kept = [copy for uid in uids for copy in uow.images.copies(uid)]
    return {copy.key: copy.repeats for copy in kept if copy.is_settled}
