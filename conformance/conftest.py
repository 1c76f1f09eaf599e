"""A node of a fresh installation, made as an operator makes it: by commands only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

ROOT = Path(__file__).parents[1]
CALLER, CALLED = "CONFTEST", "PACSBRIDGE"
STATE = UID("1.2.840.10008.5.1.4.1.1.11.1")
REPORT = UID("1.2.840.10008.5.1.4.1.1.88.33")
DEADLINE = 240.0  # seconds


@pytest.fixture(scope="session")
def need() -> Callable[[str, str], str]:
    """Find a program of a Debian package, else skip (fail under CI)."""

    def find(program: str, package: str) -> str:
        # the environment's own folder holds namesakes of other makers' programs
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        elsewhere = [f for f in folders if f and Path(f).resolve() != Path(sys.prefix) / "bin"]
        found = shutil.which(program, path=os.pathsep.join(["/usr/bin", *elsewhere]))
        if found is None:
            message = f"{program} is not on this machine; run: sudo apt-get install {package}"
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(message, pytrace=False)
            pytest.skip(message)
        return found

    return find


@dataclass(frozen=True)
class Installation:
    """A home and its running node."""

    home: Path
    port: int

    def statement(self) -> str:
        """The conformance statement of this installation."""
        return _command(self.home, "statement")


def _command(home: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pacs_bridge", *command],
        capture_output=True, text=True, timeout=DEADLINE, cwd=ROOT,
        env={**os.environ, "PACS_BRIDGE_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A node that knows PERFORMS121001, PERFORMS121101 and the PACS that calls CONFTEST."""
    folder = tmp_path_factory.mktemp("installation")
    home, images = folder / "home", folder / "images"
    _command(home, "init")
    _command(home, "sandbox", "images", str(images), "--cases", "2")
    _command(home, "case-set", "import", str(images), "--prefix", "PERFORMS121", "--partial")
    _command(
        home, "pacs", "add", "hospital", "--aet", CALLER, "--host", "127.0.0.1",
        "--port", "104", "--plain",
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "pacs_bridge", "node"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={
            **os.environ, "PACS_BRIDGE_HOME": str(home), "PACS_BRIDGE_NODE__PORT": "0",
            "PACS_BRIDGE_NODE__HOST": "127.0.0.1",
        },
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield Installation(home, _port(process))
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    too_late = threading.Timer(DEADLINE, process.kill)  # which ends the lines
    too_late.start()
    try:
        for line in process.stdout:  # other parts of the node may be ready before it
            if ready := re.match(r"ready node \S+:(\d+) pid \d+", line):
                return int(ready[1])
    finally:
        too_late.cancel()
    raise AssertionError("the node did not say that it is ready")


@pytest.fixture
def a_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a small object about a case as a DICOM file."""

    def write(accession: str = "PERFORMS121101", sop_class: UID = STATE) -> Path:
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = sop_class, generate_uid()
        ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
        ds.AccessionNumber, ds.PatientID, ds.PatientName = accession, "SYNTHETIC", "SYNTHETIC"
        ds.Modality = "PR" if sop_class == STATE else "SR"
        meta = ds.file_meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = ds.SOPClassUID
        meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = tmp_path / f"{ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture(scope="session")
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a peer's program."""

    def peer(*command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=DEADLINE
        )

    return peer
