"""A whole installation driven from outside, through its commands and processes."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests import forked
from tests.homes import a_home
from tests.peers import free_port
from tests.waiting import wait_until

CONFIG = """\
[node]
host = "127.0.0.1"
port = {node}
[web]
host = "127.0.0.1"
port = {web}
[marks]
settle = 1.0
[loading]
chunk = 4
first_verify_seconds = {first_verify}
retry_seconds = 0.5
"""
_READY = re.compile(r"ready (\S+) (\S+):(\d+) pid (\d+)")


class RunningRoles:
    """One ``pacs-bridge run`` (or a role alone) with all its children in one process group."""

    def __init__(
        self, command: list[str], log: Path, settings: dict[str, str] | None = None
    ) -> None:
        self.ready: dict[str, int] = {}
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
            env={**os.environ, **(settings or {})},
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def wait_ready(self, *roles: str) -> None:
        """Wait until these roles serve."""
        wait_until(lambda: set(roles) <= set(self.ready), f"{roles} to serve", seconds=240)

    def kill(self) -> None:
        """End the whole tree with SIGKILL, as a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._reap()

    def stop(self) -> int:
        """End it with SIGTERM; gives the exit status."""
        self.process.terminate()
        status = self.process.wait(120)
        self._reap()
        return status

    def _reap(self) -> None:
        self.process.wait(60)
        self._listener.join(60)
        self._log.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if match := _READY.match(line):
                    self.ready[match[1]] = int(match[3])


class OutsideInstallation:
    """One home, its commands, and its database read from outside."""

    def __init__(self, folder: Path, *, first_verify: float = 0.5) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True)
        self.node_port, self.web_port = free_port(), free_port()
        text = CONFIG.format(node=self.node_port, web=self.web_port, first_verify=first_verify)
        (self.home / "config.toml").write_text(text)
        self.make()

    def make(self) -> None:
        """Make the home, with the settings that are in it, as `init` does."""
        a_home(self.home)

    def start(self, role: str = "run", **settings: str) -> RunningRoles:
        """Start the roles (or one of them), with settings such as ``WEB__PORT``."""
        environment = {f"PACS_BRIDGE_{name}": value for name, value in settings.items()}
        return RunningRoles(self.words(role), self.folder / f"{role}.log", environment)

    def words(self, *arguments: str) -> list[str]:
        """Give the words of a command on this home."""
        return [sys.executable, "-m", "pacs_bridge", *arguments, "--home", str(self.home)]

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run a command to its end; gives what it printed on stdout."""
        done = forked.run("pacs_bridge", [*arguments, "--home", self.home])
        assert done.returncode == status, f"{arguments}: {done.stderr}{done.stdout}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json``; gives what it printed."""
        return json.loads(self.command(*arguments, "--json"))

    def row(self, sql: str, *values: object, database: str = "pacs_bridge.sqlite") -> Any:
        """Ask the database one value, as somebody who only looks."""
        path = self.home / database
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30) as connection:
            found = connection.execute(sql, values).fetchone()
        connection.close()
        return found[0] if found else None
