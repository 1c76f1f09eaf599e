"""The first page: what you can do now."""

from __future__ import annotations

from flask import Blueprint, render_template

from pacs_bridge.domain.people import Role
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import scope

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def show() -> str:
    """Show what somebody of these roles can do now."""
    who, given = person(), services()
    reads = Role.READER in who.may and who.reader is not None
    looks = bool(who.may & {Role.CONTACT, Role.ADMIN})
    return render_template(
        "home/show.html",
        now=given.now(),
        rounds=given.queries.rounds_of(who.reader) if reads and who.reader else None,
        loads=given.queries.loads(scope()) if looks else None,
        watch=given.watch.numbers() if Role.ADMIN in who.may else None,
    )
