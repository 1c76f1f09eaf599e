"""One node, run as the process that a hospital runs, and honest peers while it is attacked."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import psutil
import pytest

from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.services.certificates import read_certificate
from pacs_bridge.wiring.installation import Installation, now
from tests.builders import a_passport
from tests.certificates import Desk
from tests.hostile import short_node
from tests.hostile.peer import ECHO, STATE, Peer
from tests.nodes import encode, our_state
from tests.peers import ROOT
from tests.round import OutsideInstallation, RunningRoles
from tests.waiting import wait_until

FULL = "FULL_FAULTS" in os.environ
ANSWERED_WITHIN = 2.0  # seconds, RELIABILITY.md 1
MEMORY_BACK_WITHIN = 1.2 if FULL else 2.0  # other workers of a run may press on the short form
FEWEST_PROBES = 3
HOSTILE, HONEST = ("HOSPITAL", "127.0.0.1"), ("CLINIC", "127.0.0.2")
LARGEST_MB = 64 if FULL else 8


@dataclass(frozen=True)
class Measure:
    """What a process holds at one moment; memory in bytes."""

    memory: int
    threads: int
    sockets: int
    files: int
    processes: int = 1

    def is_back_to(self, before: Measure, memory_within: float = MEMORY_BACK_WITHIN) -> bool:
        """Whether no more is held than before.

        One thread a process may wait: within a minute it says how many strangers were only counted.
        """
        return (
            self.memory <= before.memory * memory_within
            and self.threads <= before.threads + self.processes
            and self.sockets <= before.sockets
            and self.files <= before.files
        )


def _measure(process: psutil.Process) -> Measure:
    with process.oneshot():
        return Measure(
            process.memory_info().rss,
            process.num_threads(),
            len(process.net_connections("inet")),
            len([each for each in process.open_files() if ".sqlite" not in each.path]),
        )


class HostileNode:
    """An installation whose node runs alone, with one PACS that attacks and one that does not."""

    def __init__(self, folder: Path, *more: tuple[str, str], ways: str, processes: int) -> None:
        self._status: int | None = None
        self._processes = processes
        self.installation = OutsideInstallation(folder)
        self.home = self.installation.home
        self._desk = Desk(self.home / "keys")
        self._desk.issue("clinic")
        self._register(HOSTILE, HONEST, *more)
        words = self.installation.words("node")
        if ways:
            words = [sys.executable, "-m", "tests.hostile.short_node", *words[3:]]
        self.roles = RunningRoles(words, folder / "node.log")
        self.log = folder / "node.log"
        try:
            self._look_around()
        except BaseException:
            self.roles.kill()
            raise

    def _look_around(self) -> None:
        """Learn where the node serves, and let it settle."""
        self.roles.wait_ready("node")
        self.port = self.roles.ready["node"]
        self.process = psutil.Process(self.roles.process.pid)
        self.processes = wait_until(self._all_that_listen, "every process to listen", seconds=240)
        self.hostile, self.honest = (
            Peer(self.port, *each, timeout=90.0) for each in (HOSTILE, HONEST)
        )
        self.tls_port = self.roles.ready["node-tls"]
        self.honest_over_tls = replace(
            self.honest, port=self.tls_port, secure=self._desk.client("clinic")
        )
        self._numbers = itertools.count(1)
        self._warm_up()

    def _all_that_listen(self) -> list[psutil.Process] | None:
        """Every process of the node, once each listens."""
        found = [
            process
            for process in (self.process, *self.process.children(recursive=True))
            if any(
                each.status == psutil.CONN_LISTEN and each.laddr.port == self.port
                for each in process.net_connections("inet")
            )
        ]
        return found if len(found) == self._processes else None

    @property
    def cut_seconds(self) -> float:
        """By when the node must have cut whoever stalls."""
        return 60.0 if not FULL else 30.0

    @property
    def pdu_seconds(self) -> float:
        """In which a PDU must be complete."""
        return 8.0 if FULL else short_node.PDU_SECONDS

    def new_uid(self) -> str:
        """A UID that no object here has."""
        return f"1.2.3.9.{next(self._numbers)}"

    def probe(self, peer: Peer | None = None) -> float:
        """An honest peer's association, echo and object; gives the seconds they took."""
        peer = peer or self.honest
        uid = self.new_uid()
        data_set = encode(our_state(uid))
        began = time.monotonic()
        with peer.associate(ECHO, STATE) as talk:
            assert talk.echo() == 0x0000
            status = talk.store(uid, data_set)
            assert status == 0x0000, status
            assert talk.release()
        return time.monotonic() - began

    def measure(self) -> Measure:
        """What the process holds now; connections to the database come and go as they like."""
        each = [_measure(process) for process in self.processes]
        return Measure(
            sum(m.memory for m in each),
            sum(m.threads for m in each),
            sum(m.sockets for m in each),
            sum(m.files for m in each),
            len(each),
        )

    def refusals(self, kind: str) -> int:
        """How many objects were refused so far for one kind of reason."""
        return int(
            self.installation.row("SELECT count(*) FROM pb_refusal WHERE kind = ?", kind) or 0
        )

    def wait_for_no_stray_file(self) -> None:
        """See nothing lie half written in the archive; an honest object may, for a moment."""
        spool = self.home / "archive" / "tmp"
        wait_until(lambda: not list(spool.glob("*")), "no file to be half written")

    def stop(self) -> int:
        """End it with SIGTERM, once; gives the exit status."""
        if self._status is None:
            self._status = self.roles.stop()
        return self._status

    def _warm_up(self) -> None:
        """Let every pool and cache fill that an honest day fills."""
        self.warming = 26  # associations
        with ThreadPoolExecutor(8) as pool:
            done = [pool.submit(self.probe) for _ in range(self.warming - 2)]
            self.calm = median(each.result() for each in done)  # seconds, when nobody attacks
        self.probe(self.honest_over_tls)
        uid = self.new_uid()
        large = encode(our_state(uid, DataSetTrailingPadding=bytes((LARGEST_MB - 2) << 20)))
        assert self.honest.store(STATE, uid, large) == 0x0000

    def _register(self, *callers: tuple[str, str]) -> None:
        fingerprint = read_certificate(self._desk.files("clinic")[1]).fingerprint
        with Installation.open(self.home).read() as uow:
            uow.case_sets.add(a_passport())
            for ae_title, address in callers:
                endpoint = Endpoint(ae_title, address, 104, ("store", "query", "calls-from"))
                certificate = fingerprint if ae_title == HONEST[0] else None
                pacs = Pacs(ae_title.lower(), (endpoint,), plain=True, certificate=certificate)
                uow.pacs.put(pacs, now())


