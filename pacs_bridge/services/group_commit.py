"""One transaction for what many associations want to keep at the same moment.

A commit waits for the disk; while it does, others gather, and the next commit takes them all.
There is no thread of its own and no waiting on purpose: whoever comes while nothing is being
committed goes at once and alone; who comes meanwhile is taken along by the next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import StoreBusy

Work = Callable[[UnitOfWork], None]
"""What somebody wants done in a transaction. It may be done twice: the first time undone."""

Commit = Callable[[Work], None]
"""Returns when the work is committed; raises what the work or the commit raised."""

MOST = 64


class GroupCommit:
    """Implements `Commit`, for all threads of a process.

    A member that fails does not fail the others: what they did together is undone and each is
    done again in a transaction of its own.

    Parameters
    ----------
    begin : callable
        Opens a unit of work that may write.
    most : int
        Members of one transaction.
    """

    def __init__(self, begin: Begin, *, most: int = MOST) -> None:
        self._begin, self._most = begin, most
        self._lock = threading.Lock()
        self._waiting: deque[_Member] = deque()
        self._led = False

    def __call__(self, work: Work) -> None:
        """Return when the work is committed.

        Raises
        ------
        StoreBusy
            When the database did not take the transaction in time.
        Exception
            Whatever the work itself raised; nothing of it is kept then.
        """
        member = _Member(work)
        with self._lock:
            self._waiting.append(member)
            leads, self._led = not self._led, True
        if not leads:
            member.turn.acquire()
        if not member.done:  # everybody before is done: the lead is handed on
            self._lead()
        if member.error is not None:
            raise member.error

    def _lead(self) -> None:
        """Commit for all who wait by now, then hand the lead to the first who came since."""
        with self._lock:
            members = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            self._commit(members)
        finally:
            for member in members:
                member.done = True
                member.turn.release()
            with self._lock:
                if self._waiting:
                    self._waiting[0].turn.release()
                else:
                    self._led = False

    def _commit(self, members: list[_Member]) -> None:
        error = self._try(members)
        if error is not None and len(members) > 1 and not isinstance(error, StoreBusy):
            for member in members:
                member.error = self._try([member])
            return
        for member in members:
            member.error = error

    def _try(self, members: list[_Member]) -> Exception | None:
        try:
            with self._begin() as uow:
                for member in members:
                    member.work(uow)
        except Exception as error:  # noqa: BLE001  raised again in the thread that it concerns
            return error
        return None


class _Member:
    """Somebody who waits; `error` is a failure until the commit says otherwise."""

    def __init__(self, work: Work) -> None:
        self.work, self.done = work, False
        self.error: Exception | None = StoreBusy("The database was cut off; send again later.")
        self.turn = threading.Lock()
        self.turn.acquire()
