"""One unit of work: one thread, one transaction, all repositories."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pacs_bridge.db.trouble import not_taken
from pacs_bridge.domain.ports import Enqueue

if TYPE_CHECKING:
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
    from pacs_bridge.db.repositories.rejections import Rejections
    from pacs_bridge.db.repositories.reports import Reports
    from pacs_bridge.db.repositories.saving_pictures import SavingPictures
    from pacs_bridge.db.repositories.standing import Standings
    from pacs_bridge.db.repositories.watch import Associations, Events, Mails
    from pacs_bridge.db.repositories.workstations import Workstations


class _Repository:
    """Makes one of a unit's repositories, and loads its module, where it is first asked for.

    What is never asked for takes no time of a unit, and its tables no memory of a process
    (decision 0073). The annotation beside it names its class.
    """

    def __init__(self, module: str, over: Callable[[UnitOfWork], Any]) -> None:
        self._module, self._over = module, over

    def __set_name__(self, owner: type[UnitOfWork], name: str) -> None:
        self._name, self._class = name, owner.__annotations__[name]

    def __get__(self, unit: UnitOfWork, _owner: type[UnitOfWork]) -> Any:
        module = import_module(f"pacs_bridge.db.repositories.{self._module}")
        made = unit.__dict__[self._name] = getattr(module, self._class)(self._over(unit))
        return made


def _made_by(module: str) -> Any:
    return _Repository(module, lambda unit: unit.open_session())


def _made_without_mapper_by(module: str) -> Any:
    return _Repository(module, lambda unit: unit.connect)


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

    case_sets: CaseSets = _made_by("case_sets")
    truths: Truths = _made_by("case_sets")
    pacs: PacsList = _made_by("pacs")
    loads: Loads = _made_by("loads")
    profiles: Profiles = _made_by("asking")
    search_notes: SearchNotes = _made_by("asking")
    sites: Sites = _made_by("people")
    readers: Readers = _made_by("people")
    rounds: Rounds = _made_by("people")
    enrolments: Enrolments = _made_by("people")
    accounts: Accounts = _made_by("people")
    workstations: Workstations = _made_by("workstations")
    objects: Objects = _made_by("objects")
    marks: Marks = _made_by("marks")
    refusals: Refusals = _made_by("objects")
    arrivals: Arrivals = _made_without_mapper_by("arrivals")
    readings: Readings = _made_by("readings")
    outbox: Outbox = _made_by("readings")
    answers: Answers = _made_by("answers")
    rejections: Rejections = _made_by("rejections")
    reports: Reports = _made_by("reports")
    summaries: Summaries = _made_by("readings")
    feedback: FeedbackOnPacs = _made_by("feedback")
    associations: Associations = _made_by("watch")
    events: Events = _made_by("watch")
    mails: Mails = _made_by("watch")
    audit: AuditTrail = _made_by("audit")
    visible: Visible = _made_by("query")
    standings: Standings = _made_by("standing")
    images: Images = _made_by("images")
    intact: IntactChecks = _made_by("intact")
    proofs: Proofs = _made_by("proofs")
    withdrawals: Withdrawals = _made_by("proofs")
    commitments: Commitments = _made_by("commitment")
    custodies: Custodies = _made_by("commitment")
    availabilities: Availabilities = _made_by("commitment")
    claims: Claims = _made_by("claims")
    handshakes: Handshakes = _made_by("handshakes")
    logins: Logins = _made_by("handshakes")
    sessions: ReadingSessions = _made_by("handshakes")
    saving_pictures: SavingPictures = _made_by("saving_pictures")
    reader_copies: ReaderCopies = _made_by("reader_copies")
    isolation: IsolationStatements = _made_by("isolation")
    sightings: Sightings = _made_by("isolation")
    exposures: Exposures = _made_by("isolation")
    reading_turns: ReadingTurns = _made_by("isolation")

    def __init__(self, make_session: Callable[[], Session], enqueue: Enqueue | None = None) -> None:
        self._make_session, self._enqueue = make_session, enqueue
        self._session: Session | None = None

    def __enter__(self) -> UnitOfWork:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            self._end_session(self._session, commit=error is None)
        if refusal := not_taken(error):
            raise refusal from error

    @staticmethod
    def _end_session(session: Session, *, commit: bool) -> None:
        try:
            if commit:
                session.commit()
            else:
                session.rollback()
        except DBAPIError as refused:
            session.rollback()
            if refusal := not_taken(refused):
                raise refusal from refused
            raise
        finally:
            session.close()

    def open_session(self) -> Session:
        """Give the session that repositories work over; opened for the first of them."""
        if self._session is None:
            self._session = self._make_session()
        return self._session

    def connect(self) -> Connection:
        """Give the connection, with all that was changed by now on it."""
        session = self.open_session()
        session.flush()
        return session.connection()

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
        self._enqueue(self.connect(), job, *args, key=key, partition=partition, delay=delay)


Begin = Callable[[], UnitOfWork]
"""Opens a unit of work; what services are given."""
