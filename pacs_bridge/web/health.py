"""Whether the pages answer, for machines."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from pacs_bridge.web.context import services

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Answer 200 when the database answers, else 503; nothing else is told."""
    try:
        services().queries.ping()
    except Exception:  # noqa: BLE001  whatever it is, we are not well
        return {"status": "unavailable"}, 503
    return {"status": "ok"}
