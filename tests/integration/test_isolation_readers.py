"""Two readers, one PACS, one shared log-in: in no mode does a mark reach the other reader."""

from __future__ import annotations

import random

import pytest

from pacs_bridge.domain.pacs import Isolation
from tests.databases import TestDatabase
from tests.isolation_world import Unit

MODES = tuple(Isolation)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_mark_reaches_the_other_reader_in_any_interleaving(
    database: TestDatabase, mode: Isolation, seed: int
) -> None:
    unit, chance = Unit(database, mode), random.Random(f"{mode} {seed}")
    told = []
    for _ in range(40):
        told.append(unit.step(chance))
        assert unit.leaks() == [], told
    assert unit.watch().flagged == ()
    assert unit.exposed() == {}


@pytest.mark.parametrize("mode", MODES)
def test_a_planted_leak_goes_red_and_flags_the_reading(
    database: TestDatabase, mode: Isolation
) -> None:
    unit = Unit(database, mode)
    if mode is Isolation.SEQUENTIAL:  # the PACS keeps what it said to have removed
        leak = unit.save("R001", 101)
        unit.arrive(leak)
        unit.claim_own("R001")
        unit.finish("R001")
        unit.remove(leak)
        unit.clear()
        unit.pacs.held.append(leak.mark)
    else:
        leak = unit.save("R001", 101, copy=2 if mode is Isolation.COPIES else 0)
        unit.arrive(leak)
        unit.claim_own("R001")
    assert any(f"R002 is shown {leak.mark.sop_instance_uid}" in each for each in unit.leaks())
    assert unit.watch().flagged == (f"{SET}101-R002",)
    assert unit.watch().flagged == ()  # once a case
    assert list(unit.exposed()) == [f"{SET}101-R002"]
    told = [each for each in unit.mails("it@north.example") if "beside the cases" in each.subject]
    assert len(told) == 1
