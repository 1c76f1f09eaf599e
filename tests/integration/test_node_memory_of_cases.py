"""What the node remembers of cases neither refuses what is ours nor outlasts a pause."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.domain.errors import AlienObject, PausedPeer
from pacs_bridge.services.group_commit import GroupCommit
from pacs_bridge.services.known_cases import MOST, KnownCases
from pacs_bridge.services.receive import receive_object
from tests.builders import a_passport
from tests.databases import TestDatabase
from tests.nodes import (
    RULES,
    RunningNode,
    a_request,
    an_alien,
    our_state,
    register,
    running_node,
    send,
)

CASE = KnownCase("PERFORMS121101", "PERFORMS121101", "PERFORMS121", 101, "test")
NAMES = (frozenset({"1.2.101.1"}), frozenset({"1.2.101.4.1"}), "PERFORMS121101")
OTHERS = (frozenset({"1.9"}), frozenset[str](), "")


class Seconds:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path) -> Iterator[RunningNode]:
    register(database)
    with running_node(database, tmp_path) as running:
        yield running


def test_what_was_found_is_believed_for_a_second_and_no_longer() -> None:
    clock = Seconds()
    known = KnownCases(clock=clock)
    known.remember(NAMES, (CASE,))
    assert known.recall(NAMES) == (CASE,)
    assert known.recall(OTHERS) == ()
    clock.now += 0.99
    assert known.recall(NAMES) == (CASE,)
    clock.now += 0.02
    assert known.recall(NAMES) == ()


def test_what_was_not_found_is_never_remembered() -> None:
    known = KnownCases()
    known.remember(OTHERS, ())
    assert not known._found


def test_what_is_remembered_has_an_end() -> None:
    known = KnownCases()
    for number in range(MOST + 1):
        known.remember((frozenset({str(number)}), frozenset(), ""), (CASE,))
    assert len(known._found) <= MOST


def test_a_pacs_that_is_paused_gives_nothing_from_the_next_object_on(node: RunningNode) -> None:
    assert send(node.port, our_state("1.2.3.1")).Status == 0x0000
    with node.database.begin() as uow:
        uow.pacs.set_paused("hospital", paused=True)
    assert send(node.port, our_state("1.2.3.2")).Status == 0xA700
    assert send(node.port, our_state("1.2.3.1")).Status == 0xA700
    with node.database.begin() as uow:
        assert uow.objects.counts() == {"received": 1}
        assert uow.refusals.newest()[0].kind == "paused"
        uow.pacs.set_paused("hospital", paused=False)
    assert send(node.port, our_state("1.2.3.2")).Status == 0x0000


def test_a_case_set_that_is_imported_counts_from_the_next_object_on(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    with running_node(database, tmp_path) as node:
        with database.begin() as uow:
            uow.case_sets.remove("PERFORMS121")
        ours = our_state("1.2.3.1")
        assert send(node.port, ours).Status == 0x0124
        with database.begin() as uow:
            uow.case_sets.add(a_passport())
        assert send(node.port, ours).Status == 0x0000


def test_knowing_the_cases_of_an_object_saves_the_question(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    asked = []

    def read():
        asked.append(1)
        return database.begin()

    def take(ds):
        receive_object(
            a_request(ds), begin=database.begin, read=read, archive=None, rules=RULES,
            commit=GroupCommit(database.begin_for_many), now=database.clock, known=known,
        )  # fmt: skip

    known = KnownCases(seconds=600.0)
    for number in range(3):
        take(our_state(f"1.2.3.{number}"))
    assert len(asked) == 1
    for number in range(2):
        with pytest.raises(AlienObject):
            take(an_alien(f"1.9.9.{number}"))
    assert len(asked) == 3
    with database.begin() as uow:
        uow.pacs.set_paused("hospital", paused=True)
    with pytest.raises(PausedPeer):
        take(our_state("1.2.3.9"))
