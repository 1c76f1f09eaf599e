"""Site packs with an installation's own addresses; as files for whoever has no sign-in."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.config import Config
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.orders import Addressee
from pacs_bridge.scp.contexts import NAMES, STORED
from pacs_bridge.services.site_pack import OurNode

if TYPE_CHECKING:
    from pacs_bridge.wiring.installation import Installation

_OFFICE = "the office of the scheme that sent you here"


def our_node(config: Config) -> OurNode:
    """Give our side as a hospital has to know it."""
    node = config.node
    host = node.public_host or ("" if _is_any(node.host) else node.host) or socket.getfqdn()
    return OurNode(
        host=host,
        port=node.port,
        tls_port=node.tls_port,
        sop_classes={uid: name for uid, name in NAMES.items() if uid in STORED},
        contact=config.mail.sender if config.mail.host else _OFFICE,
        public_url=config.web.public_url,
    )


def write_pack(
    installation: Installation, set_name: str, pacs: str, folder: Path, *, copy: int = 0
) -> list[Path]:
    """Write the pack of a set, or a copy of it, for one PACS, with its orders; gives the files.

    Raises
    ------
    NotFound
        When there is no such set or PACS.
    RefusedInput
        When the folder cannot be written to.
    """
    from pacs_bridge.services.site_pack import site_pack
    from pacs_bridge.web.pack import render_file
    from pacs_bridge.wiring.orders import write_orders
    from pacs_bridge.wiring.web import build_web

    node = our_node(installation.config)
    pack = site_pack(set_name, pacs, begin=installation.read, node=node, copy=copy)
    page = render_file(build_web(installation), pack)
    orders = write_orders(
        installation, pack.set_name, folder, Addressee(facility=pack.pacs.upper()), copy=copy
    )
    try:
        (folder / "site-pack.html").write_text(page, "utf-8")
    except OSError as error:
        raise RefusedInput("The folder cannot be written to: name another one.") from error
    return [folder / "site-pack.html", *orders]


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
