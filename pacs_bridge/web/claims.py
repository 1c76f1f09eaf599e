"""Objects that name nobody: a reader says which are theirs, and sees nothing of what is on them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.web.context import WhoServices, person, services
from pacs_bridge.web.words import write_count

blueprint = Blueprint("claims", __name__, url_prefix="/claims/<set_name>")


@blueprint.get("")
def show(set_name: str) -> str:
    """List what the reader is asked about, and what was said."""
    return _page(set_name)


@blueprint.post("/mine")
def claim(set_name: str) -> ResponseReturnValue:
    """Take the statement that objects are the reader's."""
    uids = request.form.getlist("object")

    def take() -> str:
        if not uids:
            raise RefusedInput("Tick what is yours first.")
        taken = _ours().claim_objects(_reader(), set_name, uids, account_id=person().id)
        return f"{write_count(taken, 'object')} kept as yours; your cases show what is on them."

    return _done(set_name, take)


@blueprint.post("/not-mine")
def refuse(set_name: str) -> ResponseReturnValue:
    """Take the statement that objects are not the reader's."""
    uids = request.form.getlist("listed")

    def take() -> str:
        count = _ours().none_of_these(_reader(), set_name, uids, account_id=person().id)
        return f"Noted: {write_count(count, 'object')} not yours."

    return _done(set_name, take)


@blueprint.post("/dispute")
def dispute(set_name: str) -> ResponseReturnValue:
    """Take the statement that what another has claimed is the reader's."""
    uid = request.form.get("object", "")

    def take() -> str:
        _ours().dispute_claim(_reader(), set_name, uid, account_id=person().id)
        return "Noted: it is nobody's until the scheme's office has decided."

    return _done(set_name, take)


@blueprint.post("/own/<accession>")
def own(set_name: str, accession: str) -> ResponseReturnValue:
    """Take whether what came of a case on the reader's copy under a shared log-in is theirs."""
    reader = _reader()
    try:
        services().reading.show_receipt(reader, accession)  # of no other case is anything said
        mine = _said_mine()
        count = _ours().state_own(reader, accession, mine=mine, account_id=person().id)
    except RefusedInput as refused:
        flash(str(refused))
    except NotFound:
        abort(404)
    else:
        kept = "kept as yours" if mine else "taken out of your reading"
        flash(f"{write_count(count, 'save')} {kept}.")
    return redirect(url_for("reading.show", set_name=set_name, accession=accession), code=303)


def _said_mine() -> bool:
    """Read whether the reader says that it is theirs."""
    said = request.form.get("mine", "")
    if said not in ("yes", "no"):
        raise RefusedInput("Say whether it is yours or not.")
    return said == "yes"


def _done(set_name: str, take: Callable[[], str]) -> ResponseReturnValue:
    try:
        said = take()
    except RefusedInput as refused:
        return _page(set_name, str(refused)), 422
    flash(said)
    return redirect(url_for("claims.show", set_name=set_name), code=303)


def _page(set_name: str, trouble: str = "") -> str:
    return render_template(
        "claims/show.html",
        found=_ours().claimable(_reader(), set_name),
        trouble=trouble,
        ticked=request.form.getlist("object"),
    )


def _reader() -> str:
    reader = person().reader
    if reader is None:
        abort(404)
    return reader


def _ours() -> WhoServices:
    return services().who
