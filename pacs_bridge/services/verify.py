"""Verifying a load: one sweep of C-FIND over all cases, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.alike import tell
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.intact import IntactCheck
from pacs_bridge.domain.loading import (
    GRADE,
    LEAVING,
    CaseVerdict,
    Completeness,
    InstanceState,
    LedgerRow,
    Load,
    Readiness,
    Way,
    is_accepted,
    judge_load,
)
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, PacsPeer
from pacs_bridge.domain.profile import UNKNOWN
from pacs_bridge.domain.proofs import is_current, wants_looking_at, weigh
from pacs_bridge.domain.sentences import FELL_BACK, RENAMED, KnownAs, word_accepted
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.release import release_readers

_SURELY = {
    Completeness.PROVEN: "by image",
    Completeness.COUNTED: "by image or by count, as was agreed",
    Completeness.PRESENT: "though not always image by image, as was agreed",
}


LookAt = Callable[[int], IntactCheck]
"""Has a sample of a load fetched back and compared; see `services.intact.check_load`."""

_LOOK_AGAIN = timedelta(minutes=10)
"""How soon a sample that proved nothing good is taken again."""


@dataclass(frozen=True)
class Sweep:
    """What one sweep came to.

    Parameters
    ----------
    waiting : bool
        Whether time alone may mend what is wrong: sweep again.
    missing : tuple of str
        SOP Instance UIDs that were sent and are not there, to be sent again; without those
        that the PACS refused.
    unanswered : int
        Cases that could not be asked.
    grace : float
        Seconds in which this PACS may still bring what it has taken.
    """

    readiness: Readiness
    waiting: bool
    missing: tuple[str, ...] = ()
    unanswered: int = 0
    grace: float = 0.0


def verify_load(
    load_id: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    now: Clock,
    grace: float = 900.0,
    public_url: str = "",
    look_at: LookAt | None = None,
) -> Sweep:
    """Ask the PACS for every case of a load and judge what it says.

    The verdicts, the load's readiness, the release of its readers and the mails about it
    stand in one transaction; the PACS is asked before it, outside any.

    Parameters
    ----------
    grace : float
        Seconds after the last C-STORE in which a missing image may still be on its way to
        the PACS's index; a PACS may have a grace of its own.
    look_at : callable, optional
        Called where queries alone do not prove that images are kept as they were sent, before
        the load is called ready; without it nothing is asked for beyond what queries say.

    Raises
    ------
    NotFound
        When there is no such load.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        pacs = replace(pacs, profile=uow.profiles.get(pacs.name).fresh(now()))
        passport = uow.case_sets.get(load.set_name, load.copy)
        ledger = uow.loads.ledger(load_id)

    by_media = load.way is Way.MEDIA
    seconds = grace if pacs.grace is None else pacs.grace
    pending = {row.sop_instance_uid for row in ledger if row.state is InstanceState.PENDING}
    unsent: set[str] = set() if by_media else pending
    refused = _refused(ledger)
    skipped = {row.sop_instance_uid for row in ledger if row.state is InstanceState.SKIPPED}
    known = _known_as(pacs, passport)
    answers = list(peer.find_cases(pacs, passport.cases))
    verdicts = [
        judge_case(
            case,
            answer,
            last_sent_at=load.last_sent_at,
            now=now(),
            grace=timedelta(seconds=seconds),
            grade=pacs.grade,
            unsent=unsent,
            refused=refused,
            skipped=skipped,
            carried=pending if by_media else (),
            was_there=_was_there(load),
            routed=_is_routed(pacs),
            known=known,
        )
        for case, answer in zip(passport.cases, answers, strict=True)
    ]
    if look_at is not None:
        check, tried, away = _look(load, pacs, passport, answers, verdicts, begin, now, look_at)
        verdicts = [
            weigh(
                case, answer, verdict, check, grade=pacs.grade, tried=tried, away=away, known=known
            )
            for case, answer, verdict in zip(passport.cases, answers, verdicts, strict=True)
        ]

    with begin() as uow:
        # Judged against the load as it is now: whoever swept or started it in the meantime
        # must not be overruled by what was true before.
        current = uow.loads.get(load_id)
        accepted = uow.search_notes.of_load(load_id)
        readiness, misses = judge_load(
            verdicts,
            before=current.readiness,
            misses_before=current.misses,
            grade=pacs.grade,
            accepted=accepted,
        )
        verdicts = [_told(verdict, accepted) for verdict in verdicts]
        if current.run != load.run and readiness is not Readiness.READY:
            readiness, misses = current.readiness, current.misses
        uow.loads.keep_sweep(load_id, verdicts, readiness, misses, now())
        _learn(uow, pacs.name, answers, now())
        if by_media:
            _note_imported(uow, load_id, ledger, verdicts, now())
        _follow(uow, current, readiness, verdicts, now(), public_url, pacs.grade)
    if by_media or readiness in LEAVING:  # nothing is sent again
        return Sweep(readiness, waiting=False, unanswered=_unanswered(verdicts), grace=seconds)
    gone = {uid for verdict in verdicts for uid in verdict.missing} - unsent - refused.keys()
    return Sweep(
        readiness,
        waiting=readiness is not Readiness.READY and any(v.waiting for v in verdicts),
        missing=tuple(sorted(gone)),
        unanswered=_unanswered(verdicts),
        grace=seconds,
    )


