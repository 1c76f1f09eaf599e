"""Our node as a hospital has it: a home, a case set, a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import WHEN
from benchmarks.wire import CallFailed
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.wiring.home import make_home
from pacs_bridge.wiring.installation import Installation

AE_TITLE = "PACSBRIDGE"
ADDRESSES = ("127.0.0.1", "127.0.0.2")
COMMAND = (sys.executable, "-m", "pacs_bridge", "node")


@dataclass(frozen=True)
class OurNode:
    """A node that runs.

    Parameters
    ----------
    installation : Installation
        Its home, to count what it holds.
    pid : int
        Of its process.
    tls_port : int
        0 where it has none.
    """

    port: int
    installation: Installation
    pid: int
    tls_port: int = 0

    def held(self) -> int:
        """How many objects stand in its index."""
        with self.installation.read() as uow:
            return sum(uow.objects.counts().values())


@contextmanager
def running_node(folder: Path, passport: Passport, **settings: str) -> Iterator[OurNode]:
    """Make a home that knows a case set loaded into one PACS, HOSPITAL; run its node alone.

    HOSPITAL calls from two addresses of the loopback. The jobs are not run: what a job does
    with an object comes after the Success.

    Parameters
    ----------
    settings : str
        Further settings of the node, such as ``MAX_ASSOCIATIONS="500"``.
    """
    installation = make_home(folder)
    callers = tuple(
        Endpoint("HOSPITAL", host, 104, ("store", "query", "calls-from")) for host in ADDRESSES
    )
    with installation.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(Pacs("hospital", callers, plain=True), WHEN)
        uow.loads.plan(passport, "hospital", WHEN)
    log = (folder / "node.log").open("wb")
    process = subprocess.Popen(
        [*COMMAND, "--home", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={
            **os.environ,
            "PACS_BRIDGE_NODE__HOST": "127.0.0.1",
            "PACS_BRIDGE_NODE__PORT": "0",
            **{f"PACS_BRIDGE_NODE__{name}": value for name, value in settings.items()},
        },
    )
    try:
        assert process.stdout is not None
        ports: dict[str, int] = {}  # other parts may be ready before it
        for words in (line.split() for line in process.stdout):
            if words[:1] == ["ready"]:
                ports[words[1]] = int(words[2].rpartition(":")[2])
            if "node" in ports:
                break
        if "node" not in ports:
            last = (folder / "node.log").read_text(errors="replace").strip().rpartition("\n")[2]
            raise CallFailed(f"our node did not start: {last}")
        yield OurNode(ports["node"], installation, process.pid, ports.get("node-tls", 0))
    finally:
        process.terminate()
        process.communicate()
        log.close()
        installation.engine.dispose()
        installation.reading_engine.dispose()
