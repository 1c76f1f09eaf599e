"""Programs of others: found by name, started for one benchmark, ended after it.

All of DCMTK's run with ``TCP_NODELAY=1``, its own switch against waiting 40 ms a message
(Nagle's algorithm), unless a benchmark is about them as Debian ships them.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.wire import VERIFICATION, Call, CallFailed
from pacs_bridge.sandbox.orthanc import Orthanc, OrthancConfig

# Servers live in sbin, which is not on the path of every user.
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_START_SECONDS = 120.0
_TRIES = 5
PDU = ("-pdu", "131072")
STOCK = {key: value for key, value in os.environ.items() if key != "TCP_NODELAY"}
NO_DELAY = {**STOCK, "TCP_NODELAY": "1"}


def find_program(name: str) -> str | None:
    """Find a program of the system, never a namesake of it inside the virtual environment."""
    own = Path(sys.prefix).resolve() / "bin"
    folders = [*_SYSTEM, *os.environ.get("PATH", "").split(os.pathsep)]
    return shutil.which(
        name, path=os.pathsep.join(f for f in folders if f and Path(f).resolve() != own)
    )


def program(name: str) -> str:
    """Give the path of a program that is known to be there."""
    found = find_program(name)
    assert found is not None
    return found


def seconds_of(*command: str, stock: bool = False) -> float:
    """Run a program to its end; gives its wall time, start-up included.

    Raises
    ------
    CallFailed
        When it ends with an error.
    """
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, env=STOCK if stock else NO_DELAY)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise CallFailed(
            f"{Path(command[0]).name} failed: {said[-1] if said else 'it said nothing'}"
        )
    return seconds


@dataclass(frozen=True)
class Storescp:
    """A storescp that runs."""

    port: int
    pid: int


@contextmanager
def running_storescp(
    *options: str, stock: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[Storescp]:
    """Run DCMTK's storescp on a free port.

    Parameters
    ----------
    stock : bool
        Without TCP_NODELAY, as it comes.
    tls : SSLContext, optional
        To call it with, where its options say that it is to be called so.
    """
    process, port = _start_storescp(options, stock, tls)
    try:
        yield Storescp(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def _start_storescp(
    options: Sequence[str], stock: bool, tls: ssl.SSLContext | None
) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_TRIES):  # somebody else may take the port in between
        port = _free_port()
        process = subprocess.Popen(
            [program("storescp"), "-q", *PDU, *options, str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=STOCK if stock else NO_DELAY,
        )
        if _answers(process, port, tls):
            return process, port
        process.kill()
        process.wait()
    raise CallFailed("storescp did not start")


@contextmanager
def running_orthanc(folder: Path, *, durable: bool) -> Iterator[Orthanc]:
    """Run an Orthanc of one's own; `durable` as it comes: every file synced."""
    orthanc = Orthanc(OrthancConfig(folder, settings={"SyncStorageArea": durable})).start()
    try:
        yield orthanc
    finally:
        orthanc.kill()


def _answers(process: subprocess.Popen[bytes], port: int, tls: ssl.SSLContext | None) -> bool:
    deadline, pause = time.monotonic() + _START_SECONDS, threading.Event()
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with Call(port, "ANY-SCP", [VERIFICATION], tls=tls) as call:
                call.echo()
        except OSError:
            pause.wait(0.05)
        else:
            return process.poll() is None
    return False


def _free_port() -> int:
    """Give a port that nobody listens on, below those that systems give to who calls."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
