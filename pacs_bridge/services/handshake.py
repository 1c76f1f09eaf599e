"""The practice-case handshake: asked for on our page, drawn in the viewer, recognised here.

References
----------
QUIRKS.md C7, C8; `domain.handshake` for what counts as a match.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.handshake import (
    OPEN_FOR,
    VIEWS,
    Counts,
    Drawn,
    Handshake,
    HandshakeState,
    Proof,
    draw_code,
    is_drawn,
    matches,
    say_counts,
    say_proof,
)
from pacs_bridge.domain.identity import names_nobody, normal, persons_of, places_of
from pacs_bridge.domain.marks import Observer, ReadObject
from pacs_bridge.domain.objects import ReceivedObject
from pacs_bridge.domain.people import Enrolment
from pacs_bridge.domain.ports import Clock, Message
from pacs_bridge.domain.workstation import case_to_open
from pacs_bridge.services.handshake_failure import fail, why_failed
from pacs_bridge.services.mails import queue_mail
from pacs_bridge.services.shared_copies import on_copies
from pacs_bridge.services.way import way_of
from pacs_bridge.services.whose import look_again, whom_it_names

LATELY = timedelta(hours=24)
"""No code is given out that was used at the same PACS within this time, where others are left."""


@dataclass(frozen=True)
class HandshakeNow:
    """How a reader's handshake for a set stands.

    Parameters
    ----------
    handshake : Handshake or None
        The newest; None where there was none yet.
    task : str
        What to draw, in words; empty where nothing is to be drawn.
    said : tuple of str
        What was proven, or why it failed, a sentence each.
    """

    set_name: str
    reader: str
    pacs: str
    way: str
    accession: str
    handshake: Handshake | None = None
    task: str = ""
    said: tuple[str, ...] = ()


def issue_handshake(
    set_name: str,
    reader: str,
    *,
    begin: Begin,
    now: Clock,
    choose: Callable[[Sequence[Counts]], Counts] = secrets.choice,
    open_for: timedelta = OPEN_FOR,
) -> HandshakeNow:
    """Ask a reader to draw on the practice case; one that is open is replaced.

    Raises
    ------
    NotFound
        When the reader is not enrolled in the round.
    RefusedInput
        When the round has closed, or no code is free at the PACS.
    """
    moment = now()
    judge_overdue(begin=begin, now=now)
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        round_ = uow.rounds.find(set_name)
        if round_ is not None and moment >= round_.closes_at:
            raise RefusedInput(f"The round of {set_name} has closed; nothing is read in it now.")
        before = uow.handshakes.newest_of(set_name, reader)
        if before is not None and before.state is HandshakeState.OPEN:
            uow.handshakes.settle(before.handshake_id, HandshakeState.REPLACED, moment)
        case = case_to_open(uow.case_sets.get(set_name, enrolment.copy))
        views = {
            (image.laterality, image.view) for study in case.studies for image in study.instances()
        }
        code = _free_code(uow, pacs, moment, choose, views)
        made = uow.handshakes.add(
            Handshake(0, set_name, reader, pacs, case.accession, code, moment, moment + open_for)
        )
        uow.events.add(moment, "handshake-asked", reader, set=set_name, pacs=pacs)
        return _as_it_stands(enrolment, pacs, made)


def show_handshake(set_name: str, reader: str, *, begin: Begin, now: Clock) -> HandshakeNow:
    """Tell how a reader's newest handshake stands; raises `NotFound`."""
    judge_overdue(begin=begin, now=now)
    with begin() as uow:
        enrolment, pacs = enrolled(uow, set_name, reader)
        newest = uow.handshakes.newest_of(set_name, reader)
        if newest is None:
            case = case_to_open(uow.case_sets.get(set_name, enrolment.copy))
            return HandshakeNow(set_name, reader, pacs, enrolment.way, case.accession)
        return _as_it_stands(enrolment, pacs, newest)


def give_up(set_name: str, reader: str, *, begin: Begin, now: Clock) -> HandshakeNow:
    """End a reader's open handshake now: it has failed. Again changes nothing."""
    with begin() as uow:
        enrolled(uow, set_name, reader)
        newest = uow.handshakes.newest_of(set_name, reader)
        if newest is not None and newest.state is HandshakeState.OPEN:
            fail(uow, newest, why_failed(uow, newest), now())
    return show_handshake(set_name, reader, begin=begin, now=now)


def judge_overdue(*, begin: Begin, now: Clock) -> int:
    """End the handshakes whose time is over; gives how many. Called by the clock, too."""
    with begin() as uow:
        overdue = uow.handshakes.overdue(now())
        for each in overdue:
            fail(uow, each, why_failed(uow, each), now())
        return len(overdue)


