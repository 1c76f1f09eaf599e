"""A reader's viewer: the practice drawing that proves it, and where they read just now."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.web.context import WhoServices, person, services, settings
from pacs_bridge.web.saving import picture_of

blueprint = Blueprint("viewer", __name__, url_prefix="/viewer/<set_name>")


@blueprint.get("")
def show(set_name: str) -> str:
    """Show how the practice drawing stands, and the reading session."""
    return _page(set_name)


@blueprint.get("/drawing")
def drawing(set_name: str) -> str:
    """Give the part of the page that changes when the drawing arrives."""
    return render_template("viewer/_drawing.html", now=_ours().show_handshake(set_name, _reader()))


@blueprint.get("/saving.png")
def saving(set_name: str) -> Response:
    """Give the picture of how one saves in this reader's viewer."""
    return picture_of(_ours().readers_saving(_reader(), set_name))


@blueprint.post("/drawing")
def draw(set_name: str) -> ResponseReturnValue:
    """Ask for something to draw."""
    return _done(set_name, lambda: _ours().ask_handshake(set_name, _reader()), "")


@blueprint.post("/drawing/stop")
def stop(set_name: str) -> ResponseReturnValue:
    """Say that the drawing does not get through."""
    return _done(set_name, lambda: _ours().stop_handshake(set_name, _reader()), "")


@blueprint.post("/session")
def begin(set_name: str) -> ResponseReturnValue:
    """Say that one reads now, and where."""
    place = request.form.get("workstation", "")
    return _done(
        set_name,
        lambda: _ours().open_session(_reader(), set_name, place),
        "Noted. Nothing is taken for yours by this alone.",
    )


@blueprint.post("/session/end")
def end(set_name: str) -> ResponseReturnValue:
    """Say that one has stopped reading."""
    return _done(set_name, lambda: _ours().close_session(_reader(), set_name), "Noted.")


@blueprint.post("/session/case")
def finish(set_name: str) -> ResponseReturnValue:
    """Say that one has finished a case."""
    case = request.form.get("case", "")
    return _done(
        set_name,
        lambda: _ours().finish_case(_reader(), set_name, case),
        f"Noted: you have finished {case}.",
    )


def _done(set_name: str, act: Callable[[], object], said: str) -> ResponseReturnValue:
    try:
        act()
    except RefusedInput as refused:
        return _page(set_name, str(refused)), 422
    if said:
        flash(said)
    return redirect(url_for("viewer.show", set_name=set_name), code=303)


def _page(set_name: str, trouble: str = "") -> str:
    return render_template(
        "viewer/show.html",
        set_name=set_name,
        now=_ours().show_handshake(set_name, _reader()),
        session=_ours().show_session(_reader(), set_name),
        trouble=trouble,
        seconds=settings().refresh_seconds,
        given=request.form,
        saving=_ours().readers_saving(_reader(), set_name),
    )


def _reader() -> str:
    reader = person().reader
    if reader is None:
        abort(404)
    return reader


def _ours() -> WhoServices:
    return services().who
