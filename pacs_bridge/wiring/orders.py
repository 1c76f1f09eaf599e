"""Orders for a case set: as files, or sent to a site's system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.orders import Addressee, OrderMessage
from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.scu.mllp import Acknowledged
    from pacs_bridge.services.site_pack import Orders


def write_orders(
    installation: Installation, set_name: str, folder: Path, addressee: Addressee, *, copy: int = 0
) -> list[Path]:
    """Write the orders of a set, or of a copy of it, in every form into a folder.

    Raises
    ------
    RefusedInput
        When the folder cannot be written to.
    """
    orders = _orders(installation, set_name, addressee, copy)
    files = {"orders.csv": orders.table}
    files |= {f"orders-{kind.value}.hl7": "".join(all_) for kind, all_ in orders.messages.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise RefusedInput("The folder cannot be written to: name another one.") from error
    return [folder / name for name in files]


def send_orders(
    installation: Installation,
    set_name: str,
    address: str,
    kind: OrderMessage,
    addressee: Addressee,
    *,
    copy: int = 0,
) -> Iterator[Acknowledged]:
    """Send the orders of a set, or of a copy of it, to HOST:PORT over MLLP.

    Raises
    ------
    RefusedInput
        When the address has another form.
    PeerUnavailable
        When the conversation fails.
    """
    from pacs_bridge.scu.mllp import send_messages

    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise RefusedInput("Give the address as HOST:PORT, such as ris.hospital.example:2575.")
    messages = _orders(installation, set_name, addressee, copy).messages[kind]
    return send_messages(messages, host.strip("[]"), int(port))


def _orders(
    installation: Installation, set_name: str, addressee: Addressee, copy: int = 0
) -> Orders:
    from pacs_bridge.services.site_pack import orders_for

    return orders_for(
        set_name, begin=installation.read, now=installation.now, addressee=addressee, copy=copy
    )
