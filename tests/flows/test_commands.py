"""The commands as an operator uses them: making a home, running roles, asking the doctor."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from tests.round import OutsideInstallation, RunningRoles
from tests.waiting import wait_until


@pytest.fixture
def ours(tmp_path: Path) -> OutsideInstallation:
    return OutsideInstallation(tmp_path)


@pytest.fixture
def roles(ours: OutsideInstallation) -> Iterator[RunningRoles]:
    running = ours.start()
    running.wait_ready("scorer", "jobs", "node", "web")
    yield running
    if running.process.poll() is None:
        running.kill()


def refused(*words: str) -> str:
    """Run a command that is refused; gives its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "pacs_bridge", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_init_takes_an_empty_folder_and_repeats_safely(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    words = [sys.executable, "-m", "pacs_bridge", "init", "--home", str(home)]
    subprocess.run(words, check=True, capture_output=True)
    keys = {path.name: path.read_bytes() for path in (home / "keys").iterdir()}
    password = (home / "first-administrator.txt").read_text()
    subprocess.run(words, check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in (home / "keys").iterdir()} == keys
    assert (home / "first-administrator.txt").read_text() == password
    for path in [*(home / "keys").iterdir(), home / "first-administrator.txt"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_init_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("")
    assert "not empty" in refused("init", "--home", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_command_without_a_home_says_what_to_give() -> None:
    assert "--home" in refused("case-set", "list")


def test_a_command_on_no_home_names_init(tmp_path: Path) -> None:
    assert "pacs-bridge init" in refused("case-set", "list", "--home", str(tmp_path))


@pytest.mark.parametrize("words", [["nonsense"], ["load", "start"], ["demo", "--cases", "0"]])
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pacs_bridge", *words], capture_output=True, check=False
    )
    assert done.returncode == 2


GROUPS = ("case-set", "pacs", "certs", "load", "marks", "truth", "account", "results", "sandbox")


@pytest.mark.parametrize("words", [[], ["demo"], ["run"], *([g] for g in GROUPS)], ids=str)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    heavy = {"sqlalchemy", "pydicom", "pynetdicom", "highdicom", "dbos", "flask", "numpy", "httpx"}
    program = (
        "import sys; sys.argv = ['pacs-bridge', *sys.argv[1:], '--help']\n"
        "from pacs_bridge.cli.main import build\n"
        "try: build()()\n"
        "except SystemExit: pass\n"
        f"print('HEAVY', sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.slow
def test_run_ends_cleanly_on_sigterm_and_leaves_no_process(roles: RunningRoles) -> None:
    assert roles.stop() == 0
    wait_until(lambda: is_gone(roles.process.pid), "every process to be gone")


@pytest.mark.slow
def test_no_role_outlives_a_killed_supervisor(roles: RunningRoles) -> None:
    group = roles.process.pid
    os.kill(group, signal.SIGKILL)
    roles.process.wait()

    wait_until(lambda: is_gone(group), "every role to end")
    roles._reap()


def is_gone(group: int) -> bool:
    """Whether no process of a group is left; one that has ended may still have to be noticed."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
def test_a_role_that_dies_is_started_again(ours: OutsideInstallation, roles: RunningRoles) -> None:
    before = children(roles.process.pid)
    roles.ready.pop("node")
    os.kill(before["node"], signal.SIGKILL)
    again = wait_until(
        lambda: children(roles.process.pid).get("node", before["node"]) != before["node"],
        "the node to start again", seconds=60,
    )  # fmt: skip
    assert again
    roles.wait_ready("node")
    assert roles.ready["node"] == ours.node_port
    assert children(roles.process.pid)["web"] == before["web"]


def children(parent: int) -> dict[str, int]:
    """Roles that run under a supervisor, by process number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_text().split("\0")
            if f"\nPPid:\t{parent}\n" in (path / "status").read_text() and "--with-parent" in words:
                found[words[words.index("pacs_bridge") + 1]] = int(path.name)
        except (OSError, ValueError):
            continue
    return found


@pytest.mark.slow
def test_the_doctor_proves_health_by_traffic(
    ours: OutsideInstallation, roles: RunningRoles, tmp_path: Path
) -> None:
    config = SandboxPacsConfig(ae_title="HOSPITAL", port=0, store=tmp_path / "pacs")
    with SandboxPacs(config) as pacs:
        ours.command(
            "pacs", "add", "hospital", "--aet", "HOSPITAL", "--host", "127.0.0.1",
            "--port", str(pacs.port), "--plain",
        )  # fmt: skip
        assert findings(ours)[True] >= {"node", "web", "PACS hospital", "durability", "database"}
    roles.stop()
    assert findings(ours)[False] >= {"node", "web", "PACS hospital"}


def findings(ours: OutsideInstallation) -> dict[bool, set[str]]:
    """What the doctor finds good and bad (how full this machine's disk is does not matter)."""
    done = subprocess.run(
        ours.words("doctor", "--json"), capture_output=True, text=True, check=False
    )
    found = json.loads(done.stdout)
    assert done.returncode == (0 if all(f["good"] for f in found) else 1)
    return {good: {f["subject"] for f in found if f["good"] is good} for good in (True, False)}


def test_a_log_line_is_one_json_object() -> None:
    program = (
        "from pacs_bridge.wiring.logs import set_up_logs; set_up_logs()\n"
        "import structlog; structlog.get_logger().info('load-started', load=1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    line = json.loads(done.stderr)
    assert (line["event"], line["load"], line["level"]) == ("load-started", 1, "info")
