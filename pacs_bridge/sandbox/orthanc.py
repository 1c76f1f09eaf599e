"""A real Orthanc as the hospital's PACS, in a folder of its own.

Demo and tests start it on free ports of this machine, without plugins, and stop it again;
the system's own Orthanc service, if there is one, is not touched. Started again on the
same folder it keeps its ports and its objects.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import urlencode

from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.sandbox.orthanc_forward import AutoForward

HOST = "127.0.0.1"
INSTALL = "sudo apt-get install orthanc"

_SBIN = "/usr/local/sbin:/usr/sbin"  # where Debian puts it, and not on every user's path
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_PORT_TRIES = 5


@dataclass(frozen=True)
class Modality:
    """A DICOM node that Orthanc knows by name: where it may move and forward objects to."""

    name: str
    ae_title: str
    port: int
    host: str = HOST


@dataclass(frozen=True)
class OrthancConfig:
    """How one Orthanc is set up.

    Parameters
    ----------
    folder : Path
        Where objects, index, configuration and log (``orthanc.log``) lie; made if absent.
    dicom_port, http_port : int
        0 takes those of the last start on this folder, else free ones.
    modalities : tuple of Modality
        Known from the start; `Orthanc.add_modality` makes more known.
    forward_to : str or None
        Name of the modality that every presentation state, structured report and key object
        is forwarded to as it is stored, again and again until it is taken.
    settings : mapping
        Further settings in Orthanc's own words; they win.
    """

    folder: Path
    ae_title: str = "HOSPITAL"
    dicom_port: int = 0
    http_port: int = 0
    modalities: tuple[Modality, ...] = ()
    forward_to: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def find_orthanc() -> str | None:
    """Path of the Orthanc program, or None where it is not installed."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path=_SBIN)


