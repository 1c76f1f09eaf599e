"""Loads: how the case sets that go into somebody's PACS stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.db.queries import LoadLine
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.people import Role
from pacs_bridge.web.context import person, services, settings

if TYPE_CHECKING:
    from pacs_bridge.services.show_feedback import FeedbackOffer

blueprint = Blueprint("loads", __name__, url_prefix="/loads")


def scope() -> tuple[str, ...] | None:
    """The PACS that somebody may look at: those of their sites; None for all (admins)."""
    who = person()
    return None if Role.ADMIN in who.may else who.pacs


@blueprint.get("")
def index() -> str:
    """List the loads."""
    return render_template(
        "loads/index.html",
        loads=services().queries.loads(scope()),
        admin=scope() is None,
    )


@blueprint.get("/<int:load_id>")
def show(load_id: int) -> str:
    """Show one load, case by case."""
    line = mine(load_id)
    return render_template(
        "loads/show.html",
        line=line,
        cases=services().queries.loaded_cases(load_id),
        seconds=settings().refresh_seconds,
        now=services().now(),
        sending=services().sending(load_id),
        truths=services().feedback.at(load_id),
        truth=None if line.load.copy else _truth_of(line.load.set_name, line.load.pacs),
    )


def _truth_of(set_name: str, pacs: str) -> FeedbackOffer:
    return services().feedback.offer(set_name, pacs=pacs)


@blueprint.get("/<int:load_id>/progress")
def progress(load_id: int) -> str:
    """Give the part of the page that changes while a load is on its way."""
    return render_template(
        "loads/_progress.html",
        line=mine(load_id),
        now=services().now(),
        sending=services().sending(load_id),
    )


@blueprint.post("/<int:load_id>/start")
def start(load_id: int) -> ResponseReturnValue:
    """Start a load again; it sends only what is missing."""
    line = mine(load_id)
    services().start_load(load_id)
    services().record("load-asked", str(person().id), load=load_id)
    flash(f"{line.load.set_name} is being sent to {line.load.pacs} again: only what is missing.")
    return redirect(url_for("loads.show", load_id=load_id), code=303)


@blueprint.post("/<int:load_id>/verify")
def verify(load_id: int) -> ResponseReturnValue:
    """Ask the PACS about every case now."""
    line = mine(load_id)
    services().verify_load(load_id)
    services().record("verification-asked", str(person().id), load=load_id)
    flash(f"We are asking {line.load.pacs} about every case of {line.load.set_name}.")
    return redirect(url_for("loads.show", load_id=load_id), code=303)


@blueprint.post("/<int:load_id>/accept")
def accept(load_id: int) -> ResponseReturnValue:
    """Accept the names under which the PACS files cases, as the last check found them."""
    line = mine(load_id)
    try:
        names = services().accept_names(load_id)
    except RefusedInput as refused:
        flash(str(refused))
    else:
        services().record("names-accepted-by", str(person().id), load=load_id)
        flash(f"Readers search for {len(names)} cases by the names of {line.load.pacs}.")
    return redirect(url_for("loads.show", load_id=load_id), code=303)


def mine(load_id: int) -> LoadLine:
    """Give a load that the person may look at; else it is as if there were none."""
    line = services().queries.load(load_id, scope())
    if line is None:
        abort(404)
    return line
