"""Receipts: what a reader is shown of what arrived, and only of what is theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from pacs_bridge.db.repositories.case_sets import KnownCase, KnownImage
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.folding import SHEET, Folded, FoldedMark
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.objects import ReadingState
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.questions import EMPTIED, SIDES, decision_words, words_of
from pacs_bridge.domain.receipts import (
    MarkState,
    Receipt,
    ReceiptImage,
    ReceiptLine,
    ReceiptList,
    ReceiptMark,
    ReceivedKind,
)
from pacs_bridge.domain.revision import Save
from pacs_bridge.services.exposure import exposed_of
from pacs_bridge.services.folded import (
    StandingReading,
    end_of,
    fold_reading,
    fold_readings,
    reading_uid_of,
)
from pacs_bridge.services.reading_sessions import silence_of
from pacs_bridge.services.way import Way, way_of

NOT_YOURS = "You do not read such a case; your list of cases shows which you do."
NOT_CONFIRMED = "It was not confirmed before the round ended, and does not count."
_KINDS = {
    "presentation-state": "presentation state",
    "measurement-report": "report",
    "other-sr": "report",
    "cad-sr": "report of a program",
    "key-object": "key object",
    "overlay": "image with an overlay",
    "not-marks": "object",
}


def show_receipt(reader: str, accession: str, *, begin: Begin, now: Clock) -> Receipt:
    """Show a reader what reached us of one case.

    Parameters
    ----------
    reader : str
        Who asks; nobody is ever shown another reader's.
    accession : str
        The case, by its own name or by that of the reader's copy.

    Raises
    ------
    NotFound
        When this reader does not read that case.
    """
    with begin() as uow:
        return make_receipt(uow, own_case(uow, reader, accession), now())


def list_receipts(reader: str, set_name: str, *, begin: Begin, now: Clock) -> ReceiptList:
    """List a reader's cases of a set, with what is known of each.

    Raises
    ------
    NotFound
        When this reader does not read that set.
    """
    with begin() as uow:
        enrolment = _released(uow, reader, set_name)
        passport = uow.case_sets.get(set_name)
        uids = {case.accession: reading_uid_of(case.accession, reader) for case in passport.cases}
        standing = fold_readings(uow, list(uids.values()), set_name, reader)
        states = {state.reading_uid: state for state in uow.readings.of_reader(reader, set_name)}
        way = way_of(uow, enrolment, now())
        lines = tuple(
            _line(case.accession, case.kind, states.get(uid), standing[uid])
            for case, uid in zip(passport.cases, uids.values(), strict=True)
        )
        found = ReceiptList(
            set_name=set_name,
            reader=reader,
            copy=enrolment.copy,
            way=way.way,
            lines=lines,
            unread=tuple(line.accession for line in lines if line.state == "unread"),
            search=_search(uow, enrolment),
            notes=tuple(filter(None, (way.words, _copy_to_open(enrolment, way)))),
        )
    return replace(found, silence=silence_of(reader, set_name, begin=begin, now=now))


def unread_cases(uow: UnitOfWork, reader: str, set_name: str) -> tuple[str, ...]:
    """List the cases of a set of which nothing is known of a reader; raises `NotFound`."""
    _released(uow, reader, set_name)
    passport = uow.case_sets.get(set_name)
    uids = {reading_uid_of(case.accession, reader): case.accession for case in passport.cases}
    known = uow.marks.known_readings(uids) | uow.answers.known_readings(uids)
    known |= {s.reading_uid for s in uow.readings.of_reader(reader, set_name) if s.revision}
    return tuple(accession for uid, accession in uids.items() if uid not in known)


@dataclass(frozen=True)
class OwnCase:
    """A case that a reader reads."""

    reader: str
    case: KnownCase
    enrolment: Enrolment

    @property
    def reading_uid(self) -> str:
        """The name of this reader's reading of it."""
        return reading_uid_of(self.case.master, self.reader)


def own_case(uow: UnitOfWork, reader: str, accession: str) -> OwnCase:
    """Find a case that this reader reads; raises `NotFound` for every other."""
    try:
        name = CaseName.parse(accession)
    except RefusedInput as error:
        raise NotFound(NOT_YOURS) from error
    master = str(CaseName(name.set_name, name.number))
    case = uow.case_sets.case(master)
    if case is None:
        raise NotFound(NOT_YOURS)
    enrolment = _released(uow, reader, case.set_name)
    if name.copy not in (0, enrolment.copy):
        raise NotFound(NOT_YOURS)
    return OwnCase(reader, case, enrolment)


def _released(uow: UnitOfWork, reader: str, set_name: str) -> Enrolment:
    enrolment = uow.enrolments.find(set_name, reader)
    if enrolment is None or enrolment.released_at is None:
        raise NotFound(NOT_YOURS)
    return enrolment


