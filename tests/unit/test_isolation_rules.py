"""What proves the isolation of a PACS, and what was in sight of a reader: the rules alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pacs_bridge.domain.exposure import (
    Lift,
    Maker,
    Sighting,
    Watched,
    exposes,
    is_lifted,
    judge_maker,
    was_in_sight,
)
from pacs_bridge.domain.isolation import (
    CHANGED,
    NOT_PROVEN,
    SHARED,
    TAKEN_BACK,
    TOO_OLD,
    Statement,
    Step,
    fingerprint,
    judge_isolation,
    next_step,
)
from pacs_bridge.domain.pacs import Endpoint, Isolation, Pacs
from tests.builders import NOON
from tests.isolation import proven

HERE = Endpoint("HOSPITAL", "10.0.0.1", 104, ("store", "query"))
CAD, STATE = "1.2.840.10008.5.1.4.1.1.88.50", "1.2.840.10008.5.1.4.1.1.11.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
REAL = (Isolation.PRIVATE, Isolation.COPIES, Isolation.SEQUENTIAL)


def a_pacs(mode: Isolation, **changes: Any) -> Pacs:
    return replace(Pacs("hospital", (HERE,), isolation=mode), **changes)


@pytest.mark.parametrize("mode", REAL)
def test_a_claim_is_the_sheet_until_it_is_proven(mode: Isolation) -> None:
    pacs = a_pacs(mode)
    assert judge_isolation(pacs, [], NOON).effective is Isolation.SHEET
    assert judge_isolation(pacs, [], NOON).why == NOT_PROVEN
    done = judge_isolation(pacs, proven(pacs, NOON), NOON)
    assert (done.effective, done.why, done.proven_at) == (mode, "", NOON)
    assert next_step(done, "PERFORMS121001") == ""


@pytest.mark.parametrize("mode", REAL)
def test_no_step_less_proves_it(mode: Isolation) -> None:
    pacs = a_pacs(mode)
    steps = proven(pacs, NOON)
    assert not judge_isolation(pacs, steps[:-1], NOON).is_proven
    assert not judge_isolation(pacs, steps[1:], NOON).is_proven


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoints": (replace(HERE, ae_title="OTHER"),)},
        {"endpoints": (replace(HERE, port=105),)},
        {"endpoints": (HERE, Endpoint("ARCHIVE", "10.0.0.2", 104, ("query",)))},
        {"our_ae_title": "OTHER"},
    ],
)
def test_a_changed_pacs_is_to_be_proven_anew(changed: dict[str, Any]) -> None:
    pacs = a_pacs(Isolation.PRIVATE)
    now = judge_isolation(replace(pacs, **changed), proven(pacs, NOON), NOON)
    assert (now.effective, now.why) == (Isolation.SHEET, CHANGED)


def test_another_workstation_that_may_call_changes_no_proof() -> None:
    pacs = a_pacs(Isolation.PRIVATE)
    viewer = Endpoint("VIEWER", "10.0.0.9", 0, ("calls-from",))
    assert fingerprint(pacs) == fingerprint(replace(pacs, endpoints=(HERE, viewer)))


def test_a_proof_of_one_mode_proves_no_other() -> None:
    statements = proven(a_pacs(Isolation.PRIVATE), NOON)
    assert not judge_isolation(a_pacs(Isolation.SEQUENTIAL), statements, NOON).is_proven


def test_a_proof_grows_old_and_is_taken_back_by_a_leak() -> None:
    pacs = a_pacs(Isolation.PRIVATE)
    steps = proven(pacs, NOON)
    assert judge_isolation(pacs, steps, NOON + timedelta(days=366)).why == TOO_OLD
    leak = replace(steps[-1], step=Step.LEAKED)
    assert judge_isolation(pacs, [*steps, leak], NOON).why == TAKEN_BACK
    assert judge_isolation(pacs, [*steps, leak, *steps], NOON).is_proven


def test_a_viewer_that_hides_by_user_hides_nothing_under_a_shared_log_in() -> None:
    for mode in REAL:
        pacs = a_pacs(mode)
        now = judge_isolation(pacs, proven(pacs, NOON), NOON, shared=True)
        assert now.is_proven is (mode is not Isolation.PRIVATE)
        assert now.why == (SHARED if mode is Isolation.PRIVATE else "")


@pytest.mark.parametrize(
    "looked", [{"first": "R1", "second": "R1"}, {"first": "R9", "second": "R2"}, {}]
)
def test_what_the_drawer_sees_or_is_of_another_mark_proves_nothing(looked: dict[str, str]) -> None:
    pacs = a_pacs(Isolation.PRIVATE)
    marked, seen = proven(pacs, NOON)
    assert not judge_isolation(pacs, [marked, replace(seen, body=looked)], NOON).is_proven


def test_marks_that_are_only_partly_gone_prove_nothing() -> None:
    pacs = a_pacs(Isolation.SEQUENTIAL)
    marked, cleared = proven(pacs, NOON)
    more = replace(marked, body={"reader": "R1", "objects": ["1.2.9", "1.2.10"]})
    assert not judge_isolation(pacs, [more, cleared], NOON).is_proven


def test_each_step_has_one_instruction() -> None:
    for mode in REAL:
        pacs = a_pacs(mode)
        first = next_step(judge_isolation(pacs, [], NOON), "PERFORMS121001")
        assert first.endswith("ask the PACS again here.")
    pacs = a_pacs(Isolation.PRIVATE)
    marked = judge_isolation(pacs, proven(pacs, NOON)[:1], NOON)
    assert "second reader" in next_step(marked, "PERFORMS121001")


def a_sighting(**changes: Any) -> Sighting:
    seen = Sighting(
        "hospital", "1.2.9", "PERFORMS121", 0, "PERFORMS121101", "1.2.101.1", "1.2.9.7", STATE,
        "PR", NOON,
    )  # fmt: skip
    return replace(seen, **changes)


LATER, EARLIER = NOON + timedelta(hours=1), NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    ("watched", "sighting", "seen"),
    [
        (Watched("R2", 0, EARLIER), {}, True),
        (Watched("R2", 0, LATER), {}, True),  # it was there when the reader began
        (Watched("R2", 0, EARLIER, decided_at=LATER), {}, True),  # came in between
        (Watched("R2", 0, EARLIER, decided_at=NOON - timedelta(seconds=1)), {}, False),
        (Watched("R2", 0, LATER), {"gone_at": LATER}, False),  # gone before the reader began
        (Watched("R2", 1, EARLIER), {}, False),  # on another copy
    ],
)
def test_in_sight_is_what_lay_there_between_release_and_decision(
    watched: Watched, sighting: dict[str, Any], seen: bool
) -> None:
    assert was_in_sight(a_sighting(**sighting), watched) is seen


@pytest.mark.parametrize(
    ("owner", "device", "sop_class", "maker"),
    [
        ("R2", False, STATE, Maker.OWN),
        ("R1", False, STATE, Maker.READER),
        ("AI1", False, STATE, Maker.MACHINE),
        (None, True, STATE, Maker.MACHINE),
        (None, False, CAD, Maker.MACHINE),
        (None, False, CAPTURE, Maker.MACHINE),
        (None, False, STATE, Maker.NOBODY),
    ],
)
def test_the_maker_is_told_from_whose_it_is_and_what_it_is(
    owner: str | None, device: bool, sop_class: str, maker: Maker
) -> None:
    found = judge_maker(
        a_sighting(sop_class_uid=sop_class, modality=""), "R2", owner=owner, machines={"AI1"},
        is_device=device, ours=(),
    )  # fmt: skip
    assert found is maker


def test_what_was_lifted_flags_again_once_it_is_known_better_whose_it_is() -> None:
    lift = Lift("PERFORMS121101-R2", NOON, "Ours.", NOON, "", {"1.2.9": Maker.NOBODY.value})
    assert is_lifted("1.2.9", Maker.NOBODY, [lift])
    assert not is_lifted("1.2.9", Maker.READER, [lift])
    assert not is_lifted("1.2.10", Maker.NOBODY, [lift])


def test_only_what_may_lead_a_reader_flags() -> None:
    began_before, began_after = Watched("R2", 0, EARLIER), Watched("R2", 0, LATER)
    for mode in Isolation:
        hidden = mode is Isolation.PRIVATE
        assert exposes(Maker.READER, a_sighting(), began_before, mode) is not hidden
        assert exposes(Maker.MACHINE, a_sighting(), began_before, mode)
        assert not exposes(Maker.OWN, a_sighting(), began_before, mode)
        assert not exposes(Maker.OURS, a_sighting(), began_before, mode)
        # Nobody's may be this reader's own on its way, unless it was there before them.
        assert not exposes(Maker.NOBODY, a_sighting(), began_before, mode)
        assert exposes(Maker.NOBODY, a_sighting(), began_after, mode)


def test_statements_are_of_their_pacs_as_it_was() -> None:
    pacs = a_pacs(Isolation.COPIES)
    (apart,) = proven(pacs, NOON)
    assert isinstance(apart, Statement)
    assert apart.fingerprint == fingerprint(pacs)
