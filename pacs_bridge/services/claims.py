"""The claim queue: objects that name no reader, and the statements that give them to one.

A claim and all that follows from it at once stand in one transaction; the object is then
looked into anew, as when it came. A reader sees of an object when it came, from where, what
kind it is and which case it is about; never what is on it before it is theirs.

References
----------
QUIRKS.md C8; DESIGN.md 5 (blinding).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.claims import Claim, Saying, Waiting, owner_of
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Clock
from pacs_bridge.services.folded import end_of, reading_uid_of
from pacs_bridge.services.handshake import enrolled
from pacs_bridge.services.whose import look_again

ONE_SITTING = timedelta(minutes=30)
"""Objects of one workstation that came within this time of each other are shown together."""

TAKEN = "Some of these were claimed or have changed meanwhile; look at the list again."


@dataclass(frozen=True)
class ClaimGroup:
    """Objects of one workstation that came one after another.

    Parameters
    ----------
    hint : str
        What reading sessions say of whose they may be; nothing is made of it.
    """

    station: str
    first: datetime
    last: datetime
    objects: tuple[Waiting, ...]
    hint: str = ""


@dataclass(frozen=True)
class Claimable:
    """What a reader is asked about, and what they and others have said.

    Parameters
    ----------
    not_mine : tuple of ClaimGroup
        What this reader said not to be theirs; it may be claimed all the same.
    mine : tuple of ClaimGroup
        What they have claimed.
    others : tuple of ClaimGroup
        What somebody else has claimed; it may be disputed. Without its case number as long as
        this reader has not read the case.
    open : bool
        Whether anything may still be said: until the round closes.
    """

    set_name: str
    reader: str
    pacs: str
    groups: tuple[ClaimGroup, ...] = ()
    not_mine: tuple[ClaimGroup, ...] = ()
    mine: tuple[ClaimGroup, ...] = ()
    others: tuple[ClaimGroup, ...] = ()
    open: bool = True

    @property
    def waiting(self) -> int:
        """How many objects this reader is asked about."""
        return sum(len(group.objects) for group in self.groups)


def claimable(reader: str, set_name: str, *, begin: Begin, now: Clock) -> Claimable:
    """List what a reader may claim of a set; raises `NotFound` when not enrolled."""
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        asked, refused = _asked(uow, enrolment, pacs)
        mine, others = _claimed(uow, enrolment, pacs)
        end = end_of(uow, set_name, reader)

        def grouped(objects: Sequence[Waiting]) -> tuple[ClaimGroup, ...]:
            return tuple(_grouped(uow, objects, reader, pacs))

        return Claimable(
            set_name,
            reader,
            pacs,
            grouped(asked),
            grouped(refused),
            grouped(mine),
            grouped(others),
            open=end is None or now() < end,
        )


def claim_objects(
    reader: str,
    set_name: str,
    object_uids: Iterable[str],
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    account_id: int | None = None,
) -> int:
    """Take a reader's statement that objects are theirs; gives how many are so by it.

    All of them or none: where one was claimed meanwhile nothing is changed. What is theirs
    already stays so.

    Raises
    ------
    NotFound
        When the reader is not enrolled.
    RefusedInput
        When one of them is not theirs to claim, or the round has closed.
    """
    moment = now()
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        check_open(uow, set_name, reader, moment)
        asked, refused = _asked(uow, enrolment, pacs)
        mine = {each.object_uid for each in _claimed(uow, enrolment, pacs)[0]}
        free = {each.object_uid: each for each in (*asked, *refused)}
        wanted = [uid for uid in dict.fromkeys(object_uids) if uid not in mine]
        if any(uid not in free for uid in wanted):
            raise RefusedInput(TAKEN)
        statement = say_claim([free[uid] for uid in wanted])
        for uid in wanted:
            number = uow.claims.say(Claim(uid, Saying.CLAIM, reader, statement, moment, account_id))
            move(uow, uid, number, moment, settle)
        if wanted:
            uow.events.add(moment, "objects-claimed", reader, set=set_name, objects=wanted)
        return len(wanted)


def none_of_these(
    reader: str,
    set_name: str,
    object_uids: Iterable[str],
    *,
    begin: Begin,
    now: Clock,
    account_id: int | None = None,
) -> int:
    """Take a reader's statement that objects are not theirs; gives how many are new.

    They wait for somebody else. Once every reader who was asked has said so, an event tells
    the administrators.
    """
    moment = now()
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        check_open(uow, set_name, reader, moment)
        asked = {each.object_uid: each for each in _asked(uow, enrolment, pacs)[0]}
        wanted = [uid for uid in dict.fromkeys(object_uids) if uid in asked]
        for uid in wanted:
            uow.claims.say(
                Claim(uid, Saying.NOT_MINE, reader, "This is not mine.", moment, account_id)
            )
        _tell_of_nobodys(uow, [asked[uid] for uid in wanted], moment)
        return len(wanted)


def dispute_claim(
    reader: str,
    set_name: str,
    object_uid: str,
    *,
    begin: Begin,
    now: Clock,
    settle: float,
    account_id: int | None = None,
) -> None:
    """Take a reader's statement that what another has claimed is theirs.

    It is nobody's from then on, until an administrator decides.

    Raises
    ------
    NotFound
        When the reader is not enrolled.
    RefusedInput
        When it is not claimed by another, or was decided, or the round has closed.
    """
    moment = now()
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        check_open(uow, set_name, reader, moment)
        if object_uid not in {each.object_uid for each in _claimed(uow, enrolment, pacs)[1]}:
            raise RefusedInput(TAKEN)
        number = uow.claims.say(
            Claim(
                object_uid,
                Saying.DISPUTE,
                reader,
                "Another reader has claimed this, and it is mine.",
                moment,
                account_id,
            )
        )
        move(uow, object_uid, number, moment, settle)
        uow.events.add(moment, "claim-disputed", object_uid, by_reader=reader)


def say_claim(objects: Sequence[Waiting]) -> str:
    """Word the statement that a claim is.

    Such as ``These 3 objects of 22 Nov 2026 14:02 to 14:31 UTC from MAMMO-WS2 are mine.``
    """
    if not objects:
        return ""
    times = sorted(each.received_at for each in objects)
    stations = sorted({each.station for each in objects if each.station})
    count = "This object" if len(objects) == 1 else f"These {len(objects)} objects"
    first, last = f"{times[0]:%d %b %Y %H:%M}", f"{times[-1]:%H:%M}"
    if times[0].date() != times[-1].date():
        last = f"{times[-1]:%d %b %Y %H:%M}"
    when = first if times[0] == times[-1] else f"{first} to {last}"
    where = f" from {', '.join(stations)}" if stations else ""
    return f"{count} of {when} UTC{where} {'is' if len(objects) == 1 else 'are'} mine."[:500]


def _asked(uow: UnitOfWork, enrolment: Enrolment, pacs: str) -> tuple[list[Waiting], list[Waiting]]:
    """What this reader is asked about, and what they said not to be theirs."""
    waiting = [
        each
        for each in uow.claims.waiting(pacs=pacs, set_name=enrolment.set_name)
        if each.claimable and _is_copy(each.accession, enrolment.copy)
    ]
    said = uow.claims.said_of(each.object_uid for each in waiting)
    refused = {
        uid
        for uid, sayings in said.items()
        if any(s.saying is Saying.NOT_MINE and s.reader == enrolment.reader for s in sayings)
    }
    asked = [each for each in waiting if each.object_uid not in refused]
    return asked, [each for each in waiting if each.object_uid in refused]


def _claimed(
    uow: UnitOfWork, enrolment: Enrolment, pacs: str
) -> tuple[list[Waiting], list[Waiting]]:
    """What this reader has claimed, and what others have."""
    said = uow.claims.said_of(uow.claims.claimed_at(pacs, enrolment.set_name))
    mine, others = [], []
    for uid, sayings in said.items():
        standing = owner_of(sayings)
        received = uow.objects.find(uid)
        if standing.owner is None or received is None or not received.accession:
            continue
        if not _is_copy(received.accession, enrolment.copy):
            continue
        shown = Waiting(
            uid,
            pacs,
            enrolment.set_name,
            received.accession,
            received.kind,
            uow.handshakes.station_of(uid),
            "",
            received.received_at,
        )
        if standing.owner == enrolment.reader:
            mine.append(shown)
        elif not standing.decided and _has_read(uow, enrolment.reader, received.accession):
            others.append(shown)
        elif not standing.decided:
            # That a colleague drew something there is told of no case that is still to be read.
            others.append(replace(shown, accession=""))
    return mine, others


def _has_read(uow: UnitOfWork, reader: str, accession: str) -> bool:
    """Whether a reader has read a case, so that nothing told of it can sway them."""
    case = uow.case_sets.case(accession)
    state = None if case is None else uow.readings.find(reading_uid_of(case.master, reader))
    return state is not None and state.state in ("closed", "scored", "kept")


def _is_copy(accession: str, copy: int) -> bool:
    return CaseName.parse(accession).copy == copy


def _grouped(
    uow: UnitOfWork, objects: Sequence[Waiting], reader: str, pacs: str
) -> list[ClaimGroup]:
    groups: list[ClaimGroup] = []
    for each in sorted(objects, key=lambda w: (w.station, w.received_at, w.object_uid)):
        last = groups[-1] if groups else None
        near = last is not None and each.received_at - last.last <= ONE_SITTING
        if last is not None and near and last.station == each.station:
            groups[-1] = replace(last, last=each.received_at, objects=(*last.objects, each))
        else:
            groups.append(ClaimGroup(each.station, each.received_at, each.received_at, (each,)))
    hinted = [replace(group, hint=_hint(uow, group, reader, pacs)) for group in groups]
    return sorted(hinted, key=lambda group: group.first)


def _hint(uow: UnitOfWork, group: ClaimGroup, reader: str, pacs: str) -> str:
    """Say who said that they were reading when these came; another reader is not named."""
    there = [
        session
        for moment in {group.first, group.last}
        for session in uow.sessions.covering(pacs, moment)
    ]
    mine = next((each.workstation for each in there if each.reader == reader), "")
    others = any(each.reader != reader for each in there)
    said = f"You said that you were reading at {mine} then." if mine else ""
    if others:
        also = ", too" if mine else " then"
        said += f" Another reader said that they were reading{also}; both of you are asked."
    return said.strip()


def move(uow: UnitOfWork, uid: str, number: int, now: datetime, settle: float) -> None:
    """Have an object looked into anew, after saying ``number`` of whose it is."""
    uow.claims.let_go(uid)
    look_again(uow, [uid], f"claim-{number}", now, settle)


def check_open(uow: UnitOfWork, set_name: str, reader: str, now: datetime) -> None:
    """Refuse what is said after a reader's round has closed; raises `RefusedInput`."""
    end = end_of(uow, set_name, reader)
    if end is not None and now >= end:
        raise RefusedInput(
            f"The round of {set_name} has closed; what arrived is kept and reported to the scheme."
        )


def _tell_of_nobodys(uow: UnitOfWork, objects: Sequence[Waiting], now: datetime) -> None:
    """Tell administrators of what every reader who was asked has said not to be theirs."""
    said = uow.claims.said_of(each.object_uid for each in objects)
    for each in objects:
        asked = {
            e.reader
            for e in uow.enrolments.on_pacs(each.set_name, each.pacs)
            if _is_copy(each.accession, e.copy)
        }
        refused = {s.reader for s in said[each.object_uid] if s.saying is Saying.NOT_MINE}
        if asked <= refused:
            uow.events.add(now, "claim-nobodys", each.object_uid, pacs=each.pacs)