def recognise(
    uow: UnitOfWork,
    received: ReceivedObject,
    case: KnownCase,
    read: ReadObject,
    now: datetime,
    settle: float,
) -> None:
    """See whether an object is what an open handshake at its PACS asked for.

    Called for each object before it is asked whose it is, in that transaction.
    """
    pacs = received.caller.pacs or ""
    if case.kind != "practice" or not pacs:
        return
    open_ones = [
        each
        for each in uow.handshakes.at_pacs(pacs, HandshakeState.OPEN)
        if each.accession == case.accession
        and each.issued_at <= received.received_at < each.expires_at
    ]
    if not open_ones:
        return
    drawn, uids = _drawn_with(uow, pacs, received, case, read)
    found = [
        (each, objects)
        for each in open_ones
        if (objects := matches(each, drawn, [o for o in open_ones if o != each]))
    ]
    if len(found) > 1:
        for each, _ in found:
            fail(uow, each, "What arrived fits the drawings of two readers at once.", now)
    elif found:
        handshake, objects = found[0]
        names = {id(each): uid for each, uid in zip(drawn, uids, strict=True)}
        proven_by = [names[id(each)] for each in objects]
        _prove(uow, handshake, objects, proven_by, received.caller.ae_title, now, settle)


def enrolled(uow: UnitOfWork, set_name: str, reader: str) -> tuple[Enrolment, str]:
    """Give a reader's enrolment and the PACS of its site; raises `NotFound`."""
    enrolment = uow.enrolments.find(set_name, reader)
    if enrolment is None:
        raise NotFound(f"You are not enrolled in {set_name}; ask the scheme to enrol you.")
    pacs = next(site.pacs for site in uow.sites.all() if site.name == enrolment.site)
    return enrolment, pacs


def _as_it_stands(enrolment: Enrolment, pacs: str, handshake: Handshake) -> HandshakeNow:
    task = ""
    said: tuple[str, ...] = ()
    if handshake.state is HandshakeState.OPEN:
        task = say_counts(handshake.code)
    elif handshake.state is HandshakeState.PROVEN and handshake.proof is not None:
        said = say_proof(handshake.proof)
    elif handshake.why:
        said = (handshake.why,)
    return HandshakeNow(
        enrolment.set_name,
        enrolment.reader,
        pacs,
        enrolment.way,
        handshake.accession,
        handshake,
        task,
        said,
    )


def _free_code(
    uow: UnitOfWork,
    pacs: str,
    now: datetime,
    choose: Callable[[Sequence[Counts]], Counts],
    views: set[tuple[str, str]],
) -> Counts:
    present = [view for view in VIEWS if view in views] or VIEWS
    lately = [each.code for each in uow.handshakes.at_pacs(pacs, since=now - LATELY)]
    still_open = [each.code for each in uow.handshakes.at_pacs(pacs, HandshakeState.OPEN)]
    for taken in (lately, still_open):
        try:
            return draw_code(taken, choose, present)
        except LookupError:
            continue
    raise RefusedInput(
        f"Too many readers at {pacs} are drawing just now; ask again in {OPEN_FOR.seconds // 60} "
        "minutes."
    )


def _drawn_with(
    uow: UnitOfWork, pacs: str, received: ReceivedObject, case: KnownCase, read: ReadObject
) -> tuple[list[Drawn], list[str]]:
    """List what was drawn from where this object is from, itself last; and their UIDs."""
    ae_title = received.caller.ae_title
    mine = _key(read.observer, ae_title)
    used = uow.handshakes.used(pacs)
    drawn, uids = [], []
    since = received.received_at - LATELY
    earlier = uow.handshakes.drawn_on(pacs, case.accession, since)
    this = (received.sop_instance_uid, ae_title, received.received_at, read)
    for uid, title, received_at, each in [*earlier, this]:
        again = uid == received.sop_instance_uid and each is not read
        if again or _key(each.observer, title) != mine:
            continue
        named = any(n.names for n in whom_it_names(uow, pacs, each.observer, title))
        drawn.append(Drawn(each, mine, named, received_at, uid in used))
        uids.append(uid)
    return drawn, uids


def _key(observer: Observer, ae_title: str) -> tuple[str, ...]:
    names = sorted({normal(said) for person in persons_of(observer) for said in person.said})
    return (*names, *places_of(observer), ae_title)


