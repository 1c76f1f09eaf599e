"""Readers' copies of a case set: what they take at a PACS, and agreeing to it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.domain.reader_copies import CopiesPlan, name_in_copy, told_size
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import scope

blueprint = Blueprint("reader_copies", __name__, url_prefix="/copies")

_LOOK = "Look at the amount below and agree to that one."


@blueprint.get("")
def index() -> str:
    """List the sets that are read by copies, and what each takes."""
    plans = services().copies.plans(scope())
    return render_template("reader_copies/index.html", plans=plans, told=told_size)


@blueprint.get("/<set_name>/<pacs>")
def show(set_name: str, pacs: str) -> str:
    """Show whose each copy is, and what they take."""
    _check_scope(pacs)
    try:
        return _page(_plan(set_name, pacs))
    except RefusedInput as refused:
        return _page(CopiesPlan(set_name, pacs, ()), off=str(refused))


@blueprint.post("/<set_name>/<pacs>")
def agree(set_name: str, pacs: str) -> ResponseReturnValue:
    """Agree to the very amount that was shown; the copies are made and sent then."""
    _check_scope(pacs)
    shown = request.form.get("bytes", "")
    try:
        plan = _plan(set_name, pacs)
        if not shown.isascii() or not shown.isdigit() or len(shown) > 18:
            return _page(plan, _LOOK), 422
    except RefusedInput as refused:
        return _page(CopiesPlan(set_name, pacs, ()), off=str(refused)), 422
    try:
        plan = services().copies.agree(plan.set_name, plan.pacs, int(shown), account_id=person().id)
    except RefusedInput as refused:
        return _page(_plan(set_name, pacs), str(refused)), 422
    flash(f"Agreed. The copies of {plan.set_name} are being made and sent to {plan.pacs}.")
    place = url_for("reader_copies.show", set_name=plan.set_name, pacs=plan.pacs)
    return redirect(place, code=303)


def _check_scope(pacs: str) -> None:
    """Answer for a PACS that is not the person's as if there were none."""
    seen = scope()
    if seen is not None and pacs not in seen:
        abort(404)


def _plan(set_name: str, pacs: str) -> CopiesPlan:
    """Give what the copies take; raises `RefusedInput` where the PACS reads in another way."""
    try:
        return services().copies.plan(set_name, pacs)
    except NotFound:
        abort(404)


def _page(plan: CopiesPlan, trouble: str = "", *, off: str = "") -> str:
    names = {each.copy: name_in_copy(plan.example, each.copy) for each in plan.copies}
    return render_template(
        "reader_copies/show.html", plan=plan, names=names, told=told_size, trouble=trouble, off=off
    )
