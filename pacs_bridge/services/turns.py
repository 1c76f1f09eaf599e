"""One reader at a time: who has the turn at a PACS, who waits, and how it is handed on.

A turn is a lease without an end of its own: it is over when its reader says so, when every case
is decided, or when the contact or an administrator hands it on; and then only once the marks were
asked for and are not there (`services.clear_turn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.loading import Load
from pacs_bridge.domain.objects import WAITING
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Clock, Message
from pacs_bridge.domain.turns import Turn, TurnState, current_turn
from pacs_bridge.services.isolation import isolation_of
from pacs_bridge.services.mails import queue_mail
from pacs_bridge.services.way import pacs_of


@dataclass(frozen=True)
class TurnsNow:
    """Whose turn it is, for those who look after a PACS.

    Parameters
    ----------
    turn : Turn or None
        The one that is not over.
    waiting : tuple of str
        Readers who had no turn yet, in the order in which they get one.
    read : tuple of str
        Readers whose turn is over.
    named : str
        Who was named for the next turn; empty where the order decides.
    """

    pacs: str
    set_name: str
    turn: Turn | None
    waiting: tuple[str, ...]
    read: tuple[str, ...]
    named: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        turn = self.turn
        said = None
        if turn is not None:
            said = {
                "reader": turn.reader,
                "state": turn.state.value,
                "since": turn.since.isoformat(),
                "ended_at": None if turn.ended_at is None else turn.ended_at.isoformat(),
                "asked_at": None if turn.asked_at is None else turn.asked_at.isoformat(),
                "left": dict(turn.left),
            }
        return {
            "pacs": self.pacs,
            "set": self.set_name,
            "turn": said,
            "waiting": list(self.waiting),
            "read": list(self.read),
            "named": self.named or None,
        }


def reads_in_turn(uow: UnitOfWork, pacs: str, now: datetime) -> bool:
    """Whether one reader reads at a time at a PACS."""
    known = uow.pacs.find(pacs)
    return known is not None and isolation_of(uow, known, now).effective is Isolation.SEQUENTIAL


def may_begin(uow: UnitOfWork, load: Load, enrolment: Enrolment) -> bool:
    """Whether a reader may have the turn now: nobody else has it, and they are next.

    Next is who was named, also for another turn; else whoever had none.
    """
    turns = uow.reading_turns.at(load.set_name, load.pacs)
    if current_turn(turns) is not None:
        return False
    named = _named(uow, load.set_name, load.pacs)
    if named:
        return named == enrolment.reader
    return not any(each.reader == enrolment.reader for each in turns)


def _named(uow: UnitOfWork, set_name: str, pacs: str) -> str:
    """Give who was named for the next turn and may still have one; empty where nobody is."""
    named = uow.reading_turns.wished(set_name, pacs)
    here = (each for each in uow.enrolments.on_pacs(set_name, pacs) if each.reader == named)
    return named if named and any(each.way != "laptop" for each in here) else ""


def begin_turn(
    uow: UnitOfWork, load: Load, enrolment: Enrolment, now: datetime, public_url: str
) -> None:
    """Give a reader the turn in the caller's transaction, and tell them."""
    begun = Turn(0, load.set_name, load.pacs, load.copy, enrolment.reader, now)
    turn = uow.reading_turns.begin(begun)
    uow.events.add(now, "turn-begun", enrolment.reader, set=load.set_name, pacs=load.pacs)
    place = f"at {public_url}" if public_url else "on the reading pages"
    body = (
        f"It is your turn to read {load.set_name} in your PACS; nobody else reads there now.\n\n"
        f"1. Sign in {place}.\n"
        f"2. In your PACS, search for accession numbers that begin with {load.set_name}.\n"
        "3. When you have read all, say on our page that you have finished. What you saved is "
        "then removed from the PACS, and the next reader begins."
    )
    for account in uow.accounts.of_reader(enrolment.reader):
        key = f"turn-{turn.turn_id}-{account.account_id}"
        subject = f"{load.set_name}: it is your turn to read"
        queue_mail(uow, Message(key, account.email, subject, body), now)


def my_turn(reader: str, set_name: str, *, begin: Begin, now: Clock) -> Turn | None:
    """Give a reader's own turn while it lasts; never another's."""
    with begin() as uow:
        enrolment = uow.enrolments.find(set_name, reader)
        pacs = None if enrolment is None else pacs_of(uow, enrolment)
        if pacs is None or not reads_in_turn(uow, pacs.name, now()):
            return None
        turn = current_turn(uow.reading_turns.at(set_name, pacs.name))
        is_mine = turn is not None and turn.reader == reader and turn.state is TurnState.READING
        return turn if is_mine else None


def finish_turn(reader: str, set_name: str, *, begin: Begin, now: Clock) -> None:
    """Take from a reader that they have finished; again changes nothing.

    Raises
    ------
    NotFound
        When the reader is not enrolled in the set.
    """
    with begin() as uow:
        enrolment = uow.enrolments.find(set_name, reader)
        pacs = None if enrolment is None else pacs_of(uow, enrolment)
        if pacs is None:
            raise NotFound(f"You are not enrolled in {set_name}; ask the scheme to enrol you.")
        turn = current_turn(uow.reading_turns.at(set_name, pacs.name))
        if turn is not None and turn.reader == reader and turn.ended_at is None:
            end_turn(uow, turn, now(), None)


