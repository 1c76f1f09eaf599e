"""Withdrawal: a case set leaves a PACS by the promised date, and that it has gone is proven.

Where the PACS was seen to act on rejection notes (IOCM), one is sent for each study; else a
person removes what the list names. Either way the PACS is asked for every study by its UID, each
night until it has none of them. What could not be asked for has not gone.

References
----------
QUIRKS.md C6; IHE Radiology, IOCM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.caseset import Case, Passport
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.loading import Load, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, PacsPeer, Sendable
from pacs_bridge.domain.withdrawal import WITHIN, Withdrawal, WithdrawalState, withdrawal_list
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.sr.rejection import KEY_OBJECT, write_rejection

REJECTION = "rejection"
"""Kind of the proof that a PACS acts, or does not act, on rejection notes."""

AGAIN = timedelta(hours=24)
_EXPLICIT = "1.2.840.10008.1.2.1"


@dataclass(frozen=True)
class Withdrawn:
    """How a withdrawal stands, and the list of what must go."""

    load: Load
    withdrawal: Withdrawal
    csv: str
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        plain = {"set": self.load.set_name, "pacs": self.load.pacs}
        return {**plain, **self.withdrawal.as_dict(self.at), "list": self.csv}


def withdraw_load(
    load_id: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    now: Clock,
    notes: bool | None = None,
    within: timedelta = WITHIN,
    public_url: str = "",
    seen: bool = False,
    tell: bool = True,
) -> Withdrawn:
    """Begin, or go on with, the withdrawal of a load.

    Parameters
    ----------
    notes : bool, optional
        Whether rejection notes are sent; else where the PACS was seen to act on them.
    within : timedelta
        How long after the end of the round it is promised to be gone; without a round, after
        the withdrawal has begun.
    seen, tell : bool
        As for `check_withdrawal`.

    Raises
    ------
    NotFound
        When there is no such load.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        passport = uow.case_sets.get(load.set_name, load.copy)
        withdrawal = _begin(uow, load, now(), within)
        proof = uow.proofs.find(load.pacs, REJECTION)
    if notes is None:
        notes = proof is not None and bool(proof.body.get("works"))
    if notes and withdrawal.gone_at is None:
        said = _send_notes(pacs, passport, peer, now())
        with begin() as uow:
            withdrawal = replace(withdrawal, notes={**withdrawal.notes, **said})
            uow.withdrawals.put(withdrawal)
    return check_withdrawal(
        load_id, begin=begin, peer=peer, now=now, public_url=public_url, seen=seen, tell=tell
    )


def check_withdrawal(
    load_id: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    now: Clock,
    public_url: str = "",
    seen: bool = False,
    tell: bool = True,
) -> Withdrawn:
    """Ask the PACS whether what is being withdrawn has gone, and tell its contact.

    Parameters
    ----------
    seen : bool
        Whether the caller has seen that the PACS finds it; else a sweep must have.
    tell : bool
        Whether mails are written.

    Raises
    ------
    NotFound
        When there is no such load, or its withdrawal has not begun.
    """
    with begin() as uow:
        load = uow.loads.get(load_id)
        pacs = uow.pacs.get(load.pacs)
        passport = uow.case_sets.get(load.set_name, load.copy)
        before = uow.withdrawals.find(load_id)
        was_seen = load.ready_at is not None or any(v.found for v in uow.loads.verdicts(load_id))
    was_seen = was_seen or seen
    if before is not None:  # what was there an hour ago was not hidden by a deaf query
        was_seen = was_seen or any("still there" in words for words in before.left.values())
    answers = list(peer.find_cases(pacs, passport.cases))
    left = {
        case.accession: words
        for case, answer in zip(passport.cases, answers, strict=True)
        if (words := _left(case, answer))
    }
    if not left and not was_seen:
        # A PACS whose queries find nothing would be rid of everything at once.
        left = {c.accession: "never found there, so its absence proves nothing" for c in
                passport.cases}  # fmt: skip
    with begin() as uow:
        current = uow.withdrawals.find(load_id) or _begin(uow, load, now(), WITHIN)
        current = replace(current, asked_at=now(), left=left)
        if not left:
            current = replace(current, gone_at=current.gone_at or now())
            uow.loads.set_readiness(load_id, Readiness.WITHDRAWN)
        else:
            current = replace(current, gone_at=None)
            uow.loads.set_readiness(load_id, Readiness.WITHDRAWING)
        uow.withdrawals.put(current)
        names = {case.accession for case in passport.cases}
        came = uow.withdrawals.came(load.pacs, names)
        for accession, counted in uow.feedback.sent(load.pacs, names).items():
            came[accession] = came.get(accession, Counter()) + counted
        csv = withdrawal_list(passport, came)
        if tell:
            _tell(uow, load, current, csv, now(), public_url)
    with begin() as uow:
        return Withdrawn(uow.loads.get(load_id), current, csv, now())


def withdrawals_due(
    *, begin: Begin, now: Clock, within: timedelta = WITHIN, public_url: str = ""
) -> int:
    """Queue what is due of withdrawals: each that has begun nightly, and each at its date.

    Called by the clock; repeating it queues nothing twice.
    """
    moment, due = now(), []
    with begin() as uow:
        for load in uow.loads.all():
            if load.readiness in (Readiness.PLANNED, Readiness.WITHDRAWN):
                continue
            known = uow.withdrawals.find(load.load_id)
            if known is None:
                if moment < promised(uow, load, within):
                    _remind(uow, load, moment, within, public_url)
                    continue
                known = _begin(uow, load, moment, within)
            if known.asked_at is None or moment - known.asked_at >= AGAIN:
                due.append(known)
        for each in due:
            load = uow.loads.get(each.load_id)
            stamp = 0 if each.asked_at is None else int(each.asked_at.timestamp())
            hour = int(moment.timestamp()) // 3600
            key = f"withdrawal-{load.load_id}-{load.run}-{stamp}-{hour}"
            uow.enqueue("check_withdrawal", load.load_id, key=key, partition=load.pacs)
    return len(due)


