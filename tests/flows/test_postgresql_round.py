"""A small round of node, jobs and web as processes over one PostgreSQL database.

Its server is as an installation's: with the disk's sync on. It ends every connection once before
the load and once before the readers read, as one that is started again does.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.wiring.installation import Installation
from tests import forked
from tests.isolation import prove
from tests.postgres import Cluster, postgres
from tests.round import OutsideInstallation
from tests.waiting import wait_until

__all__ = ["postgres"]  # a fixture
SET, PACS, READER, LOGIN = "PERFORMS121", "hospital", "R001", "jsmith"
ROLES = ("scorer", "jobs", "node", "web")


@pytest.fixture
def url(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database of a durable server, named in the settings."""
    with postgres.setting(fsync="on"):
        url = postgres.empty()
        monkeypatch.setenv("PACS_BRIDGE_DATABASE__URL", url)
        yield url


class OnPostgresql(OutsideInstallation):
    """Made by the command: what this process opened itself would stay open in it."""

    def make(self) -> None:
        """Make the home, and the tables in the database that the settings name."""
        self.command("init")


def set_up(ours: OutsideInstallation, images: Path, pacs_port: int) -> None:
    """Case set, truth, PACS and reader, by commands."""
    at_hospital("images", images, "--cases", 2)
    run = ours.command
    run("case-set", "import", str(images), "--prefix", SET, "--title", "SA12 part 1", "--partial")
    run("truth", "import", SET, str(images / "truth.json"))
    run(
        "pacs", "add", PACS, "--aet", "HOSPITAL", "--host", "127.0.0.1",
        "--port", str(pacs_port), "--plain", "--isolation", "private",
    )  # fmt: skip
    home = Installation.open(ours.home)
    prove(home.begin, PACS, home.now())
    home.engine.dispose()
    run("account", "site", "hospital", "--pacs", PACS)
    run("account", "round", SET, "--opens", "2026-01-01", "--closes", "2126-01-01")
    run("account", "reader", READER, "--alias", f"{PACS}:{LOGIN}")
    run("account", "enrol", SET, READER, "--site", "hospital", "--consent")


def read(images: Path, pacs_port: int) -> None:
    """Let the reader read every case at the hospital's viewer."""
    at_hospital(
        "read", "--pacs", f"HOSPITAL@127.0.0.1:{pacs_port}", "--set", SET,
        "--truth", images / "truth.json", "--login", LOGIN, "--as", "both",
    )  # fmt: skip


def at_hospital(*words: object) -> None:
    """Run a command of the sandbox."""
    done = forked.run("pacs_bridge", ["sandbox", *words])
    assert done.returncode == 0, done.stderr


def is_well(ours: OutsideInstallation) -> bool:
    """Whether the pages say that the database answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ours.web_port}/health", timeout=60) as told:
            return bool(told.status == 200)
    except urllib.error.HTTPError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_round_goes_from_images_to_scores_over_a_server_that_ends_every_connection(
    tmp_path: Path, postgres: Cluster, url: str
) -> None:
    images = tmp_path / "images"
    ours = OnPostgresql(tmp_path)
    pacs = SandboxPacs(
        SandboxPacsConfig(
            ae_title="HOSPITAL", port=0, store=tmp_path / "pacs",
            forward=("PACSBRIDGE", "127.0.0.1", ours.node_port),
        )
    )  # fmt: skip
    pacs.start()
    roles = ours.start()
    try:
        set_up(ours, images, pacs.port)
        roles.wait_ready(*ROLES)
        postgres.hang_up(url)
        status = json.loads(ours.command("load", "start", SET, PACS, "--wait", "240", "--json"))
        assert [case["complete"] for case in status["cases"]] == ["proven", "proven"]
        postgres.hang_up(url)
        read(images, pacs.port)

        def told(sql: str) -> list[object]:
            return postgres.ask(sql, url=url)

        wait_until(
            lambda: (
                told("SELECT state, count(*) FROM pb_reading GROUP BY state ORDER BY state")
                == [("kept", 1), ("scored", 1)]
            ),
            "both readings: the practice case's kept, the other's scored",
            seconds=240,
        )
        unread = "SELECT * FROM pb_object WHERE state <> 'read' AND state <> 'received'"
        assert told(unread) == []
        assert told("SELECT count(*) FROM pb_outbox WHERE state = 'settled'") == [(1,)]
        wait_until(lambda: is_well(ours), "the pages to answer")
        findings = {each["subject"]: each for each in ours.json("doctor")}
        assert "PostgreSQL" in findings["database server"]["says"]
        assert all(findings[name]["good"] for name in ("database", "durability", "node", "web"))
        assert roles.stop() == 0
    finally:
        if roles.process.poll() is None:
            roles.kill()
        pacs.stop()
    assert not (ours.home / "pacs_bridge.sqlite").exists()
