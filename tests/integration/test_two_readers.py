"""Two readers at one PACS, in any interleaving: nobody's marks reach anybody else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.marks import Observer
from pacs_bridge.services import extract
from tests.builders import a_mark, a_read_object, both_decided
from tests.reading_world import SETTLE, ReadingWorld

LOGINS = {"R001": "jsmith", "R002": "mjones", "nobody": "", "both": "jsmith"}
RUNS = settings(
    deadline=None, derandomize=True, max_examples=50, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One thing that happens: somebody's object arrives, or somebody answers."""

    who: str
    what: str
    place: int


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(sorted(LOGINS)),
        st.sampled_from(("save", "save", "replace", "sheet", "confirm", "drop", "close")),
        st.integers(0, 2),
    ),
    min_size=2,
    max_size=9,
)


@pytest.fixture
def world(database) -> ReadingWorld:
    return ReadingWorld(database, *range(101, 161))


class Interleaving:
    """One case that two readers read, and what each of them drew."""

    def __init__(self, world: ReadingWorld, number: int) -> None:
        self.world, self.number = world, number
        self.case = f"PERFORMS121{number:03d}"
        self.drawn: dict[str, set[tuple[float, float]]] = {"R001": set(), "R002": set()}
        self.uids: list[str] = []

    def do(self, step: Step) -> None:
        """Let one thing happen."""
        if step.what in ("save", "replace"):
            self._save(step)
        elif step.who not in self.drawn:
            return
        elif step.what == "sheet":
            place = self._place(step, 7)
            self.world.place(step.who, self.case, image=self._image(), points=[place])
            self.drawn[step.who].add(place)
        elif step.what == "close":
            self.world.settle(step.who, self.case)
        else:
            self._answer(step)

    def _save(self, step: Step) -> None:
        """An object of somebody, or one that names nobody, or one that names two people."""
        uid = f"1.2.3.{self.number}.{len(self.uids) + 1}"
        evidence = {"OperatorsName": "mjones"} if step.who == "both" else {}
        login = LOGINS[step.who] or None
        if login:
            evidence["ContentCreatorName"] = login
        place = self._place(step, len(self.uids) % 3 if step.who in self.drawn else 5)
        read = a_read_object(
            uid,
            observer=Observer(name=login, login=login, evidence=evidence),
            marks=(a_mark(image=self._image(), points=(place,), centre=place),),
            breasts=both_decided(),
            referenced_images=(self._image(),),
            referenced_studies=(f"1.2.{self.number}.1",),
            predecessors=tuple(self.uids) if step.what == "replace" else (),
        )
        self.world.take(read, accession=self.case)
        self.uids.append(uid)
        if step.who in self.drawn:
            self.drawn[step.who].add(place)

    def _answer(self, step: Step) -> None:
        """Answer of a mark, by a key that may be the other reader's."""
        keys = [
            mark.key
            for reader in self.drawn
            for mark in self.world.receipt(reader, self.case).marks
        ]
        mine = {mark.key for mark in self.world.receipt(step.who, self.case).marks}
        for key in keys[step.place : step.place + 1]:
            if key in mine:
                self.world.answer(key, step.what, step.who, self.case)
            else:
                with pytest.raises(NotFound):
                    self.world.answer(key, step.what, step.who, self.case)

    def _image(self) -> str:
        return f"1.2.{self.number}.4.1"

    def _place(self, step: Step, more: int) -> tuple[float, float]:
        """A place that each reader has for themselves, and one that both use."""
        shared = step.place == 0
        side = 0.0 if shared else {"R001": 100.0, "R002": 200.0}.get(step.who, 300.0)
        return 20.0 + side + 10 * step.place, 20.0 + 20 * more

    def check(self) -> None:
        """Each receipt, and all that goes to scoring, holds the reader's own marks alone."""
        for reader, drawn in self.drawn.items():
            shown = self.world.receipt(reader, self.case).marks
            assert {mark.centre for mark in shown} == drawn
        for payload in self.world.sent():
            if payload["case"] == self.case:
                sent = {tuple(mark["centre"]) for mark in payload["marks"]}
                assert sent <= self.drawn[payload["reader"]]


def run(world: ReadingWorld, number: int, happens: list[Step]) -> None:
    one = Interleaving(world, number)
    for step in happens:
        one.do(step)
        world.clock.pass_(SETTLE / 4)
    one.check()


def test_no_mark_reaches_the_wrong_reader_and_none_is_lost(world):
    numbers = count()

    @RUNS
    @given(steps)
    def any_interleaving(happens):
        run(world, 101 + next(numbers) % 60, happens)

    any_interleaving()


@pytest.mark.parametrize("wrong", ["R001", "R002"])
def test_a_planted_leak_goes_red(world, monkeypatch, wrong):
    monkeypatch.setattr(extract, "reader_of", lambda *_: wrong)
    other = "R002" if wrong == "R001" else "R001"
    with pytest.raises(AssertionError):
        run(world, 101, [Step(wrong, "save", 1), Step(other, "save", 2)])


def test_an_object_that_names_two_people_is_nobodys(world):
    run(world, 102, [Step("both", "save", 1), Step("nobody", "save", 2)])
    assert world.receipt("R001", "PERFORMS121102").marks == ()
    assert world.receipt("R002", "PERFORMS121102").marks == ()
