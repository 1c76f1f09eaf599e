"""Who may open an association, judged without waiting for the disk; rows follow in a moment.

A row for every association would cost each of them two commits. Here rows gather for a moment
and are committed together, by a thread of their own: what ends meanwhile is one row, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import PacsBridgeError, StoreBusy
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.associations import (
    Admission,
    event_of,
    judge,
    offer_for_adoption,
    show,
)

LOG = structlog.get_logger()
_GATHER_SECONDS = 0.05
_AGAIN_SECONDS = 1.0  # after the database did not take them
_KNOWN_SECONDS = 1.0
_PROGRESS_SECONDS = 1.0  # between two looks at what goes on in open associations
_MOST_KNOWN = 1_000
_MOST_WAITING = 10_000
_Offer = tuple[Caller, datetime]


class KnownCallers:
    """Which PACS calls from where; who was found is believed for a second.

    Who was not found is looked up each time, so that a PACS that has just been registered is
    let in at once.

    Parameters
    ----------
    read : callable
        Opens a unit of work that only reads.
    """

    def __init__(self, read: Begin, seconds: float = _KNOWN_SECONDS) -> None:
        self._read, self._seconds = read, seconds
        self._found: dict[tuple[str, str], tuple[float, Pacs]] = {}

    def __call__(self, ae_title: str, address: str) -> Pacs | None:
        """Find the PACS that calls so; raises `StoreBusy` when the database does not answer."""
        key, now = (ae_title, address), time.monotonic()
        until, pacs = self._found.get(key, (0.0, None))
        if now < until:
            return pacs
        with self._read() as uow:
            pacs = uow.pacs.of_caller(ae_title, address)
        if pacs is None:
            self._found.pop(key, None)
        elif len(self._found) < _MOST_KNOWN:
            self._found[key] = (now + self._seconds, pacs)
        else:
            self._found.clear()
        return pacs


class AssociationLog:
    """Admits callers, and keeps the row of every association.

    Parameters
    ----------
    begin, read : callable
        Open a unit of work that may write; one that only reads.
    """

    def __init__(self, *, begin: Begin, read: Begin, our_ae_title: str, now: Clock) -> None:
        self._begin, self._our_ae_title, self._now = begin, our_ae_title, now
        self._find: Callable[[str, str], Pacs | None] = KnownCallers(read)
        self._changed = threading.Condition()
        self._waiting: dict[str, Association] = {}
        self._going_on: dict[str, Association] = {}
        self._progress_due = 0.0
        self._offers: dict[tuple[str, str, str], _Offer] = {}
        self._is_writing = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def admit(self, caller: Caller) -> tuple[Admission, Caller]:
        """Judge who asks for an association.

        AE title and address must both be those of a registered PACS; the called AE title must
        be the node's, or our own towards that PACS. An unknown caller becomes an event from
        which an administrator can adopt it.

        Returns
        -------
        Admission, Caller
            The caller as it may be written down, with its PACS where it has one.

        Raises
        ------
        StoreBusy
            When the database does not answer, or has not taken rows for long.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise StoreBusy("The database takes no rows; the same call works later.")
        shown, moment = show(caller), self._now()
        pacs = self._find(shown.ae_title, shown.address)
        admission = judge(shown, pacs, self._our_ae_title)
        if pacs is not None:
            shown = replace(shown, pacs=pacs.name, idle_seconds=pacs.timeouts.get("idle"))
        accepted = admission is Admission.ACCEPTED
        row = Association(
            association_id=shown.association_id,
            opened_at=moment,
            caller=shown,
            outcome=AssociationOutcome.OPEN if accepted else AssociationOutcome.REJECTED,
            ended_at=None if accepted else moment,
            note="" if accepted else admission.value,
        )
        self._keep(row, (shown, moment) if admission is Admission.UNKNOWN_CALLER else None)
        return admission, shown

    def pacs_of(self, caller: Caller) -> Pacs | None:
        """Give the PACS that a caller is, as it is at that endpoint; raises `StoreBusy`."""
        return self._find(caller.ae_title, caller.address)

    def note(self, association: Association) -> None:
        """Keep how far an open association is; its row is brought up to date once a second."""
        with self._changed:
            if association.association_id in self._waiting:
                self._waiting[association.association_id] = association
                return
            if not self._going_on:
                self._progress_due = time.monotonic() + _PROGRESS_SECONDS
                self._changed.notify_all()
            self._going_on[association.association_id] = association

    def end(self, association: Association) -> None:
        """Keep how an association ended."""
        self._keep(association)

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until all that was kept so far is committed; tells whether it is."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._waiting or self._offers or self._is_writing), seconds
            )

    def close(self) -> None:
        """Commit what waits, and end the thread; what comes later begins it anew."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._closing.set()
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _keep(self, row: Association, offer: _Offer | None = None) -> None:
        with self._changed:
            self._waiting[row.association_id] = row
            self._going_on.pop(row.association_id, None)
            if offer is not None:
                stranger = offer[0]
                said = (stranger.ae_title, stranger.address, stranger.called_ae_title)
                self._offers[said] = offer
            if self._thread is None:
                self._closing.clear()
                self._thread = threading.Thread(
                    target=self._write_all, name="association-log", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def _write_all(self) -> None:
        is_last = False
        while not is_last:
            with self._changed:
                self._await_work()
            is_last = self._closing.wait(_GATHER_SECONDS)
            with self._changed:
                rows, self._waiting = self._waiting, {}
                offers, self._offers = self._offers, {}
                progress = dict[str, Association]()
                if is_last or time.monotonic() >= self._progress_due:
                    progress, self._going_on = self._going_on, {}
                self._is_writing = True
            is_written = self._write(
                list(rows.values()), list(progress.values()), list(offers.values())
            )
            with self._changed:
                if not is_written:
                    self._waiting = rows | self._waiting
                    self._offers = offers | self._offers
                self._is_writing = False
                self._changed.notify_all()
            if not is_written:
                self._closing.wait(_AGAIN_SECONDS)

    def _await_work(self) -> None:
        while not (self._waiting or self._offers or self._closing.is_set()):
            left = self._progress_due - time.monotonic() if self._going_on else None
            if left is not None and left <= 0:
                return
            self._changed.wait(left)

    def _write(
        self, rows: list[Association], progress: list[Association], offers: list[_Offer]
    ) -> bool:
        try:
            with self._begin() as uow:
                uow.associations.put_all(rows + progress)
                uow.events.add_all(list(map(event_of, rows)))
                for stranger, moment in offers:
                    offer_for_adoption(uow, stranger, moment)
        except PacsBridgeError as error:
            # no traceback: its values came from the wire
            LOG.error("associations not kept", rows=len(rows), error=type(error).__name__)  # noqa: TRY400
            return False
        except Exception as error:  # noqa: BLE001  a row that cannot be kept must not stop the rest
            LOG.error("associations lost", rows=len(rows), error=type(error).__name__)  # noqa: TRY400
        return True
