"""Running a reader of objects in a process of its own, under limits of memory and time.

An object that passed the structural check may still be made to exhaust a parser. Its
reader's death or delay then parks that one object and costs nothing else.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from pacs_bridge.domain.errors import GiveUp, UnreadableObject

Asked = TypeVar("Asked")
Told = TypeVar("Told")

WALL_SECONDS = 120.0  # of one that works: what loops is ended by the limit of processor time
START_SECONDS = 120.0  # a machine that is busy may be slow to start a process: no object's fault
CPU_SECONDS = 10
MEMORY_BYTES = 1 << 30
OBJECTS_PER_PROCESS = 500


class LimitedReader(Generic[Asked, Told]):
    """Reads objects one at a time in a child process; safe to call from several threads.

    Parameters
    ----------
    read : callable
        A module-level function of one argument, such as the path of the file to read, that can
        be pickled, as its answer can; it runs in the child.
    wall_seconds, cpu_seconds : float, int
        How long it may take over one.
    prepare : callable, optional
        Called once in each child before it is asked anything, in no object's time; a
        module-level function, too.
    """

    def __init__(
        self,
        read: Callable[[Asked], Told],
        *,
        wall_seconds: float = WALL_SECONDS,
        cpu_seconds: int = CPU_SECONDS,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._read, self._wall, self._cpu = read, wall_seconds, cpu_seconds
        self._prepare = prepare
        self._lock = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._served = 0

    def __call__(self, asked: Asked) -> Told:
        """Read one file.

        Raises
        ------
        UnreadableObject
            When it cannot be read, or not within the limits.
        """
        with self._lock:
            answer = self._ask(self._start(), asked)
            if answer is None:
                self._stop()
                raise UnreadableObject(
                    "Reading it went over the limits of memory or time; it is kept."
                )
            self._served += 1
            if self._served >= OBJECTS_PER_PROCESS:
                self._stop()
        if isinstance(answer, GiveUp):
            raise answer
        return answer

    def _ask(self, pipe: Connection, asked: Asked) -> Told | GiveUp | None:
        """Ask the child; None when it died or took too long."""
        try:
            pipe.send(asked)
            return pipe.recv() if pipe.poll(self._wall) else None
        except (EOFError, OSError):
            return None

    def close(self, seconds: float = WALL_SECONDS) -> None:
        """End the child, once it has read what it reads; it lives on where that takes longer.

        To kill it over an object would park that object. It ends with this process.
        """
        if self._lock.acquire(timeout=seconds):
            try:
                self._stop()
            finally:
                self._lock.release()

    def _start(self) -> Connection:
        if self._pipe is not None and self._process.is_alive():
            return self._pipe
        self._stop()
        # Not fork: the parent has threads, and a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._read, self._cpu, self._prepare), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe, self._served = ours, 0
        with contextlib.suppress(EOFError, OSError):  # whoever asks it will notice
            if ours.poll(START_SECONDS):
                ours.recv()
        return ours

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._process = None


def _serve(
    pipe: Connection,
    read: Callable[[Any], Any],
    cpu_seconds: int,
    prepare: Callable[[], None] | None,
) -> None:
    """Serve reads in the child until the parent hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # meant for all of a group: the parent decides
    if prepare is not None:
        prepare()
    _limit_memory()
    pipe.send(None)  # from here on an object's own time runs
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        _limit_cpu(cpu_seconds)
        answer: Any
        try:
            answer = read(asked)
        except GiveUp as error:
            answer = error
        except MemoryError:
            answer = UnreadableObject("Reading it took too much memory; it is kept.")
        except Exception as error:  # noqa: BLE001  a reader's bug must park the object, not lose it
            answer = UnreadableObject(f"Reading it failed ({type(error).__name__}); it is kept.")
        pipe.send(answer)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this system: the time limit in the parent still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES * 2, MEMORY_BYTES * 2))


def _limit_cpu(seconds: int) -> None:
    """Allow this much processor time from now on, for the next object."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
