"""Programs of others that tests speak with: found by name, or said to be missing.

On a developer's machine a missing program skips the test and names the line that installs
it; under CI (``CI=true``) it fails, so that no check is lost in silence.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).parents[1]
NPM_PEERS = ROOT / ".peers" / "node_modules"
DATA = ROOT.parent / "shared" / "data"
PIXELMED_JAR = "/usr/share/java/pixelmed.jar"

# Systems give ports above these to whoever asks for port 0 or calls somebody.
_PORTS, _PORTS_OF_A_WORKER = 10_000, 2_000

# Servers live in sbin, which is not on the path of every user.
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


def need(program: str, package: str) -> str:
    """Find a program of a Debian package, else skip the test (or fail it under CI).

    Parameters
    ----------
    program : str
        Its name (``Orthanc``), or the absolute path of a file, which may hold ``*``
        (``/usr/lib/postgresql/*/bin/initdb``).
    package : str
        The Debian package that has it (``orthanc``).

    Returns
    -------
    str
        Its path. Never one inside the virtual environment: pynetdicom and python-gdcm put
        namesakes of DCMTK's and GDCM's programs there (``storescu``, ``gdcmscu``).
    """
    found = _newest(program) if program.startswith("/") else _on_path(program)
    if found is None:
        _missing(program, f"sudo apt-get install {package}")
    return found


def need_npm(package: str) -> Path:
    """Find an npm package among the peers that ``make peers`` installs, else skip or fail.

    Returns
    -------
    Path
        Its folder inside ``.peers/node_modules``.
    """
    folder = NPM_PEERS / package
    if not (folder / "package.json").is_file():
        _missing(package, "make peers")
    return folder


def need_data(relative: str) -> Path:
    """Find third-party data in the reference folder beside the project, else skip.

    Parameters
    ----------
    relative : str
        Path below ``../shared/data``.
    """
    path = DATA / relative
    if not path.exists():
        pytest.skip(f"../shared/data/{relative} is not here; it does not ship with the project")
    return path


def free_port() -> int:
    """A TCP port that nobody listens on, and that the system gives to nobody meanwhile.

    Only for programs that cannot take port 0 and tell which one they got. Each call gives
    another port, and each worker of a parallel run has its own.
    """
    return next(port for port in _ports if _is_free(port))


def _ports_of_this_worker() -> Iterator[int]:
    digits = "".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", "")))
    first = _PORTS + _PORTS_OF_A_WORKER * (int(digits or 0) % 10)
    start = random.randrange(_PORTS_OF_A_WORKER)  # another run may go on beside this one
    return (first + (start + n) % _PORTS_OF_A_WORKER for n in itertools.count())


_ports = _ports_of_this_worker()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _on_path(program: str) -> str | None:
    own = Path(sys.prefix).resolve() / "bin"
    folders = [*_SYSTEM, *os.environ.get("PATH", "").split(os.pathsep)]
    searched = [folder for folder in folders if folder and Path(folder).resolve() != own]
    return shutil.which(program, path=os.pathsep.join(searched))


def _newest(pattern: str) -> str | None:
    found = (str(path) for path in Path("/").glob(pattern.lstrip("/")))
    return max(found, key=lambda path: (len(path), path), default=None)  # /15/ after /9/


def _missing(what: str, remedy: str) -> NoReturn:
    message = f"{what} is not on this machine; run: {remedy}"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
