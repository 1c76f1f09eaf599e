"""``run``, ``node``, ``jobs``, ``web``: everything in one process tree, or one role alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.terminal import Home, open_home

if TYPE_CHECKING:
    from pacs_bridge.cli.siblings import Siblings
    from pacs_bridge.config import Config

Beside = Annotated[int, typer.Option(hidden=True)]
WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True)]


def register(app: typer.Typer) -> None:
    """Put the commands under the root."""
    app.command("run")(run)
    app.command("node")(node)
    app.command("jobs")(jobs)
    app.command("web")(web)


def run(home: Home = None) -> None:
    """Run node, jobs and web until stopped (Ctrl-C or SIGTERM)."""
    from pacs_bridge.cli.supervisor import Supervisor

    installation = open_home(home)
    sys.exit(Supervisor(installation.config.home, ("jobs", "node", "web")).run())


def node(
    home: Home = None,
    with_parent: WithParent = False,
    beside: Beside = 0,
    beside_tls: Beside = 0,
    place: Beside = 0,
) -> None:
    """Run the DICOM node alone."""
    installation = open_home(home)
    _set_up_logs()
    stopped = _stop_on_signal(with_parent=with_parent)
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.metrics import make_meter, serve_metrics
    from pacs_bridge.wiring.node import build_node

    meter = make_meter(installation, place)
    if beside:
        one_more = build_node(installation, meter, beside=(beside, beside_tls or None))
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


def jobs(home: Home = None, with_parent: WithParent = False) -> None:
    """Run the jobs alone: loads, extraction, forwarding, mail; and the built-in scorer."""
    installation = open_home(home)
    _set_up_logs()
    stopped = _stop_on_signal(with_parent=with_parent)
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.jobs import build_jobs

    role = build_jobs(installation)
    if role.scorer is not None:
        ready("scorer", "127.0.0.1", role.scorer.port)
    role.start()
    ready("jobs", "127.0.0.1", 0)
    note_role(installation, "jobs", starts=True)
    stopped.wait()
    note_role(installation, "jobs", starts=False)
    role.stop()


def web(home: Home = None, with_parent: WithParent = False) -> None:
    """Run the web pages alone."""
    installation = open_home(home)
    _set_up_logs()
    stopped = _stop_on_signal(with_parent=with_parent)
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.web import serve_web

    server = serve_web(installation)
    ready("web", installation.config.web.host, server.port)
    note_role(installation, "web", starts=True)
    stopped.wait()
    note_role(installation, "web", starts=False)
    server.close()


def ready(role: str, host: str, port: int) -> None:
    """Say on stdout that a role serves."""
    sys.stdout.write(f"ready {role} {host}:{port} pid {os.getpid()}\n")
    sys.stdout.flush()


def _set_up_logs() -> None:
    from pacs_bridge.wiring.logs import set_up_logs

    set_up_logs()


def _stop_on_signal(*, with_parent: bool) -> threading.Event:
    """Give an event that SIGTERM, SIGINT or, if asked, the parent's end sets."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if with_parent:
        threading.Thread(target=_watch_parent, args=(stopped,), daemon=True).start()
    return stopped


def _watch_parent(stopped: threading.Event) -> None:
    """Wait for the end of stdin: the supervisor holds its other end as long as it lives."""
    while os.read(0, 1024):
        pass
    stopped.set()
