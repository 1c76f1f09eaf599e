"""Associations with the node and whatever else happens, live; unknown callers are adopted here."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.services.event_stream import Follower
from pacs_bridge.web.access import seconds_left
from pacs_bridge.web.context import person, services, settings
from pacs_bridge.web.event_words import tell
from pacs_bridge.web.stream import last_seen, streams

blueprint = Blueprint("associations", __name__, url_prefix="/associations")

SHOWN_EVENTS = 20


@blueprint.get("")
def index() -> str:
    """Show callers that we do not know, what happens now, and associations, open ones first."""
    return _page()


@blueprint.get("/callers")
def callers() -> str:
    """Give the part of the page that lists who was rejected, and who was adopted."""
    return render_template("associations/_callers.html", **_callers())


@blueprint.get("/lines")
def lines() -> str:
    """Give the part of the page that lists associations."""
    return render_template("associations/_lines.html", **_lines())


@blueprint.get("/stream")
def stream() -> Response:
    """Give events as they happen, after the one that was seen last."""
    watch = services().watch
    after = last_seen()

    def follower() -> Follower:
        return Follower(watch.events_after, last=watch.last_event(), after=after)

    opened = streams().open(follower, min(settings().stream_seconds, seconds_left()))
    return opened or abort(503)


@blueprint.post("/adopt")
def adopt() -> ResponseReturnValue:
    """Let a caller in that was rejected, as what the form says: a PACS of ours, or a new one."""
    form, who = request.form, str(person().id)
    try:
        done = services().adopt(form.get("association", ""), into=form.get("into", ""), by=who)
    except GiveUp as error:
        return _page(str(error)), 422
    how = "over TLS, with the certificate that it showed" if done.tls else "unencrypted"
    flash(f"{done.ae_title} may call from {done.address}, {how}, as {done.pacs}.")
    return redirect(url_for("associations.index"), code=303)


@blueprint.post("/forget")
def forget() -> ResponseReturnValue:
    """Let a caller in no longer."""
    ae_title, address = request.form.get("ae_title", ""), request.form.get("address", "")
    try:
        services().forget(ae_title, address, by=str(person().id))
    except GiveUp as error:
        return _page(str(error)), 422
    flash(f"{ae_title} may call from {address} no longer.")
    return redirect(url_for("associations.index"), code=303)


def _page(trouble: str = "") -> str:
    events = services().watch.newest_events(SHOWN_EVENTS)
    return render_template(
        "associations/index.html",
        seconds=settings().refresh_seconds,
        trouble=trouble,
        events=[(event.at, tell(event)) for event in events],
        last_event=events[0].event_id if events else 0,
        shown_events=SHOWN_EVENTS,
        **_callers(),
        **_lines(),
    )


def _callers() -> dict[str, object]:
    watch = services().watch
    return {
        "unknown": watch.unknown_callers(),
        "adopted": watch.adopted_callers(),
        "known": watch.pacs_names(),
    }


def _lines() -> dict[str, object]:
    return {"associations": services().watch.associations(), "now": services().now()}
