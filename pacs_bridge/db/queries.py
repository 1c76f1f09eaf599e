"""What pages read: rows joined and counted for one page, as frozen dataclasses.

A read model may see more than a person may: which rows somebody is shown is the caller's
question, put as an argument (their PACS, their reader's code), never left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select, text
from sqlalchemy.orm import Session

from pacs_bridge.db.repositories.answers import Answers
from pacs_bridge.db.repositories.intact import IntactChecks
from pacs_bridge.db.repositories.loads import Loads
from pacs_bridge.db.repositories.marks import Marks
from pacs_bridge.db.repositories.people import Enrolments, Rounds
from pacs_bridge.db.repositories.proofs import Proof, Proofs, Withdrawals
from pacs_bridge.db.repositories.readings import Summaries
from pacs_bridge.db.tables.asking import SearchNoteRow
from pacs_bridge.db.tables.case_sets import CaseRow, CaseSetRow
from pacs_bridge.db.tables.loads import LoadCaseRow, LoadInstanceRow, LoadRow
from pacs_bridge.db.tables.objects import ReadingRow
from pacs_bridge.db.tables.people import EnrolmentRow, SiteRow
from pacs_bridge.domain.folding import fold
from pacs_bridge.domain.identifiers import REHEARSAL
from pacs_bridge.domain.intact import IntactCheck
from pacs_bridge.domain.loading import (
    CaseVerdict,
    Completeness,
    InstanceCounts,
    InstanceState,
    Load,
)
from pacs_bridge.domain.objects import WAITING
from pacs_bridge.domain.people import Enrolment, Round
from pacs_bridge.domain.refusals import plain
from pacs_bridge.domain.withdrawal import Withdrawal


@dataclass(frozen=True)
class LoadLine:
    """One load in a list.

    Parameters
    ----------
    proven, checked, cases : int
        Cases found whole; cases the last sweep looked at; cases of the set.
    instructions : int
        Cases that ask something of a person.
    intact : IntactCheck or None
        What came of fetching images back.
    rehearsed : Proof or None
        The last rehearsal of the PACS.
    pulled : Proof or None
        The last time that the PACS was asked for marks that it does not push.
    """

    load: Load
    title: str
    images: InstanceCounts
    cases: int
    checked: int
    proven: int
    instructions: int
    sites: tuple[str, ...]
    enrolled: int
    released: int
    intact: IntactCheck | None = None
    withdrawal: Withdrawal | None = None
    rehearsed: Proof | None = None
    pulled: Proof | None = None


@dataclass(frozen=True)
class LoadedCase:
    """One case of a load: how far its images are sent, and what the last sweep found."""

    accession: str
    images: int
    sent: int
    failed: int
    trouble: str
    verdict: CaseVerdict | None


@dataclass(frozen=True)
class BreastLine:
    """What a reader decided of one breast, and the highest rating given to it."""

    laterality: str
    decision: str | None
    rating: int | None


@dataclass(frozen=True)
class Receipt:
    """What arrived of one reader's reading of one case; nothing of what is true of it."""

    accession: str
    kind: str
    state: str
    marks: int
    breasts: tuple[BreastLine, ...]
    last_object_at: datetime
    revision: int


@dataclass(frozen=True)
class ReaderRound:
    """One reader in one round.

    Parameters
    ----------
    test_cases, practice_cases : int
        Of the set: how many there are to read.
    states : dict of str to int
        Test readings by state.
    figures : dict or None
        The reader's figures as the scorer last gave them (its summary), and `figures_at`.
    search_for : dict of str to str
        What a case is searched for as in the reader's PACS, where that is not its number.
    """

    enrolment: Enrolment
    title: str
    round: Round | None
    readiness: str | None
    test_cases: int
    practice_cases: int
    practice_read: int
    states: dict[str, int]
    figures: dict[str, Any] | None
    figures_at: datetime | None
    search_for: Mapping[str, str] = field(default_factory=dict)

    @property
    def read(self) -> int:
        """Test cases read: those whose reading is closed, scored or parked."""
        return sum(count for state, count in self.states.items() if state not in WAITING)


