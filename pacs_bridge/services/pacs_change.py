"""Changing a registered PACS: its endpoints one by one, its time-outs, its users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.identifiers import parse_ae_title, parse_name
from pacs_bridge.domain.loading import GRADE, Completeness
from pacs_bridge.domain.pacs import CALLS_FROM, OUTWARD, TIMEOUTS, Endpoint, KnownUser, Pacs
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.sending import Priority, Sending, check_sending
from pacs_bridge.services.folded import set_resave
from pacs_bridge.services.pacs import (
    Resolve,
    addresses_of,
    parse_callers,
    parse_host,
    parse_isolation,
    parse_port,
)

_SHORTEST, _LONGEST = 0.1, 3_600.0
_LONGEST_GRACE = 86_400.0
_LONGEST_PULL = 1_440
_MOST_USER_NAME, _MOST_PASSCODE = 64, 256


@dataclass(frozen=True)
class Changes:
    """What is to change; None or empty leaves it as it is.

    Parameters
    ----------
    role : str
        The endpoint that is meant: that of this role, which it has alone from then on where
        it is changed; ``calls-from`` for all that call us. Empty for the PACS as a whole.
    timeouts : mapping of str to float
        Seconds, by the names in `domain.pacs.TIMEOUTS`.
    callers, no_callers : sequence of str
        Who may call us too, and who no longer: ``AET`` or ``AET@NET``.
    grade : str or None
        How sure the sites want each case: proven, counted or present.
    grace : float or None
        Seconds in which the PACS may still bring what it has taken.
    users : sequence of KnownUser
        User identities to take; one of the same name is replaced.
    no_users : sequence of str
        User identities to take no longer, by name.
    sending : mapping of str to Any
        Settings by the names of `domain.sending.Sending`; 0 megabits for no limit.
    pull_marks : int or None
        Minutes after which it is asked again for marks that it does not push; 0 for never.
    resave : str or None
        Whether its viewers save ``whole`` (all that is drawn, anew) or ``beside`` (what is new).
    """

    role: str = ""
    ae_title: str | None = None
    host: str | None = None
    port: int | None = None
    our_ae_title: str | None = None
    plain: bool | None = None
    certificate: str | None = None
    timeouts: Mapping[str, float] = field(default_factory=dict)
    isolation: str | None = None
    callers: Sequence[str] = ()
    no_callers: Sequence[str] = ()
    users: Sequence[KnownUser] = ()
    no_users: Sequence[str] = ()
    grade: str | None = None
    grace: float | None = None
    sending: Mapping[str, Any] = field(default_factory=dict)
    resave: str | None = None
    pull_marks: int | None = None


def change_pacs(
    name: str, changes: Changes, *, begin: Begin, now: Clock, resolve: Resolve = addresses_of
) -> Pacs:
    """Change a registered PACS.

    Raises
    ------
    NotFound
        When there is none of that name, or nothing of what should go.
    RefusedInput
        When a title, host, port, time-out or role is none.
    """
    if changes.role not in ("", CALLS_FROM, *OUTWARD):
        raise RefusedInput(f"A role is one of {', '.join((*OUTWARD, CALLS_FROM))}; say which.")
    with begin() as uow:
        before = pacs = uow.pacs.get(parse_name(name))
        pacs = _change_endpoint(pacs, changes) if changes.role else _change_all(pacs, changes)
        pacs = _change_callers(pacs, changes, resolve)
        pacs = _change_users(pacs, changes)
        _check(pacs)
        uow.pacs.put(pacs, now())
        if pacs.endpoint("query") != before.endpoint("query"):
            uow.profiles.forget(pacs.name)  # what was learned was learned elsewhere
        if changes.resave is not None:
            set_resave(uow, pacs.name, whole=parse_resave(changes.resave), moment=now())
        uow.events.add(now(), "pacs-changed", pacs.name, role=changes.role, what=_told(changes))
    return pacs


def parse_user(name: str, passcode_hash: str | None) -> KnownUser:
    """Check the name of a user identity; raises `RefusedInput`."""
    if not (name and len(name) <= _MOST_USER_NAME and name.isprintable() and name == name.strip()):
        raise RefusedInput(
            f"A user identity has 1 to {_MOST_USER_NAME} printable characters; use such a one."
        )
    return KnownUser(name, passcode_hash)


def parse_passcode(text: str) -> str:
    """Check a passcode; raises `RefusedInput`."""
    if not 8 <= len(text.encode()) <= _MOST_PASSCODE:
        raise RefusedInput(f"A passcode has 8 to {_MOST_PASSCODE} bytes; put such a one in.")
    return text


def parse_resave(text: str) -> bool:
    """Check how viewers save: whether all anew; raises `RefusedInput`."""
    if text not in ("whole", "beside"):
        raise RefusedInput("Viewers save whole (all anew) or beside (what is new); say which.")
    return text == "whole"


def parse_grade(text: str) -> Completeness:
    """Check a grade; raises `RefusedInput`."""
    if text not in map(str, GRADE):
        raise RefusedInput(f"A grade is {', '.join(GRADE)}; give one of these.")
    return Completeness(text)


def parse_pull_marks(minutes: int) -> int | None:
    """Check how often marks are asked for; None for never. Raises `RefusedInput`."""
    if not 0 <= minutes <= _LONGEST_PULL:
        raise RefusedInput(
            f"Marks are asked for every 1 to {_LONGEST_PULL} minutes (a day), or never (0); "
            "give such a number."
        )
    return minutes or None


def parse_grace(seconds: float) -> float:
    """Check a grace in seconds; raises `RefusedInput`."""
    if not 0 <= seconds <= _LONGEST_GRACE:
        raise RefusedInput(
            f"A grace is 0 to {_LONGEST_GRACE:.0f} seconds (a day); give such a one."
        )
    return seconds


def _change_all(pacs: Pacs, changes: Changes) -> Pacs:
    if (changes.ae_title, changes.host, changes.port) != (None, None, None):
        raise RefusedInput("An AE title, host or port is of one endpoint; say which with --role.")
    return replace(
        pacs,
        isolation=parse_isolation(changes.isolation) if changes.isolation else pacs.isolation,
        grade=parse_grade(changes.grade) if changes.grade else pacs.grade,
        grace=pacs.grace if changes.grace is None else parse_grace(changes.grace),
        sending=_sending(pacs.sending, changes.sending),
        pull_minutes=pacs.pull_minutes
        if changes.pull_marks is None
        else parse_pull_marks(changes.pull_marks),
        **_common(pacs, changes),
    )


def _sending(before: Sending, told: Mapping[str, Any]) -> Sending:
    """Change how a PACS is sent to; raises `RefusedInput`."""
    if not told:
        return before
    changed = dict(told)
    if "priority" in changed:
        if changed["priority"] not in set(Priority):
            raise RefusedInput("A priority is low, medium or high; give one of these.")
        changed["priority"] = Priority(changed["priority"])
    if changed.get("megabits") == 0:
        changed["megabits"] = None
    if changed.get("window", "").strip().lower() == "always":
        changed["window"] = ""
    return check_sending(replace(before, **changed))


def _change_endpoint(pacs: Pacs, changes: Changes) -> Pacs:
    if changes.isolation or changes.sending or changes.grade or changes.grace is not None:
        raise RefusedInput(
            "Isolation, grade, grace, and how it is sent to, are of the whole PACS; leave --role "
            "out."
        )
    if changes.pull_marks is not None:
        raise RefusedInput("Marks are pulled from the whole PACS; leave --role out.")
    if changes.role == CALLS_FROM:
        return _change_inward(pacs, changes)
    before = pacs.endpoint(changes.role)
    if before.url and (changes.ae_title or changes.host or changes.port or changes.plain):
        raise RefusedInput(
            f"{pacs.name} is asked by DICOMweb there; register it anew with `pacs add`."
        )
    after = replace(
        before,
        ae_title=parse_ae_title(changes.ae_title) if changes.ae_title else before.ae_title,
        host=parse_host(changes.host) if changes.host else before.host,
        port=parse_port(changes.port) if changes.port is not None else before.port,
        roles=(changes.role,),
        net="",
        **_common(before, changes),
    )
    if not after.port:
        raise RefusedInput(
            f"{pacs.name} has only called us so far; say where it is with --host and --port."
        )
    return _merged(pacs, [after, *_without(pacs.endpoints, changes.role)])


def _change_inward(pacs: Pacs, changes: Changes) -> Pacs:
    if (changes.ae_title, changes.host, changes.port) != (None, None, None):
        raise RefusedInput("Say who calls us with --caller AET@ADDRESS and --no-caller.")
    inward = [
        replace(each, roles=(CALLS_FROM,), **_common(each, changes))
        for each in pacs.endpoints
        if CALLS_FROM in each.roles
    ]
    return _merged(pacs, [*_without(pacs.endpoints, CALLS_FROM), *inward])


def _common(before: Pacs | Endpoint, changes: Changes) -> dict[str, Any]:
    """What a PACS and an endpoint of it may both have."""
    told: dict[str, Any] = {}
    if changes.our_ae_title is not None:
        told["our_ae_title"] = parse_ae_title(changes.our_ae_title)
    if changes.plain is not None:
        told["plain"] = changes.plain
    if changes.certificate is not None:
        told["certificate"] = changes.certificate
    for name, seconds in changes.timeouts.items():
        if name not in TIMEOUTS or not _SHORTEST <= seconds <= _LONGEST:
            raise RefusedInput(
                f"A time-out is {_SHORTEST} to {_LONGEST:.0f} seconds; give one of these."
            )
    told["timeouts"] = {**before.timeouts, **changes.timeouts}
    return told


def _change_callers(pacs: Pacs, changes: Changes, resolve: Resolve) -> Pacs:
    endpoints = list(pacs.endpoints)
    for text in changes.callers:
        for caller in parse_callers(text, pacs.endpoint("store").host, resolve, needed=True):
            if not any(_calls_as(each, caller) for each in endpoints):
                endpoints.append(caller)
    for text in changes.no_callers:
        gone = parse_callers(text, pacs.endpoint("store").host, resolve, needed=True)
        matching = [each for each in endpoints if any(_calls_as(each, one) for one in gone)]
        if not matching:
            raise NotFound(f"Nobody calls us so from {pacs.name}; `pacs show` says who may.")
        for each in matching:
            others = tuple(role for role in each.roles if role != CALLS_FROM)
            place = endpoints.index(each)
            endpoints[place : place + 1] = [replace(each, roles=others, net="")] if others else []
    if not endpoints:
        raise RefusedInput(f"That is all that {pacs.name} has; it needs one endpoint.")
    return replace(pacs, endpoints=tuple(endpoints))


def _calls_as(endpoint: Endpoint, caller: Endpoint) -> bool:
    same = (endpoint.ae_title, endpoint.net or endpoint.host) == (caller.ae_title, caller.net)
    return CALLS_FROM in endpoint.roles and same


def _change_users(pacs: Pacs, changes: Changes) -> Pacs:
    users = {user.name: user for user in pacs.users}
    users |= {user.name: user for user in changes.users}
    for name in changes.no_users:
        if users.pop(name, None) is None:
            raise NotFound(f"{pacs.name} has no such user identity; `pacs show` lists them.")
    return replace(pacs, users=tuple(users.values()))


def _check(pacs: Pacs) -> None:
    """Refuse TLS without a certificate to know the other side by."""
    by_dimse = [each for each in pacs.endpoints if not each.url]
    for each in (pacs, *map(pacs.towards, by_dimse)) if by_dimse else ():
        if not each.plain and each.certificate is None:
            raise RefusedInput(
                "Over TLS a PACS is known by its certificate; give it with --certificate FILE."
            )


def _without(endpoints: Sequence[Endpoint], role: str) -> list[Endpoint]:
    """Take a role from all endpoints; those that have none left go."""
    stripped = [
        replace(
            each,
            roles=tuple(one for one in each.roles if one != role),
            net="" if role == CALLS_FROM else each.net,
        )
        if role in each.roles
        else each
        for each in endpoints
    ]
    return [each for each in stripped if each.roles]


def _merged(pacs: Pacs, endpoints: Sequence[Endpoint]) -> Pacs:
    """Make one of endpoints that differ in their roles only."""
    merged: list[Endpoint] = []
    for each in endpoints:
        for place, known in enumerate(merged):
            if replace(known, roles=()) == replace(each, roles=()):
                merged[place] = replace(known, roles=(*known.roles, *each.roles))
                break
        else:
            merged.append(each)
    return replace(pacs, endpoints=tuple(merged))


def _told(changes: Changes) -> list[str]:
    """Name what changed, without any value: some are nobody's to read."""
    return [
        name
        for name, value in vars(changes).items()
        if name != "role" and (value or (name == "pull_marks" and value is not None))
    ]