def _prove(
    uow: UnitOfWork,
    handshake: Handshake,
    objects: Sequence[Drawn],
    uids: Sequence[str],
    ae_title: str,
    now: datetime,
    settle: float,
) -> None:
    """Keep what a handshake has proven, bind the log-in or find it shared, and tell."""
    pacs, reader = handshake.pacs, handshake.reader
    observer = objects[-1].read.observer
    names = _names_of(observer, ae_title)
    shared = _find_shared(uow, handshake, names, now, settle)
    if not shared:
        for name in names:
            uow.readers.set_alias(pacs, name, reader, learned=True)
    marks = [mark for each in objects for mark in each.read.marks]
    proof = Proof(
        objects=len(objects),
        kinds=tuple(dict.fromkeys(each.read.kind for each in objects)),
        shapes=tuple(dict.fromkeys(mark.shape for mark in marks if is_drawn(mark))),
        spoke=tuple(observer.evidence),
        names=() if shared else names,
        shared=shared,
        texts=any(mark.text or mark.rating for mark in marks)
        or any(each.read.breasts for each in objects),
    )
    done = uow.handshakes.settle(
        handshake.handshake_id, HandshakeState.PROVEN, now, proof=proof, objects=uids
    )
    _set_way(uow, handshake, shared=shared)
    uow.events.add(
        now, "handshake-proven", reader, set=handshake.set_name, pacs=pacs, shared=shared
    )
    _tell(uow, done, say_proof(proof), now)
    waiting = [each.object_uid for each in uow.claims.waiting(pacs=pacs)]
    look_again(uow, waiting, f"handshake-{handshake.handshake_id}", now, settle)


def _names_of(observer: Observer, ae_title: str) -> tuple[str, ...]:
    """Give the names of whom an object's evidence believes first, shared or not."""
    places = (ae_title, *places_of(observer))
    for person in persons_of(observer):
        names = [normal(said) for said in person.said if not names_nobody(said, places)]
        if names:
            return tuple(dict.fromkeys(names))
    return ()


def _find_shared(
    uow: UnitOfWork, handshake: Handshake, names: Sequence[str], now: datetime, settle: float
) -> bool:
    """Find out whether one of these log-ins is another reader's, too; it is nobody's then."""
    pacs, reader = handshake.pacs, handshake.reader
    if uow.logins.reading(pacs)[1] == "shared" and names:
        return True
    known, aliases = uow.logins.shared(pacs), uow.readers.aliases(pacs)
    shared = any(name in known for name in names)
    for name in names:
        owner = aliases.get(name, (reader, False))[0]
        if owner == reader:
            continue
        shared = True
        uow.logins.share(pacs, name, "Two readers' handshakes came under it.", now)
        uow.readers.drop_alias(pacs, name, learned_only=True)
        uow.events.add(now, "login-shared", pacs, handshake=handshake.handshake_id)
        _lost_login(uow, pacs, owner, now)
        # Whatever was taken for the other reader's by this log-in alone waits to be claimed.
        theirs = [*uow.claims.of_reader_at(pacs, owner), *on_copies(uow, pacs, now)]
        look_again(uow, theirs, f"shared-{handshake.handshake_id}", now, settle)
    return shared


def _lost_login(uow: UnitOfWork, pacs: str, reader: str, now: datetime) -> None:
    """Tell a reader whose log-in turned out to be shared, and let them read otherwise."""
    for each in uow.enrolments.unfinished_at(pacs, now):
        newest = uow.handshakes.newest_of(each.set_name, reader) if each.reader == reader else None
        if newest is not None and newest.state is HandshakeState.PROVEN:
            _set_way(uow, newest, shared=True)
            said = "Another reader works under the same log-in in your PACS, so that your marks "
            _tell(uow, newest, (f"{said}cannot be told apart by it.",), now, again="shared")


def _set_way(uow: UnitOfWork, handshake: Handshake, *, shared: bool) -> None:
    """Let a reader read in the viewer again, or on the sheet where a shared log-in forbids it.

    Who reads an own copy needs no log-in.
    """
    enrolment = uow.enrolments.find(handshake.set_name, handshake.reader)
    if enrolment is None or enrolment.way == "laptop":
        return
    lost = set(uow.logins.shared(handshake.pacs))
    failed = any(
        each.state is HandshakeState.FAILED
        or (each.proof is not None and (each.proof.shared or lost & {*each.proof.names}))
        for each in uow.handshakes.of_reader(handshake.set_name, handshake.reader)
    )
    if shared and not enrolment.copy:
        uow.enrolments.set_way(handshake.set_name, handshake.reader, "sheet")
    elif failed and enrolment.way == "sheet":
        uow.enrolments.set_way(handshake.set_name, handshake.reader, "native")


def _tell(
    uow: UnitOfWork, handshake: Handshake, said: Sequence[str], now: datetime, again: str = ""
) -> None:
    for account in uow.accounts.of_reader(handshake.reader):
        key = f"handshake-{handshake.handshake_id}-{account.account_id}{again}"
        subject = f"{handshake.set_name}: your practice drawing arrived"
        enrolment = uow.enrolments.find(handshake.set_name, handshake.reader)
        native = enrolment is not None and way_of(uow, enrolment, now).way == "native"
        way = "in your viewer" if native else "on our sheet"
        body = "\n\n".join([*said, f"You read {way}."])
        queue_mail(uow, Message(key, account.email, subject, body), now)
