"""Waiting for something to become true, with a deadline instead of a guess."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, *, seconds: float = 60.0) -> T:
    """Ask `condition` until it answers something true, and give that answer.

    Parameters
    ----------
    condition : callable
        Asked every 20 ms.
    what : str
        What is waited for; named when the deadline passes.
    seconds : float
        The deadline.

    Raises
    ------
    AssertionError
        When the deadline passes.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {what}"
        pause.wait(0.02)
    return answer
