"""Peers as programs: found by name, run to their end, or started and ended with the run."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NPM = ROOT / ".peers" / "node_modules"
HOST = "127.0.0.1"
DEADLINE = 240.0  # seconds

_RANDOM = random.SystemRandom()

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
"""DCMTK's own switch against 40 ms of waiting a message (Nagle's algorithm)."""


def need(program: str, package: str) -> str:
    """Find a program of a Debian package, else skip (fail under CI)."""
    # the environment's own folder holds namesakes of other makers' programs
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    elsewhere = [f for f in folders if f and Path(f).resolve() != Path(sys.prefix) / "bin"]
    found = shutil.which(program, path=os.pathsep.join(["/usr/bin", "/usr/sbin", *elsewhere]))
    if found is None:
        missing(program, f"sudo apt-get install {package}")
    return str(found)


def need_npm(package: str) -> Path:
    """Find an npm package among the peers, else skip (fail under CI)."""
    if not (NPM / package / "package.json").is_file() or shutil.which("node") is None:
        missing(package, "make peers")
    return NPM / package


def missing(what: str, remedy: str) -> None:
    """Skip what needs it, or fail under CI so that no check is lost in silence."""
    message = f"{what} is not on this machine; run: {remedy}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a peer's program to its end."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, timeout=DEADLINE, env=ENVIRONMENT, cwd=cwd,
        errors="replace",
    )  # fmt: skip


def free_port() -> int:
    """A TCP port that was free on every address a moment ago: some peers listen on all.

    Below those that the system gives to connections, which come and go meanwhile.
    """
    while True:
        port = _RANDOM.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port


class Running:
    """A peer that serves until `end`."""

    def __init__(
        self,
        command: Sequence[object],
        *,
        log: Path,
        is_up: Callable[[], bool],
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=ENVIRONMENT, cwd=cwd,
            )  # fmt: skip
        try:
            wait_until(lambda: is_up() or self._process.poll() is not None, str(command[0]))
            assert self._process.poll() is None, log.read_text(errors="replace")[-2000:]
        except BaseException:
            self.end()
            raise

    def end(self) -> None:
        """Kill it: its folder is the run's own."""
        self._process.kill()
        self._process.wait()


def listens(port: int) -> Callable[[], bool]:
    """Whether something takes connections on a port."""

    def ask() -> bool:
        try:
            socket.create_connection((HOST, port), timeout=30).close()
        except OSError:
            return False
        return True

    return ask


def wait_until(condition: Callable[[], object], what: str, seconds: float = DEADLINE) -> None:
    """Ask until it is true, or fail."""
    until, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < until, f"waited {seconds:g} s in vain for {what}"
        pause.wait(0.05)


def version_of(program: str, pattern: str) -> str:
    """What a program says of its version; empty where it is not here."""
    found = shutil.which(program, path=os.pathsep.join(["/usr/bin", "/usr/sbin"]))
    if found is None:
        return ""
    done = run(found, "--version")
    said = re.search(pattern, done.stdout + done.stderr)
    return said[1] if said else ""
