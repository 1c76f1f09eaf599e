"""The one access rule: who may ask for which page, and which requests keep a session alive.

Every route has a row in `ACCESS`; the application does not start with one that has none.
Whose rows a page shows is asked again by the page itself (a reader's own, a contact's
PACS), and what is somebody else's is answered as if it were not there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, logout_user

from pacs_bridge.domain.people import Role
from pacs_bridge.web.context import person, services, settings


@dataclass(frozen=True)
class Rule:
    """Who may ask for a page.

    Parameters
    ----------
    roles : frozenset of Role or None
        One of these is needed; None for everybody, signed in or not.
    prolongs : bool
        Whether asking counts as an action of the person. What a page fetches by itself does
        not.
    most_bytes : int or None
        How much may be sent; None for what any form may have.
    """

    roles: frozenset[Role] | None
    prolongs: bool = True
    most_bytes: int | None = None


def _only(*roles: Role, prolongs: bool = True) -> Rule:
    return Rule(frozenset(roles), prolongs)


_EVERYBODY = Rule(None, prolongs=False)
_SIGNED_IN = Rule(frozenset(Role))
_LOADS = _only(Role.CONTACT, Role.ADMIN)
_RESULTS = _only(Role.READER)
_READING = _only(Role.READER)
_READING_BY_ITSELF = _only(Role.READER, prolongs=False)
_WATCH = _only(Role.ADMIN)

ACCESS: dict[str, Rule] = {
    "static": _EVERYBODY,
    "health.show": _EVERYBODY,
    "sign_in.show": _EVERYBODY,
    "sign_in.create": _EVERYBODY,
    "sign_in.left": Rule(None, prolongs=False),
    "sign_in.unlock": Rule(None, prolongs=False),
    "sign_in.other": Rule(None, prolongs=False),
    "sign_in.stay": _SIGNED_IN,
    "sign_in.end": _SIGNED_IN,
    "home.show": _SIGNED_IN,
    "account.show": _SIGNED_IN,
    "account.change_password": _SIGNED_IN,
    "loads.index": _LOADS,
    "loads.show": _LOADS,
    "loads.progress": _only(Role.CONTACT, Role.ADMIN, prolongs=False),
    "loads.start": _LOADS,
    "loads.verify": _LOADS,
    "loads.accept": _LOADS,
    "workstation.show": _LOADS,
    "workstation.check": _LOADS,
    "isolation.show": _LOADS,
    "isolation.ask": _LOADS,
    "isolation.seen": _LOADS,
    "isolation.take_back": _LOADS,
    "isolation.hand_on": _LOADS,
    "isolation.lift": _only(Role.ADMIN),
    "isolation.finish": _READING,
    "feedback.ask": _RESULTS,
    "feedback.take_away": _RESULTS,
    "feedback.ask_for_load": _LOADS,
    "feedback.take_away_from_load": _LOADS,
    "feedback.what_goes": _LOADS,
    "reader_copies.index": _LOADS,
    "reader_copies.show": _LOADS,
    "reader_copies.agree": _LOADS,
    "pack.show": _LOADS,
    "pack.orders": _LOADS,
    "results.index": _RESULTS,
    "results.show": _RESULTS,
    "results.plot": _only(Role.READER, prolongs=False),
    "saving.show": _LOADS,
    "saving.image": _only(Role.CONTACT, Role.ADMIN, prolongs=False),
    "saving.words": _LOADS,
    "saving.upload": Rule(frozenset({Role.CONTACT, Role.ADMIN}), most_bytes=3 << 20),
    "saving.remove": _LOADS,
    "reading.rounds": _READING,
    "reading.index": _READING,
    "reading.look": _READING_BY_ITSELF,
    "reading.rest": _READING,
    "reading.show": _READING,
    "reading.look_case": _READING_BY_ITSELF,
    "reading.picture": _READING_BY_ITSELF,
    "fine.part": _READING_BY_ITSELF,
    "reading.answer": _READING,
    "reading.place": _READING,
    "reading.link": _READING,
    "reading.decide": _READING,
    "reading.normal": _READING,
    "viewer.show": _READING,
    "viewer.drawing": _READING_BY_ITSELF,
    "viewer.saving": _READING_BY_ITSELF,
    "viewer.draw": _READING,
    "viewer.stop": _READING,
    "viewer.begin": _READING,
    "viewer.end": _READING,
    "viewer.finish": _READING,
    "claims.show": _READING,
    "claims.claim": _READING,
    "claims.refuse": _READING,
    "claims.dispute": _READING,
    "claims.own": _READING,
    "associations.index": _WATCH,
    "associations.lines": _only(Role.ADMIN, prolongs=False),
    "associations.callers": _only(Role.ADMIN, prolongs=False),
    "associations.stream": _only(Role.ADMIN, prolongs=False),
    "associations.adopt": _WATCH,
    "associations.forget": _WATCH,
    "watch.index": _WATCH,
}


def protect(app: Flask) -> None:
    """Put the rule before every request; refuse to go on with a route that has none."""
    without = {rule.endpoint for rule in app.url_map.iter_rules()} - set(ACCESS)
    if without:
        raise RuntimeError(f"no access rule for {', '.join(sorted(without))}; add it to ACCESS")
    app.before_request(_check)
    app.after_request(_prolong)


def begin_session() -> None:
    """Start counting: somebody has just signed in."""
    session["since"] = session["seen"] = services().now().timestamp()


def unlock_session() -> None:
    """Start counting again: whoever is signed in has given the password again."""
    session.pop("locked", None)
    session["seen"] = services().now().timestamp()


def idle() -> timedelta:
    """Give after how long without an action a page locks, for whoever is signed in."""
    minutes = person().lock_minutes if current_user.is_authenticated else None
    return settings().idle if minutes is None else timedelta(minutes=minutes)


def seconds_left() -> float:
    """How long pages stay open without another action; 0.0 where they are locked or nobody's."""
    times = _times()
    if times is None or "locked" in session:
        return 0.0
    seen, since = times
    ends = min(seen + idle(), since + settings().longest)
    return max(0.0, (ends - services().now()).total_seconds())


