"""The workstation check: a person opens practice case 001 and types the word on its image."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import mine

blueprint = Blueprint("workstation", __name__, url_prefix="/loads/<int:load_id>/workstation")


@blueprint.get("")
def show(load_id: int) -> str:
    """Ask for the check, and show what was checked."""
    return _page(load_id, "")


@blueprint.post("")
def check(load_id: int) -> ResponseReturnValue:
    """Take what a person saw."""
    mine(load_id)
    form = request.form
    try:
        done = services().check_workstation(
            load_id,
            form.get("site", ""),
            form.get("kind", ""),
            typed=form.get("word", ""),
            hung=form.get("hung") == "yes",
            account_id=person().id,
        )
    except RefusedInput as refused:
        return _page(load_id, str(refused)), 422
    flash(f"Checked: readers at {done.site} can open the cases on {done.kind}.")
    return redirect(url_for("workstation.show", load_id=load_id), code=303)


def _page(load_id: int, trouble: str) -> str:
    line = mine(load_id)
    return render_template(
        "workstation/show.html",
        line=line,
        asked=services().what_to_check(load_id),
        trouble=trouble,
        given=request.form,
    )
