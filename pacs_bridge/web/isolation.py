"""How a PACS keeps readers apart: what is claimed, proven and used; and whose turn it is."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import NotFound, RefusedInput, RetryLater
from pacs_bridge.domain.isolation import MODES, say_age
from pacs_bridge.domain.turns import Turn
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import mine, scope

blueprint = Blueprint("isolation", __name__)

_PAGE = "/loads/<int:load_id>/isolation"


@blueprint.get(_PAGE)
def show(load_id: int) -> str:
    """Show how it stands, and the one thing to do next."""
    return _page(load_id)


@blueprint.post(_PAGE + "/ask")
def ask(load_id: int) -> ResponseReturnValue:
    """Ask the PACS now, as the next reader's workstation would."""
    line = mine(load_id)
    remove = request.form.get("remove") == "yes"
    try:
        found = services().isolation.ask(
            line.load.pacs,
            set_name=line.load.set_name,
            account_id=person().id,
            remove=remove,
        )
    except RefusedInput as refused:
        return _page(load_id, str(refused)), 422
    services().record("isolation-asked", str(person().id), load=load_id)
    return _page(load_id, facts=found.facts)


@blueprint.post(_PAGE + "/seen")
def seen(load_id: int) -> ResponseReturnValue:
    """Take what the second reader saw."""
    line, form = mine(load_id), request.form
    if form.get("saw") not in ("none", "marks"):
        return _page(load_id, "Say what the second reader saw."), 422
    try:
        found = services().isolation.say_seen(
            line.load.pacs,
            form.get("second", ""),
            form.get("kind", ""),
            typed=form.get("word", ""),
            saw_none=form["saw"] == "none",
            set_name=line.load.set_name,
            account_id=person().id,
        )
    except (RefusedInput, NotFound) as refused:
        return _page(load_id, str(refused)), 422
    if found.standing.is_proven:
        flash("Proven: readers there read in their viewers from now on.")
    else:
        flash("Kept. Readers there put their marks on our pages.")
    return redirect(url_for("isolation.show", load_id=load_id), code=303)


@blueprint.post(_PAGE + "/take-back")
def take_back(load_id: int) -> ResponseReturnValue:
    """Take the proof back, with the reason."""
    line = mine(load_id)
    try:
        services().isolation.take_back(
            line.load.pacs, request.form.get("because", ""), account_id=person().id
        )
    except RefusedInput as refused:
        return _page(load_id, str(refused)), 422
    flash("Taken back. Readers there put their marks on our pages until it is proven anew.")
    return redirect(url_for("isolation.show", load_id=load_id), code=303)


@blueprint.post(_PAGE + "/hand-on")
def hand_on(load_id: int) -> ResponseReturnValue:
    """End the present reader's turn."""
    line, to = mine(load_id), request.form.get("to", "")
    try:
        services().isolation.hand_on(
            line.load.pacs, line.load.set_name, to=to, account_id=person().id
        )
    except RefusedInput as refused:
        return _page(load_id, str(refused)), 422
    who = f"{to} is next, and" if to else "The turn has ended. The next reader"
    flash(f"{who} begins once the marks have gone.")
    return redirect(url_for("isolation.show", load_id=load_id), code=303)


@blueprint.post(_PAGE + "/lift")
def lift(load_id: int) -> ResponseReturnValue:
    """Take the statement that a reading was flagged wrongly."""
    line, form = mine(load_id), request.form
    try:
        services().isolation.lift(
            line.load.pacs, form.get("reading", ""), form.get("why", ""), account_id=person().id
        )
    except (RefusedInput, NotFound) as refused:
        return _page(load_id, str(refused)), 422
    flash("Kept. The reading counts again, and goes out anew.")
    url = url_for("isolation.show", load_id=load_id)
    return redirect(f"{url}#guard", code=303)


@blueprint.post("/reading/<set_name>/turn")
def finish(set_name: str) -> ResponseReturnValue:
    """Take from a reader that they have finished."""
    reader = person().reader
    if reader is None:
        abort(404)
    try:
        services().isolation.finish_turn(reader, set_name)
    except NotFound:
        abort(404)
    flash("Thank you. What you saved is removed from the PACS; what reached us stands here.")
    return redirect(url_for("reading.index", set_name=set_name), code=303)


def _page(load_id: int, trouble: str = "", facts: tuple[object, ...] = ()) -> str:
    line = mine(load_id)
    given, load = services().isolation, line.load
    found = given.show(load.pacs, set_name=load.set_name)
    age = found.standing.age(found.at)
    return render_template(
        "isolation/show.html",
        line=line,
        found=found,
        standing=found.standing,
        modes=MODES,
        age="" if age is None else say_age(age),
        facts=facts,
        turns=given.turns(load.pacs, load.set_name),
        flags=given.exposed(load.pacs, set_name=load.set_name),
        admin=scope() is None,
        trouble=trouble,
        given=request.form,
    )


def tell_opened(accession: str) -> None:
    """Let the exposure guard know that a case is opened; the page is shown whatever comes of it.

    A database that is busy now is looked at by the guard's own clock.
    """
    reader = person().reader
    if reader is not None:
        with suppress(NotFound, RetryLater):
            services().isolation.opened(reader, accession)


def _my_turn(set_name: str) -> Turn | None:
    """Give the reader's own turn, for the page of their cases."""
    reader = person().reader
    return None if reader is None else services().isolation.my_turn(reader, set_name)


def set_up_isolation(app: Flask) -> None:
    """Let the page of a reader's cases ask for the reader's turn."""
    app.jinja_env.globals["my_turn"] = _my_turn
