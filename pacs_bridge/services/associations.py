"""Who may open an association with the node, and what is shown of those who may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pacs_bridge.db.repositories.watch import Event
from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import parse_ae_title
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Clock

UNFIT = "(unfit AE title)"
"""Stands for an AE title with characters that we show nobody; 16 characters."""

TELL_AGAIN = timedelta(minutes=1)

_KINDS = {
    AssociationOutcome.OPEN: "association-opened",
    AssociationOutcome.REJECTED: "association-rejected",
}


class Admission(Enum):
    """Whether an association is accepted."""

    ACCEPTED = "accepted"
    UNKNOWN_CALLER = "calling AE title or address not registered"
    WRONG_CALLED = "called AE title is not ours"
    NOT_ENCRYPTED = "called without TLS, and is not registered as plain"
    WRONG_CERTIFICATE = "certificate is not the one registered for this PACS"


def end_stale(*, begin: Begin, now: Clock) -> None:
    """Call ended what a node that is gone had left open."""
    with begin() as uow:
        uow.associations.end_stale(now())


def show(caller: Caller) -> Caller:
    """Give a caller whose AE titles may be written down and shown."""
    return replace(
        caller, ae_title=_fit(caller.ae_title), called_ae_title=_fit(caller.called_ae_title)
    )


def judge(caller: Caller, pacs: Pacs | None, our_ae_title: str) -> Admission:
    """Say whether a caller may come in, being that PACS, or none.

    Over TLS it must hold the certificate that is registered for that PACS: one that an
    authority of ours signed for another PACS is not enough.
    """
    if pacs is None:
        return Admission.UNKNOWN_CALLER
    if caller.certificate is None and not pacs.plain:
        return Admission.NOT_ENCRYPTED
    if caller.certificate is not None and caller.certificate != pacs.certificate:
        return Admission.WRONG_CERTIFICATE
    if caller.called_ae_title not in (our_ae_title, pacs.our_ae_title):
        return Admission.WRONG_CALLED
    return Admission.ACCEPTED


def _fit(ae_title: str) -> str:
    try:
        return parse_ae_title(ae_title)
    except RefusedInput:
        return UNFIT


def event_of(association: Association) -> Event:
    """Say that an association was opened, ended or rejected, and what was asked for in it."""
    caller, outcome = association.caller, association.outcome
    detail: dict[str, Any] = {
        "association": association.association_id,
        "ae_title": caller.ae_title,
        "address": caller.address,
        "called": caller.called_ae_title,
        "tls": caller.certificate is not None,
    }
    if outcome is not AssociationOutcome.OPEN:
        detail |= {
            "outcome": outcome.value,
            "stored": association.stored,
            "refused": association.refused,
            "echoes": association.echoes,
            "requests": association.requests,
            "note": association.note,
        }
    kind = _KINDS.get(outcome, "association-ended")
    moment = association.ended_at or association.opened_at
    return Event(moment, kind, caller.pacs or "", detail)


def offer_for_adoption(uow: UnitOfWork, caller: Caller, now: datetime) -> None:
    """Make the event, unless the same caller was offered a moment ago."""
    detail = {
        "ae_title": caller.ae_title,
        "address": caller.address,
        "called_ae_title": caller.called_ae_title,
    }
    for event in uow.events.newest(20, kind="unknown-caller"):
        if event.detail == detail and now - event.at < TELL_AGAIN:
            return
    uow.events.add(now, "unknown-caller", caller.ae_title, **detail)
