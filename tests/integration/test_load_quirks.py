"""Whole loads into the sandbox PACS with its quirks switched on (QUIRKS.md C1 to C6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.plan import LoadStatus, load_status, start_load
from pacs_bridge.services.send import reopen_missing, send_next
from pacs_bridge.services.verify import Sweep, verify_load
from tests.loads import START, House, a_house, a_pacs, a_passport

SET = "PERFORMS121"
PEER = DimsePeer()


@dataclass
class Bench:
    """One load into one quirky PACS, driven as the job does."""

    house: House
    pacs: SandboxPacs

    def index(self) -> None:
        """Let the PACS have taken in all that it was sent: it starts anew, where it was."""
        config = self.pacs.config
        self.pacs.stop()
        self.pacs = SandboxPacs(replace(config, port=self.pacs.port, quirks=()))
        self.pacs.start()

    def send_all(self) -> int:
        """Send until nothing is pending; gives how often the PACS asked us to come back."""
        failures = 0
        while True:
            try:
                left = send_next(
                    1,
                    16,
                    begin=self.house.begin,
                    peer=PEER,
                    archive=self.house.archive,
                    now=self.house.now,
                )
            except PeerUnavailable:
                failures += 1
                assert failures < 20
                continue
            if not left:
                return failures

    def verify(self, grace: float = 900.0) -> Sweep:
        return verify_load(1, begin=self.house.begin, peer=PEER, now=self.house.now, grace=grace)

    def status(self) -> LoadStatus:
        return load_status(1, begin=self.house.begin)

    def said(self, what: Callable[[object], str]) -> set[str]:
        return {what(case) for case in self.status().cases}


@contextmanager
def a_bench(folder: Path, *quirks: str, cases: int = 3) -> Iterator[Bench]:
    config = SandboxPacsConfig("HOSPITAL", store=folder / "pacs", quirks=quirks)
    with a_house(folder) as house, SandboxPacs(config) as pacs:
        with house.begin() as uow:
            uow.case_sets.add(a_passport(house.archive, cases))
            uow.pacs.put(a_pacs(pacs.port), START)
        start_load(SET, "hospital", begin=house.begin, now=house.now)
        bench = Bench(house, pacs)
        try:
            yield bench
        finally:
            bench.pacs.stop()


def test_without_quirks_a_load_is_ready_at_once(tmp_path):
    with a_bench(tmp_path) as bench:
        assert bench.send_all() == 0
        assert bench.verify().readiness is Readiness.READY
        assert bench.said(lambda case: case.near) == {"online"}


@pytest.mark.parametrize("quirk", ["no-counts", "warn-coercion", "abort-find", "cap=20"])
def test_a_quirk_that_harms_nothing_does_not_keep_a_load_from_being_ready(tmp_path, quirk):
    with a_bench(tmp_path, quirk) as bench:
        bench.send_all()
        assert bench.verify().readiness is Readiness.READY
        warned = bench.status().instances.warned
    assert warned == (12 if quirk == "warn-coercion" else 0)


def test_a_pacs_without_image_level_is_counted_and_not_ready_at_the_usual_grade(tmp_path):
    with a_bench(tmp_path, "refuse-image-level") as bench:
        bench.send_all()
        sweep = bench.verify()
        assert sweep.readiness is Readiness.INCOMPLETE
        assert not sweep.waiting
        assert sweep.missing == ()
        assert bench.said(lambda case: case.complete) == {"counted"}
        assert all("IMAGE level" in case.instruction for case in bench.status().cases)


def test_a_pacs_with_neither_images_nor_counts_is_present_and_never_missing(tmp_path):
    with a_bench(tmp_path, "refuse-image-level", "no-counts") as bench:
        bench.send_all()
        assert bench.verify().missing == ()
        assert bench.said(lambda case: case.complete) == {"present"}


def test_a_slow_index_is_waited_for(tmp_path):
    with a_bench(tmp_path, "slow-index=3600") as bench:
        bench.send_all()
        sweep = bench.verify()
        assert (sweep.readiness, sweep.waiting) == (Readiness.SENT, True)
        assert bench.said(lambda case: case.complete) == {"waiting"}
        bench.index()
        assert bench.verify().readiness is Readiness.READY


def test_images_that_a_pacs_lost_are_found_out_and_sent_again(tmp_path):
    with a_bench(tmp_path, "drop=5") as bench:
        bench.send_all()
        assert bench.status().instances.confirmed == 12  # Success for every one of them
        bench.house.pass_time(901)
        sweep = bench.verify()
        assert sweep.readiness is Readiness.INCOMPLETE
        assert len(sweep.missing) == 2
        for _ in range(3):
            again = reopen_missing(1, sweep.missing, begin=bench.house.begin, now=bench.house.now)
            assert again == len(sweep.missing)
            bench.send_all()
            bench.house.pass_time(901)
            sweep = bench.verify()
            if sweep.readiness is Readiness.READY:
                break
        assert sweep.readiness is Readiness.READY


def test_a_pacs_that_is_full_for_a_while_gets_everything_in_the_end(tmp_path):
    with a_bench(tmp_path, "refuse-first=3") as bench:
        assert bench.send_all() == 1
        assert bench.verify().readiness is Readiness.READY


def test_a_renamed_case_is_proven_and_says_what_to_search_for(tmp_path):
    with a_bench(tmp_path, "rename-accession") as bench:
        bench.send_all()
        assert bench.verify().readiness is Readiness.INCOMPLETE
        assert bench.said(lambda case: case.complete) == {"proven"}
        assert bench.said(lambda case: case.findable) == {"by other name"}
        assert all("search for RVX" in case.instruction for case in bench.status().cases)


def test_a_case_on_tape_is_proven_and_not_ready(tmp_path):
    with a_bench(tmp_path, "nearline") as bench:
        bench.send_all()
        assert bench.verify().readiness is Readiness.INCOMPLETE
        assert bench.said(lambda case: case.near) == {"nearline"}
        assert all("slow archive" in case.instruction for case in bench.status().cases)


def test_a_pacs_capped_at_twenty_answers_still_proves_every_case(tmp_path):
    with a_bench(tmp_path, "cap=2", cases=6) as bench:
        bench.send_all()
        assert bench.verify().readiness is Readiness.READY
