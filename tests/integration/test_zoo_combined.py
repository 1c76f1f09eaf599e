"""Several quirks at once: ready always means that all is held and intact.

The full form draws them anew each run; the short one draws the same, on each machine.
"""

from __future__ import annotations

import os
import random

import pytest

from pacs_bridge.sandbox.pacs_quirks import Stall
from tests.zoo import run
from tests.zoo_table import combination, harmless

_FULL = os.environ.get("FULL_FAULTS")
_DRAWN = random.SystemRandom().randrange(1_000_000) if _FULL else 121
SEED = int(os.environ.get("ZOO_SEED") or _DRAWN)
"""Named in each test's id; ``ZOO_SEED=n`` draws the same again."""


@pytest.fixture(autouse=True)
def _short_stall(monkeypatch):
    monkeypatch.setattr(Stall, "seconds", 3.5)


@pytest.mark.parametrize("seed", [SEED, SEED + 1, SEED + 2])
def test_no_combination_of_quirks_makes_a_false_ready(tmp_path, zoo_store, seed):
    rng = random.Random(seed)
    quirks = combination(rng, rng.randint(2, 4))
    seen = run(tmp_path / "load", zoo_store, quirks, patience=1.0)
    assert seen.readiness != "ready" or seen.is_fine, (quirks, seen)
    assert seen.readiness == "ready" or seen.sentences or seen.note, (quirks, seen)


@pytest.mark.parametrize("seed", [SEED])
def test_quirks_that_do_no_harm_alone_do_none_together(tmp_path, zoo_store, seed):
    quirks = harmless(random.Random(seed), 3)
    seen = run(tmp_path / "load", zoo_store, quirks, patience=1.0)
    assert seen.readiness == "ready", (quirks, seen)
    assert seen.is_fine, (quirks, seen)
