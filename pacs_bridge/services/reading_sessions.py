"""Reading sessions: opened and closed by readers; what a silence in one means.

A session is a hint of whose marks are expected at a workstation. It lets nobody in and gives
no mark to anybody.
"""

from __future__ import annotations

from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.reading_sessions import ReadingSession, judge_silence
from pacs_bridge.services.exposure import ask_soon
from pacs_bridge.services.handshake import enrolled
from pacs_bridge.services.way import way_of

LONGEST_NAME = 64


@dataclass(frozen=True)
class SessionNow:
    """How a reader's session stands.

    Parameters
    ----------
    session : ReadingSession or None
        The open one; None where none is.
    silence : str
        What to say of a silence; empty where there is nothing to say.
    cases : tuple of str
        Cases of the set, by the names that the reader sees.
    usual : str
        The workstation of the session before.
    """

    set_name: str
    reader: str
    pacs: str
    way: str
    session: ReadingSession | None
    silence: str
    cases: tuple[str, ...]
    usual: str = ""


def open_session(
    reader: str, set_name: str, workstation: str, *, begin: Begin, now: Clock
) -> ReadingSession:
    """Say that a reader reads now at a workstation; an open session of theirs is closed.

    The same again changes nothing.

    Raises
    ------
    NotFound
        When the reader is not enrolled.
    RefusedInput
        When the workstation has no name, or the round is not open.
    """
    named = " ".join(workstation.split())
    if not named or len(named) > LONGEST_NAME or not named.isprintable():
        raise RefusedInput(f"Name the workstation in at most {LONGEST_NAME} characters.")
    moment = now()
    with begin() as uow:
        _, pacs = enrolled(uow, set_name, reader)
        round_ = uow.rounds.find(set_name)
        if round_ is None or not round_.is_open(moment):
            raise RefusedInput(f"{set_name} cannot be read just now; its round is not open.")
        for each in uow.sessions.of_reader(reader):
            if each.closed_at is None:
                if each.covers(moment) and each.set_name == set_name and each.workstation == named:
                    return each
                uow.sessions.close(each.session_id, moment)
        uow.sessions.open(ReadingSession(0, set_name, reader, pacs, named, moment))
        uow.events.add(moment, "session-opened", reader, set=set_name, workstation=named)
        ask_soon(uow, pacs, set_name, f"session-{reader}-{moment.timestamp():.0f}")
        others = [e for e in uow.sessions.covering(pacs, moment) if e.reader != reader]
        if any(each.is_at(named) for each in others):
            # Both are asked for what comes unnamed; an administrator should know.
            uow.events.add(moment, "sessions-overlap", pacs, workstation=named)
        return uow.sessions.of_reader(reader, set_name)[0]


def close_session(reader: str, set_name: str, *, begin: Begin, now: Clock) -> None:
    """Say that a reader has stopped reading; again changes nothing; raises `NotFound`."""
    with begin() as uow:
        enrolled(uow, set_name, reader)
        session = _open_one(uow, reader, set_name)
        if session is not None:
            uow.sessions.close(session.session_id, now())
            uow.events.add(now(), "session-closed", reader, set=set_name)


def finish_case(reader: str, set_name: str, accession: str, *, begin: Begin, now: Clock) -> None:
    """Note that a reader says to have finished a case; nothing else is made of it.

    Raises
    ------
    RefusedInput
        When no session is open, or the reader does not read that case.
    """
    moment = now()
    with begin() as uow:
        enrolment, _ = enrolled(uow, set_name, reader)
        session = _open_one(uow, reader, set_name)
        if session is None or not session.covers(moment):
            raise RefusedInput("Say first that you are reading, and where.")
        case = uow.case_sets.case(accession)
        if case is None or case.set_name != set_name:
            raise RefusedInput(f"{set_name} has no such case; choose one of the list.")
        if CaseName.parse(case.accession).copy not in (0, enrolment.copy):
            raise RefusedInput(f"{set_name} has no such case; choose one of the list.")
        uow.sessions.finish(session.session_id, case.master, moment)


def show_session(reader: str, set_name: str, *, begin: Begin, now: Clock) -> SessionNow:
    """Tell how a reader's session stands; raises `NotFound` when not enrolled."""
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        session = _open_one(uow, reader, set_name)
        if session is not None and not session.covers(now()):
            session = None
        passport = uow.case_sets.get(set_name, enrolment.copy)
        before = uow.sessions.of_reader(reader)
        way = way_of(uow, enrolment, now()).way
    return SessionNow(
        set_name,
        reader,
        pacs,
        way,
        session,
        silence_of(reader, set_name, begin=begin, now=now),
        tuple(case.accession for case in passport.cases),
        before[0].workstation if before else "",
    )


def silence_of(reader: str, set_name: str, *, begin: Begin, now: Clock) -> str:
    """Say that nothing arrives any more in a reader's session; empty where all is well.

    After three cases that the reader said were finished, or ten minutes, without an object
    or an answer of theirs. Who reads on the sheet saves nothing in a viewer.

    Raises
    ------
    NotFound
        When the reader is not enrolled.
    """
    moment = now()
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        session = _open_one(uow, reader, set_name)
        if session is None or way_of(uow, enrolment, moment).way != "native":
            return ""
        readings = uow.readings.of_reader(reader, set_name)
        newest = max(readings, key=lambda each: each.last_object_at, default=None)
        last = None
        if newest is not None:
            number = f"{CaseName.parse(newest.accession).number:03d}"
            last = (number, newest.last_object_at)
        said = judge_silence(session, last, moment, uow.logins.reading(pacs)[0])
        if not said:
            return ""
        unnamed = sum(
            1
            for each in uow.claims.waiting(pacs=pacs, set_name=set_name)
            if each.claimable
            and each.received_at >= session.opened_at
            and CaseName.parse(each.accession).copy == enrolment.copy
        )
        if unnamed:
            them = "one object names" if unnamed == 1 else f"{unnamed} objects name"
            said += f" But {them} no reader: say whether that is yours."
        return said


def _open_one(uow: UnitOfWork, reader: str, set_name: str) -> ReadingSession | None:
    return next(
        (each for each in uow.sessions.of_reader(reader, set_name) if each.closed_at is None), None
    )
