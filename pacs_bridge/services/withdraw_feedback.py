"""Feedback leaves a PACS by the promised day, and that it has gone is proven.

As a set does (see `services.withdraw`): by a rejection note for each study where the PACS was
seen to act on them, else by a person with the list; then it is asked for, object by object, until
none is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.feedback import Feedback, FeedbackObject, FeedbackState, feedback_list
from pacs_bridge.domain.loading import LEAVING, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock, ImageKey, PacsPeer, Sendable
from pacs_bridge.domain.sending import EXPLICIT
from pacs_bridge.services.mails import mail_contacts
from pacs_bridge.services.withdraw import AGAIN, REJECTION
from pacs_bridge.sr.rejection import KEY_OBJECT, write_mark_rejection

_TAKEN = "taken"


def begin_now(uow: UnitOfWork, feedback: Feedback, now: datetime, why: str = "") -> Feedback:
    """Begin a withdrawal in the caller's transaction: nothing more of it is sent."""
    if feedback.withdrawal.begun_at is not None:
        return feedback
    promise = replace(feedback.withdrawal, begun_at=now)
    uow.feedback.put_withdrawal(feedback.feedback_id, promise)
    feedback = replace(feedback, withdrawal=promise, next_at=None, note=why)
    uow.feedback.put(feedback)
    number, name = feedback.feedback_id, f"{feedback.set_name} {feedback.pacs}"
    uow.events.add(now, "feedback-withdrawal-begun", name, feedback=number, why=why)
    uow.enqueue("withdraw_feedback", number, key=f"feedback-goes-{number}", partition=feedback.pacs)
    return feedback


def ask_withdrawal(
    feedback_id: int, *, begin: Begin, now: Clock, account_id: int | None = None
) -> Feedback:
    """Have feedback go now; asking again has the PACS asked again whether it has gone.

    Raises
    ------
    NotFound
        When there is none of that number.
    """
    with begin() as uow:
        feedback = uow.feedback.get(feedback_id)
        if feedback.withdrawal.begun_at is None:
            feedback = begin_now(uow, feedback, now())
            name = f"{feedback.set_name} {feedback.pacs}"
            uow.events.add(
                now(), "feedback-withdrawal-asked", name, feedback=feedback_id, by=account_id or ""
            )
        elif not feedback.ended:
            key = f"feedback-goes-{feedback_id}-asked-{int(now().timestamp()) // 10}"
            uow.enqueue("withdraw_feedback", feedback_id, key=key, partition=feedback.pacs)
        return feedback


def withdraw_feedback(
    feedback_id: int,
    *,
    begin: Begin,
    peer: PacsPeer,
    now: Clock,
    notes: bool | None = None,
    public_url: str = "",
) -> Feedback:
    """Begin, or go on with, a withdrawal: reject, ask, and tell the contact.

    Parameters
    ----------
    notes : bool, optional
        Whether rejection notes are sent; else where the PACS was seen to act on them.

    Raises
    ------
    NotFound
        When there is none of that number.
    """
    with begin() as uow:
        feedback = begin_now(uow, uow.feedback.get(feedback_id), now())
        pacs = uow.pacs.get(feedback.pacs)
        proof = uow.proofs.find(feedback.pacs, REJECTION)
        there = [each for each in uow.feedback.objects(feedback_id) if each.may_be_there]
        passport = uow.case_sets.find(feedback.set_name, feedback.copy)
        cases = {} if passport is None else {each.accession: each for each in passport.cases}
    if feedback.ended:
        return feedback
    if notes is None:
        notes = proof is not None and bool(proof.body.get("works"))
    if notes:
        said = _send_notes(pacs, feedback, there, cases, peer, now())
        with begin() as uow:
            promise = uow.feedback.get(feedback_id).withdrawal
            promise = replace(promise, notes={**promise.notes, **said})
            uow.feedback.put_withdrawal(feedback_id, promise)
    found: dict[str, bool | None] | None
    try:
        found = peer.find_images(pacs, _keys(there)) if there else {}
    except PeerUnavailable:
        found = None
    with begin() as uow:
        return _judge(uow, feedback_id, found, now(), public_url)


def feedback_due(*, begin: Begin, now: Clock) -> int:
    """Queue what is due of feedback: to be sent again, to be withdrawn, to be asked for.

    Called by the clock; repeating it queues nothing twice.
    """
    moment, queued = now(), 0
    with begin() as uow:
        for each in uow.feedback.standing():
            promise, number = each.withdrawal, each.feedback_id
            load = uow.loads.find(each.set_name, each.pacs, each.copy)
            is_over = moment >= promise.due_at or (load is not None and load.readiness in LEAVING)
            if is_over and promise.begun_at is None:
                begin_now(uow, each, moment)
                queued += 1
            elif promise.begun_at is not None:
                asked = promise.asked_at or promise.begun_at
                if moment - asked >= AGAIN:
                    hour = int(moment.timestamp()) // 3600
                    key = f"feedback-goes-{number}-{int(asked.timestamp())}-{hour}"
                    uow.enqueue("withdraw_feedback", number, key=key, partition=each.pacs)
                    queued += 1
            elif each.next_at is not None and moment >= each.next_at:
                key = f"feedback-{number}-{each.tries}-{int(each.next_at.timestamp())}"
                uow.enqueue("send_feedback", number, key=key, partition=each.pacs)
                queued += 1
    return queued


