"""What events about readers' marks, whose they are, and truth shown mean to the audit trail.

Of an event's details only those of our own making are said: codes, names of sets, PACS and cases,
counts, hashes. Log-ins, and words that somebody typed, stay where they are.

References
----------
PS3.15 A.5.3: .3 (instances accessed), .4 (begin transferring), .7 (instances transferred), .9
(export), .11 (security alert).
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
from pacs_bridge.domain.audit_rules import ALERT, OURSELVES, Fact

_Detail = Mapping[str, Any]

_SAID = (
    "set", "pacs", "reader", "copy", "case", "cases", "revision", "load", "run", "feedback",
    "handshake", "objects", "answer", "number", "until", "mode", "used", "sha256", "turn",
)  # fmt: skip
"""Details that may be said."""

_MOST_NAMED = 8


def _told(what: str, detail: _Detail) -> str:
    said = ", ".join(
        f"{name} {_plain(detail[name])}" for name in _SAID if detail.get(name) not in (None, "")
    )
    return f"{what}: {said}" if said else what


def _plain(value: object) -> str:
    if not isinstance(value, list | tuple):
        return str(value)
    named = " ".join(map(str, value[:_MOST_NAMED]))
    return named if len(value) <= _MOST_NAMED else f"{named} and {len(value) - _MOST_NAMED} more"


def _people(detail: _Detail) -> tuple[Participant, ...]:
    """Give ourselves, and the account that asked where one did."""
    ours = Participant(OURSELVES, Role.APPLICATION, requested=False)
    account = str(detail.get("by", ""))
    if not account.isdigit():
        return (ours,)
    return (ours, Participant(f"account {account}", Role.SOURCE, requested=True))


def _marks(action: str, outcome: Outcome = Outcome.SUCCESS) -> Callable[..., Fact]:
    """Say what was done with marks or reports: C made, R handed on, U given or changed, D gone."""

    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        return Fact(
            AuditEvent.ACCESSED, action, at, outcome, _people(detail),
            said=f"{_told(what, detail)}, about {subject or '-'}", pacs=str(detail.get("pacs", "")),
        )  # fmt: skip

    return make


def _identity(
    outcome: Outcome = Outcome.SUCCESS, thing: Thing = Thing.ACCOUNT
) -> Callable[..., Fact]:
    """Say that it was asked or settled whose marks are whose: of a reader, or at a PACS (NODE)."""

    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        said = _told(what, detail)
        whom = Subject(thing, subject or "-", what, ((ALERT, said),))
        pacs = subject if thing is Thing.NODE else str(detail.get("pacs", ""))
        return Fact(
            AuditEvent.SECURITY_ALERT, "E", at, outcome, _people(detail),
            AuditType.USER_ATTRIBUTES, (whom,), said, pacs,
        )  # fmt: skip

    return make


def _exposed(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
    said = _told(what, detail)
    whom = Subject(Thing.ACCOUNT, subject or "-", what, ((ALERT, said),))
    return Fact(
        AuditEvent.SECURITY_ALERT, "E", at, Outcome.SERIOUS_FAILURE, _people({}),
        AuditType.RESTRICTED_FUNCTION, (whom,), said, str(detail.get("pacs", "")),
    )  # fmt: skip


def _to_pacs(event: AuditEvent, action: str) -> Callable[..., Fact]:
    """Say that truth is about to go, or went, to a PACS: the subject is its set and the PACS."""

    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        _, _, pacs = subject.partition(" ")
        ours = Participant(OURSELVES, Role.SOURCE, requested=True)
        theirs = Participant(pacs or "unknown", Role.DESTINATION, requested=False)
        said = f"{_told(what, detail)}, {subject}"
        more = _people(detail)[1:]
        return Fact(event, action, at, Outcome.SUCCESS, (ours, theirs, *more), said=said, pacs=pacs)

    return make


def _at_pacs(action: str, outcome: Outcome = Outcome.SUCCESS) -> Callable[..., Fact]:
    """Say what became of truth on a PACS."""

    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        _, _, pacs = subject.partition(" ")
        said = f"{_told(what, detail)}, {subject}"
        return Fact(AuditEvent.ACCESSED, action, at, outcome, _people(detail), said=said, pacs=pacs)

    return make


def _exported(outcome: Outcome = Outcome.SUCCESS) -> Callable[..., Fact]:
    def make(at: datetime, what: str, subject: str, detail: _Detail) -> Fact:
        said = f"{_told(what, detail)}, about {subject}"
        return Fact(AuditEvent.EXPORT, "R", at, outcome, _people(detail), said=said)

    return make


_MINOR = Outcome.MINOR_FAILURE
READING_EVENTS: dict[str, Callable[..., Fact]] = {
    "handshake-asked": _identity(),
    "handshake-proven": _identity(),
    "handshake-failed": _identity(_MINOR),
    "login-shared": _identity(_MINOR, Thing.NODE),
    "logins-set": _identity(thing=Thing.NODE),
    "saving-set": _identity(thing=Thing.NODE),
    "claim-decided": _marks("U"),
    "claim-disputed": _marks("U", _MINOR),
    "claim-nobodys": _marks("U", _MINOR),
    "objects-claimed": _identity(),
    "objects-disowned": _identity(),
    "session-opened": _identity(),
    "session-closed": _identity(),
    "sessions-overlap": _identity(_MINOR),
    "reader-moved-to-copy": _identity(),
    "reader-extended": _identity(),
    "reader-released": _identity(),
    "isolation-proven": _identity(thing=Thing.NODE),
    "isolation-lost": _identity(_MINOR, Thing.NODE),
    "reading-exposed": _exposed,
    "exposure-lifted": _marks("U"),
    "turn-named": _identity(),
    "reading-answered": _marks("U"),
    "reading-emptied": _marks("D"),
    "reading-ended": _marks("U"),
    "reading-unfinished": _marks("U", _MINOR),
    "reading-parked": _marks("R", _MINOR),
    "object-late": _marks("R", _MINOR),
    "object-of-several": _marks("R", _MINOR),
    "object-parked": _marks("R", _MINOR),
    "object-rejected": _marks("D"),
    "marks-rejected": _marks("D"),
    "report-kept": _marks("C"),
    "report-unwritten": _marks("C", _MINOR),
    "report-delivered": _exported(),
    "report-refused": _exported(_MINOR),
    "feedback-asked": _to_pacs(AuditEvent.BEGIN_TRANSFER, "E"),
    "feedback-sent": _to_pacs(AuditEvent.TRANSFERRED, "C"),
    "feedback-parked": _at_pacs("R", _MINOR),
    "feedback-left-out": _marks("C", _MINOR),
    "feedback-withdrawal-asked": _at_pacs("D"),
    "feedback-withdrawal-begun": _at_pacs("D"),
    "feedback-withdrawn": _at_pacs("D"),
    "load-withdrawal-begun": _at_pacs("D"),
    "load-withdrawn": _at_pacs("D"),
}
"""Kinds of event about marks, identity and truth, and what each means."""