@contextmanager
def running(
    folder: Path, *more: tuple[str, str], ways: str = "", processes: int = 1
) -> Iterator[HostileNode]:
    """A node that must end cleanly afterwards; nothing of the developer's own reaches it.

    Parameters
    ----------
    more : (str, str)
        AE title and address of further PACS.
    ways : str
        ``hurried`` for short deadlines, ``patient`` for long ones, ``portable`` for the calls
        that every system has.
    processes : int
        So many on one port.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for name in [each for each in os.environ if each.startswith("PACS_BRIDGE_")]:
            patch.delenv(name)
        patch.setenv("PACS_BRIDGE_NODE__TLS_PORT", "0")
        patch.setenv("PACS_BRIDGE_NODE__MAX_OBJECT_MB", str(LARGEST_MB))
        patch.setenv("PACS_BRIDGE_NODE__PROCESSES", str(processes))
        patch.setenv(short_node.WAYS, ways)
        node = HostileNode(folder, *more, ways=ways, processes=processes)
    try:
        yield node
    finally:
        status = node.stop()
    assert status == 0


class Siege:
    """One attack while it stands, and the honest peer's probes meanwhile."""

    def __init__(self, node: HostileNode) -> None:
        self.node, self.peer = node, node.hostile
        self.seconds: list[float] = []
        self.probes, self.before = 0, node.measure()
        self.peak, self._lost = self.before.memory, False
        self._told = threading.Condition()

    def stand(self, probes: int = FEWEST_PROBES) -> None:
        """Hold the attack up until so many more honest peers were answered."""
        with self._told:
            wanted = self.probes + probes
            assert self._told.wait_for(lambda: self.probes >= wanted or self._lost, 240)
            assert not self._lost, "an honest peer was not answered"

    def run(self, attack: Callable[[Siege], None]) -> None:
        """Attack, and probe until the attack has ended."""
        pause = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(attack, self)
            try:
                while not done.done() or self.probes < FEWEST_PROBES:
                    self._probe()
                    pause.wait(0.05)
            except BaseException:
                with self._told:  # the attack need not stand any longer
                    self._lost = True
                    self._told.notify_all()
                raise
            done.result()

    def _probe(self) -> None:
        self.seconds.append(self.node.probe())
        self.peak = max(self.peak, self.node.measure().memory)
        with self._told:
            self.probes += 1
            self._told.notify_all()

    def check_after(self) -> None:
        """Nothing of the attack is left in the process, and nobody honest waited."""
        assert_answered_in_time(self.seconds, self.node.calm)
        assert all(process.is_running() for process in self.node.processes)
        assert self.node.process.is_running()
        try:
            wait_until(self._is_back, "memory, threads and descriptors to be back")
        except AssertionError:
            raise AssertionError(f"{self.before} became {self.node.measure()}") from None

    def _is_back(self) -> bool:
        return self.node.measure().is_back_to(self.before)


def assert_answered_in_time(seconds: list[float], calm: float) -> None:
    """Honest peers did not wait.

    In the short form, where much else runs, that is said of most of them, and measured by how
    long eight of them took at once while nobody attacked.
    """
    if FULL:
        assert max(seconds) < ANSWERED_WITHIN, seconds
    else:
        assert median(seconds) < max(ANSWERED_WITHIN, 3 * calm), (seconds, calm)


@contextmanager
def besieged(node: HostileNode) -> Iterator[Siege]:
    """A siege that is checked when its attack is over."""
    siege = Siege(node)
    yield siege
    siege.check_after()
