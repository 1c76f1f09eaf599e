"""How one saves in the viewer of a PACS: words and a picture that its contact gives."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.saving_help import SavingHelp
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import mine

blueprint = Blueprint("saving", __name__, url_prefix="/loads/<int:load_id>/saving")


@blueprint.get("")
def show(load_id: int) -> str:
    """Show what readers are told of saving, as they see it."""
    return _page(load_id)


@blueprint.get("/picture.png")
def image(load_id: int) -> Response:
    """Give the picture as readers see it."""
    return picture_of(services().who.show_saving(mine(load_id).load.pacs))


@blueprint.post("/words")
def words(load_id: int) -> ResponseReturnValue:
    """Take other words."""
    said = request.form.get("words", "")
    return _done(load_id, "Readers see your words.", words=said)


@blueprint.post("/picture")
def upload(load_id: int) -> ResponseReturnValue:
    """Take another picture; what is kept is drawn anew."""
    mine(load_id)
    given = request.files.get("picture")
    content = b"" if given is None else given.read()
    if given is not None:
        given.close()
    if not content:
        return _page(load_id, ("picture", "Choose a picture first.")), 422
    return _done(load_id, "Readers see your picture.", picture=content)


@blueprint.post("/remove")
def remove(load_id: int) -> ResponseReturnValue:
    """Take the picture away."""
    return _done(load_id, "The picture is gone.", remove=True)


def picture_of(found: SavingHelp) -> Response:
    """Answer with a picture; there is no such page where there is none."""
    if found.picture is None:
        abort(404)
    return Response(found.picture, mimetype="image/png")


def _done(load_id: int, told: str, **what: Any) -> ResponseReturnValue:
    pacs = mine(load_id).load.pacs
    try:
        services().who.set_saving(pacs, by=str(person().id), **what)
    except RefusedInput as refused:
        return _page(load_id, ("picture" if "picture" in what else "words", str(refused))), 422
    flash(told)
    return redirect(url_for("saving.show", load_id=load_id), code=303)


def _page(load_id: int, trouble: tuple[str, str] | None = None) -> str:
    line = mine(load_id)
    return render_template(
        "saving/show.html",
        line=line,
        saving=services().who.show_saving(line.load.pacs),
        trouble=trouble,
        given=request.form,
    )
