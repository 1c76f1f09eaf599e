"""What becomes an audit message: associations, transfers, refusals and events, as facts.

The buffer keeps facts rather than XML: they are small, and can be filtered. Facts are made of
values of our own and of AE titles that were checked; no name from the wire comes this far.

References
----------
PS3.15 A.5.3: .1 (application activity), .2 (log used), .4 (begin transferring), .7 (instances
transferred), .10 (query), .11 (security alert), .12 (user authentication).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pacs_bridge.domain.audit import (
    AuditEvent,
    AuditMessage,
    AuditType,
    Outcome,
    Participant,
    Role,
    Subject,
    Thing,
)
from pacs_bridge.domain.objects import Association, AssociationOutcome
from pacs_bridge.domain.query import FIND, GET, MOVE, Root

OURSELVES = ""
"""Stands for our own AE title in facts; the settings say it when a message is written."""

_CANCELLED = 0xFE00
_ALERT = "Alert Description"  # PS3.15 table A.5.3.11-1


@dataclass(frozen=True)
class Fact:
    """One audit message before it is written.

    Parameters
    ----------
    pacs : str
        The PACS that it concerns, as registered; empty for none.
    """

    event: AuditEvent
    action: str
    at: datetime
    outcome: Outcome
    participants: tuple[Participant, ...]
    kind: AuditType | None = None
    subjects: tuple[Subject, ...] = ()
    said: str = ""
    pacs: str = ""

    def message(self, source: str) -> AuditMessage:
        """Make the message; `source` is our AE title."""
        own = tuple(
            Participant(each.user_id or source, each.role, each.requested, each.address)
            for each in self.participants
        )
        return AuditMessage(
            self.event, self.action, self.at, self.outcome, source, own, self.kind,
            self.subjects, self.said,
        )  # fmt: skip

    def body(self) -> dict[str, Any]:
        """What has no column of its own, as JSON values."""
        return {
            "action": self.action,
            "participants": [
                [each.user_id, each.role.name, each.requested, each.address]
                for each in self.participants
            ],
            "subjects": [{**asdict(each), "thing": each.thing.name} for each in self.subjects],
            "said": self.said,
        }


def fact_of(
    event: str, kind: str, at: datetime, outcome: int, pacs: str, body: Mapping[str, Any]
) -> Fact:
    """Read facts back; the opposite of `Fact.body`."""
    return Fact(
        AuditEvent[event],
        body["action"],
        at,
        Outcome(outcome),
        tuple(Participant(u, Role[role], r, where) for u, role, r, where in body["participants"]),
        AuditType[kind] if kind else None,
        tuple(map(_subject, body["subjects"])),
        body["said"],
        pacs,
    )


def _subject(told: Mapping[str, Any]) -> Subject:
    return Subject(
        Thing[told["thing"]],
        told["identifier"],
        told["name"],
        tuple((name, value) for name, value in told["details"]),
        told["accession"],
        tuple((uid, count) for uid, count in told["sop_classes"]),
    )


def of_association(association: Association) -> Fact | None:
    """Say that an association ended, or was not accepted; None while it goes on."""
    if association.outcome is AssociationOutcome.OPEN:
        return None
    caller = association.caller
    title = caller.ae_title or "no AE title"  # it came to no association
    good = association.outcome is AssociationOutcome.RELEASED
    counted = {
        "stored": association.stored,
        "refused": association.refused,
        "C-ECHO": association.echoes,
        **association.requests,
    }
    counts = ", ".join(f"{count} {name}" for name, count in counted.items() if count)
    told = "; ".join(filter(None, (association.note, counts))) or "nothing was asked"
    said = f"association {association.outcome}: {told}"
    return Fact(
        AuditEvent.SECURITY_ALERT,
        "E",
        association.ended_at or association.opened_at,
        Outcome.SUCCESS if good else Outcome.MINOR_FAILURE,
        (
            Participant(title, Role.SOURCE, requested=True, address=caller.address),
            Participant(caller.called_ae_title, Role.DESTINATION, requested=False),
        ),
        AuditType.NODE_AUTHENTICATION,
        (Subject(Thing.NODE, title, caller.pacs or "not registered", ((_ALERT, said),)),),
        said,
        caller.pacs or "",
    )


@dataclass(frozen=True)
class Arrived:
    """Objects that came from one peer about one case; `studies` are the case's own."""

    pacs: str
    ae_title: str
    address: str
    accession: str
    at: datetime
    sop_classes: tuple[tuple[str, int], ...]
    studies: tuple[str, ...] = ()


