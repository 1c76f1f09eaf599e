"""Associations side by side: as many as a PACS is set to, and one where it bears no more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

from pacs_bridge.domain.errors import PeerBusy, PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, Convert, PacsPeer, Sendable, StoreAnswer

_NARROW = timedelta(minutes=15)


class Lanes:
    """How many associations each PACS is sent over, after what it has borne."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._narrow_until: dict[str, datetime] = {}

    def of(self, pacs: Pacs) -> int:
        """How many associations it is sent over now."""
        with self._lock:
            until = self._narrow_until.get(pacs.name)
        return 1 if until is not None and self._now() < until else pacs.sending.parallel

    def narrow(self, pacs: Pacs) -> None:
        """Send to it over one association for a while."""
        with self._lock:
            self._narrow_until[pacs.name] = self._now() + _NARROW


@dataclass
class Lane:
    """One association's share of the images.

    Attributes
    ----------
    waiting : list of Sendable
        Those of which no answer is kept yet.
    busy : str
        What the PACS said as it took no more for now.
    error : Exception or None
        Why it ended before its end.
    """

    waiting: list[Sendable]
    busy: str = ""
    error: Exception | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether the PACS had no association for it, for the moment."""
        return isinstance(self.error, PeerBusy)


def send_lanes(
    pacs: Pacs,
    sendables: Sequence[Sendable],
    count: int,
    *,
    peer: PacsPeer,
    convert: Convert | None,
    keep: Callable[[StoreAnswer], str],
    check: Callable[[], None],
) -> list[Lane]:
    """Send images over so many associations; gives how each ended.

    Parameters
    ----------
    keep : callable
        Keeps an answer while the lane's next image goes out, in another thread; gives words
        where the PACS takes no more for now, else nothing.
    check : callable
        Called between two images; raises to stop.
    """
    lanes = [Lane(list(sendables[start::count])) for start in range(min(count, len(sendables)))]
    if len(lanes) == 1:
        _run(lanes[0], pacs, peer, convert, keep, check)
        return lanes
    with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
        for lane in lanes:
            pool.submit(_run, lane, pacs, peer, convert, keep, check)
    return lanes


def _run(
    lane: Lane,
    pacs: Pacs,
    peer: PacsPeer,
    convert: Convert | None,
    keep: Callable[[StoreAnswer], str],
    check: Callable[[], None],
) -> None:
    try:
        with ExitStack() as stack:
            answers = peer.store(pacs, list(lane.waiting), convert=convert)
            stack.callback(getattr(answers, "close", lambda: None))
            keeper, left = stack.enter_context(_Keeper(lane, keep)), len(lane.waiting)
            for answer in answers:
                keeper.keep(answer)
                left -= 1
                if left:
                    check()
    except Exception as error:  # noqa: BLE001  raised again by whoever joins the lanes
        lane.error = error


class _Keeper:
    """Has each answer kept while the next image goes out, and no later.

    To wait for the disk after each image would take as long as sending it. Whoever dies
    meanwhile has left both images in doubt, and asks for them.
    """

    def __init__(self, lane: Lane, keep: Callable[[StoreAnswer], str]) -> None:
        self._lane, self._keep = lane, keep
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._last: Future[None] | None = None

    def __enter__(self) -> _Keeper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._pool:
            self._wait()

    def keep(self, answer: StoreAnswer) -> None:
        """Begin to keep an answer, once the one before is kept; raises what that raised."""
        self._wait()
        self._last = self._pool.submit(self._do, answer)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def _do(self, answer: StoreAnswer) -> None:
        lane = self._lane
        lane.busy = self._keep(answer) or lane.busy
        lane.waiting = [e for e in lane.waiting if e.sop_instance_uid != answer.sop_instance_uid]


def first_error(lanes: Sequence[Lane]) -> Exception | None:
    """Give what is to be raised of how lanes ended: anything else before a broken conversation."""
    errors = [lane.error for lane in lanes if lane.error is not None]
    errors.sort(key=lambda error: isinstance(error, PeerUnavailable))
    return errors[0] if errors else None
