"""Commitment in a whole installation: its node, its jobs, its command."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import build_role, evt

from pacs_bridge.config import Config
from pacs_bridge.domain.commitment import PUSH_MODEL, CustodyState
from pacs_bridge.domain.loading import InstanceState
from pacs_bridge.jobs import workflows
from pacs_bridge.jobs.engine import Jobs
from pacs_bridge.wiring import node as wiring_node
from pacs_bridge.wiring.commitment import commitment_jobs
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.node import build_node
from tests.commitments import (
    SILENT,
    a_request,
    ask,
    associated,
    at,
    listening,
    named,
    reporting,
    tell,
    wait,
)
from tests.homes import a_home
from tests.loads import MG, a_passport


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home with a load of which the PACS took all."""
    home = tmp_path_factory.mktemp("commitment") / "home"
    a_home(home)
    settings = home / "config.toml"
    changed = settings.read_text().replace("# port = 11112", "port = 0")
    settings.write_text(changed.replace('# host = "0.0.0.0"', 'host = "127.0.0.1"'))
    installation = Installation(Config.load(home))
    passport = a_passport(installation.archive, 1)
    with installation.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(at(104), installation.now())
        load = uow.loads.plan(passport, "hospital", installation.now())
        for *_, image in passport.instances():
            uid = image.sop_instance_uid
            uow.loads.settle(load.load_id, uid, InstanceState.STORED, installation.now(), status=0)
    return installation


@pytest.fixture
def port(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where the node listens, which leaves every report to the jobs."""
    bounds_of = wiring_node.bounds_of
    silent = {"notice_seconds": SILENT.notice_seconds}
    monkeypatch.setattr(wiring_node, "bounds_of", lambda told: replace(bounds_of(told), **silent))
    node = build_node(installation)
    port = node.start()
    yield port
    node.stop()


@pytest.fixture
def jobs(installation: Installation) -> Iterator[None]:
    """Run the jobs, of which only reports are made."""
    needed = {
        each.name: lambda *_: 0 for each in fields(workflows.Services) if each.default is MISSING
    }
    services: Any = workflows.Services(**needed, **commitment_jobs(installation))
    engine = Jobs(installation.config.database_url, services)
    engine.start()
    yield
    engine.stop()


def state_of(installation: Installation, transaction: str) -> CustodyState:
    with installation.read() as uow:
        custody = uow.custodies.find("hospital", transaction)
    assert custody is not None
    return custody.state


def test_the_job_reports_on_a_new_association_or_parks_it(
    installation: Installation, port: int, jobs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    with listening([reporting(heard)]) as hospital:
        with installation.begin() as uow:
            uow.pacs.put(at(hospital), installation.now())
        with associated(port) as association:
            assert ask(association, a_request("1.2.3.1", "1.2.9.1")) == 0x0000
        wait(lambda: state_of(installation, "1.2.3.1") is CustodyState.REPORTED, "the report")
    assert [event for event, _ in heard] == [2]
    monkeypatch.setattr(workflows, "REPORT_DAYS", 0)  # and nobody listens there any more
    with associated(port) as association:
        assert ask(association, a_request("1.2.3.2", "1.2.9.1")) == 0x0000
    wait(lambda: state_of(installation, "1.2.3.2") is CustodyState.PARKED, "it to be parked")
    with installation.read() as uow:
        assert len(uow.events.newest(kind="custody-parked")) == 1


def test_the_command_asks_and_waits_for_a_report_that_comes_to_the_node(
    installation: Installation, port: int
) -> None:
    asked: list[Any] = []
    answers: list[int] = []

    def report() -> None:
        wait(lambda: asked, "a request")
        ds = a_request(asked[0].TransactionUID)
        uids = [item.ReferencedSOPInstanceUID for item in asked[0].ReferencedSOPSequence]
        ds.ReferencedSOPSequence = [named(uid, MG) for uid in uids[1:]]
        ds.FailedSOPSequence = [named(uids[0], MG, FailureReason=0x0112)]
        with associated(port, build_role(PUSH_MODEL, scp_role=True)) as association:
            answers.append(tell(association, ds, 2))

    def act(event: Any) -> tuple[int, None]:
        asked.append(event.action_information)
        return 0x0000, None

    reporter = threading.Thread(target=report)
    with listening([(evt.EVT_N_ACTION, act)]) as hospital:
        with installation.begin() as uow:
            uow.pacs.put(at(hospital), installation.now())
        reporter.start()
        words = ["load", "commit", "PERFORMS121", "hospital", "--wait", "60", "--json"]
        done = run(installation, *words)
    reporter.join(60)
    assert answers == [0x0000]
    assert done.returncode == 1
    assert "does not commit to every image" in done.stderr
    said = json.loads(done.stdout)
    assert said["images"] == {
        "total": 4, "committed": 3, "failed": 1, "waiting": 0, "unconfirmed": 0,
        "not_mentioned": 0, "not_asked": 0,
    }  # fmt: skip
    assert [each["words"] for each in said["failed"]] == ["it has no such object"]


def run(installation: Installation, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pacs_bridge", *words, "--home"]
    line.append(str(Path(installation.config.home)))
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