def _was_there(load: Load) -> bool:
    """Whether it was ready, and nothing went out since then."""
    if load.ready_at is None:
        return False
    return load.last_sent_at is None or load.last_sent_at <= load.ready_at


def _is_routed(pacs: Pacs) -> bool:
    """Whether images go elsewhere than to what is queried; by DICOMweb that says nothing."""
    store, query = pacs.endpoint("store"), pacs.endpoint("query")
    addresses = {(each.host, each.port) for each in (store, query)}
    return len(addresses) > 1 and not (store.url or query.url)


def _known_as(pacs: Pacs, passport: Passport) -> KnownAs:
    """Give our AE titles as this PACS has them, and the issuer of our patient IDs."""
    asking, storing = (
        pacs.towards(pacs.endpoint(role)).our_ae_title for role in ("query", "store")
    )
    return KnownAs(asking, storing, passport.issuer)


def _look(
    load: Load,
    pacs: Pacs,
    passport: Passport,
    answers: Sequence[PacsAnswer],
    verdicts: Sequence[CaseVerdict],
    begin: Begin,
    now: Clock,
    look_at: LookAt,
) -> tuple[IntactCheck | None, bool, bool]:
    """Give what came of fetching images back since they were sent, if it was tried, if in vain.

    It is done now if need be, once every case is all there.
    """
    with begin() as uow:
        check = uow.intact.find(load.load_id)
    current = is_current(check, load.last_sent_at)
    if check is not None and current and now() - check.checked_at < _LOOK_AGAIN:
        return check, True, False
    is_whole = all(GRADE.get(each.complete, 0) >= GRADE[pacs.grade] for each in verdicts)
    if is_whole and wants_looking_at(passport.cases, answers, check, current=current):
        try:
            return look_at(load.load_id), True, False
        except (PeerUnavailable, RefusedInput):  # away, or of media nothing is known to be there
            return (check if current else None), True, True
    return (check if current else None), current, False


def _told(verdict: CaseVerdict, accepted: Mapping[str, str]) -> CaseVerdict:
    """Say of an accepted name that readers search for it, where nothing else is wrong."""
    if not is_accepted(verdict, accepted) or verdict.complete not in GRADE:
        return verdict
    if not verdict.instruction.startswith(RENAMED):
        return verdict
    return replace(verdict, instruction=word_accepted(verdict.search_for))


def _learn(uow: UnitOfWork, pacs: str, answers: Sequence[PacsAnswer], now: datetime) -> None:
    """Keep what the sweep has taught; one in which nothing was answered teaches nothing."""
    learned = next((a.learned for a in reversed(answers) if a.error is None), UNKNOWN)
    if learned != UNKNOWN:
        uow.profiles.put(pacs, uow.profiles.get(pacs).learn(learned, now), now)


def _note_imported(
    uow: UnitOfWork,
    load_id: int,
    ledger: Sequence[LedgerRow],
    verdicts: Sequence[CaseVerdict],
    now: datetime,
) -> None:
    """Write into the ledger what somebody else has brought: the cases that are whole."""
    whole = {v.accession for v in verdicts if v.complete in GRADE}
    found = [row.sop_instance_uid for row in ledger if row.accession in whole]
    uow.loads.note_imported(load_id, found, now)


def _unanswered(verdicts: Sequence[CaseVerdict]) -> int:
    return sum(v.complete is Completeness.UNKNOWN for v in verdicts)


def _refused(ledger: Sequence[LedgerRow]) -> dict[str, str]:
    return {
        row.sop_instance_uid: row.comment
        for row in ledger
        if row.state in (InstanceState.FAILED, InstanceState.SKIPPED)
    }


def _follow(
    uow: UnitOfWork,
    before: Load,
    readiness: Readiness,
    verdicts: Sequence[CaseVerdict],
    now: datetime,
    public_url: str,
    grade: Completeness,
) -> None:
    """Do what a change of readiness asks for; in the sweep's own transaction."""
    load = replace(before, readiness=readiness)
    subject = f"{load.set_name} {load.pacs}"
    released = 0
    if readiness is Readiness.READY:
        released = release_readers(uow, load, now, public_url)
    if before.readiness is readiness:
        return
    # The moment makes the key: a transition happens once, in the transaction that makes it.
    key = f"{readiness.value}-{load.load_id}-{now:%Y%m%dT%H%M%S%f}"
    if readiness is Readiness.READY:
        uow.events.add(now, "load-ready", subject, cases=len(verdicts), released=released)
        surely = _SURELY[grade]
        lines = [
            f"All {len(verdicts)} cases of {load.set_name} were found in {load.pacs}, {surely}.",
            f"Readers told that they can read now: {released}. There is nothing for you to do.",
        ]
        mail_contacts(
            uow, load, key, f"{load.set_name} is ready in {load.pacs}", lines, now, public_url
        )
    elif before.readiness is Readiness.READY:
        wrong = [v for v in verdicts if v.instruction]
        uow.loads.set_note(load.load_id, FELL_BACK)
        uow.events.add(now, "load-fell-back", subject, cases=[v.accession for v in wrong][:64])
        lines = [
            f"{load.set_name} was ready in {load.pacs}; two checks in a row found it is not now.",
            *tell(wrong)[:8],
            "The buttons named here are on the page of this load.",
        ]
        mail_contacts(
            uow,
            load,
            key,
            f"{load.set_name} is not ready in {load.pacs} any more",
            lines,
            now,
            public_url,
        )