class Queries:
    """Read models of the pages.

    Parameters
    ----------
    make_session : callable
        Opens a database session for reading.
    """

    def __init__(self, make_session: Callable[[], Session]) -> None:
        self._make_session = make_session

    def ping(self) -> None:
        """Ask the database the simplest thing; raises when it does not answer."""
        with self._make_session() as session:
            session.execute(text("SELECT 1"))

    def loads(self, pacs: Iterable[str] | None) -> list[LoadLine]:
        """List loads into these PACS, or all; newest first."""
        with self._make_session() as session:
            query = (
                select(LoadRow.load_id)
                .where(LoadRow.set_name != str(REHEARSAL))
                .order_by(LoadRow.created_at.desc(), LoadRow.load_id.desc())
            )
            if pacs is not None:
                query = query.where(LoadRow.pacs.in_(list(pacs)))
            return [_load_line(session, load_id) for load_id in session.scalars(query)]

    def load(self, load_id: int, pacs: Iterable[str] | None) -> LoadLine | None:
        """Give one load, if it goes into one of these PACS (None: any)."""
        with self._make_session() as session:
            row = session.get(LoadRow, load_id)
            if row is None or (pacs is not None and row.pacs not in set(pacs)):
                return None
            return _load_line(session, load_id)

    def loaded_cases(self, load_id: int) -> list[LoadedCase]:
        """List a load's cases: those that ask for something first, then by number."""
        with self._make_session() as session:
            verdicts = {v.accession: v for v in Loads(session).verdicts(load_id)}
            images: dict[str, Counter[str]] = {}
            trouble: dict[str, str] = {}
            for row in session.scalars(
                select(LoadInstanceRow)
                .where(LoadInstanceRow.load_id == load_id)
                .order_by(LoadInstanceRow.place)
            ):
                images.setdefault(row.accession, Counter())[row.state] += 1
                if row.state in (InstanceState.FAILED, InstanceState.SKIPPED):
                    trouble.setdefault(row.accession, _trouble(row.status, row.comment))
        cases = [
            LoadedCase(
                accession,
                states.total(),
                states[InstanceState.STORED] + states[InstanceState.WARNED],
                states[InstanceState.FAILED] + states[InstanceState.SKIPPED],
                trouble.get(accession, ""),
                verdicts.get(accession),
            )
            for accession, states in images.items()
        ]
        return sorted(cases, key=lambda c: (not (c.verdict and c.verdict.instruction), c.accession))

    def rounds_of(self, reader: str) -> list[ReaderRound]:
        """List the rounds a reader is enrolled in, newest set first."""
        with self._make_session() as session:
            return [_reader_round(session, e) for e in Enrolments(session).of_reader(reader)]

    def round_of(self, reader: str, set_name: str) -> ReaderRound | None:
        """Give one round of a reader; None where they are not enrolled."""
        with self._make_session() as session:
            enrolment = Enrolments(session).find(set_name, reader)
            return None if enrolment is None else _reader_round(session, enrolment)

    def receipts(self, reader: str, set_name: str) -> list[Receipt]:
        """List what arrived from a reader of a set, newest first."""
        with self._make_session() as session:
            rows = session.scalars(
                select(ReadingRow)
                .where(ReadingRow.reader == reader, ReadingRow.set_name == set_name)
                .order_by(ReadingRow.last_object_at.desc(), ReadingRow.accession.desc())
            )
            return [_receipt(session, row) for row in rows]


def _load_line(session: Session, load_id: int) -> LoadLine:
    loads = Loads(session)
    load = loads.get(load_id)
    checked, proven, instructions = session.execute(
        select(
            func.count(),
            func.count(case((LoadCaseRow.complete == Completeness.PROVEN, 1))),
            func.count(case((LoadCaseRow.instruction != "", 1))),
        ).where(LoadCaseRow.load_id == load_id)
    ).one()
    case_set = session.execute(
        select(CaseSetRow.title, func.count(CaseRow.accession))
        .outerjoin(CaseRow, CaseRow.case_set_id == CaseSetRow.case_set_id)
        .where(CaseSetRow.name == load.set_name, CaseSetRow.copy == load.copy)
        .group_by(CaseSetRow.title)
    ).first()
    title, cases = ("", 0) if case_set is None else case_set
    enrolled, released = session.execute(
        select(func.count(), func.count(EnrolmentRow.released_at))
        .select_from(EnrolmentRow)
        .join(SiteRow, SiteRow.name == EnrolmentRow.site)
        .where(
            EnrolmentRow.set_name == load.set_name,
            EnrolmentRow.copy == load.copy,
            SiteRow.pacs == load.pacs,
        )
    ).one()
    sites = session.scalars(
        select(SiteRow.name).where(SiteRow.pacs == load.pacs).order_by(SiteRow.name)
    )
    return LoadLine(
        load,
        title,
        loads.counts(load_id),
        cases,
        checked,
        proven,
        instructions,
        tuple(sites),
        enrolled,
        released,
        IntactChecks(session).find(load_id),
        Withdrawals(session).find(load_id),
        Proofs(session).find(load.pacs, "rehearsal"),
        Proofs(session).find(load.pacs, "marks-pulled"),
    )


