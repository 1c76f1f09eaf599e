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
COMMAND = (sys.executable, "-m", "pacs_bridge", "node")


@dataclass(frozen=True)
class OurNode:
    """A node that runs.

    Parameters
    ----------
    installation : Installation
        Its home, to count what it holds.
    """

    port: int
    installation: Installation

    def held(self) -> int:
        """How many objects stand in its index."""
        with self.installation.read() as uow:
            return sum(uow.objects.counts().values())


@contextmanager
def running_node(folder: Path, passport: Passport) -> Iterator[OurNode]:
    """Make a home that knows a case set and one PACS, HOSPITAL, and run its node alone.

    The jobs are not run: what a job does with an object comes after the Success.
    """
    installation = make_home(folder)
    caller = Endpoint("HOSPITAL", "127.0.0.1", 104, ("store", "query", "calls-from"))
    with installation.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(Pacs("hospital", (caller,), plain=True), WHEN)
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
        },
    )
    try:
        assert process.stdout is not None
        said = (line.split() for line in process.stdout)  # other parts may be ready before it
        words = next((words for words in said if words[:2] == ["ready", "node"]), None)
        if words is None:
            last = (folder / "node.log").read_text(errors="replace").strip().rpartition("\n")[2]
            raise CallFailed(f"our node did not start: {last}")
        yield OurNode(int(words[2].rpartition(":")[2]), installation)
    finally:
        process.terminate()
        process.communicate()
        log.close()
        installation.engine.dispose()
        installation.reading_engine.dispose()
