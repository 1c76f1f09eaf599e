"""Error → page: the one place where something that went wrong becomes a status and words."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from pacs_bridge.domain import errors


@dataclass(frozen=True)
class ErrorPage:
    """A status and what the page says.

    Parameters
    ----------
    tells : bool
        Whether the page also shows the error's own sentence.
    """

    status: int
    title: str
    text: str
    tells: bool = False


_REFUSED = ErrorPage(400, "That could not be done", "", tells=True)
_GONE = ErrorPage(404, "There is no such page", "Go to the start page and look from there.")
_LATER = ErrorPage(
    503, "Not now", "Something this page needs is busy or away. Try again in a minute."
)
_BROKEN = ErrorPage(
    500,
    "Something went wrong here",
    "It is our fault and it has been noted. Try again; if it stays, tell the scheme's office.",
)

PAGES: dict[int, ErrorPage] = {
    400: ErrorPage(
        400,
        "The form was too old",
        "The page stood open too long, or was opened in another window. Go back, load it "
        "again and send it once more.",
    ),
    401: ErrorPage(401, "You are signed out", "Sign in to go on."),
    403: ErrorPage(
        403, "This page is not for your account", "Your account has no role that may see it."
    ),
    404: _GONE,
    405: ErrorPage(405, "That does not work here", "Go to the start page and look from there."),
    413: ErrorPage(413, "Too much at once", "What was sent is too large. Send less."),
    429: ErrorPage(
        429,
        "Too many tries",
        "Too many failed tries to sign in. Wait five minutes, then try again.",
    ),
    500: _BROKEN,
    503: _LATER,
}

FAMILY: dict[type[errors.PacsBridgeError], ErrorPage] = {
    errors.RefusedInput: _REFUSED,
    errors.NotFound: _GONE,
    errors.PeerUnavailable: _LATER,
    errors.PeerBusy: _LATER,
    errors.Interrupted: _LATER,
    errors.PausedPeer: _LATER,
    errors.StorageFull: _LATER,
    errors.StoreBusy: _LATER,
    errors.Crowded: _LATER,
    errors.ScorerUnavailable: _LATER,
    errors.MailUnavailable: _LATER,
    errors.UnreadableObject: _REFUSED,
    errors.OversizedObject: _REFUSED,
    errors.AlienObject: _REFUSED,
    errors.ConflictingObject: _REFUSED,
    errors.UnsupportedObject: _REFUSED,
    errors.MismatchedObject: _REFUSED,
    errors.ScorerRefused: _REFUSED,
    errors.BadSignature: _REFUSED,
    errors.RetryLater: _LATER,
    errors.GiveUp: _REFUSED,
    errors.PacsBridgeError: _BROKEN,
}


def page_of(error: Exception) -> ErrorPage:
    """Choose the page of an error; a bug and an unknown one get the page of status 500."""
    if isinstance(error, HTTPException):
        return PAGES.get(error.code or 500, _BROKEN)
    for kind in type(error).__mro__:
        if kind in FAMILY:
            return FAMILY[kind]
    return _BROKEN


def handle_errors(app: Flask) -> None:
    """Show every error in the layout of the other pages."""

    @app.errorhandler(HTTPException)
    def on_http(error: HTTPException) -> ResponseReturnValue:
        if error.code is not None and error.code < 400:
            return error
        return _show(page_of(error), "")

    @app.errorhandler(errors.PacsBridgeError)
    def on_ours(error: errors.PacsBridgeError) -> ResponseReturnValue:
        return _show(page_of(error), str(error))

    @app.errorhandler(500)
    def on_bug(_error: Exception) -> ResponseReturnValue:
        return _show(_BROKEN, "")


def _show(page: ErrorPage, sentence: str) -> ResponseReturnValue:
    said = sentence if page.tells else ""
    if page.status < 500:
        return render_template("error.html", page=page, said=said), page.status
    # What tells pages who is signed in asks the database, which may be what is broken.
    template = current_app.jinja_env.get_template("error.html")
    return template.render(page=page, said=said, viewer=None), page.status