def make_receipt(uow: UnitOfWork, own: OwnCase, moment: datetime) -> Receipt:
    """Make the receipt of one case in the caller's transaction."""
    case = own.case
    standing = fold_reading(uow, own.reading_uid, case.set_name, own.reader)
    state = uow.readings.find(own.reading_uid)
    folded = standing.folded
    end = None if case.kind == "practice" else end_of(uow, case.set_name, own.reader)
    has_ended = end is not None and moment >= end
    return Receipt(
        reading_uid=own.reading_uid,
        set_name=case.set_name,
        accession=case.master,
        kind=case.kind,
        reader=own.reader,
        state=_state(state, standing),
        images=tuple(map(_image, uow.case_sets.images_of(case.master))),
        marks=tuple(
            _with_finding(_mark(mark, has_ended=has_ended), folded) for mark in folded.marks
        ),
        breasts=folded.breasts,
        questions=_questions(state, standing),
        objects=tuple(map(_object, standing.saves)),
        last_object_at=max((save.received_at for save in standing.saves), default=None),
        exposed=exposed_of(uow, own.reading_uid),
        late=len(standing.late),
        unsure=sum(save.unsure for save in standing.saves),
    )


def _state(state: ReadingState | None, standing: StandingReading) -> str:
    """Where a reading stands: what is asked is said before it has settled."""
    if state is None:
        return "unread"
    if standing.was_emptied(state):
        return "asked" if state.state in ("open", "asked") else state.state
    if not (standing.saves or standing.answers):
        return "unread"
    if state.state in ("open", "asked"):
        return "asked" if standing.folded.asked else "open"
    return state.state


def _questions(state: ReadingState | None, standing: StandingReading) -> tuple[str, ...]:
    """What is asked of the case as a whole; of one that was emptied, what to do about it."""
    if state is not None and standing.was_emptied(state):
        return (EMPTIED, *standing.folded.questions)
    return standing.folded.questions if standing.saves or standing.answers else ()


def _image(image: KnownImage) -> ReceiptImage:
    return ReceiptImage(
        image.sop_instance_uid,
        image.laterality,
        image.view,
        image.rows,
        image.columns,
        image.frames,
    )


def _mark(folded: FoldedMark, *, has_ended: bool) -> ReceiptMark:
    mark, question = folded.mark, folded.question
    if has_ended and folded.state is MarkState.ASKED:
        question = NOT_CONFIRMED
    return ReceiptMark(
        key=folded.key,
        image=mark.image,
        frame=mark.frame,
        shape=mark.shape,
        points=mark.points,
        centre=mark.centre,
        laterality=mark.laterality,
        view=mark.view,
        finding=mark.finding,
        rating=mark.rating,
        words=words_of(mark),
        state=folded.state,
        question=question,
        text=mark.text,
        flags=mark.flags,
        sources=folded.sources,
        may_move=folded.sources == (SHEET,) and folded.counts,
    )


def _with_finding(mark: ReceiptMark, folded: Folded) -> ReceiptMark:
    """A mark with the others of its finding, and their views."""
    if mark.state is MarkState.DROPPED:
        return mark
    others = folded.one_with(mark.key)
    views = (f"{m.mark.laterality or ''} {m.mark.view or ''}" for m in others)
    return replace(
        mark,
        also=tuple(dict.fromkeys(view.strip() or "another image" for view in views)),
        together=tuple(m.key for m in others),
    )


def _object(save: Save) -> ReceivedKind:
    drawn = sum(mark.shape != "TEXT" and bool(mark.points) for mark in save.read.marks)
    decided = [breast for breast in save.read.breasts if breast.decision is not None]
    parts = [f"{drawn} mark{'' if drawn == 1 else 's'}"] if drawn else []
    parts += [f"{SIDES[breast.laterality]}: {decision_words(breast)}" for breast in decided]
    said = ", ".join(parts) or save.read.refused or "a note"
    return ReceivedKind(_KINDS.get(save.read.kind, "object"), save.received_at, said)


def _line(
    accession: str, kind: str, state: ReadingState | None, standing: StandingReading
) -> ReceiptLine:
    where = _state(state, standing)
    folded = standing.folded
    asked = folded.asked if where == "asked" else 0
    emptied = state is not None and standing.was_emptied(state)
    words = "What we had was taken away." if emptied else _words(where, folded)
    return ReceiptLine(accession, kind, where, words, asked)


def _words(state: str, folded: Folded) -> str:
    """A case in one line: ``2 marks; right: recall; left: return to screening``."""
    if state == "unread":
        return "Nothing has reached us."
    marks = sum(
        each.state is not MarkState.DROPPED and each.mark.shape != "TEXT" for each in folded.marks
    )
    parts = [f"{marks} mark{'' if marks == 1 else 's'}" if marks else "no marks"]
    parts += [
        f"{SIDES[breast.laterality]}: {decision_words(breast)}"
        for breast in folded.breasts
        if breast.decision is not None
    ]
    return "; ".join(parts)


def _copy_to_open(enrolment: Enrolment, way: Way) -> str:
    """Say which copy to look at, where what was said of the way to read does not."""
    if not enrolment.copy or way.mode is Isolation.COPIES:
        return ""
    return (
        f"Look at the cases in your own copy: their numbers end in {enrolment.copy:02d}. Open no "
        "other copy."
    )


def _search(uow: UnitOfWork, enrolment: Enrolment) -> tuple[str, ...]:
    """What to search the PACS for, where cases are not found by their own names."""
    pacs = next((site.pacs for site in uow.sites.all() if site.name == enrolment.site), "")
    load = uow.loads.find(enrolment.set_name, pacs, enrolment.copy)
    notes = {} if load is None else uow.search_notes.of_load(load.load_id)
    return tuple(f"{accession}: search for {name}" for accession, name in sorted(notes.items()))
