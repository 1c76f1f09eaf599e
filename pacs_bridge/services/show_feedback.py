"""Asking for truth on a PACS: only of a round that is over for all, and never without an end.

What is asked for and by when it goes are one transaction with the job that sends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.errors import GiveUp, NotFound, RefusedInput
from pacs_bridge.domain.feedback import Feedback, feedback_list
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.loading import LEAVING, Load, Readiness
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.withdrawal import WITHIN
from pacs_bridge.services.feedback_objects import case_feedback, check_closed, closed_round
from pacs_bridge.services.withdraw import promised


def copy_of(uow: UnitOfWork, reader: str, set_name: str) -> int:
    """Tell which copy of a set a reader reads, by their enrolment; 0 for the master."""
    enrolment = uow.enrolments.find(set_name, reader)
    return 0 if enrolment is None else enrolment.copy


@dataclass(frozen=True)
class FeedbackOffer:
    """Whether truth may be put on a PACS now, and until when.

    Parameters
    ----------
    pacs : str
        Empty where no PACS is known.
    until : datetime or None
        By when it goes again; None where it may not be put there.
    why : str
        Why it may not, one sentence; empty where it may.
    standing : tuple of Feedback
        What was asked for of it already and has not gone, and the last that has.
    cases, objects : int
        What would be sent; 0 where it was not counted.
    """

    set_name: str
    reader: str
    pacs: str
    copy: int
    until: datetime | None
    why: str
    standing: tuple[Feedback, ...] = ()
    cases: int = 0
    objects: int = 0

    @property
    def stands(self) -> Feedback | None:
        """What has not gone yet."""
        return next((each for each in self.standing if not each.ended), None)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "set": self.set_name,
            "reader": self.reader or None,
            "pacs": self.pacs,
            "copy": self.copy,
            "may": not self.why,
            "why": self.why,
            "until": None if self.until is None else self.until.isoformat(),
            "cases": self.cases,
            "objects": self.objects,
        }

    def seen_by(self) -> str:
        """Say who else sees it there."""
        if self.copy:
            return "It goes onto your own copy of the cases."
        code = f", and the code {self.reader} with it" if self.reader else ""
        return f"Everybody who opens these cases there sees it{code}."


def offer_feedback(
    set_name: str,
    reader: str = "",
    *,
    read: Begin,
    now: Clock,
    pacs: str = "",
    within: timedelta = WITHIN,
    key_uid: bytes = b"",
) -> FeedbackOffer:
    """Tell whether truth may be put beside a reader's marks now, or truth alone.

    Parameters
    ----------
    reader : str
        Scheme code; empty for the truth alone, which then needs `pacs`.
    pacs : str
        Where; for a reader, the PACS of their site.
    within : timedelta
        How long after the end of a round its set may stand on a PACS.
    key_uid : bytes
        The installation's key of UIDs; without it nothing is counted.
    """
    name = str(SetName.parse(set_name))
    cases = objects = 0
    with read() as uow:
        where, copy, until, why = pacs, 0, None, ""
        try:
            where, copy = _place(uow, name, reader, pacs)
            _, until = _check(uow, name, where, copy, now(), within)
            if key_uid:
                closed = closed_round(uow, name, reader, now())
                counted = [each.count() for each in case_feedback(closed, UidMap(key_uid, name))]
                cases, objects = len(counted), sum(counted)
        except GiveUp as refused:
            why = str(refused)
        asked = [each for each in uow.feedback.at(where, name, copy) if each.reader == reader]
        shown = [each for each in asked if not each.ended] or asked[-1:]
        return FeedbackOffer(name, reader, where, copy, until, why, tuple(shown), cases, objects)


def ask_feedback(
    set_name: str,
    reader: str = "",
    *,
    begin: Begin,
    now: Clock,
    pacs: str = "",
    until: datetime | None = None,
    account_id: int | None = None,
    within: timedelta = WITHIN,
) -> Feedback:
    """Have truth put on a PACS, and taken away again; asking twice changes nothing.

    Parameters
    ----------
    until : datetime, optional
        By when it is to go; else when the set is to. Never later than that.
    account_id : int, optional
        Who asks; None from the command line.

    Raises
    ------
    RefusedInput
        While anybody may still read, where the set does not stand on the PACS, or where it is to
        have left by now.
    NotFound
        When there is no such set, truth, reader or PACS.
    """
    name = str(SetName.parse(set_name))
    with begin() as uow:
        where, copy = _place(uow, name, reader, pacs)
        load, due = _check(uow, name, where, copy, now(), within)
        if until is not None:
            if not now() < until <= due:
                raise RefusedInput(
                    f"It must go after now and no later than the set itself, {due:%Y-%m-%d}; give "
                    "such a day."
                )
            due = until
        feedback, is_new = uow.feedback.ask(
            name, where, copy, reader, now=now(), due_at=due, account_id=account_id
        )
        number = feedback.feedback_id
        if not is_new and feedback.tries and feedback.next_at is None:
            feedback = replace(feedback, tries=0, note="")  # it was given up: try anew
            uow.feedback.put(feedback)
            key = f"feedback-{number}-again-{int(now().timestamp())}"
            uow.enqueue("send_feedback", number, key=key, partition=where)
        if is_new:
            uow.enqueue("send_feedback", number, key=f"feedback-{number}", partition=where)
            uow.events.add(
                now(), "feedback-asked", f"{name} {where}", feedback=number, copy=copy,
                reader=reader, until=due.isoformat(), by=account_id or "", load=load.load_id,
            )  # fmt: skip
        return feedback


def list_feedback(set_name: str, *, read: Begin) -> list[Feedback]:
    """List what was ever asked for of a set, oldest first; raises `NotFound`."""
    name = str(SetName.parse(set_name))
    with read() as uow:
        uow.case_sets.get(name)
        return uow.feedback.of_set(name)


def feedback_at(load_id: int, *, read: Begin) -> list[tuple[Feedback, str]]:
    """List what was ever asked for of a load, each with the list of what must go (CSV)."""
    with read() as uow:
        load = uow.loads.get(load_id)
        asked = uow.feedback.at(load.pacs, load.set_name, load.copy)
        return [(each, _what_goes(uow, each.feedback_id)) for each in asked]


def list_what_goes(feedback_id: int, *, read: Begin) -> str:
    """Write what must go of one feedback as CSV, an object a line."""
    with read() as uow:
        return _what_goes(uow, feedback_id)


def _what_goes(uow: UnitOfWork, feedback_id: int) -> str:
    return feedback_list([o for o in uow.feedback.objects(feedback_id) if o.may_be_there])


def _place(uow: UnitOfWork, set_name: str, reader: str, pacs: str) -> tuple[str, int]:
    """Give PACS and copy where it belongs."""
    if not reader:
        return uow.pacs.get(parse_name(pacs)).name, 0
    enrolment = uow.enrolments.find(set_name, reader)
    if enrolment is None:
        raise NotFound(f"{reader} is not enrolled in {set_name}; `account enrol` enrols.")
    site = next(each for each in uow.sites.all() if each.name == enrolment.site)
    if pacs and pacs != site.pacs:
        raise RefusedInput(f"{reader} reads on {site.pacs}, not on {pacs}; name that one.")
    return site.pacs, copy_of(uow, reader, set_name)


def _check(
    uow: UnitOfWork, set_name: str, pacs: str, copy: int, moment: datetime, within: timedelta
) -> tuple[Load, datetime]:
    """Give the load on which truth may be shown now, and by when it goes; else refuse."""
    uow.case_sets.get(set_name)
    load = uow.loads.find(set_name, pacs, copy)
    if load is None or load.readiness in (Readiness.PLANNED, Readiness.AWAITING, *LEAVING):
        raise RefusedInput(
            f"These cases of {set_name} do not stand in {pacs} (any more); the truth is shown on "
            "the results page."
        )
    check_closed(uow, set_name, moment)
    if uow.truths.latest(set_name) is None:
        raise NotFound(f"There is no truth of {set_name}; `truth import` takes it.")
    due = promised(uow, load, within)
    if moment >= due:
        raise RefusedInput(
            f"{set_name} was promised to leave {pacs} by {due:%d %B %Y}; nothing is added to it."
        )
    return load, due
