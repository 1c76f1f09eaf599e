"""One unit of work: one thread, one transaction, all repositories."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.answers import Answers
from pacs_bridge.db.repositories.arrivals import Arrivals
from pacs_bridge.db.repositories.asking import Profiles, SearchNotes
from pacs_bridge.db.repositories.audit import AuditTrail
from pacs_bridge.db.repositories.case_sets import CaseSets, Truths
from pacs_bridge.db.repositories.claims import Claims
from pacs_bridge.db.repositories.commitment import Availabilities, Commitments, Custodies
from pacs_bridge.db.repositories.feedback import FeedbackOnPacs
from pacs_bridge.db.repositories.handshakes import Handshakes, Logins, ReadingSessions
from pacs_bridge.db.repositories.images import Images
from pacs_bridge.db.repositories.intact import IntactChecks
from pacs_bridge.db.repositories.isolation import (
    Exposures,
    IsolationStatements,
    ReadingTurns,
    Sightings,
)
from pacs_bridge.db.repositories.loads import Loads
from pacs_bridge.db.repositories.marks import Marks
from pacs_bridge.db.repositories.objects import Objects, Refusals
from pacs_bridge.db.repositories.pacs import PacsList
from pacs_bridge.db.repositories.people import Accounts, Enrolments, Readers, Rounds, Sites
from pacs_bridge.db.repositories.proofs import Proofs, Withdrawals
from pacs_bridge.db.repositories.query import Visible
from pacs_bridge.db.repositories.reader_copies import ReaderCopies
from pacs_bridge.db.repositories.readings import Outbox, Readings, Summaries
from pacs_bridge.db.repositories.reports import Reports
from pacs_bridge.db.repositories.saving_pictures import SavingPictures
from pacs_bridge.db.repositories.standing import Standings
from pacs_bridge.db.repositories.watch import Associations, Events, Mails
from pacs_bridge.db.repositories.workstations import Workstations
from pacs_bridge.domain.errors import RetryLater, StorageFull, StoreBusy
from pacs_bridge.domain.ports import Enqueue

_BUSY = "The database is busy; the same call works later."


class UnitOfWork:
    """Commits on a clean exit, rolls back on any exception; never held across threads.

    Parameters
    ----------
    make_session : callable
        Opens a database session.
    enqueue : Enqueue or None
        Queues a job inside this transaction; None where nothing may be queued.

    Raises
    ------
    StorageFull
        When the database's disk has no room for the change.
    StoreBusy
        When the database did not take the change in time.
    """

    def __init__(self, make_session: Callable[[], Session], enqueue: Enqueue | None = None) -> None:
        self._make_session, self._enqueue = make_session, enqueue

    def __enter__(self) -> UnitOfWork:
        self._open()
        return self

    def _open(self) -> None:
        session = self._session = self._make_session()
        self.case_sets, self.truths = CaseSets(session), Truths(session)
        self.pacs, self.loads = PacsList(session), Loads(session)
        self.profiles, self.search_notes = Profiles(session), SearchNotes(session)
        self.sites, self.readers = Sites(session), Readers(session)
        self.rounds, self.enrolments = Rounds(session), Enrolments(session)
        self.accounts, self.workstations = Accounts(session), Workstations(session)
        self.objects, self.marks, self.refusals = (
            Objects(session),
            Marks(session),
            Refusals(session),
        )
        self.arrivals = Arrivals(self._connect)
        self.readings, self.outbox = Readings(session), Outbox(session)
        self.answers, self.reports = Answers(session), Reports(session)
        self.summaries, self.feedback = Summaries(session), FeedbackOnPacs(session)
        self.associations, self.events = Associations(session), Events(session)
        self.mails, self.audit = Mails(session), AuditTrail(session)
        self.visible, self.standings = Visible(session), Standings(session)
        self.images, self.intact = Images(session), IntactChecks(session)
        self.proofs, self.withdrawals = Proofs(session), Withdrawals(session)
        self.commitments, self.custodies = Commitments(session), Custodies(session)
        self.availabilities = Availabilities(session)
        self.claims, self.handshakes = Claims(session), Handshakes(session)
        self.logins, self.sessions = Logins(session), ReadingSessions(session)
        self.saving_pictures = SavingPictures(session)
        self.reader_copies = ReaderCopies(session)
        self.isolation, self.sightings = IsolationStatements(session), Sightings(session)
        self.exposures, self.reading_turns = Exposures(session), ReadingTurns(session)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._session.commit()
            else:
                self._session.rollback()
        except OperationalError as refused:
            self._session.rollback()
            raise not_taken(refused) from refused
        finally:
            self._session.close()
        if isinstance(error, OperationalError):
            raise not_taken(error) from error
        if isinstance(error, NoConnection):
            raise StoreBusy(_BUSY) from error

    def _connect(self) -> Connection:
        """Give the connection, with all that was changed by now on it."""
        self._session.flush()
        return self._session.connection()

    def enqueue(
        self,
        job: str,
        *args: Any,
        key: str | None = None,
        partition: str | None = None,
        delay: float = 0.0,
    ) -> None:
        """Queue a job that becomes due exactly when this transaction commits."""
        if self._enqueue is None:
            raise RuntimeError("this unit of work was opened without a queue")
        self._enqueue(self._connect(), job, *args, key=key, partition=partition, delay=delay)


def not_taken(error: OperationalError) -> RetryLater:
    """Say in our words that the database did not take a change."""
    if "is full" in str(error.orig):  # SQLite's "database or disk is full"
        return StorageFull("The database's disk is full; make room on it, then try again.")
    return StoreBusy(_BUSY)


Begin = Callable[[], UnitOfWork]
"""Opens a unit of work; what services are given."""
