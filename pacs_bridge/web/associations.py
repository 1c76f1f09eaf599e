"""Associations with the node, as they happen."""

from __future__ import annotations

from flask import Blueprint, render_template

from pacs_bridge.web.context import services, settings

blueprint = Blueprint("associations", __name__, url_prefix="/associations")


@blueprint.get("")
def index() -> str:
    """Show associations, open ones first, and callers that we do not know."""
    return render_template(
        "associations/index.html", seconds=settings().refresh_seconds, **_lines()
    )


@blueprint.get("/lines")
def lines() -> str:
    """Give the part of the page that changes."""
    return render_template("associations/_lines.html", **_lines())


def _lines() -> dict[str, object]:
    watch = services().watch
    return {
        "associations": watch.associations(),
        "unknown": watch.unknown_callers(),
        "now": services().now(),
    }