def hand_on(
    pacs: str,
    set_name: str,
    *,
    begin: Begin,
    now: Clock,
    to: str = "",
    account_id: int | None = None,
) -> TurnsNow:
    """End the present turn for its reader, so that the next one may begin.

    Parameters
    ----------
    to : str
        The reader who is to be next, also one who had a turn before; else the order decides. They
        begin once nothing of the present turn is left, as anybody would.

    Raises
    ------
    RefusedInput
        When nobody has the turn and nobody is named; or when whoever is named has it just now, or
        cannot have one.
    """
    name, wanted = parse_name(pacs), str(SetName.parse(set_name))
    with begin() as uow:
        turn = current_turn(uow.reading_turns.at(wanted, name))
        if to:
            _name_next(uow, wanted, name, to, turn, now(), account_id)
        elif turn is None:
            raise RefusedInput(f"Nobody has the turn at {name}; there is nothing to hand on.")
        if turn is not None and turn.ended_at is None:
            end_turn(uow, turn, now(), account_id)
        elif turn is not None:
            ask_to_clear(uow, turn, now())
    return show_turns(name, wanted, begin=begin)


def _name_next(
    uow: UnitOfWork,
    set_name: str,
    pacs: str,
    reader: str,
    turn: Turn | None,
    now: datetime,
    account_id: int | None,
) -> None:
    """Keep who is to be next in the caller's transaction; the same again is kept once."""
    known = uow.pacs.get(pacs)
    if isolation_of(uow, known, now).effective is not Isolation.SEQUENTIAL:
        raise RefusedInput(f"Readers at {pacs} do not take turns; nobody is to be named.")
    there = {each.reader: each for each in uow.enrolments.on_pacs(set_name, pacs)}
    enrolment = there.get(reader)
    if enrolment is None or enrolment.way == "laptop":
        can = sorted(code for code, each in there.items() if each.way != "laptop")
        raise RefusedInput(
            f"{reader[:32]} does not read {set_name} at {pacs}; name one of "
            f"{', '.join(can) or 'those who are enrolled there'}."
        )
    if not enrolment.consent:
        raise RefusedInput(f"{reader} has not consented yet; ask them to, or name another.")
    if turn is not None and turn.reader == reader and turn.ended_at is None:
        raise RefusedInput(f"{reader} has the turn just now; there is nothing to hand on.")
    if uow.reading_turns.wished(set_name, pacs) == reader:
        return
    uow.reading_turns.wish(set_name, pacs, reader, now, account_id)
    uow.events.add(now, "turn-named", reader, set=set_name, pacs=pacs, by=account_id or "")


def end_turn(uow: UnitOfWork, turn: Turn, now: datetime, account_id: int | None) -> None:
    """End a turn in the caller's transaction; its marks are to be gone before the next."""
    uow.reading_turns.put(replace(turn, ended_at=now, ended_by=account_id))
    uow.events.add(now, "turn-ended", turn.reader, set=turn.set_name, pacs=turn.pacs)
    ask_to_clear(uow, turn, now)


def ask_to_clear(uow: UnitOfWork, turn: Turn, now: datetime) -> None:
    """Queue the question whether the marks of a turn have gone."""
    key = f"clear-{turn.turn_id}-{int(now.timestamp())}"
    uow.enqueue("clear_turn", turn.pacs, turn.set_name, key=key, partition=turn.pacs)


def show_turns(pacs: str, set_name: str, *, begin: Begin) -> TurnsNow:
    """Tell whose turn it is at a PACS, and who waits."""
    with begin() as uow:
        turns = uow.reading_turns.at(set_name, pacs)
        turn = current_turn(turns)
        over = [each.reader for each in turns if each != turn]
        had, named = {each.reader for each in turns}, _named(uow, set_name, pacs)
        waiting = [
            each.reader
            for each in uow.enrolments.on_pacs(set_name, pacs)
            if each.reader not in had and each.way != "laptop"
        ]
        first = [named] if named else []
        waiting = [*first, *(each for each in waiting if each != named)]
        read = tuple(dict.fromkeys(over))
        return TurnsNow(pacs, set_name, turn, tuple(waiting), read, named)


def turns_due(*, begin: Begin, now: Clock, every: float = 60.0) -> int:
    """End the turns of which every case is decided, and ask after what is to be gone.

    Called by the clock; repeating it queues nothing twice within `every` seconds.
    """
    moment, due = now(), 0
    with begin() as uow:
        for pacs, set_name in sorted({(load.pacs, load.set_name) for load in uow.loads.all()}):
            turn = current_turn(uow.reading_turns.at(set_name, pacs))
            if turn is None:
                continue
            if turn.state is TurnState.READING:
                if _has_read_all(uow, turn):
                    end_turn(uow, turn, moment, None)
                    due += 1
                continue
            slot = int(moment.timestamp() // every)
            key = f"clear-{turn.turn_id}-slot-{slot}"
            uow.enqueue("clear_turn", pacs, set_name, key=key, partition=pacs)
            due += 1
    return due


def _has_read_all(uow: UnitOfWork, turn: Turn) -> bool:
    passport = uow.case_sets.find(turn.set_name, turn.copy)
    if passport is None:
        return False
    tests = sum(case.kind != "practice" for case in passport.cases)
    return 0 < tests <= len(_decided(uow, turn))


def _decided(uow: UnitOfWork, turn: Turn) -> Sequence[str]:
    return [
        state.accession
        for state in uow.readings.of_reader(turn.reader, turn.set_name)
        if state.kind != "practice" and state.state not in WAITING
    ]
