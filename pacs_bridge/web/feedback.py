"""Truth of a closed round in a hospital's PACS: asked for, seen to, and taken away again."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue

from pacs_bridge.domain.errors import NotFound, RefusedInput
from pacs_bridge.web.context import person, services
from pacs_bridge.web.loads import mine

blueprint = Blueprint("feedback", __name__)

_MINE, _LOAD = "/results/<set_name>/truth", "/loads/<int:load_id>/truth"


@blueprint.post(_MINE)
def ask(set_name: str) -> ResponseReturnValue:
    """Put the truth beside the reader's own marks, in the PACS where they read."""
    reader = _reader(set_name)
    try:
        asked = services().feedback.ask(set_name, reader, account_id=person().id)
    except (RefusedInput, NotFound) as refused:
        flash(str(refused))
    else:
        flash(f"{asked.pacs} gets it. {asked.sentence(services().now())}")
    return redirect(url_for("results.show", set_name=set_name, _anchor="truth"), code=303)


@blueprint.post(_MINE + "/away")
def take_away(set_name: str) -> ResponseReturnValue:
    """Take it away again before its day."""
    offer = services().feedback.offer(set_name, _reader(set_name))
    if offer.stands is None:
        flash("Nothing of it stands in your PACS; there is nothing to take away.")
    else:
        services().feedback.take_away(offer.stands.feedback_id, account_id=person().id)
        flash("It is being taken away; the hospital's contact is told what to remove.")
    return redirect(url_for("results.show", set_name=set_name, _anchor="truth"), code=303)


@blueprint.post(_LOAD)
def ask_for_load(load_id: int) -> ResponseReturnValue:
    """Put the truth alone, without anybody's marks, on a load."""
    line = mine(load_id)
    if line.load.copy:
        abort(404)  # a reader's copy is the reader's to ask for
    try:
        asked = services().feedback.ask(
            line.load.set_name, pacs=line.load.pacs, account_id=person().id
        )
    except (RefusedInput, NotFound) as refused:
        flash(str(refused))
    else:
        flash(f"{asked.pacs} gets the truth. {asked.sentence(services().now())}")
    return redirect(url_for("loads.show", load_id=load_id, _anchor="truth"), code=303)


@blueprint.post(_LOAD + "/away")
def take_away_from_load(load_id: int) -> ResponseReturnValue:
    """Take all truth away from a load before its day."""
    mine(load_id)
    for each, _ in services().feedback.at(load_id):
        if not each.ended:
            services().feedback.take_away(each.feedback_id, account_id=person().id)
    flash("It is being taken away: remove what the list names; we ask the PACS until it is gone.")
    return redirect(url_for("loads.show", load_id=load_id, _anchor="truth"), code=303)


@blueprint.get(_LOAD + ".csv")
def what_goes(load_id: int) -> Response:
    """Give the list of what must go again from a load."""
    line = mine(load_id)
    lists = [csv for each, csv in services().feedback.at(load_id) if not each.ended]
    head, rows = "", []
    for text in lists:
        head, _, rest = text.partition("\r\n")
        rows.append(rest)
    response = Response(f"{head}\r\n{''.join(rows)}", mimetype="text/csv")
    name = f"truth-{line.load.set_name}-{line.load.pacs}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _reader(set_name: str) -> str:
    code = person().reader
    if code is None or services().queries.round_of(code, set_name) is None:
        abort(404)
    return code
