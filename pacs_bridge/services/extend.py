"""Longer for one reader, or for all: what came late before is in time then."""

from __future__ import annotations

from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import CaseName, SetName
from pacs_bridge.domain.people import Enrolment, Round
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.folded import end_of


def extend_reader(
    set_name: str, reader: str, until: datetime, *, begin: Begin, now: Clock, settle: float
) -> Enrolment:
    """Give one reader longer than the round.

    Raises
    ------
    NotFound
        When the reader is not enrolled.
    RefusedInput
        When that is not longer than the round.
    """
    name = str(SetName.parse(set_name))
    with begin() as uow:
        round_, enrolment = uow.rounds.find(name), uow.enrolments.find(name, reader)
        if round_ is None or enrolment is None:
            raise NotFound(f"{reader} is not enrolled in {name}; `account enrol` enrols.")
        if until <= round_.closes_at:
            raise RefusedInput("The round is open as long as that; give a later end.")
        refuse_shown(uow, name)
        before = end_of(uow, name, reader)
        uow.enrolments.extend(name, reader, until)
        uow.events.add(now(), "reader-extended", reader, set=name, until=until.isoformat())
        reconsider(uow, name, reader, before, now(), settle)
        made = uow.enrolments.find(name, reader)
        assert made is not None
        return made


def reopen_late(uow: UnitOfWork, made: Round, now: datetime, settle: float) -> None:
    """Look again at what came after the end of a round that is about to close later."""
    before = uow.rounds.find(made.set_name)
    if before is None or made.closes_at <= before.closes_at:
        return
    refuse_shown(uow, made.set_name)
    for pacs in sorted({site.pacs for site in uow.sites.all()}):
        for each in uow.enrolments.on_pacs(made.set_name, pacs):
            ended = end_of(uow, made.set_name, each.reader)
            reconsider(uow, made.set_name, each.reader, ended, now, settle)


def refuse_shown(uow: UnitOfWork, set_name: str) -> None:
    """Refuse to let anybody read on who may have seen the truth.

    Raises
    ------
    RefusedInput
        Once an object that shows it was sent, or is about to be, to any PACS.
    """
    for each in uow.feedback.of_set(set_name):
        if not each.ended or any(o.may_be_there for o in uow.feedback.objects(each.feedback_id)):
            raise RefusedInput(
                f"The truth of {set_name} was put on {each.pacs}; nobody can be given longer to "
                "read it."
            )


def reconsider(
    uow: UnitOfWork,
    set_name: str,
    reader: str,
    ended: datetime | None,
    now: datetime,
    settle: float,
) -> int:
    """Open the readings of a reader again that had ended unfinished, or got something late.

    Parameters
    ----------
    ended : datetime or None
        When the reader's round ended before it was made longer.

    Returns
    -------
    int
        How many are open again.
    """
    if ended is None:
        return 0
    late = uow.marks.came_since(set_name, reader, ended)
    states = {state.reading_uid: state for state in uow.readings.of_reader(reader, set_name)}
    again = set(late) | {
        uid for uid, state in states.items() if state.state == "parked" and not state.revision
    }
    for uid in sorted(again):
        case = uow.case_sets.case(str(CaseName.parse(uid.removesuffix(f"-{reader}"))))
        if case is None:
            continue
        uow.readings.touch(
            reading_uid=uid,
            set_name=set_name,
            accession=case.master,
            kind=case.kind,
            reader=reader,
            pacs=late.get(uid) or states[uid].pacs,
            now=now,
        )
        key = f"close-{uid}-longer-{now:%Y%m%dT%H%M%S%f}"
        uow.enqueue("close", uid, key=key, delay=settle)
    return len(again)
