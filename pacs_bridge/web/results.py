"""A reader's own results: figures, plot, receipts. Nobody else's are ever looked up."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template

from pacs_bridge.db.queries import ReaderRound
from pacs_bridge.web.context import person, services
from pacs_bridge.web.figures import figures_of, left_out, operating_point, shows_figures

blueprint = Blueprint("results", __name__, url_prefix="/results")


@blueprint.get("")
def index() -> str:
    """List the reader's rounds."""
    return render_template(
        "results/index.html",
        rounds=services().queries.rounds_of(_reader()),
        now=services().now(),
    )


@blueprint.get("/<set_name>")
def show(set_name: str) -> str:
    """Show one round: what was read, and the figures once they are due."""
    line, now = _mine(set_name), services().now()
    due = shows_figures(line, now)
    summary = line.figures if due else None
    return render_template(
        "results/show.html",
        line=line,
        now=now,
        figures=figures_of(summary),
        left_out=left_out(summary),
        roc=summary.get("roc", []) if summary else [],
        point=operating_point(summary),
        receipts=services().queries.receipts(_reader(), set_name),
        truth=services().feedback.offer(set_name, _reader()),
    )


@blueprint.get("/<set_name>/roc.svg")
def plot(set_name: str) -> Response:
    """Draw the reader's ROC curve."""
    line = _mine(set_name)
    if not shows_figures(line, services().now()) or not line.figures or not line.figures["roc"]:
        abort(404)
    from pacs_bridge.web.plot import draw_roc  # matplotlib takes most of a second to import

    picture = draw_roc(line.figures["roc"], operating_point(line.figures))
    response = Response(picture, mimetype="image/svg+xml")
    # matplotlib styles its shapes in place; an image that loads and runs nothing may.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _reader() -> str:
    code = person().reader
    if code is None:
        abort(404)
    return code


def _mine(set_name: str) -> ReaderRound:
    line = services().queries.round_of(_reader(), set_name)
    if line is None:
        abort(404)
    return line
