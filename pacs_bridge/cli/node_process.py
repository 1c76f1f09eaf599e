"""The process of ``pacs-bridge node``, without what reads the options of all commands.

That library, and what it loads in turn, would stay in the memory of a process that runs for
months: 12 MB (decision 0039). So the plainest form of the command is read here; whatever form a
person gives is read as every command's is, and then the process starts anew in the plain one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pacs_bridge.cli.serving import ready, stop_on_signal

if TYPE_CHECKING:
    from pacs_bridge.cli.siblings import Siblings
    from pacs_bridge.config import Config


@dataclass(frozen=True)
class Orders:
    """What the command line said.

    Parameters
    ----------
    with_parent : bool
        Whether to end when standard input does.
    beside, beside_tls : int
        The ports of the process that this one shares the work with; 0 for none.
    place : int
        Which one of several processes this is, from 0 on.
    """

    home: str
    with_parent: bool = False
    beside: int = 0
    beside_tls: int = 0
    place: int = 0


_WITH_PARENT = "--with-parent"
_NUMBERS = {"--beside": "beside", "--beside-tls": "beside_tls", "--place": "place"}


def words_of(orders: Orders) -> list[str]:
    """Give the command in its plain form."""
    words = ["node", "--home", orders.home]
    for option, name in _NUMBERS.items():
        words += [option, str(getattr(orders, name))]
    return [*words, _WITH_PARENT] if orders.with_parent else words


def read_orders(words: Sequence[str]) -> Orders | None:
    """Read the command in its plain form: ``node --home FOLDER``, then what `words_of` may add.

    Returns
    -------
    Orders or None
        None where it is another command, or in any other form.
    """
    if words[:2] != ["node", "--home"] or len(words) < 3 or words[2].startswith("-"):
        return None
    numbers, with_parent, left = {}, False, list(words[3:])
    while left:
        option = left.pop(0)
        if option == _WITH_PARENT:
            with_parent = True
        elif option in _NUMBERS and left and left[0].isdecimal():
            numbers[_NUMBERS[option]] = int(left.pop(0))
        else:
            return None
    return Orders(words[2], with_parent, **numbers)


def become_node(orders: Orders) -> NoReturn:
    """Start this process anew, as a node."""
    words = [sys.executable, "-m", "pacs_bridge", *words_of(orders)]
    os.execv(sys.executable, words)  # noqa: S606  the words are our own


def serve_node(orders: Orders) -> None:
    """Run the node until stopped.

    Raises
    ------
    PacsBridgeError
        When it cannot be run.
    """
    from pacs_bridge.upper_layer import dictionary

    dictionary.prepare()  # first, as it says why
    from pacs_bridge.wiring.installation import Installation
    from pacs_bridge.wiring.logs import set_up_logs

    installation = Installation.open(Path(orders.home))
    set_up_logs()
    stopped = stop_on_signal(with_parent=orders.with_parent)
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.metrics import make_meter, serve_metrics
    from pacs_bridge.wiring.node import build_node

    meter = make_meter(installation, orders.place)
    if orders.beside:
        one_more = build_node(
            installation, meter, beside=(orders.beside, orders.beside_tls or None)
        )
        one_more.start()
        stopped.wait()
        one_more.stop()
        return
    role = build_node(installation, meter)
    port = role.start()
    siblings = _more_nodes(installation.config, port, role.tls_port)
    metrics = serve_metrics(installation, meter)
    if metrics is not None:
        ready("metrics", metrics.host, metrics.port)
    if role.tls_port is not None:
        ready("node-tls", installation.config.node.host, role.tls_port)
    ready("node", installation.config.node.host, port)
    siblings.start()
    note_role(installation, "node", starts=True)
    stopped.wait()
    note_role(installation, "node", starts=False)
    siblings.stop()
    role.stop()
    if metrics is not None:
        metrics.close()


def _more_nodes(config: Config, port: int, tls_port: int | None) -> Siblings:
    """Make the other processes that the settings ask for, on the same ports."""
    import socket

    from pacs_bridge.cli.siblings import Siblings

    more = config.node.processes - 1
    if more and not hasattr(socket, "SO_REUSEPORT"):
        sys.stderr.write("pacs-bridge: this system shares no port; the node runs alone\n")
        more = 0
    words = ["node", "--home", str(config.home), "--beside", str(port)]
    return Siblings([*words, "--beside-tls", str(tls_port or 0)], more)