class Orthanc:
    """One Orthanc process; a context manager that starts and stops it.

    C-ECHO, C-STORE, C-FIND, C-GET and C-MOVE are open to every caller: a PACS that trusts
    its network, as most do. Its ports listen on all addresses (1.10 cannot do otherwise);
    the REST interface answers this machine only.

    Raises
    ------
    RefusedInput
        On start, when Orthanc is not installed.
    PeerUnavailable
        On start, when it does not come up; from the REST methods, when it does not answer.
    """

    host = HOST

    def __init__(self, config: OrthancConfig) -> None:
        self.config = config
        self.ae_title = config.ae_title
        self.dicom_port = 0
        self.http_port = 0
        self.pid = 0
        self.forward: AutoForward | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._modalities = {modality.name: modality for modality in config.modalities}

    # Life

    def start(self) -> Orthanc:
        """Start it and wait until it serves, or take over one that still runs in the folder."""
        if self.pid:
            return self
        self.config.folder.mkdir(parents=True, exist_ok=True)
        if not self._take_over():
            self._launch()
        for modality in self._modalities.values():
            self.add_modality(modality)
        if self.config.forward_to is not None:
            self.forward = AutoForward(
                self, self.config.forward_to, self.config.folder / "forward.json"
            )
            self.forward.start()
        return self

    def stop(self) -> None:
        """End it in its own order, which takes it some four seconds."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would; its folder stays usable."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.forward is not None:
            self.forward.stop()
            self.forward = None
        pid, self.pid = self.pid, 0
        if not pid:
            return
        _signal(pid, number)
        if not self._gone_within(pid, _STOP_SECONDS):
            _signal(pid, signal.SIGKILL)
            self._gone_within(pid, _STOP_SECONDS)
        self._process = None
        (self.config.folder / "orthanc.pid").unlink(missing_ok=True)

    def __enter__(self) -> Orthanc:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # What it knows

    def get(self, path: str, **query: str | int) -> Any:
        """Ask the REST interface; JSON comes back as values, anything else as text."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        """POST a value as JSON to the REST interface."""
        return self._ask("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        """PUT a value as JSON to the REST interface."""
        return self._ask("PUT", path, body)

    def delete(self, path: str) -> Any:
        """DELETE a resource through the REST interface."""
        return self._ask("DELETE", path)

    def add_modality(self, modality: Modality) -> None:
        """Make a DICOM node known, or change what is known of it."""
        self._modalities[modality.name] = modality
        self.put(f"/modalities/{modality.name}", _modality_settings(modality))

    def find(self, level: str, **keys: str) -> list[dict[str, Any]]:
        """Studies, Series or Instances whose elements match, with their main elements.

        Parameters
        ----------
        level : str
            ``Study``, ``Series`` or ``Instance``.
        keys : str
            Keyword and value, with ``*`` as wildcard.
        """
        query = {"Level": level, "Query": keys, "Expand": True}
        found: list[dict[str, Any]] = self.post("/tools/find", query)
        return found

    def count(self) -> dict[str, int]:
        """How many patients, studies, series and instances it holds."""
        numbers = self.get("/statistics")
        return {
            what.lower(): int(numbers[f"Count{what}"])
            for what in ("Patients", "Studies", "Series", "Instances")
        }

    # How it is run

    def _launch(self) -> None:
        program = find_orthanc()
        if program is None:
            raise RefusedInput(
                f"Orthanc is not installed; run: {INSTALL}, or use the sandbox's own PACS."
            )
        fixed = bool(self.config.dicom_port and self.config.http_port)
        for attempt in range(_PORT_TRIES):
            self._choose_ports(again=attempt == 0)
            if self._try_ports(program):
                return
            if fixed:
                break
        raise PeerUnavailable("Orthanc", "connect", self._last_words())

    def _try_ports(self, program: str) -> bool:
        folder = self.config.folder
        settings = folder / "orthanc.json"
        settings.write_text(json.dumps(self._settings(), indent=1))
        with (folder / "orthanc.log").open("ab") as log:
            self._process = _popen([program, str(settings)], log)
        self.pid = self._process.pid
        (folder / "orthanc.pid").write_text(str(self.pid))
        deadline = time.monotonic() + _START_SECONDS
        pause = threading.Event()
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return True
            pause.wait(0.05)
        self.stop()
        return False

    def _take_over(self) -> bool:
        """Whether an Orthanc of a run that was killed still serves from this folder."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            pid = int((self.config.folder / "orthanc.pid").read_text())
            self._choose_ports(again=True)
            if self._answers():
                self.pid = pid
                return True
        return False

    def _choose_ports(self, *, again: bool) -> None:
        last: dict[str, Any] = {}
        if again:
            with contextlib.suppress(OSError, ValueError):
                last = json.loads((self.config.folder / "orthanc.json").read_text())
        self.dicom_port = self.config.dicom_port or last.get("DicomPort") or _free_port()
        self.http_port = self.config.http_port or last.get("HttpPort") or _free_port()

    def _settings(self) -> dict[str, Any]:
        folder = str(self.config.folder.resolve())
        return {
            "Name": folder,  # tells `_answers` that it is this one
            "StorageDirectory": folder,
            "IndexDirectory": folder,
            "Plugins": [],
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "WebDavEnabled": False,
            "DicomPort": self.dicom_port,
            "DicomAet": self.ae_title,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {},
            "DicomModalitiesInDatabase": False,
            "DicomThreadsCount": 16,  # four idle callers would starve its default of four
            "ConcurrentJobs": 4,
            "JobsHistorySize": 50,
            "MaximumPduLength": 131072,
            "StableAge": 1,
            "OverwriteInstances": False,
            "StorageCompression": False,
            "SyncStorageArea": False,  # its objects are not what we promise to keep
            "StoreMD5ForAttachments": False,
            **self.config.settings,
        }

    def _answers(self) -> bool:
        try:
            name = self.get("/system")["Name"]
        except PeerUnavailable:
            return False
        return bool(name == str(self.config.folder.resolve()))

    def _last_words(self) -> str:
        try:
            lines = (self.config.folder / "orthanc.log").read_text(errors="replace").splitlines()
        except OSError:
            return "it left no log"
        wrong = [line for line in lines if line.startswith("E")] or lines
        return wrong[-1].partition("] ")[2] if wrong else "it left no log"

    def _gone_within(self, pid: int, seconds: float) -> bool:
        if self._process is not None:
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                return False
            return True
        deadline = time.monotonic() + seconds
        pause = threading.Event()
        while _alive(pid):
            if time.monotonic() > deadline:
                return False
            pause.wait(0.05)
        return True

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection(HOST, self.http_port, timeout=60)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise PeerUnavailable("Orthanc", "connect", type(error).__name__) from error
        finally:
            connection.close()
        value = _value(text)
        if answer.status >= 400:
            said = value.get("Details") or value.get("Message") if isinstance(value, dict) else ""
            raise PeerUnavailable("Orthanc", "answer", f"{answer.status} {said or ''}".strip())
        return value


def _modality_settings(modality: Modality) -> dict[str, Any]:
    return {
        "AET": modality.ae_title,
        "Host": modality.host,
        "Port": modality.port,
        "Timeout": 10,  # seconds without an answer before a forward fails and is tried again
    }


def _popen(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # DCMTK's own switch against 40 ms of waiting a message (Nagle's algorithm).
    environment = {**os.environ, "TCP_NODELAY": "1"}
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
    )


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