def _judge(
    uow: UnitOfWork,
    feedback_id: int,
    found: dict[str, bool | None] | None,
    now: datetime,
    public_url: str,
) -> Feedback:
    """Keep what the PACS still has of it, and tell its contact."""
    if found:
        uow.feedback.see([uid for uid, there in found.items() if there])
    feedback, objects = uow.feedback.get(feedback_id), uow.feedback.objects(feedback_id)
    load = uow.loads.find(feedback.set_name, feedback.pacs, feedback.copy)
    there = [each for each in objects if each.may_be_there]
    left = _left(there, found)
    if load is not None and load.readiness is Readiness.WITHDRAWN:
        left = {}  # the studies themselves have gone, and were asked for
    promise = replace(feedback.withdrawal, asked_at=now, left=left)
    if not left:
        promise = replace(promise, gone_at=now)
        name = f"{feedback.set_name} {feedback.pacs}"
        uow.events.add(
            now, "feedback-withdrawn", name, feedback=feedback_id, objects=len(there),
            cases=sorted({each.accession for each in there}),
        )  # fmt: skip
    uow.feedback.put_withdrawal(feedback_id, promise)
    feedback = replace(feedback, withdrawal=promise)
    if there and load is not None:
        _tell(uow, feedback, there, now, public_url)
    return feedback


def _left(there: Sequence[FeedbackObject], found: dict[str, bool | None] | None) -> dict[str, str]:
    """Say by case what a PACS still has; nothing where it honestly has none."""
    seen = any(each.found for each in there)
    said: dict[str, list[str]] = {}
    for each in there:
        has = None if found is None else found.get(each.sop_instance_uid)
        if has:
            said.setdefault(each.accession, []).append("still there")
        elif has is None:
            said.setdefault(each.accession, []).append("could not be asked")
        elif not seen:  # a PACS whose queries find nothing would be rid of everything at once
            words = "never found there, so its absence proves nothing"
            said.setdefault(each.accession, []).append(words)
    return {
        accession: ", ".join(f"{words.count(each)} objects {each}" for each in dict.fromkeys(words))
        for accession, words in said.items()
    }


def _tell(
    uow: UnitOfWork,
    feedback: Feedback,
    there: Sequence[FeedbackObject],
    now: datetime,
    public_url: str,
) -> None:
    """Mail the contact: what must go, that it is late, that it has gone; once each."""
    load = uow.loads.find(feedback.set_name, feedback.pacs, feedback.copy)
    state = feedback.state(now)
    asked = all("asked" in words for words in feedback.withdrawal.left.values())
    if load is None or (state is FeedbackState.LEAVING and asked):
        return  # it did not answer; the next night tells more
    what = f"Truth of {feedback.set_name} in {feedback.pacs}"
    subject, more = {
        FeedbackState.LATE: (f"{what}: it should have gone by now", [feedback_list(there)]),
        FeedbackState.GONE: (f"{what}: it has gone", ["There is nothing more for you to do."]),
    }.get(state, (f"{what}: please remove it", [feedback_list(there)]))
    key = f"feedback-{state.name.lower()}-{feedback.feedback_id}"
    lines = [feedback.sentence(now), *more]
    mail_contacts(uow, load, key, subject, lines, now, public_url)


def _send_notes(
    pacs: Pacs,
    feedback: Feedback,
    there: Sequence[FeedbackObject],
    cases: dict[str, Case],
    peer: PacsPeer,
    now: datetime,
) -> dict[str, str]:
    """Send a rejection note for each study; gives the answers by Study Instance UID."""
    studies = dict[str, str]()
    said = dict[str, str]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="rejection-")))

        def notes() -> Iterator[Sendable]:
            for case, study, objects in _studies(there, cases):
                uid = study.study_instance_uid
                if feedback.withdrawal.notes.get(uid) == _TAKEN:
                    continue
                ds = write_mark_rejection(case, study, objects, when=now)
                ds.SeriesDescription = "Withdrawal of feedback"
                path = folder / f"{len(studies)}.dcm"
                path.write_bytes(write_part10(ds, EXPLICIT))
                studies[str(ds.SOPInstanceUID)] = uid
                yield Sendable(path, KEY_OBJECT, str(ds.SOPInstanceUID), EXPLICIT)

        try:
            for answer in peer.store(pacs, list(notes())):
                words = _TAKEN if answer.stored else f"refused with 0x{answer.status:04X}"
                said[studies[answer.sop_instance_uid]] = words
        except PeerUnavailable as error:
            said |= {study: f"not sent: {error}" for study in studies.values() if study not in said}
    return said


def _studies(
    there: Iterable[FeedbackObject], cases: dict[str, Case]
) -> Iterator[tuple[Case, Study, list[tuple[str, str, str]]]]:
    """Give each study with what is there of it: series, object and SOP class."""
    by_study: dict[str, list[tuple[str, str, str]]] = {}
    for each in there:
        held = (each.series_instance_uid, each.sop_instance_uid, each.sop_class_uid)
        by_study.setdefault(each.study_instance_uid, []).append(held)
    for case in cases.values():
        for study in case.studies:
            if study.study_instance_uid in by_study:
                yield case, study, by_study[study.study_instance_uid]


def _keys(objects: Iterable[FeedbackObject]) -> list[ImageKey]:
    return [
        ImageKey(each.study_instance_uid, each.series_instance_uid, each.sop_instance_uid)
        for each in objects
    ]
