"""Several processes on one port are one node."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.data import REPORT, Reports, a_passport
from benchmarks.our_node import AE_TITLE, running_node
from benchmarks.wire import VERIFICATION, Call
from pacs_bridge.domain.objects import Association, AssociationOutcome
from pacs_bridge.wiring.installation import Installation
from tests.peers import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT on this system"
)


def listeners(port: int) -> set[int]:
    """The processes below this one that listen on a port."""
    return {
        process.pid
        for process in psutil.Process().children(recursive=True)
        if any(
            each.status == psutil.CONN_LISTEN and each.laddr.port == port
            for each in connections_of(process)
        )
    }


def connections_of(process: psutil.Process) -> list[Any]:
    try:
        return list(process.net_connections("tcp"))
    except psutil.NoSuchProcess:  # it has just ended
        return []


def ended(installation: Installation) -> list[Association]:
    with installation.read() as uow:
        rows = uow.associations.newest(1_000)
    return [row for row in rows if row.outcome is AssociationOutcome.RELEASED]


def counted(port: int) -> dict[str, float]:
    """What a monitor reads."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=90) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


STORED = 'pacs_bridge_requests_total{service="C-STORE",status="0x0000"}'
ECHOED = 'pacs_bridge_requests_total{service="C-ECHO",status="0x0000"}'


def both(monitor: int) -> tuple[float | None, float | None]:
    """How many echoes and objects were counted."""
    found = counted(monitor)
    return found.get(ECHOED), found.get(STORED)


@pytest.mark.slow
def test_processes_share_a_port_and_one_that_dies_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACS_BRIDGE_NODE__PROCESSES", "2")
    reports, monitor = Reports(2), free_port()
    with running_node(tmp_path / "home", a_passport(2), METRICS_PORT=str(monitor)) as node:
        two = wait_until(
            lambda: pids if len(pids := listeners(node.port)) == 2 else None,
            "two processes to listen", seconds=60,
        )  # fmt: skip
        for each in reports.take(20):
            with Call(node.port, AE_TITLE, [REPORT, VERIFICATION]) as call:
                call.echo()
                call.store(each.sop_class_uid, each.sop_instance_uid, each.data_set)
        assert node.held() == 20
        wait_until(lambda: len(ended(node.installation)) == 20, "every row")
        assert sum(row.stored for row in ended(node.installation)) == 20
        wait_until(lambda: both(monitor) == (20, 20), "all that was counted")
        files = sorted(path.name for path in (tmp_path / "home/run/metrics").iterdir())
        assert files == ["node-0.counts", "node-1.counts"]
        child = next(pid for pid in two if psutil.Process(pid).ppid() in two)
        psutil.Process(child).kill()
        wait_until(lambda: len(listeners(node.port) - {child}) == 2, "it to come again", seconds=60)
        for _ in range(10):
            with Call(node.port, AE_TITLE, [VERIFICATION]) as call:
                call.echo()
        wait_until(lambda: both(monitor) == (30, 20), "what the new process counted")
    wait_until(lambda: listeners(node.port) == set(), "every process to be gone")