def _remind(uow: UnitOfWork, load: Load, now: datetime, within: timedelta, public_url: str) -> None:
    """Tell the contact once, when a round has ended, by when its set is to go."""
    round_ = uow.rounds.find(load.set_name)
    if round_ is None or now < round_.closes_at:
        return
    by = f"{round_.closes_at + within:%d %B %Y}"
    lines = [
        f"The round of {load.set_name} has ended; it was promised to leave {load.pacs} by {by}.",
        "You will get the list of what must go; readers may still look at their cases till then.",
    ]
    key = f"withdrawal-ahead-{load.load_id}-{int(round_.closes_at.timestamp())}"
    subject = f"{load.set_name} in {load.pacs}: the round has ended"
    mail_contacts(uow, load, key, subject, lines, now, public_url)


def promised(uow: UnitOfWork, load: Load, within: timedelta = WITHIN) -> datetime:
    """Tell by when a load is to be gone; far away where its set has no round."""
    round_ = uow.rounds.find(load.set_name)
    if round_ is None:
        return datetime.max.replace(tzinfo=load.created_at.tzinfo if load.created_at else None)
    return round_.closes_at + within


def _begin(uow: UnitOfWork, load: Load, now: datetime, within: timedelta) -> Withdrawal:
    known = uow.withdrawals.find(load.load_id)
    if known is not None:
        return known
    has_round = uow.rounds.find(load.set_name) is not None
    due_at = promised(uow, load, within) if has_round else now + within
    begun = Withdrawal(load.load_id, now, due_at)
    uow.withdrawals.put(begun)
    uow.loads.set_readiness(load.load_id, Readiness.WITHDRAWING)
    uow.events.add(now, "load-withdrawal-begun", f"{load.set_name} {load.pacs}", load=load.load_id)
    return begun


def _left(case: Case, answer: PacsAnswer) -> str:
    """Say what a PACS still has of a case; empty when it has honestly none of it."""
    if answer.error is not None:
        return "could not be asked"
    held = []
    for study in case.studies:
        if study.study_instance_uid not in answer.studies:
            held.append("not answered")
        elif (found := answer.studies[study.study_instance_uid]) is not None:
            images = len(found.images or ()) or found.count
            held.append("still there" if images is None else f"{images} objects still there")
    return ", ".join(dict.fromkeys(held))


def _send_notes(pacs: Pacs, passport: Passport, peer: PacsPeer, now: datetime) -> dict[str, str]:
    """Send a rejection note for each study; gives the answers by Study Instance UID."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="rejection-")))
        studies = dict[str, str]()
        said = dict[str, str]()

        def notes() -> Iterator[Sendable]:
            for case in passport.cases:
                for study in case.studies:
                    ds = write_rejection(case, study, when=now)
                    path = folder / f"{len(studies)}.dcm"
                    path.write_bytes(write_part10(ds, _EXPLICIT))
                    uid = str(ds.SOPInstanceUID)
                    studies[uid] = study.study_instance_uid
                    yield Sendable(path, KEY_OBJECT, uid, _EXPLICIT)

        try:
            for answer in peer.store(pacs, list(notes())):
                said[studies[answer.sop_instance_uid]] = (
                    "taken" if answer.stored else f"refused with 0x{answer.status:04X}"
                )
        except PeerUnavailable as error:
            said |= {study: f"not sent: {error}" for study in studies.values() if study not in said}
        return said


def _tell(
    uow: UnitOfWork,
    load: Load,
    withdrawal: Withdrawal,
    csv: str,
    now: datetime,
    public_url: str,
) -> None:
    """Mail the contact: what must go, that it is late, that it has gone; once each."""
    state = withdrawal.state(now)
    silent = withdrawal.left and all("asked" in each for each in withdrawal.left.values())
    if silent and state is WithdrawalState.ASKED:
        return  # it did not answer; the next night tells more
    begun = int(withdrawal.begun_at.timestamp())
    name = f"{load.set_name} in {load.pacs}"
    sentence = withdrawal.sentence(now)
    subject, lines = _MAILS[state](name, sentence, csv)
    key = f"withdrawal-{state.name.lower()}-{load.load_id}-{begun}"
    mail_contacts(uow, load, key, subject, lines, now, public_url)
    if state is WithdrawalState.GONE:
        uow.events.add(now, "load-withdrawn", f"{load.set_name} {load.pacs}", load=load.load_id)


_Mail = Callable[[str, str, str], tuple[str, list[str]]]
_MAILS: dict[WithdrawalState, _Mail] = {
    WithdrawalState.ASKED: lambda name, sentence, csv: (
        f"{name}: please remove it",
        [sentence, "Where, too: the archive behind it, copies, CAD results, captures.", csv],
    ),
    WithdrawalState.LATE: lambda name, sentence, csv: (
        f"{name}: it should have gone by now",
        [sentence, "Where, too: the archive behind it, copies, CAD results, captures.", csv],
    ),
    WithdrawalState.GONE: lambda name, sentence, _csv: (
        f"{name}: it has gone",
        [sentence, "There is nothing more for you to do."],
    ),
}
