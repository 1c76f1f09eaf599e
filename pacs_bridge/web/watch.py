"""What waits for somebody: parked objects and readings, refusals, outbox, mails."""

from __future__ import annotations

from flask import Blueprint, render_template

from pacs_bridge.web.context import services

blueprint = Blueprint("watch", __name__, url_prefix="/watch")


@blueprint.get("")
def index() -> str:
    """Show the counts and what is behind them."""
    watch = services().watch
    return render_template(
        "watch/index.html",
        numbers=watch.numbers(),
        objects=watch.parked_objects(),
        outbox=watch.outbox(),
        mails=watch.mails(),
        refusals=watch.refusals(),
    )
