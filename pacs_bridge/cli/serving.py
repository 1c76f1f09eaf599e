"""What every role does when it serves: says so, and ends on a signal."""

from __future__ import annotations

import os
import signal
import sys
import threading


def ready(role: str, host: str, port: int) -> None:
    """Say on stdout that a role serves."""
    sys.stdout.write(f"ready {role} {host}:{port} pid {os.getpid()}\n")
    sys.stdout.flush()


def stop_on_signal(*, with_parent: bool) -> threading.Event:
    """Give an event that SIGTERM, SIGINT or, if asked, the parent's end sets."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    if with_parent:
        threading.Thread(target=_watch_parent, args=(stopped,), daemon=True).start()
    return stopped


def _watch_parent(stopped: threading.Event) -> None:
    """Wait for the end of stdin: the supervisor holds its other end as long as it lives."""
    while os.read(0, 1024):
        pass
    stopped.set()
