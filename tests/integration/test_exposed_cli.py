"""`pacs exposed` and `pacs turns`, over a home of their own."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli import pacs
from pacs_bridge.domain.errors import PacsBridgeError, RefusedInput
from pacs_bridge.domain.exposure import Exposure
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.wiring.home import make_home
from tests.builders import a_passport
from tests.isolation import put_proven

SET = "PERFORMS121"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    installation = make_home(tmp_path)
    now = installation.now()
    with installation.begin() as uow:
        put_proven(
            uow, Pacs("royal", (Endpoint("ROYAL", "10.0.0.1", 104, ("store",)),)), now,
            Isolation.SEQUENTIAL,
        )  # fmt: skip
        uow.sites.put(Site("north", "royal"))
        uow.case_sets.add(a_passport(1, 101))
        uow.rounds.put(Round(SET, now - timedelta(days=1), now + timedelta(days=9)))
        for code in ("R001", "R002"):
            uow.readers.add(code, now)
            uow.enrolments.put(Enrolment(SET, code, "north", consent=True))
        uow.exposures.add(
            Exposure(f"{SET}101-R001", SET, f"{SET}101", "R001", "royal", now, ("1.2.88",), "Why.")
        )
    installation.engine.dispose()
    return tmp_path


def run(home: Path, *words: str) -> Any:
    result = CliRunner().invoke(pacs.app, [*words, "--home", str(home), "--json"])
    if isinstance(result.exception, PacsBridgeError):
        raise result.exception
    assert result.exception is None, result.output
    return json.loads(result.stdout)


def test_flags_are_listed_and_lifted_and_the_next_reader_is_named(home: Path) -> None:
    listed = run(home, "exposed", "royal", "--set", SET)
    assert [each["objects"] for each in listed["exposed"]] == [["1.2.88"]]
    with pytest.raises(RefusedInput, match="why the flag is wrong"):
        run(home, "exposed", "royal", "--lift", f"{SET}101-R001")
    done = run(home, "exposed", "royal", "--lift", f"{SET}101-R001", "--because", "Our own test.")
    assert done["exposed"] == []
    assert [(e["because"], e["by"]) for e in done["lifted"]] == [("Our own test.", None)]
    assert run(home, "turns", "royal", SET, "--hand-on-to", "R002")["named"] == "R002"
