"""Keeping the roles of one process tree running."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

FIRST_PAUSE = 0.5
MOST_PAUSE = 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 30.0


@dataclass
class _Child:
    role: str
    process: subprocess.Popen[str] | None = None
    started_at: float = 0.0
    pause: float = FIRST_PAUSE
    due_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Starts each role as a child, passes its lines on, starts it again when it dies.

    A child ends when its standard input does, so that none outlives this process, however
    it ends. A child that dies soon after its start waits longer each time.
    """

    def __init__(self, home: Path, roles: tuple[str, ...]) -> None:
        self._home = home
        self._children = [_Child(role) for role in roles]
        self._wake = threading.Event()
        self._stopping = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; gives the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while not self._stopping:
            now = time.monotonic()
            for child in self._children:
                self._tend(child, now)
            self._wake.wait(0.5)
            self._wake.clear()
        return self._end()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        self._wake.set()

    def _tend(self, child: _Child, now: float) -> None:
        if child.process is not None:
            if child.process.poll() is None:
                if now - child.started_at > STEADY_SECONDS:
                    child.pause = FIRST_PAUSE
                return
            sys.stderr.write(
                f"pacs-bridge: {child.role} ended with status {child.process.returncode}; "
                f"it starts again in {child.pause:.0f} s\n"
            )
            child.process = None
            child.due_at, child.pause = now + child.pause, min(MOST_PAUSE, child.pause * 2)
        if now >= child.due_at:
            self._start(child, now)

    def _start(self, child: _Child, now: float) -> None:
        child.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "pacs_bridge",
                child.role,
                "--home",
                str(self._home),
                "--with-parent",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        child.started_at = now
        threading.Thread(target=self._pass_on, args=(child.process,), daemon=True).start()

    def _pass_on(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
        process.stdout.close()
        process.wait()
        self._wake.set()

    def _end(self) -> int:
        alive = [c.process for c in self._children if c.process and c.process.poll() is None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        status = 0
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = 1
            if process.stdin is not None:
                process.stdin.close()
        return status
