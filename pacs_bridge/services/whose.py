"""Whose an object is: what was said of it, whose copy it lies on, whom it names; never guessed.

References
----------
STANDARDS.md 1.5; QUIRKS.md C8.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.claims import Saying, Waiting, owner_of
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.identity import names_nobody, normal, persons_of, places_of
from pacs_bridge.domain.marks import Observer, ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.services.copy_owner import is_on_several, reader_of_copy

SAYS_NOBODY = "It does not say which reader made it; the reader may claim it."


@dataclass(frozen=True)
class Parked:
    """Why an object waits for a person.

    Parameters
    ----------
    waits : bool
        Whether it waits for somebody to say whose it is.
    claimable : bool
        Whether readers may; else only an administrator.
    """

    reason: str
    waits: bool = False
    claimable: bool = True


@dataclass(frozen=True)
class Named:
    """One person whom an object names, as far as that says anything here.

    Parameters
    ----------
    source : str
        Where it does, as in `domain.identity.Person`.
    names : tuple of str
        What is neither nobody's nor shared, in the form of aliases; may be empty.
    """

    source: str
    names: tuple[str, ...]


def reader_of(
    uow: UnitOfWork, received: ReceivedObject, case: KnownCase, read: ReadObject, now: datetime
) -> str | Parked:
    """Find the reader whose an object is; else say why it waits for a person, and let it.

    In this order: what was said of it (`domain.claims`), the copy on which it lies, whom it
    names. Where two of these disagree it waits.
    """
    found = _judge(uow, received, case, read, now)
    if isinstance(found, Parked) and found.waits:
        said_at = read.observed_at.isoformat(timespec="seconds") if read.observed_at else ""
        uow.claims.hold(
            Waiting(
                received.sop_instance_uid,
                received.caller.pacs or "",
                case.set_name,
                case.accession,
                read.kind,
                read.observer.evidence.get("StationName", ""),
                said_at[:32],
                received.received_at,
                found.reason,
                found.claimable,
            )
        )
    else:
        uow.claims.let_go(received.sop_instance_uid)
    return found


def _judge(
    uow: UnitOfWork, received: ReceivedObject, case: KnownCase, read: ReadObject, now: datetime
) -> str | Parked:
    uid, pacs = received.sop_instance_uid, received.caller.pacs or ""
    standing = owner_of(uow.claims.said_of([uid])[uid])
    if standing.owner is not None:
        return standing.owner
    if standing.disputed:
        return _undecided("Two readers say that it is theirs; say whose it is.")
    machines = uow.readers.machines()
    if read.observer.device:
        return _machine(uow, pacs, case, read.observer, machines)
    named = whom_it_names(uow, pacs, read.observer, received.caller.ae_title)
    aliases = {n: a for n, a in uow.readers.aliases(pacs).items() if a[0] not in machines}
    meant = [{aliases[name][0] for name in each.names if name in aliases} for each in named]
    every = {reader for readers in meant for reader in readers}
    first = next((place for place, each in enumerate(named) if each.names), None)
    for source in {"observer"} | ({named[first].source} if first is not None else set()):
        people = [rs for each, rs in zip(named, meant, strict=True) if each.source == source]
        if len(people) > 1 and not (len(every) == 1 and all(people)):
            return _undecided("It names several people; say whose it is, mark by mark.")
    if len(every) > 1:
        return _waits("What it says of who made it fits two readers.")
    if is_on_several(uow, read):
        return _undecided("It refers to more than one reader's copy of its case; say whose it is.")
    copy = reader_of_copy(uow, case, pacs)
    if copy is not None and _disowns(uow, uid, copy):
        return _undecided("It lies on the copy of a reader who says that it is not theirs.")
    if copy is not None and every - {copy}:
        return _waits("It names one reader and lies on the copy of another.")
    if copy is not None and received.part_of and not every:
        return _waits("It lies on a reader's copy and names somebody else, as a part of a report.")
    if copy is not None:
        return copy
    if first is None or not meant[first]:
        return _waits(SAYS_NOBODY)
    (reader,) = meant[first]
    if all(aliases[name][1] for name in named[first].names if name in aliases):
        doubt = _doubt(uow, pacs, reader, now)
        if doubt:
            return _waits(doubt)
    return _unless_another_reads_there(uow, received, read, reader)


def _disowns(uow: UnitOfWork, uid: str, reader: str) -> bool:
    """Whether a reader said that an object is not theirs."""
    said = uow.claims.said_of([uid])[uid]
    return any(each.saying is Saying.NOT_MINE and each.reader == reader for each in said)


def _waits(reason: str) -> Parked:
    return Parked(reason, waits=True)


def _undecided(reason: str) -> Parked:
    return Parked(reason, waits=True, claimable=False)


def whom_it_names(
    uow: UnitOfWork, pacs: str, observer: Observer, ae_title: str
) -> tuple[Named, ...]:
    """Take out of an object's evidence whom it names at a PACS, the most believed first.

    Empty names, ``unknown^unknown``, constants of vendors and names of workstations name
    nobody; a log-in that several people share names somebody, but nobody knows whom.
    """
    every_is_shared = uow.logins.reading(pacs)[1] == "shared"
    shared, places = uow.logins.shared(pacs), (ae_title, *places_of(observer))
    found = []
    for person in persons_of(observer):
        names = [normal(n) for n in person.said if not names_nobody(n, places)]
        if names:
            alone = [n for n in names if n not in shared and not every_is_shared]
            found.append(Named(person.source, tuple(dict.fromkeys(alone))))
    return tuple(found)


def _machine(
    uow: UnitOfWork, pacs: str, case: KnownCase, observer: Observer, machines: frozenset[str]
) -> str | Parked:
    """Find the program that is registered as a reader; a person's log-in is never its."""
    aliases = uow.readers.aliases(pacs)
    meant = {
        aliases[normal(said)][0] for said in observer.evidence.values() if normal(said) in aliases
    }
    found = {each for each in (*meant, reader_of_copy(uow, case, pacs)) if each in machines}
    if len(found) == 1:
        return str(found.pop())
    return Parked("A device made it, not a person; it is kept and never scored as a reader's.")


