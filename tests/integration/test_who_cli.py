"""The commands of handshakes, log-ins and claims, over a home of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli import account, marks
from pacs_bridge.domain.claims import Waiting
from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.wiring.installation import Installation
from tests.builders import a_passport, a_received_object
from tests.homes import a_home
from tests.who_world import SET

UID = "1.2.3.77"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    installation = a_home(folder)
    now = installation.now()
    with installation.begin() as uow:
        uow.pacs.put(Pacs("hospital", (Endpoint("HOSPITAL", "10.0.0.1", 104, ("store",)),)), now)
        uow.sites.put(Site("north", "hospital"))
        uow.case_sets.add(a_passport(1, 101))
        uow.rounds.put(Round(SET, now - timedelta(days=2000), now + timedelta(days=20000)))
        uow.readers.add("R001", now)
        uow.enrolments.put(Enrolment(SET, "R001", "north", consent=True))
        uow.objects.add(
            replace(a_received_object(UID), received_at=now, state="parked", reason="Nobody.")
        )
        uow.claims.hold(
            Waiting(UID, "hospital", SET, f"{SET}101", "presentation-state", "WS2", "", now)
        )
    installation.engine.dispose()
    return folder


def run(home: Path, *words: str) -> str:
    app = {"account": account, "marks": marks}[words[0]].app
    result = CliRunner().invoke(app, [*words[1:], "--home", str(home)])
    if isinstance(result.exception, PacsBridgeError):
        raise result.exception
    assert result.exception is None, result.output
    return result.stdout


def plain(home: Path, *words: str) -> Any:
    return json.loads(run(home, *words, "--json"))


def test_a_handshake_is_asked_for_shown_and_stopped(home: Path) -> None:
    shake = ("account", "handshake", SET, "R001")
    assert "was not asked to draw" in run(home, *shake, "--show")
    asked = plain(home, *shake)
    assert (asked["state"], asked["case"], asked["pacs"]) == ("open", f"{SET}001", "hospital")
    assert asked["task"].endswith("none else")
    assert asked["task"] in run(home, *shake, "--show")
    stopped = plain(home, *shake, "--stop")
    assert (stopped["state"], stopped["way"]) == ("failed", "sheet")
    assert stopped["said"][0].startswith("Nothing arrived from hospital")
    with pytest.raises(RefusedInput, match="Choose one"):
        run(home, *shake, "--stop", "--show")


def test_log_ins_of_a_pacs_are_said_and_told(home: Path) -> None:
    run(home, "account", "reader", "R001", "--alias", "hospital:CLee")
    found = plain(
        home, "account", "logins", "hospital", "--readers", "own", "--shared", "Breast Unit",
        "--hint", "Press F12, then Send.",
    )  # fmt: skip
    assert found["logins"] == "own"
    assert found["aliases"] == {"clee": ["R001", False]}
    assert list(found["shared"]) == ["breast unit"]
    told = run(home, "account", "logins", "hospital")
    assert "each an own one" in told
    assert "Press F12, then Send." in told
    assert (
        plain(home, "account", "logins", "hospital", "--not-shared", "BREAST UNIT")["shared"] == {}
    )
    with pytest.raises(RefusedInput, match="own, shared or unknown"):
        run(home, "account", "logins", "hospital", "--readers", "maybe")
    with pytest.raises(RefusedInput, match="whoever sits there"):
        run(home, "account", "reader", "R001", "--alias", "hospital:admin")


def test_an_administrator_sees_what_waits_and_decides_with_a_reason(home: Path) -> None:
    (line,) = plain(home, "marks", "list")
    assert (line["waits"], line["station"], line["reader"]) == (True, "WS2", None)
    assert f"marks claim {UID}" in " ".join(run(home, "marks", "list").split())
    run(home, "marks", "claim", UID, "R001", "--because", "The rota says so.")
    installation = Installation.open(home)
    with installation.read() as uow:
        (said,) = uow.claims.said_of([UID])[UID]
        waiting = uow.claims.waiting()
        (event,) = uow.events.newest(kind="claim-decided")
    assert (said.reader, said.because, waiting) == ("R001", "The rota says so.", [])
    assert event.detail == {"reader": "R001", "reason": "The rota says so."}
    run(home, "marks", "unclaim", UID, "--because", "A slip.")
    with installation.read() as uow:
        assert len(uow.claims.said_of([UID])[UID]) == 2
    installation.engine.dispose()
    installation.reading_engine.dispose()


def test_a_program_is_registered_as_a_reader(home: Path) -> None:
    run(home, "account", "reader", "AI01", "--machine", "--alias", "hospital:Spotter 2")
    installation = Installation.open(home)
    with installation.read() as uow:
        assert uow.readers.machines() == {"AI01"}
    installation.engine.dispose()
    installation.reading_engine.dispose()
