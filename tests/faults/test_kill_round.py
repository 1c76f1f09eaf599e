"""kill -9 of the whole process tree at five points of one round; then `run` again.

The round must complete: every case proven, every test reading of every reader scored
exactly once, nothing lost and nothing doubled. The short form runs with six cases; the
full form (``make faults``) with all 64. No kill is a race: the import dies at an object by
itself, and the PACS and the scorer stand still until what waits for them is dead.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.sandbox.pacs import SandboxPacsConfig
from pacs_bridge.wiring.installation import Installation
from tests.dying_command import die
from tests.held_pacs import HeldPacs
from tests.isolation import prove
from tests.round import OutsideInstallation, RunningRoles
from tests.waiting import wait_until
from tests.withheld_scorer import WithheldScorer

SET, PACS = "PERFORMS121", "hospital"
READERS = (("R001", "jsmith", "gsps"), ("R002", "apatel", "sr"), ("R003", "mjones", "both"))
ARCHIVED_BEFORE_THE_KILL = 3
SENT_BEFORE_THE_KILL = 10
"""Then the PACS falls silent in the middle of an association: the kill hits a waiting sender."""
SCORED_BEFORE_THE_KILL = 3
"""Then the scorer keeps what it is sent and does not say so."""

CASES = [pytest.param(6, id="six-cases")]
if "FULL_FAULTS" in os.environ:
    CASES.append(pytest.param(64, id="sixty-four-cases", marks=pytest.mark.timeout(1800)))


class KilledRound:
    """One round against a sandbox PACS that outlives every kill."""

    def __init__(self, folder: Path, cases: int) -> None:
        self.cases, self.images = cases, folder / "images"
        self.test_cases = cases - (4 if cases == 64 else 1)
        self.ours = OutsideInstallation(folder)
        self.pacs = HeldPacs(
            SandboxPacsConfig(
                ae_title="HOSPITAL", port=0, store=folder / "pacs",
                forward=("PACSBRIDGE", "127.0.0.1", self.ours.node_port),
            ),
            takes=SENT_BEFORE_THE_KILL,
            tells=cases * 4,
        )  # fmt: skip
        self.pacs.start()
        subprocess.run(
            self.ours.words("sandbox", "images", str(self.images), "--cases", str(cases))[:-2],
            check=True, capture_output=True,
        )  # fmt: skip
        self.roles: RunningRoles | None = None

    def run(self) -> None:
        """Start the roles, after whatever kill."""
        self.roles = self.ours.start()
        self.roles.wait_ready("scorer", "jobs", "node", "web")

    def run_with(self, scorer: WithheldScorer) -> None:
        """Start the roles with a scorer of the test's own in place of the built-in one."""
        self.roles = self.ours.start(SCORING__URL=scorer.url)
        self.roles.wait_ready("jobs", "node", "web")

    def kill(self) -> None:
        """End all of them at once."""
        assert self.roles is not None
        self.roles.kill()
        self.roles = None

    def close(self) -> None:
        """End what still runs."""
        if self.roles is not None:
            self.roles.kill()
        self.pacs.stop()

    def import_words(self) -> list[str]:
        """Give the words of the import."""
        partial = ["--partial"] if self.cases < 64 else []
        return [
            "case-set", "import", str(self.images), "--prefix", SET, "--title", "SA12 part 1",
            *partial,
        ]  # fmt: skip

    def register(self) -> None:
        """Register PACS, truth and readers, by commands."""
        run = self.ours.command
        run("truth", "import", SET, str(self.images / "truth.json"))
        run(
            "pacs", "add", PACS, "--aet", "HOSPITAL", "--host", "127.0.0.1",
            "--port", str(self.pacs.port), "--plain", "--isolation", "private",
        )  # fmt: skip
        home = Installation.open(self.ours.home)
        prove(home.begin, PACS, home.now())
        home.engine.dispose()
        run("account", "site", "hospital", "--pacs", PACS)
        run("account", "round", SET, "--opens", "2026-01-01", "--closes", "2126-01-01")
        for code, login, _ in READERS:
            run("account", "reader", code, "--alias", f"{PACS}:{login}")
            run("account", "enrol", SET, code, "--site", "hospital", "--consent")

    def read(self) -> None:
        """Let the readers read every case at the hospital's viewer."""
        commands = [
            subprocess.Popen(
                self.ours.words(
                    "sandbox", "read", "--pacs", f"HOSPITAL@127.0.0.1:{self.pacs.port}",
                    "--set", SET, "--truth", str(self.images / "truth.json"),
                    "--login", login, "--as", kind,
                )[:-2],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for _, login, kind in READERS
        ]  # fmt: skip
        for command in commands:
            _, errors = command.communicate(timeout=600)
            assert command.returncode == 0, errors

    def count(self, sql: str) -> int:
        """Ask our database a number."""
        return int(self.ours.row(sql) or 0)

    def readiness(self) -> str:
        """Ask how the load stands."""
        return str(self.ours.row("SELECT readiness FROM pb_load") or "")


@pytest.fixture
def round_(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KilledRound]:
    world = KilledRound(tmp_path, request.param)
    yield world
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("round_", CASES, indirect=True)
def test_a_round_killed_at_five_points_completes_with_every_reading_scored_once(
    round_: KilledRound,
) -> None:
    killed_while_importing(round_)
    round_.register()
    killed_while_sending(round_)
    killed_between_sending_and_verifying(round_)
    killed_between_storing_and_extracting(round_)
    killed_while_forwarding(round_)
    round_.run()
    expected = len(READERS) * round_.test_cases
    scored = "SELECT count(*) FROM pb_reading WHERE state = 'scored'"
    unread = "SELECT count(*) FROM pb_object WHERE state <> 'read'"  # one may open a reading again
    wait_until(
        lambda: round_.count(unread) == 0 and round_.count(scored) == expected,
        "every object read and every reading scored",
        seconds=240,
    )

    status = round_.ours.json("load", "status", SET, PACS)
    assert status["readiness"] == "ready"
    assert [case["complete"] for case in status["cases"]] == ["proven"] * round_.cases
    assert round_.count("SELECT count(*) FROM pb_outbox WHERE state = 'settled'") == expected
    assert round_.count("SELECT count(*) FROM pb_outbox") == expected
    readings = "SELECT count(*) || '/' || count(DISTINCT reading) FROM reading"
    at_scorer = round_.ours.row(readings, database="scoring.sqlite")
    assert at_scorer == f"{expected}/{expected}"


def killed_while_importing(round_: KilledRound) -> None:
    """Nothing half imported stands; the same command completes it."""
    home = ["--home", str(round_.ours.home)]
    die("rename", ARCHIVED_BEFORE_THE_KILL, *round_.import_words(), *home)
    archived = [path for path in (round_.ours.home / "archive").rglob("*") if path.is_file()]
    assert len(archived) == ARCHIVED_BEFORE_THE_KILL
    assert round_.count("SELECT count(*) FROM pb_case_set") == 0
    assert round_.count("SELECT count(*) FROM pb_instance") == 0
    round_.ours.command(*round_.import_words())
    assert round_.count("SELECT count(*) FROM pb_instance") == round_.cases * 4


def killed_while_sending(round_: KilledRound) -> None:
    """Images already confirmed are not sent again."""
    round_.run()
    round_.ours.command("load", "start", SET, PACS)
    stored = "SELECT count(*) FROM pb_load_instance WHERE state = 'stored'"
    wait_until(
        lambda: round_.count(stored) == SENT_BEFORE_THE_KILL, "the PACS to stall", seconds=240
    )
    assert round_.pacs.stores.reached.wait(60)
    round_.kill()
    assert round_.count(stored) == SENT_BEFORE_THE_KILL
    round_.pacs.stores.open()


def killed_between_sending_and_verifying(round_: KilledRound) -> None:
    """A load is never ready because it was sent, or because somebody asks whether it is there."""
    round_.run()
    stored = "SELECT count(*) FROM pb_load_instance WHERE state = 'stored'"
    wait_until(lambda: round_.count(stored) == round_.cases * 4, "all sent", seconds=240)
    assert round_.pacs.finds.reached.wait(240), "nobody asked for what was sent"
    round_.kill()
    assert round_.readiness() != "ready"
    round_.pacs.finds.open()
    resent = "SELECT count(*) FROM pb_load_instance WHERE attempts > 2"
    assert round_.count(resent) == 0


def killed_between_storing_and_extracting(round_: KilledRound) -> None:
    """Objects that were answered Success are still there, and are read afterwards."""
    round_.run()
    wait_until(lambda: round_.readiness() == "ready", "the load to be ready", seconds=240)
    released = "SELECT count(*) FROM pb_enrolment WHERE released_at IS NOT NULL"
    assert round_.count(released) == len(READERS)
    round_.kill()
    round_.roles = round_.ours.start("node")
    round_.roles.wait_ready("node")
    round_.read()
    received = "SELECT count(*) FROM pb_object WHERE state = 'received'"
    wait_until(
        lambda: round_.count(received) == 4 * round_.cases, "every object to arrive", seconds=240
    )
    round_.kill()
    assert round_.count(received) == 4 * round_.cases


def killed_while_forwarding(round_: KilledRound) -> None:
    """Some readings are settled, some scored without our knowing; none is scored twice."""
    settled = "SELECT count(*) FROM pb_outbox WHERE state = 'settled'"
    with WithheldScorer(round_.ours.home, answered=SCORED_BEFORE_THE_KILL) as scorer:
        round_.run_with(scorer)
        wait_until(
            lambda: scorer.withheld and round_.count(settled) == SCORED_BEFORE_THE_KILL,
            "some readings settled, and one scored without an answer",
            seconds=240,
        )
        round_.kill()
    assert round_.count(settled) == SCORED_BEFORE_THE_KILL
    scored = round_.ours.row("SELECT count(*) FROM reading", database="scoring.sqlite")
    assert scored > SCORED_BEFORE_THE_KILL
