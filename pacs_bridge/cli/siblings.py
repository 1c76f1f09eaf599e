"""More processes of one role beside this one, kept running until it stops."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

FIRST_PAUSE = 0.5
MOST_PAUSE = 30.0
STOP_SECONDS = 20.0


class Siblings:
    """Runs so many processes of the same command; one that dies is started again.

    Each ends when its standard input does, so that none outlives this process. One that dies
    again and again waits longer each time.

    Parameters
    ----------
    words : sequence of str
        The command line behind ``pacs-bridge``; each process is also told its ``--place``, from
        1 on, which it keeps when it is started again.
    """

    def __init__(self, words: Sequence[str], count: int) -> None:
        self._command = [sys.executable, "-m", "pacs_bridge", *words, "--with-parent"]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._threads = [
            threading.Thread(target=self._tend, args=(place,), name="sibling", daemon=True)
            for place in range(1, count + 1)
        ]

    def start(self) -> None:
        """Start them all."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End them all, each as it ends by itself; whoever does not is killed."""
        self._stopping.set()
        self._tell(subprocess.Popen.terminate)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._tell(subprocess.Popen.kill)
        for thread in self._threads:
            thread.join()

    def _tell(self, what: Callable[[subprocess.Popen[bytes]], None]) -> None:
        with self._lock:
            for process in self._processes:
                what(process)

    def _tend(self, place: int) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            with self._lock:
                if self._stopping.is_set():
                    return
                process = subprocess.Popen(
                    [*self._command, "--place", str(place)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                )
                self._processes.add(process)
            process.wait()
            with self._lock:
                self._processes.discard(process)
            assert process.stdin is not None
            process.stdin.close()
            if not self._stopping.wait(pause):
                sys.stderr.write(
                    f"pacs-bridge: a process of the {self._command[3]} ended with status "
                    f"{process.returncode}; it has been started again\n"
                )
                pause = min(MOST_PAUSE, pause * 2)
