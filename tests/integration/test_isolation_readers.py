"""Two readers, one PACS, one shared log-in: in no mode does a mark reach the other reader."""

from __future__ import annotations

import random

import pytest

from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.query import FindRequest, Root
from pacs_bridge.services.query import find_matches
from pacs_bridge.services.query_index import QueryIndex
from tests.databases import TestDatabase
from tests.isolation_world import CASES, SET, Unit
from tests.nodes import EXPLICIT, encode
from tests.queries import STUDY_ROOT, a_question, data_set

MODES = tuple(Isolation)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", [1, 2])
def test_no_mark_reaches_the_other_reader_in_any_interleaving(
    database: TestDatabase, mode: Isolation, seed: int
) -> None:
    unit, chance = Unit(database, mode), random.Random(f"{mode} {seed}")
    told = []
    for _ in range(36):
        told.append(unit.step(chance))
        assert unit.leaks() == [], told
    assert unit.watch().flagged == ()
    assert unit.exposed() == {}
    assert marks_at_our_node(database, unit) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_planted_leak_goes_red_and_flags_the_reading_once(
    database: TestDatabase, mode: Isolation
) -> None:
    unit = Unit(database, mode)
    if mode is Isolation.SEQUENTIAL:  # the PACS brings back what it said to have removed
        leak = unit.save("R001", 101)
        unit.arrive(leak)
        unit.claim_own("R001")
        unit.finish("R001")
        unit.remove(leak)
        unit.clear()
        unit.pacs.held.append(leak.mark)
    elif mode is Isolation.COPIES:  # drawn on the other reader's copy
        leak = unit.save("R001", 101, copy=2, login="own-R001")
        unit.arrive(leak)
        unit.decide(leak, "R001")
    else:
        leak = unit.save("R001", 101)
        unit.arrive(leak)
        unit.claim_own("R001")
    assert any(f"R002 is shown {leak.mark.sop_instance_uid}" in each for each in unit.leaks())
    assert unit.watch().flagged == (f"{SET}101-R002",)
    assert unit.watch().flagged == ()
    assert list(unit.exposed()) == [f"{SET}101-R002"]
    told = [each for each in unit.mails("it@north.example") if "beside the cases" in each.subject]
    assert len(told) == 1


def marks_at_our_node(database: TestDatabase, unit: Unit) -> list[str]:
    """What our own node lists of our studies and is none of our images."""
    caller, index = Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital"), QueryIndex()
    images, listed = set[str](), set[str]()
    for passport in unit.passports.values():
        for case in (case for case in passport.cases if case.number in CASES):
            images |= {image.sop_instance_uid for image in case.instances()}
            for study in case.studies:
                for series in study.series:
                    question = a_question(
                        "IMAGE", StudyInstanceUID=study.study_instance_uid,
                        SeriesInstanceUID=series.series_instance_uid, SOPInstanceUID="",
                    )  # fmt: skip
                    data = memoryview(encode(question))
                    request = FindRequest(caller, STUDY_ROOT, EXPLICIT, data)
                    found = find_matches(request, Root.STUDY, read=database.begin, index=index)
                    listed |= {str(data_set(e).SOPInstanceUID) for e in found.identifiers}
    assert images <= listed
    return sorted(listed - images)
