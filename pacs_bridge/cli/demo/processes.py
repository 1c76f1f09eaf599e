"""The processes of a demo: our roles, the PACS, the mail server, the readers at their viewers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pacs_bridge.domain.errors import PeerUnavailable

START_SECONDS = 120.0
STOP_SECONDS = 40.0
_READY = re.compile(r"ready (\S+) (\S+):(\d+) pid (\d+)")


class Command:
    """One ``pacs-bridge`` command as a child, with its ``ready`` lines and a log file."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name, self.log = name, log
        self._ready: dict[str, int] = {}
        self.output: list[str] = []
        self._changed = threading.Condition()
        self._file = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pacs_bridge", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._file,
            text=True,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def wait_ready(self, role: str) -> int:
        """Wait until a role serves; gives its port."""
        deadline = time.monotonic() + START_SECONDS
        with self._changed:
            while role not in self._ready:
                left = deadline - time.monotonic()
                if self.process.poll() is not None or left <= 0:
                    raise PeerUnavailable(self.name, "answer", f"see {self.log}")
                self._changed.wait(min(left, 0.2))
            return self._ready[role]

    def wait(self) -> int:
        """Wait for its end; gives the exit status."""
        status = self.process.wait()
        self._thread.join()
        return status

    def stop(self) -> None:
        """End it in its own order, else by force."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()
        self._thread.join()
        self._file.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                match = _READY.match(line)
                with self._changed:
                    if match:
                        self._ready[match[1]] = int(match[3])
                    else:
                        self.output.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class MailServer:
    """A real local SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        from aiosmtpd.controller import Controller

        self.mails: list[tuple[str, str]] = []
        (self.port,) = free_ports(1)  # the controller probes the port it was given, so not 0
        self._controller = Controller(_Keeper(self.mails), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """Stop taking mails."""
        self._controller.stop()


class _Keeper:
    def __init__(self, mails: list[tuple[str, str]]) -> None:
        self._mails = mails

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one mail: to whom, and its text."""
        text = envelope.content.decode("utf-8", "replace")
        self._mails.extend((recipient, text) for recipient in envelope.rcpt_tos)
        return "250 OK"


def free_ports(count: int) -> list[int]:
    """Find ports that are free now; whoever is told takes them in a moment.

    None that the system may meanwhile give to somebody who calls somebody: those are higher.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = 10_000 + secrets.randbelow(20_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports.add(port)
    return list(ports)


@dataclass
class HospitalPacs:
    """The PACS of the demo's hospital: Orthanc or the sandbox's own, in its own process."""

    ae_title: str
    host: str
    port: int
    stop: Callable[[], None]


def start_orthanc(folder: Path, node_port: int) -> HospitalPacs:
    """Start Orthanc with an auto-forward rule to our node, as a hospital would set it."""
    from pacs_bridge.sandbox.orthanc import Modality, Orthanc, OrthancConfig

    node = Modality("bridge", "PACSBRIDGE", node_port)
    orthanc = Orthanc(
        OrthancConfig(folder, "HOSPITAL", modalities=(node,), forward_to="bridge")
    ).start()
    return HospitalPacs("HOSPITAL", "127.0.0.1", orthanc.dicom_port, orthanc.kill)


def start_sandbox_pacs(folder: Path, node_port: int, log: Path) -> HospitalPacs:
    """Start the sandbox's PACS with the same rule."""
    folder.mkdir(parents=True, exist_ok=True)
    command = Command(
        "the sandbox PACS",
        [
            "sandbox",
            "pacs",
            "--aet",
            "HOSPITAL",
            "--port",
            "0",
            "--store",
            str(folder),
            "--forward",
            f"PACSBRIDGE@127.0.0.1:{node_port}",
        ],
        log,
    )
    port = command.wait_ready("sandbox-pacs")
    return HospitalPacs("HOSPITAL", "127.0.0.1", port, command.stop)


@dataclass
class ReaderAtViewer:
    """One simulated reader: who, how marks are saved, and how skilled."""

    code: str
    login: str
    kind: str
    skill: str
    command: Command | None = field(default=None, repr=False)

    def start(self, pacs: HospitalPacs, set_name: str, truth: Path, log: Path) -> None:
        """Sit down at a viewer of the hospital and read every case."""
        self.command = Command(
            f"reader {self.code}",
            [
                "sandbox",
                "read",
                "--pacs",
                f"{pacs.ae_title}@{pacs.host}:{pacs.port}",
                "--set",
                set_name,
                "--truth",
                str(truth),
                "--login",
                self.login,
                "--as",
                self.kind,
                "--skill",
                self.skill,
                "--json",
            ],
            log,
        )

    def summary(self) -> dict[str, Any]:
        """Wait until every case is read; gives what the viewer says of it."""
        assert self.command is not None
        status = self.command.wait()
        if status != 0:
            raise PeerUnavailable(self.command.name, "answer", f"see {self.command.log}")
        found: dict[str, Any] = json.loads(self.command.output[-1])
        return found
