"""What an event means to the audit trail: one rule for each kind of event, or family of kinds.

References
----------
PS3.15 A.5.3: .1 (application activity), .2 (log used), .3 (instances accessed), .4 (begin
transferring), .7 (instances transferred), .9 (export), .10 (query), .11 (security alert), .12
(user authentication).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pacs_bridge.domain.audit import (
    AuditEvent,
    AuditType,
    Outcome,
    Participant,
    Role,
    Subject,
    Thing,
)
from pacs_bridge.domain.audit_readings import READING_EVENTS
from pacs_bridge.domain.audit_rules import ALERT, OURSELVES, Fact, from_peer
from pacs_bridge.domain.query import FIND, GET, MOVE, Root

_CANCELLED = 0xFE00
_Detail = Mapping[str, Any]


def of_event(at: datetime, kind: str, subject: str, detail: _Detail) -> Fact | None:
    """Say what an event means to an audit trail; None where it means nothing there."""
    known = _EVENTS.get(kind) or READING_EVENTS.get(kind)
    make = known or next((each for start, each in _FAMILIES if kind.startswith(start)), None)
    return None if make is None else make(at, kind, subject, detail)


def _asked(at: datetime, _kind: str, pacs: str, detail: _Detail) -> Fact:
    outcome, said = _outcome(detail), f"{detail.get('matches', 0)} matches"
    return Fact(
        AuditEvent.QUERY,
        "E",
        at,
        outcome,
        from_peer(pacs, ""),
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
        alert = Subject(thing, whom, what, ((ALERT, said),))
        pacs = subject if what.startswith("pacs-") else ""
        return Fact(
            AuditEvent.SECURITY_ALERT,
            "E",
            at,
            outcome,
            _told_by(detail),
            kind,
            (alert,),
            said,
            pacs,
        )

    return make


def _told_by(detail: _Detail) -> tuple[Participant, ...]:
    """Give ourselves, and the account that asked for it where one did."""
    ours = Participant(OURSELVES, Role.APPLICATION, requested=False)
    account = str(detail.get("by", ""))
    if not account.isdigit():
        return (ours,)
    return (ours, Participant(f"account {account}", Role.SOURCE, requested=True))


def _accessed(event: AuditEvent) -> Callable[..., Fact]:
    """Say that instances were spoken of with a PACS, or given away, without their being sent."""

    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        told = ", ".join(f"{name} {_plain(value)}" for name, value in sorted(detail.items()))
        bad = what.endswith(("-unasked", "-unknown", "-parked")) or bool(detail.get("failed"))
        ours = Participant(OURSELVES, Role.APPLICATION, requested=False)
        outcome = Outcome.MINOR_FAILURE if bad else Outcome.SUCCESS
        if event is AuditEvent.EXPORT:
            return Fact(event, "R", at, outcome, (ours,), said=f"{subject}: {told}")
        peer = Participant(subject or "unknown", Role.SOURCE, requested=True)
        return Fact(event, "R", at, outcome, (peer, ours), said=f"{what}: {told}", pacs=subject)

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
    "unlocked": _authentication(AuditType.LOGIN, _GOOD),
    "unlock-refused": _authentication(AuditType.LOGIN, _MINOR),
    "signed-out": _authentication(AuditType.LOGOUT, _GOOD),
    "access-refused": _alert(AuditType.RESTRICTED_FUNCTION, _MINOR, Thing.ACCOUNT),
    "application-start": _activity(AuditType.START),
    "application-stop": _activity(AuditType.STOP),
    "audit-used": _log_used,
    "audit-dropped": _alert(AuditType.RECORDING_STOPPED, _SERIOUS, Thing.LOG),
    "media-exported": _accessed(AuditEvent.EXPORT),
    "connections-refused": _alert(AuditType.NODE_AUTHENTICATION, _MINOR, Thing.NODE),
}
_SPOKEN_OF = _accessed(AuditEvent.ACCESSED)
_FAMILIES = (
    ("pacs-", _NETWORK),
    ("account-", _USERS),
    ("password-", _USERS),
    ("custody-", _SPOKEN_OF),
    ("commitment-", _SPOKEN_OF),
    ("availability", _SPOKEN_OF),
)
"""Whatever begins so changes who may call, who may sign in, or is said of instances."""
