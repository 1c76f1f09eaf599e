"""SIGTERM in the middle of a load: every process ends soon, and the next start goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_bridge.services.plan import start_load
from pacs_bridge.wiring.installation import Installation
from tests.homes import a_home
from tests.loads import START, a_pacs, a_passport
from tests.peers import free_port
from tests.round import OutsideInstallation, RunningRoles
from tests.scripted_pacs import Script, scripted_pacs
from tests.waiting import wait_until

SET = "PERFORMS121"
SOON = 80.0
"""Seconds on a machine that is very busy; left alone it would wait for the PACS, or sleep on."""
PATIENT = {"connect": 15.0, "acse": 60.0, "dimse": 600.0, "network": 600.0}
BEFORE_THE_SILENCE = 3


class Home(OutsideInstallation):
    """A home in which nothing that sleeps after a failure wakes before the test is over."""

    def make(self) -> None:
        settings = self.home / "config.toml"
        text = settings.read_text().replace("retry_seconds = 0.5", "retry_seconds = 1000.0")
        settings.write_text(text + "max_retry_seconds = 1000.0\n")
        a_home(self.home)


class House:
    """A home with a set of eight images, and what is asked of it from outside."""

    def __init__(self, folder: Path) -> None:
        self.outside = Home(folder)
        self.installation = Installation.open(self.outside.home)
        with self.installation.begin() as uow:
            uow.case_sets.add(a_passport(self.installation.archive, 2))

    def load_into(self, port: int) -> None:
        with self.installation.begin() as uow:
            uow.pacs.put(a_pacs(port, timeouts=PATIENT), START)
        here = self.installation
        start_load(SET, "hospital", begin=here.begin, now=here.now)

    @contextmanager
    def running(self, role: str, *ready: str) -> Iterator[RunningRoles]:
        """Run a role until the end of the test, however that comes."""
        roles = self.outside.start(role)
        try:
            roles.wait_ready(*ready)
            yield roles
        finally:
            if roles.process.poll() is None:
                roles.kill()
            else:
                roles.stop()

    def ended(self, roles: RunningRoles) -> int:
        """Tell them to stop; gives the status they end with, which they must do soon."""
        roles.process.terminate()
        return roles.process.wait(SOON)

    def ask(self, sql: str) -> list[str]:
        with self.installation.reading_engine.connect() as connection:
            return [str(row[0]) for row in connection.exec_driver_sql(sql)]

    def confirmed(self) -> list[str]:
        return self.ask("SELECT sop_instance_uid FROM pb_load_instance WHERE state = 'stored'")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.installation.engine.dispose()
    house.installation.reading_engine.dispose()


def test_jobs_end_though_a_pacs_keeps_them_waiting_and_send_nothing_twice_that_was_confirmed(
    house: House,
) -> None:
    speaks = threading.Event()

    def falls_silent(_uid: str) -> int:
        if len(script.stored) > BEFORE_THE_SILENCE:
            speaks.wait(240)
        return 0x0000

    with scripted_pacs(Script(store=falls_silent)) as script:
        house.load_into(script.port)
        try:
            with house.running("jobs", "jobs") as roles:
                wait_until(lambda: len(house.confirmed()) == BEFORE_THE_SILENCE, "the answers")
                wait_until(lambda: len(script.stored) > BEFORE_THE_SILENCE, "the PACS to stall")
                assert house.ended(roles) == 0
        finally:
            speaks.set()
        assert len(house.confirmed()) == BEFORE_THE_SILENCE
        unanswered = script.stored[BEFORE_THE_SILENCE]
        with house.running("jobs", "jobs"):
            wait_until(lambda: len(house.confirmed()) == 8, "the rest of the load", seconds=120)
        sent = {uid: script.stored.count(uid) for uid in script.stored}
    assert sent.pop(unanswered) == 2
    assert set(sent.values()) == {1}
    assert house.ask("SELECT max(attempts) FROM pb_load_instance") == ["1"]  # ours, not its fault


def test_all_roles_end_though_a_load_sleeps_until_it_tries_again(house: House) -> None:
    house.load_into(free_port())
    with house.running("run", "jobs", "node", "web") as roles:
        noted = "SELECT note FROM pb_load WHERE note LIKE '%failed at: connect%'"
        wait_until(lambda: house.ask(noted), "the load to be refused", seconds=60)
        assert house.ended(roles) == 0
    assert house.ask("SELECT status FROM workflow_status WHERE name = 'load'") == ["PENDING"]
