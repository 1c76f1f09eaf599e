"""Random days of two readers, held at every moment against an account that folds nothing."""

from __future__ import annotations

from types import ModuleType

import pytest

from pacs_bridge.domain import folding
from pacs_bridge.services import close, extract
from tests.databases import TestDatabase
from tests.walking import Day

STEPS = 36


def a_day(database: TestDatabase, number: int) -> Day:
    """One whole day, and what comes after its round has ended."""
    day = Day(database, number)
    for step in range(STEPS):
        day.step()
        if step % 6 == 5:
            day.check()
    day.finish()
    day.check()
    day.check_settled()
    day.after_the_end(3)
    return day


@pytest.mark.parametrize("number", [1, 10])
def test_whatever_happens_in_whatever_order_nothing_is_lost_doubled_or_given_away(
    database: TestDatabase, number: int
) -> None:
    day = a_day(database, number)
    assert day.sent


@pytest.mark.parametrize(
    ("number", "where", "wrong"),
    [
        (0, (extract, "reader_of"), "R001"),  # all of it is one reader's
        (1, (close, "_come_again"), None),  # nobody closes what a clock that is behind left open
        (2, (folding, "was_rejected"), False),  # what was deleted at its PACS counts
    ],
)
def test_a_planted_fault_goes_red(
    database: TestDatabase,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    where: tuple[ModuleType, str],
    wrong: object,
) -> None:
    monkeypatch.setattr(*where, lambda *_: wrong)
    with pytest.raises(AssertionError):
        a_day(database, number)
