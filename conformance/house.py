"""A home of the product and its roles, driven as an operator drives it: by the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.programs import DEADLINE, HOST, ROOT
from tests import forked

TITLE = "PACSBRIDGE"
SET = "PERFORMS121"
CASES = (f"{SET}001", f"{SET}101")


@dataclass
class House:
    """One installation.

    Attributes
    ----------
    port, tls_port : int
        Where its node listens, once started.
    """

    home: Path
    port: int = 0
    tls_port: int = 0
    _roles: list[tuple[str, subprocess.Popen[str]]] = field(default_factory=list)

    def command(self, *words: object, fails: bool = False) -> str:
        """Run a command to its end; gives its stdout."""
        done = forked.run("pacs_bridge", words, env=self._environment(), timeout=DEADLINE)
        assert fails or done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, *words: object, fails: bool = False) -> Any:
        """Run a command with ``--json``; gives what it says."""
        return json.loads(self.command(*words, "--json", fails=fails))

    def start(self, role: str) -> None:
        """Start a role and wait until it says that it serves."""
        with (self.home / f"{role}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pacs_bridge", role],
                stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=self._environment(),
            )  # fmt: skip
        self._roles.append((role, process))
        port = self._ready(process, role)
        if role == "node":
            self.port = port

    def end(self) -> list[int]:
        """End the node in order, and all else at once; gives the node's exit status."""
        ended = []
        for role, process in self._roles:
            if role == "node":
                process.terminate()
            else:  # it may be at a load that no peer will ever answer for
                process.kill()
        for role, process in self._roles:
            try:
                status = process.wait(DEADLINE)
                ended += [status] if role == "node" else []
            finally:
                process.kill()
                process.wait()
                assert process.stdout is not None
                process.stdout.close()
        self._roles.clear()
        return ended

    def archived(self, uid: str) -> list[bytes]:
        """The data sets in the archive of the object with a SOP Instance UID."""
        found = []
        wanted = uid.encode()
        for path in (self.home / "archive").rglob("*"):
            if path.is_file() and _names(path, wanted):
                found.append(data_set(path))
        return found

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PACS_BRIDGE_HOME": str(self.home),
            "PACS_BRIDGE_NODE__PORT": "0",
            "PACS_BRIDGE_NODE__TLS_PORT": "0",
            "PACS_BRIDGE_NODE__HOST": HOST,
            "PACS_BRIDGE_NODE__METRICS_PORT": "-1",
            "PACS_BRIDGE_LOADING__RETRY_SECONDS": "1",
        }

    def _ready(self, process: subprocess.Popen[str], role: str) -> int:
        assert process.stdout is not None
        too_late = threading.Timer(DEADLINE, process.kill)  # which ends the lines
        too_late.start()
        try:
            for line in process.stdout:  # other parts may be ready before it
                if tls := re.match(rf"ready {role}-tls \S+:(\d+) pid \d+", line):
                    self.tls_port = int(tls[1])
                if ready := re.match(rf"ready {role} \S+:(\d+) pid \d+", line):
                    return int(ready[1])
        finally:
            too_late.cancel()
        raise AssertionError(f"the {role} did not say that it is ready")


def _names(path: Path, uid: bytes) -> bool:
    with path.open("rb") as file:
        head = file.read(600)
    return bool(re.search(rb"\x03\0UI.." + re.escape(uid) + rb"[\0\x02]", head, re.S))


def data_set(path: Path) -> bytes:
    """The bytes of a file behind its meta information (PS3.10 7.1)."""
    raw = path.read_bytes()
    assert raw[128:132] == b"DICM", path
    assert raw[132:138] == b"\x02\0\0\0UL", path  # the group length comes first
    return raw[144 + int.from_bytes(raw[140:144], "little") :]