def is_locked() -> bool:
    """Whether the pages wait for the password of whoever is signed in.

    Once locked a session stays so, whatever the clock says, until the password is given; and
    it ends when nobody gives it for an hour.
    """
    times = _times()
    if times is None or seconds_left() > 0:
        return False
    seen, since = times
    ends = min(seen + idle() + settings().locked, since + settings().longest)
    return services().now() < ends


def whose_pages() -> str:
    """Name whoever is signed in so that only the same person is the same; empty for nobody."""
    if not current_user.is_authenticated:
        return ""
    return hashlib.sha256(f"{person().id} {person().email}".encode()).hexdigest()[:16]


def _times() -> tuple[datetime, datetime] | None:
    """When the person last did something, and when they signed in; None where nobody is."""
    if not current_user.is_authenticated:
        return None
    try:
        seen, since = (datetime.fromtimestamp(session[key], UTC) for key in ("seen", "since"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return seen, since


def safe_next(text: str) -> str:
    """Give a path of our own to go on to after signing in, else the first page."""
    parts = urlsplit(text)
    mine = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if mine and not parts.scheme and not parts.netloc else url_for("home.show")


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # no such page, or not by this method: told alike to everybody
    rule = ACCESS[request.endpoint]
    if rule.roles is None:
        return None
    if seconds_left() <= 0:
        return _ask_to_sign_in(rule)
    if not rule.roles & person().may:
        services().record("access-refused", str(person().id), page=request.endpoint)
        abort(403)
    if rule.most_bytes is not None:
        request.max_content_length = rule.most_bytes
    g.prolongs = rule.prolongs and request.method in ("GET", "POST")
    return None


def _ask_to_sign_in(rule: Rule) -> ResponseReturnValue:
    was_in = bool(current_user.is_authenticated)
    if is_locked():
        session["locked"] = True
    else:
        if was_in:
            logout_user()
        session.clear()
    if not rule.prolongs:
        abort(401)
    known: dict[str, Any] = {"why": "idle"} if was_in else {}
    if request.method == "GET" and request.endpoint != "home.show":
        known["next"] = request.full_path.rstrip("?")
    return redirect(url_for("sign_in.show", **known), code=303)


def _prolong(response: Response) -> Response:
    if g.get("prolongs") and response.status_code < 400 and "since" in session:
        session["seen"] = services().now().timestamp()
    return response