def _trouble(status: int | None, comment: str) -> str:
    code = "no answer" if status is None else f"0x{status:04X}"
    said = plain(comment)
    told = said if code in said else f"{code}: {said}".rstrip(": ")
    return f"The PACS refused an image ({told})."


def _reader_round(session: Session, enrolment: Enrolment) -> ReaderRound:
    name, reader = enrolment.set_name, enrolment.reader
    cases = dict(
        session.execute(
            select(CaseRow.kind, func.count())
            .join(CaseSetRow, CaseSetRow.case_set_id == CaseRow.case_set_id)
            .where(CaseSetRow.name == name, CaseSetRow.copy == enrolment.copy)
            .group_by(CaseRow.kind)
        ).all()
    )
    read = session.execute(
        select(ReadingRow.kind, ReadingRow.state, func.count())
        .where(ReadingRow.set_name == name, ReadingRow.reader == reader)
        .group_by(ReadingRow.kind, ReadingRow.state)
    ).all()
    title = session.scalar(
        select(CaseSetRow.title).where(CaseSetRow.name == name, CaseSetRow.copy == enrolment.copy)
    )
    load_id, readiness = session.execute(
        select(LoadRow.load_id, LoadRow.readiness)
        .join(SiteRow, SiteRow.pacs == LoadRow.pacs)
        .where(
            SiteRow.name == enrolment.site,
            LoadRow.set_name == name,
            LoadRow.copy == enrolment.copy,
        )
    ).first() or (None, None)
    figures, at = Summaries(session).find(name, reader) or (None, None)
    return ReaderRound(
        enrolment,
        title or "",
        Rounds(session).find(name),
        readiness,
        cases.get("test", 0),
        cases.get("practice", 0),
        sum(count for kind, state, count in read if kind == "practice" and state not in WAITING),
        {state: count for kind, state, count in read if kind == "test"},
        figures,
        at,
        {} if load_id is None else _search_notes(session, load_id),
    )


def _search_notes(session: Session, load_id: int) -> dict[str, str]:
    """Give the accepted names that the PACS still has."""
    rows = session.execute(
        select(SearchNoteRow.accession, SearchNoteRow.search_for)
        .join(
            LoadCaseRow,
            (LoadCaseRow.load_id == SearchNoteRow.load_id)
            & (LoadCaseRow.accession == SearchNoteRow.accession)
            & (LoadCaseRow.search_for == SearchNoteRow.search_for),
        )
        .where(SearchNoteRow.load_id == load_id)
        .order_by(SearchNoteRow.accession)
    ).all()
    return {row.accession: row.search_for for row in rows}


def _receipt(session: Session, row: ReadingRow) -> Receipt:
    """Make a receipt: of what was closed, else of what has come so far."""
    if row.state not in WAITING and row.body is not None:
        said, count = row.body["breasts"], len(row.body["marks"])
        rated = [(each["laterality"], each["rating"]) for each in [*said, *row.body["marks"]]]
        decided = {each["laterality"]: each["decision"] for each in said}
    else:
        saves = Marks(session).saves_of([row.reading_uid]).get(row.reading_uid, [])
        folded = fold(saves, Answers(session).of_reading(row.reading_uid))
        marks, breasts = folded.counted, folded.breasts
        count = len(marks)
        rated = [(mark.laterality, mark.rating) for mark in marks]
        rated += [(breast.laterality, breast.rating) for breast in breasts]
        decided = {each.laterality: each.decision for each in breasts}
    return Receipt(
        row.accession,
        row.kind,
        row.state,
        count,
        tuple(
            BreastLine(
                side,
                decided.get(side),
                max((r for at, r in rated if at == side and r is not None), default=None),
            )
            for side in ("R", "L")
        ),
        row.last_object_at,
        row.revision,
    )
