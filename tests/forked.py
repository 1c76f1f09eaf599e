"""Our own programs as processes that need not start: each is forked from one that has imported.

A command spends most of its time reading modules. ``run("pacs_bridge", ["pacs", "list"])`` has a
process of its own, with its own environment, output and end, like ``python -m pacs_bridge pacs
list``; only the modules are there already. What the start itself promises is asked of real starts,
in ``tests/flows/test_commands.py``.

``python -m tests.forked ADDRESS MODULE…`` is the process that is forked: it imports the modules,
says ``ready``, and ends when its standard input does.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

ROOT = Path(__file__).parents[1]
IMPORTED = {
    "pacs_bridge": tuple(f"pacs_bridge.{layer}." for layer in ("cli", "db", "services", "scu")),
    "benchmarks": ("benchmarks.",),
}
"""By program: modules, or packages whose modules are all imported beforehand."""

_DEADLINE = 300.0


def run(
    module: str,
    words: Sequence[object],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float = _DEADLINE,
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m module words…`` to its end, from the project's folder.

    Parameters
    ----------
    env : mapping of str to str, optional
        The whole environment; this process's own unless told.
    timeout : float
        Seconds after which it is killed.

    Raises
    ------
    subprocess.TimeoutExpired
        When it was killed for that.
    """
    arguments = [str(word) for word in words]
    told = {"module": module, "words": arguments, "env": dict(os.environ if env is None else env)}
    with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as call:
        out, err = Path(folder) / "out", Path(folder) / "err"
        call.settimeout(timeout)
        call.connect(_server(module).address)
        with call.makefile("rwb") as line:
            line.write(json.dumps(told | {"out": str(out), "err": str(err)}).encode() + b"\n")
            line.flush()
            process = int(line.readline())
            try:
                status = int(line.readline())
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired([module, *arguments], timeout) from None
        return subprocess.CompletedProcess(
            [module, *arguments], status, out.read_text(), err.read_text()
        )


class _Server:
    """The process that is forked, as long as this one lives."""

    def __init__(self, module: str) -> None:
        self.address = f"{mkdtemp(prefix='forked-')}/socket"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", self.address, *IMPORTED[module]],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        atexit.register(self._process.communicate)


@cache
def _server(module: str) -> _Server:
    return _Server(module)


def serve(address: str, modules: Sequence[str]) -> None:
    """Fork for everybody who calls, until standard input ends."""
    for module in modules:
        _import(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those who answer calls end
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        gc.collect()
        gc.freeze()  # what is shared stays shared
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
            call, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(call)
                os._exit(0)
            call.close()
    Path(address).unlink()
    Path(address).parent.rmdir()


def _import(module: str) -> None:
    if not module.endswith("."):
        importlib.import_module(module)
        return
    package = importlib.import_module(module.rstrip("."))
    for found in pkgutil.walk_packages(package.__path__, module):
        if "migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _answer(call: socket.socket) -> None:
    """Run what is asked for in one more process, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with call, call.makefile("rwb") as line:
        told = json.loads(line.readline())
        process = os.fork()
        if process == 0:
            call.close()
            os._exit(_do(**told))
        with contextlib.suppress(BrokenPipeError):  # whoever asked has gone
            line.write(b"%d\n" % process)
            line.flush()
            _, status = os.waitpid(process, 0)
            line.write(b"%d\n" % os.waitstatus_to_exitcode(status))
            line.flush()


def _do(module: str, words: list[str], env: dict[str, str], out: str, err: str) -> int:
    """Become the program; gives its exit status."""
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY), (1, out, os.O_WRONLY | os.O_CREAT),
        (2, err, os.O_WRONLY | os.O_CREAT),
    ):  # fmt: skip
        file = os.open(path, flags | (0 if number == 0 else os.O_APPEND), 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = _status_of(end)
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # so does the interpreter, too
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _status_of(end: SystemExit) -> int:
    if isinstance(end.code, int):
        return end.code
    if end.code is None:
        return 0
    sys.stderr.write(f"{end.code}\n")
    return 1


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