def of_arrival(arrived: Arrived) -> Fact:
    """Say that objects were taken and are safe."""
    return Fact(
        AuditEvent.TRANSFERRED,
        "C",
        arrived.at,
        Outcome.SUCCESS,
        _from(arrived.ae_title, arrived.address),
        subjects=tuple(
            Subject(
                Thing.STUDY,
                study,
                arrived.accession or study,
                accession=arrived.accession,
                sop_classes=arrived.sop_classes if nth == 0 else (),
            )
            for nth, study in enumerate(arrived.studies)
        ),
        said=f"{sum(count for _, count in arrived.sop_classes)} objects",
        pacs=arrived.pacs,
    )


@dataclass(frozen=True)
class Refused:
    """Objects of one SOP class that one peer sent and that were not taken, and why."""

    pacs: str
    ae_title: str
    address: str
    kind: str
    status: int
    sop_class_uid: str
    at: datetime
    count: int


def of_refusal(refused: Refused) -> Fact:
    """Say that objects were not taken: from whom, of what class, how many, and nothing else."""
    said = f"{refused.count} objects refused, {refused.kind}, status {refused.status:04X}"
    uid = refused.sop_class_uid or "unknown"
    counted = ((refused.sop_class_uid, refused.count),) if refused.sop_class_uid else ()
    return Fact(
        AuditEvent.SECURITY_ALERT,
        "E",
        refused.at,
        Outcome.MINOR_FAILURE,
        _from(refused.ae_title, refused.address),
        AuditType.RESTRICTED_FUNCTION,
        (Subject(Thing.SOP_CLASS, uid, refused.kind, ((_ALERT, said),), "", counted),),
        said,
        refused.pacs,
    )


def _from(ae_title: str, address: str) -> tuple[Participant, Participant]:
    return (
        Participant(ae_title, Role.SOURCE, requested=True, address=address),
        Participant(OURSELVES, Role.DESTINATION, requested=False),
    )


_Detail = Mapping[str, Any]


def of_event(at: datetime, kind: str, subject: str, detail: _Detail) -> Fact | None:
    """Say what an event means to an audit trail; None where it means nothing there."""
    make = _EVENTS.get(kind) or next(
        (each for start, each in _FAMILIES if kind.startswith(start)), None
    )
    return None if make is None else make(at, kind, subject, detail)


def _asked(at: datetime, _kind: str, pacs: str, detail: _Detail) -> Fact:
    outcome, said = _outcome(detail), f"{detail.get('matches', 0)} matches"
    return Fact(
        AuditEvent.QUERY,
        "E",
        at,
        outcome,
        _from(pacs, ""),
        subjects=(_model(FIND, detail),),
        said=f"{said}, status {detail.get('status', '')}",
        pacs=pacs,
    )


def _retrieved(at: datetime, _kind: str, pacs: str, detail: _Detail) -> Fact:
    models = GET if detail.get("service") == "get" else MOVE
    sent = ", ".join(f"{detail.get(n, 0)} {n}" for n in ("completed", "warning", "failed"))
    return Fact(
        AuditEvent.TRANSFERRED,
        "R",
        at,
        _outcome(detail),
        (
            Participant(OURSELVES, Role.SOURCE, requested=False),
            Participant(pacs, Role.DESTINATION, requested=True),
        ),
        subjects=(_model(models, detail),),
        said=f"{sent}, status {detail.get('status', '')}",
        pacs=pacs,
    )


def _model(models: Mapping[str, Root], detail: _Detail) -> Subject:
    root = detail.get("model", "")
    uid = next((uid for uid, each in models.items() if each == root), "unknown")
    return Subject(Thing.SOP_CLASS, uid, f"{detail.get('level') or 'no'} level")


def _outcome(detail: _Detail) -> Outcome:
    try:
        status = int(str(detail.get("status", "")), 16)
    except ValueError:
        return Outcome.MINOR_FAILURE
    good = status in (0, _CANCELLED) or status >> 8 == 0xFF
    return Outcome.SUCCESS if good else Outcome.MINOR_FAILURE


