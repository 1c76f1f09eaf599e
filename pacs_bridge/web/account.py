"""One's own account: what it may do, and its password."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_security.changeable import change_user_password
from flask_security.forms import ChangePasswordForm

from pacs_bridge.services.passwords import LONGEST, SHORTEST
from pacs_bridge.web.access import begin_session
from pacs_bridge.web.context import person, services

blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def show() -> str:
    """Show the account and ask for a new password."""
    return _page([])


@blueprint.post("")
def change_password() -> ResponseReturnValue:
    """Change the password; every other session of the account ends."""
    form = ChangePasswordForm()
    if not form.validate_on_submit():
        return _page(_troubles(form)), 422
    who = person()
    session.clear()
    change_user_password(who, form.new_password.data, notify=False)
    begin_session()
    services().record("password-changed", str(who.id))
    flash("Your password is changed. Other browsers are signed out.")
    return redirect(url_for("account.show"), code=303)


def _page(troubles: list[tuple[str, str]]) -> str:
    return render_template(
        "account/show.html", troubles=troubles, shortest=SHORTEST, longest=LONGEST
    )


def _troubles(form: ChangePasswordForm) -> list[tuple[str, str]]:
    return [(name, str(found[0])) for name, found in form.errors.items() if found]