def _doubt(uow: UnitOfWork, pacs: str, reader: str, now: datetime) -> str:
    """Say why a log-in that only a handshake showed is not believed yet; empty where it is.

    As long as another reader there might be working under the same one, it names nobody.
    """
    if uow.logins.reading(pacs)[1] == "own":
        return ""
    known = {each for each, _ in uow.readers.aliases(pacs).values()}
    others = {each.reader for each in uow.enrolments.unfinished_at(pacs, now)} - {reader}
    unknown = len(others - known - uow.readers.machines())
    if not unknown:
        return ""
    who = "one other reader has" if unknown == 1 else f"{unknown} other readers have"
    return (
        f"Its log-in may be shared, for {who} shown none of their own at {pacs} yet; "
        "until then its reader claims it."
    )


def _unless_another_reads_there(
    uow: UnitOfWork, received: ReceivedObject, read: ReadObject, reader: str
) -> str | Parked:
    """Give the reader, unless only others say that they read at that workstation just then."""
    station = read.observer.evidence.get("StationName", "")
    pacs, moment = received.caller.pacs or "", received.received_at
    if read.observed_at is not None and read.observed_at.tzinfo is not None:
        moment = read.observed_at
    there = {each.reader for each in uow.sessions.covering(pacs, moment) if each.is_at(station)}
    if there and reader not in there:
        return Parked(
            "It names one reader, and another said that they were reading at that workstation.",
            waits=True,
        )
    return reader


def check_alias(uow: UnitOfWork, pacs: str, login: str) -> None:
    """Refuse as a reader's log-in what can be nobody's; raises `RefusedInput`."""
    if names_nobody(login):
        raise RefusedInput(
            "Viewers write this name for whoever sits there; give the reader's own log-in."
        )
    if normal(login) in uow.logins.shared(pacs):
        raise RefusedInput(
            f"Several people work under this log-in at {pacs}; give one that is the reader's "
            "alone, or let them read by copies or on the sheet."
        )


def look_again(
    uow: UnitOfWork, object_uids: Iterable[str], key: str, now: datetime, settle: float
) -> int:
    """Have objects looked into anew, after something changed of whose they are; gives how many.

    They are nobody's until that is done, in the caller's transaction; the readings that they
    leave are open again.

    Parameters
    ----------
    key : str
        Names the change: it is what makes the jobs new ones.
    """
    count = 0
    for uid in dict.fromkeys(object_uids):
        received = uow.objects.find(uid)
        if received is None or received.state == "received":
            continue  # it is on its way there already
        left = uow.claims.take_back(uid)
        if left is not None and received.accession:
            reopen(uow, received.accession, left, f"{uid}-{key}", now, settle)
        uow.enqueue("extract", uid, key=f"extract-{uid}-{key}")
        count += 1
    return count


def reopen(
    uow: UnitOfWork, accession: str, reader: str, key: str, now: datetime, settle: float
) -> None:
    """Have a reader's reading of a case folded anew, where there is one; `key` names the change."""
    case = uow.case_sets.case(accession)
    if case is None:
        return
    reading_uid = f"{CaseName.parse(case.master)}-{reader}"
    state = uow.readings.find(reading_uid)
    if state is None:
        return
    uow.readings.touch(
        reading_uid=reading_uid,
        set_name=state.set_name,
        accession=state.accession,
        kind=state.kind,
        reader=state.reader,
        pacs=state.pacs,
        now=now,
    )
    uow.enqueue("close", reading_uid, key=f"close-{reading_uid}-{key}", delay=settle)
