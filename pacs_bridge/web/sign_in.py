"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user, login_user, logout_user
from flask_security.forms import LoginForm

from pacs_bridge.services.passwords import normalise
from pacs_bridge.web.access import (
    begin_session,
    idle,
    is_locked,
    safe_next,
    seconds_left,
    unlock_session,
    whose_pages,
)
from pacs_bridge.web.context import person, services

blueprint = Blueprint("sign_in", __name__, url_prefix="/sign-in")

_WRONG = "The e-mail address or the password is not right."


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Ask who it is."""
    if seconds_left() > 0:
        return redirect(safe_next(request.args.get("next", "")), code=303)
    if is_locked():
        return _locked([])
    return _form(LoginForm(formdata=None), [])


@blueprint.post("")
def create() -> ResponseReturnValue:
    """Sign somebody in."""
    form = LoginForm()
    if not form.validate_on_submit():
        services().record("sign-in-refused", "-")
        return _form(form, _troubles()), 422
    session.clear()  # a session that somebody else prepared ends here
    login_user(form.user, remember=False)
    begin_session()
    services().record("signed-in", str(form.user.id))
    return redirect(safe_next(request.form.get("next", "")), code=303)


@blueprint.post("/end")
def end() -> ResponseReturnValue:
    """Sign out, in every browser: a copied session is worth nothing afterwards."""
    leaver = person()
    services().accounts.set_uniquifier(leaver)
    logout_user()
    session.clear()
    services().record("signed-out", str(leaver.id))
    flash("You are signed out.")
    return redirect(url_for("sign_in.show"), code=303)


@blueprint.post("/unlock")
def unlock() -> ResponseReturnValue:
    """Open the pages again for whoever locked them, once they have given the password."""
    by_script = request.accept_mimetypes.best == "application/json"
    if seconds_left() > 0:
        return {"said": ""} if by_script else _on()
    if not is_locked():
        return ({"said": "You are signed out."}, 401) if by_script else _on()
    who, password = person(), request.form.get("password", "")
    if not password or not who.verify_and_update_password(normalise(password)):
        services().record("unlock-refused", str(who.id))
        said = "That is not the password." if password else "Enter your password."
        return ({"said": said}, 422) if by_script else (_locked([("password", said)]), 422)
    unlock_session()
    services().record("unlocked", str(who.id))
    return {"said": ""} if by_script else _on()


@blueprint.post("/other")
def other() -> ResponseReturnValue:
    """Let somebody else sign in where the pages are locked; what was on them is gone."""
    if is_locked():
        services().record("signed-out", str(person().id))
    if seconds_left() <= 0:
        logout_user()
        session.clear()
    return redirect(url_for("sign_in.show"), code=303)


@blueprint.post("/stay")
def stay() -> ResponseReturnValue:
    """Take that the person is doing something on a page that asks for nothing meanwhile."""
    return {"seconds": int(idle().total_seconds())}


@blueprint.get("/left")
def left() -> ResponseReturnValue:
    """Say how many seconds the pages stay open, and whose they are; asking does not prolong it."""
    return {
        "seconds": int(seconds_left()),
        "signed_in": bool(current_user.is_authenticated),
        "locked": is_locked(),
        "who": whose_pages(),
    }


def _on() -> ResponseReturnValue:
    return redirect(safe_next(request.form.get("next", "")), code=303)


def _locked(troubles: list[tuple[str, str]]) -> str:
    return render_template(
        "sign_in/locked.html",
        troubles=troubles,
        email=person().email,
        next=request.values.get("next", ""),
    )


def _form(form: LoginForm, troubles: list[tuple[str, str]]) -> str:
    return render_template(
        "sign_in/show.html",
        troubles=troubles,
        email=(form.email.data or "") if troubles else "",
        next=request.values.get("next", ""),
        idle=request.args.get("why") == "idle",
    )


def _troubles() -> list[tuple[str, str]]:
    """Say what is missing; never which of address and password is wrong."""
    missing = []
    if not request.form.get("email", "").strip():
        missing.append(("email", "Enter your e-mail address."))
    if not request.form.get("password", ""):
        missing.append(("password", "Enter your password."))
    return missing or [("email", _WRONG)]
