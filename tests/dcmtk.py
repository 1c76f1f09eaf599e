"""DCMTK's programs as the other side of a PACS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from tests.peers import need

# DCMTK's own switch against 40 ms of waiting a message (Nagle's algorithm).
_ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}


def dcmtk(program: str, port: int, *words: str, called: str = "HOSPITAL") -> str:
    """Run a requestor against a port of this machine; gives all it prints.

    Raises
    ------
    AssertionError
        When it ends with another status than 0.
    """
    status, output = attempt(program, port, *words, called=called)
    assert status == 0, output
    return output


def attempt(program: str, port: int, *words: str, called: str = "HOSPITAL") -> tuple[int, str]:
    """Run a requestor; gives its exit status and all it prints."""
    command = [need(program, "dcmtk"), "-v", "-aec", called, "127.0.0.1", str(port), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=_ENVIRONMENT)
    return done.returncode, done.stdout + done.stderr


def found(
    folder: Path,
    port: int,
    level: str,
    *keys: str,
    model: str = "-S",
    called: str = "HOSPITAL",
    calling: str = "FINDSCU",
) -> list[Dataset]:
    """Ask with findscu; gives the answers, in their order."""
    folder.mkdir(exist_ok=True)
    words = [model, "-aet", calling, "-X", "-od", str(folder), "-k", f"QueryRetrieveLevel={level}"]
    for key in keys:
        words += ["-k", key]
    output = dcmtk("findscu", port, *words, called=called)
    assert "Failed" not in output, output
    answers = [pydicom.dcmread(path) for path in sorted(folder.glob("rsp*.dcm"))]
    for path in folder.glob("rsp*.dcm"):
        path.unlink()
    return answers


def data_set_of(path: Path) -> bytes:
    """The bytes of a file behind its group 0002."""
    raw = path.read_bytes()
    meta = pydicom.filereader.read_file_meta_info(path)
    return raw[128 + 4 + 12 + meta.FileMetaInformationGroupLength :]
