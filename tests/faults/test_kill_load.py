"""kill -9 while a load is sent, committed to and verified: all is proven after the next start.

The PACS survives. The jobs and the node kill themselves at one step each time, so that no death
depends on a clock. Two deaths of each kind in `make test`; twenty in `make faults`, with 64 cases.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.loading import Completeness, InstanceState, Readiness
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.services.commitment import LoadCommitment, ask_commitment
from pacs_bridge.services.plan import load_status, start_load
from pacs_bridge.wiring.commitment import build_committer
from pacs_bridge.wiring.installation import Installation
from tests.dying_jobs import COMMITTING, SENDING, VERIFYING, Deaths
from tests.homes import a_home
from tests.hostile.siege import FULL
from tests.loads import a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import free_port
from tests.waiting import wait_until

SET, PACS = "PERFORMS121", "hospital"
CASES = 64 if FULL else 3
CONFIG = """\
[node]
host = "127.0.0.1"
port = 0
[loading]
chunk = {chunk}
first_verify_seconds = 0.05
retry_seconds = 0.2
"""

Step = tuple[str, int]
"""Where it dies, and at the how-many-th time that it comes there."""

SHORT: dict[str, list[list[Step]]] = {
    "sending": [[("sent", 2), ("answered", 3)]],
    "committing": [[("action sent", 1), ("report arrived", 1)]],
    "verifying": [[("swept", 1), ("released", 1)]],
}
LONG: dict[str, list[list[Step]]] = {
    "sending": [
        *([(step, count)] for count in (2, 7) for step in SENDING),
        [("half sent", 33)],
        [("sent", 200)],
    ],
    "committing": [[(step, 1)] for _ in range(2) for step in COMMITTING],
    "verifying": [
        *([("asked", count)] for count in (1, 2, 30, 60, 100)),
        *([(step, 1)] for _ in range(2) for step in VERIFYING[1:]),
        [("mail due", 2)],
    ],
}
"""Twenty deaths of each kind."""

MANY_IN_A_ROW = [
    *((step, count) for count in (3, 1) for step in SENDING),
    *((step, 1) for step in VERIFYING[:-2]),
]
"""All of one load: it is never let alone."""

ORTHANC: list[list[Step]] = [
    [("sent", 5), ("half sent", 3), ("chunk sent", 2), ("row kept", 9), ("answered", 4)],
    [("asked", 20), ("swept", 1), ("verdict written", 1), ("mail queued", 1)],
]

CHAINS: dict[str, list[list[Step]]] = SHORT
if FULL:
    CHAINS = {**LONG, "all": [MANY_IN_A_ROW], "orthanc": ORTHANC}
EACH = [(kind, number) for kind, chains in CHAINS.items() for number in range(len(chains))]


class Peer(Protocol):
    """A PACS that outlives every death."""

    port: int
    stores: Counter[str]

    def has(self) -> set[str]:
        """List the images that it really holds."""


class SandboxPeer(SandboxPacs):
    """The sandbox PACS, which counts how often it is sent what."""

    def __init__(self, config: SandboxPacsConfig) -> None:
        super().__init__(config)
        self.stores = Counter[str]()

    def _on_store(self, event: Any) -> Any:
        self.stores[str(event.request.AffectedSOPInstanceUID)] += 1
        return super()._on_store(event)

    def has(self) -> set[str]:
        return set(self.held())


class OrthancPeer:
    """Orthanc; what it is sent is not counted."""

    def __init__(self, orthanc: Orthanc) -> None:
        self._orthanc, self.port = orthanc, orthanc.dicom_port
        self.stores = Counter[str]()

    def has(self) -> set[str]:
        found = self._orthanc.get("/instances", expand="")
        return {each["MainDicomTags"]["SOPInstanceUID"] for each in found}


@dataclass
class Load:
    """A load whose jobs die."""

    installation: Installation
    deaths: Deaths
    peer: Peer
    confirmed: dict[str, int] = field(default_factory=dict)

    def die(self, step: str, count: int) -> None:
        """Let it run until it comes to a step; keep what was confirmed by then."""
        self.deaths.begin(self.installation.config.home, step, count)
        self.deaths.wait_for_death(step)
        for uid in self.stored():
            self.confirmed.setdefault(uid, self.peer.stores[uid])

    def finish(self) -> None:
        """Let it run to its end."""
        self.deaths.begin(self.installation.config.home)
        wait_until(self.is_ready, "the load to be ready", seconds=300)
        wait_until(lambda: not self.mails("waiting"), "every mail to be settled", seconds=120)

    def is_ready(self) -> bool:
        with self.installation.read() as uow:
            return uow.loads.get(1).readiness is Readiness.READY

    def stored(self) -> set[str]:
        with self.installation.read() as uow:
            rows = uow.loads.ledger(1)
        return {r.sop_instance_uid for r in rows if r.state is InstanceState.STORED}

    def mails(self, state: str = "") -> list[str]:
        with self.installation.read() as uow:
            lines = uow.mails.newest()
        return [line.message.subject for line in lines if state in ("", line.state)]

    def events(self, kind: str) -> int:
        with self.installation.read() as uow:
            return len(uow.events.newest(kind=kind))

    def ask_a_day_later(self) -> LoadCommitment:
        """Ask again for what was never reported on, as `load commit` does."""
        ours = self.installation
        return ask_commitment(
            1,
            begin=ours.begin,
            peer=build_committer(ours),
            now=lambda: ours.now() + timedelta(hours=25),
            seconds=10.0,
        )

    def is_committed(self) -> bool:
        try:
            standing = self.ask_a_day_later()
        except PeerUnavailable:
            return False
        assert not standing.failed
        return len(standing.committed) == standing.total == CASES * 4


@pytest.fixture(scope="module", autouse=True)
def _no_settings_of_the_run() -> Iterator[None]:
    """Which form is run is no setting of an installation."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PACS_BRIDGE_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def deaths() -> Iterator[Deaths]:
    deaths = Deaths()
    yield deaths
    deaths.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a case set and people, which every load begins with."""
    home = tmp_path_factory.mktemp("template") / "home"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(chunk=16 if FULL else 4))
    installation = a_home(home)
    now = installation.now()
    passport = a_passport(installation.archive, CASES)
    with installation.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(104), now)
        uow.sites.put(Site("unit", PACS))
        uow.readers.add("R1", now)
        uow.rounds.put(Round(SET, now - timedelta(days=1), now + timedelta(days=30)))
        uow.enrolments.put(Enrolment(SET, "R1", "unit", consent=True))
        uow.accounts.put("r1@hospital.example", "x", [Role.READER], now, reader="R1")
        uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], now, sites=["unit"])
    installation.engine.dispose()
    installation.reading_engine.dispose()
    return home


@contextmanager
def a_load(folder: Path, template: Path, deaths: Deaths, kind: str) -> Iterator[Load]:
    """Have a load that was started and of which nothing has run yet."""
    home, port = folder / "home", free_port()
    shutil.copytree(template, home)
    config = home / "config.toml"
    config.write_text(config.read_text().replace("port = 0", f"port = {port}"))
    installation = Installation.open(home)
    with a_peer(kind, port, folder) as peer:
        with installation.begin() as uow:
            uow.pacs.put(a_pacs(peer.port), installation.now())
        start_load(SET, PACS, begin=installation.begin, now=installation.now)
        try:
            yield Load(installation, deaths, peer)
        finally:
            deaths.end()
            installation.engine.dispose()
            installation.reading_engine.dispose()


@contextmanager
def a_peer(kind: str, port: int, folder: Path) -> Iterator[Peer]:
    if kind == "orthanc":
        with running_orthanc(folder / "orthanc") as orthanc:
            yield OrthancPeer(orthanc)
        return
    know = (("PACSBRIDGE", "127.0.0.1", port),)
    peer = SandboxPeer(SandboxPacsConfig("HOSPITAL", store=folder / "pacs", know=know))
    with peer:
        yield peer


def check_all_is_proven(load: Load) -> None:
    """Every image of every case is there, once; everybody was told, once."""
    installation = load.installation
    status = load_status(1, begin=installation.read)
    assert [case.complete for case in status.cases] == [Completeness.PROVEN] * CASES
    with installation.read() as uow:
        wanted = {image.sop_instance_uid for *_, image in uow.case_sets.get(SET).instances()}
        enrolment = uow.enrolments.find(SET, "R1")
    assert load.stored() == load.peer.has() == wanted
    again = {uid: load.peer.stores[uid] for uid in load.confirmed}
    assert again == load.confirmed  # what was confirmed before a death was not sent after it
    assert enrolment is not None
    assert enrolment.released_at is not None
    assert load.events("load-ready") == load.events("reader-released") == 1
    assert sorted(load.mails()) == [f"{SET} is ready in {PACS}", f"{SET}: you can read now"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kind", "number"), EACH)
def test_a_load_killed_at_its_steps_is_whole_after_the_next_start(
    deaths: Deaths, template: Path, tmp_path: Path, kind: str, number: int
) -> None:
    with a_load(tmp_path, template, deaths, kind) as load:
        for step, count in CHAINS[kind][number]:
            load.die(step, count)
        load.finish()
        check_all_is_proven(load)
        if kind == "committing":
            wait_until(load.is_committed, "the PACS to commit to all", seconds=120)
            check_all_is_proven(load)
