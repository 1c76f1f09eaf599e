"""``run``, ``node``, ``jobs``, ``web``: everything in one process tree, or one role alone."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from pacs_bridge.cli.serving import ready, stop_on_signal
from pacs_bridge.cli.terminal import Home, open_home

if TYPE_CHECKING:
    from pacs_bridge.wiring.jobs import JobsRole

_BEHIND = 5
"""Steps of priority; a third of the processor that others get where both want one."""

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
    from pacs_bridge.cli.node_process import Orders, become_node

    config = open_home(home).config  # what is wrong with it is said here
    become_node(Orders(str(config.home), with_parent, beside, beside_tls, place))


def jobs(home: Home = None, with_parent: WithParent = False, place: Beside = 0) -> None:
    """Run the jobs alone: loads, extraction, forwarding, mail; and the built-in scorer."""
    installation = open_home(home)
    _set_up_logs()
    stopped = stop_on_signal(with_parent=with_parent)
    from pacs_bridge.cli.siblings import Siblings
    from pacs_bridge.jobs.names import RECEIPTS, REST
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.jobs import build_jobs

    if place:
        role = build_jobs(installation, RECEIPTS)
        role.start()
        stopped.wait()
        role.stop()
        _leave()
    role = build_jobs(installation, REST)
    if role.scorer is not None:
        ready("scorer", "127.0.0.1", role.scorer.port)
    _start_behind_others(role)
    receipts = Siblings(["jobs", "--home", str(installation.config.home)], 1)
    receipts.start()
    ready("jobs", "127.0.0.1", 0)
    note_role(installation, "jobs", starts=True)
    stopped.wait()
    note_role(installation, "jobs", starts=False)
    ending = threading.Thread(target=receipts.stop)
    ending.start()  # neither needs the other to end, and each may take seconds
    role.stop()
    ending.join()
    _leave()


def web(home: Home = None, with_parent: WithParent = False) -> None:
    """Run the web pages alone."""
    installation = open_home(home)
    _set_up_logs()
    stopped = stop_on_signal(with_parent=with_parent)
    from pacs_bridge.wiring.audit import note_role
    from pacs_bridge.wiring.web import serve_web

    server = serve_web(installation)
    ready("web", installation.config.web.host, server.port)
    note_role(installation, "web", starts=True)
    stopped.wait()
    note_role(installation, "web", starts=False)
    server.close()


def _start_behind_others(role: JobsRole) -> None:
    """Start what no reader waits for, so that it gives way where processors are short.

    A thread's priority is its own on Linux, and those it starts have the same: what this process
    starts beside them, such as the process for receipts, has not (decision 0082).
    """

    def start() -> None:
        if hasattr(os, "nice"):
            os.nice(_BEHIND)
        role.start()

    with ThreadPoolExecutor(1, "behind") as one:
        one.submit(start).result()


def _leave() -> None:
    """End this process though threads sleep: what they wait for is in the database.

    A load that tries again in a quarter of an hour sleeps until then in a thread that nothing
    can wake, and the interpreter waits for every thread. A C-STORE that has outlived its grace
    is cut off with its connection, is not confirmed, and goes out again at the next start.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _set_up_logs() -> None:
    from pacs_bridge.wiring.logs import set_up_logs

    set_up_logs()