def _sent(at: datetime, _kind: str, subject: str, detail: _Detail) -> Fact:
    set_name, _, pacs = subject.partition(" ")
    return Fact(
        AuditEvent.BEGIN_TRANSFER,
        "E",
        at,
        Outcome.SUCCESS,
        (
            Participant(OURSELVES, Role.SOURCE, requested=True),
            Participant(pacs or "unknown", Role.DESTINATION, requested=False),
        ),
        said=f"case set {set_name}, load {detail.get('load', '')}, run {detail.get('run', '')}",
        pacs=pacs,
    )


def _authentication(kind: AuditType, outcome: Outcome) -> Callable[..., Fact]:
    def make(at: datetime, what: str, account: str, _detail: _Detail) -> Fact:
        return Fact(AuditEvent.USER_AUTHENTICATION, "E", at, outcome, _by(account), kind, said=what)

    return make


def _by(account: str) -> tuple[Participant, Participant]:
    known = f"account {account}" if account.isdigit() else "unknown"
    return (
        Participant(known, Role.SOURCE, requested=True),
        Participant(OURSELVES, Role.APPLICATION, requested=False),
    )


def _activity(kind: AuditType) -> Callable[..., Fact]:
    def make(at: datetime, _kind: str, role: str, _detail: _Detail) -> Fact:
        ours = Participant(OURSELVES, Role.APPLICATION, requested=False)
        return Fact(
            AuditEvent.APPLICATION_ACTIVITY, "E", at, Outcome.SUCCESS, (ours,), kind, said=role
        )

    return make


def _log_used(at: datetime, _kind: str, subject: str, _detail: _Detail) -> Fact:
    ours = Participant(OURSELVES, Role.APPLICATION, requested=True)
    log = Subject(Thing.LOG, "pacs-bridge:audit", "Security Audit Log")
    return Fact(
        AuditEvent.LOG_USED, "R", at, Outcome.SUCCESS, (ours,), subjects=(log,), said=subject
    )


def _alert(kind: AuditType, outcome: Outcome, thing: Thing) -> Callable[..., Fact]:
    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        told = ", ".join(f"{name} {_plain(value)}" for name, value in sorted(detail.items()))
        said = f"{what}: {told}" if told else what
        whom = subject or "-"
        alert = Subject(thing, whom, what, ((_ALERT, said),))
        ours = Participant(OURSELVES, Role.APPLICATION, requested=False)
        pacs = subject if what.startswith("pacs-") else ""
        return Fact(
            AuditEvent.SECURITY_ALERT, "E", at, outcome, (ours,), kind, (alert,), said, pacs
        )

    return make


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


_GOOD, _MINOR, _SERIOUS = Outcome.SUCCESS, Outcome.MINOR_FAILURE, Outcome.SERIOUS_FAILURE
_NETWORK = _alert(AuditType.NETWORK_CONFIGURATION, _GOOD, Thing.NODE)
_USERS = _alert(AuditType.USER_ATTRIBUTES, _GOOD, Thing.ACCOUNT)
_EVENTS: dict[str, Callable[..., Fact]] = {
    "query": _asked,
    "retrieve": _retrieved,
    "load-started": _sent,
    "signed-in": _authentication(AuditType.LOGIN, _GOOD),
    "sign-in-refused": _authentication(AuditType.LOGIN, _MINOR),
    "signed-out": _authentication(AuditType.LOGOUT, _GOOD),
    "access-refused": _alert(AuditType.RESTRICTED_FUNCTION, _MINOR, Thing.ACCOUNT),
    "application-start": _activity(AuditType.START),
    "application-stop": _activity(AuditType.STOP),
    "audit-used": _log_used,
    "audit-dropped": _alert(AuditType.RECORDING_STOPPED, _SERIOUS, Thing.LOG),
    "connections-refused": _alert(AuditType.NODE_AUTHENTICATION, _MINOR, Thing.NODE),
}
_FAMILIES = (("pacs-", _NETWORK), ("account-", _USERS), ("password-", _USERS))
"""Whatever begins so changes who may call, or who may sign in."""
