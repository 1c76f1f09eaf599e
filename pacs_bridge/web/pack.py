"""Site packs: what a hospital needs for one case set, to read, print and paste."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, make_response, render_template

from pacs_bridge.domain.orders import OrderMessage
from pacs_bridge.services.site_pack import Address, SitePack
from pacs_bridge.web.context import services
from pacs_bridge.web.loads import mine

blueprint = Blueprint("pack", __name__, url_prefix="/loads/<int:load_id>/site-pack")


@blueprint.get("")
def show(load_id: int) -> str:
    """Show the pack of one load."""
    load = mine(load_id).load
    pack = services().site_pack(load.set_name, load.pacs, copy=load.copy)
    return render_template("pack/show.html", pack=pack, load_id=load_id)


@blueprint.get("/orders.<form>")
def orders(load_id: int, form: str) -> Response:
    """Hand out the orders of one load in one form."""
    load = mine(load_id).load
    found = services().orders_for(load.set_name, copy=load.copy)
    if form == "csv":
        return _file(found.table, f"{load.set_name}-orders.csv", "text/csv")
    if form not in {kind.value for kind in OrderMessage}:
        abort(404)
    kind = OrderMessage(form)
    return _file("".join(found.messages[kind]), f"{load.set_name}-{form}.hl7", "text/plain")


def render_file(app: Flask, pack: SitePack) -> str:
    """Write a pack as one HTML file that stands alone."""
    with app.app_context():
        return app.jinja_env.get_template("pack/file.html").render(pack=pack)


def set_up_pack(app: Flask) -> None:
    """Give templates the rows of a pack's tables."""
    app.jinja_env.filters.update(pack_ours=_ours, pack_theirs=_theirs)


def _ours(address: Address) -> tuple[str, ...]:
    return (address.what, address.ae_title, address.host, address.port)


def _theirs(address: Address) -> tuple[str, ...]:
    encrypted = "yes" if address.encrypted else "no"
    return (*_ours(address), encrypted, address.our_ae_title)


def _file(text: str, name: str, kind: str) -> Response:
    response = make_response(text)
    response.headers["Content-Type"] = f"{kind}; charset=utf-8"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
