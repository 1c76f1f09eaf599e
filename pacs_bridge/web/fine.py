"""Parts of a reader's images in all their grey levels, for a page that zooms in or windows."""

from __future__ import annotations

import gzip
import hashlib

from flask import Blueprint, Response, abort, request

from pacs_bridge.archive.levels import Part
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.web.context import person, services

blueprint = Blueprint("fine", __name__, url_prefix="/reading")

_FASTEST = 1


@blueprint.get("/<set_name>/<accession>/images/<int:number>/<int:frame>/part")
def part(set_name: str, accession: str, number: int, frame: int) -> Response:
    """Give a part of a frame, as `archive.levels` does."""
    reader, ours = person().reader, services().reading
    if reader is None:
        abort(404)
    receipt = ours.show_receipt(reader, accession)
    wanted = _asked()
    if receipt.set_name != set_name or not 1 <= number <= len(receipt.images) or wanted is None:
        abort(404)
    image = receipt.images[number - 1].sop_instance_uid
    name = ours.find_picture(reader, receipt.accession, image, frame)
    tag = hashlib.sha256(f"{name}-{frame}-{wanted}".encode()).hexdigest()[:32]
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        response = _told(name, frame, wanted)
    response.set_etag(tag)
    # The browser may keep it, and asks here each time whether this reader may see it still.
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _told(name: str, frame: int, wanted: Part) -> Response:
    try:
        levels = services().reading.part(name, frame, wanted)
    except RefusedInput:
        abort(404)
    squeezed = request.accept_encodings.quality("gzip") > 0
    response = Response(
        gzip.compress(levels, _FASTEST, mtime=0) if squeezed else levels,
        mimetype="application/octet-stream",
    )
    if squeezed:
        response.headers["Content-Encoding"] = "gzip"
    response.vary.add("Accept-Encoding")
    return response


def _asked() -> Part | None:
    """Read which part is asked for; None where it is not said in whole numbers."""
    said = [request.args.get(name, "") for name in ("x", "y", "columns", "rows", "by")]
    if not all(each.isascii() and each.isdigit() and len(each) < 7 for each in said):
        return None
    return Part(*map(int, said))
