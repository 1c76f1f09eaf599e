"""What a site may settle for: another name, a lesser grade, a longer grace; and what is learned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli import load as load_commands
from pacs_bridge.cli import pacs as pacs_commands
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.loading import Completeness, Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.profile import UNKNOWN, Outcome, Rung
from pacs_bridge.sandbox.pacs import SandboxPacs, SandboxPacsConfig
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.pacs_change import Changes, change_pacs
from pacs_bridge.services.plan import load_status, start_load
from pacs_bridge.services.search_notes import accept_names
from pacs_bridge.services.send import send_next
from pacs_bridge.services.verify import Sweep, verify_load
from tests.homes import a_home
from tests.loads import START, House, a_house, a_pacs, a_passport

SET, PACS = "PERFORMS121", "hospital"
FIRST = "PERFORMS121101"


class Bench:
    """A load into a sandbox PACS."""

    def __init__(self, house: House) -> None:
        self.house = house

    def send(self) -> None:
        """Send everything, however often the PACS has no room for it."""
        for _ in range(60):
            with suppress(PeerUnavailable):
                if not send_next(
                    1,
                    16,
                    begin=self.house.begin,
                    peer=DimsePeer(),
                    archive=self.house.archive,
                    now=self.house.now,
                ):
                    return
        raise AssertionError("it is never done")

    def verify(self) -> Sweep:
        return verify_load(1, begin=self.house.begin, peer=DimsePeer(), now=self.house.now)

    def accept(self, case: str | None = None) -> dict[str, str]:
        return accept_names(1, case, begin=self.house.begin, now=self.house.now)

    def change(self, **changes: Any) -> Pacs:
        return change_pacs(PACS, Changes(**changes), begin=self.house.begin, now=self.house.now)

    def instructions(self) -> list[str]:
        return [case.instruction for case in load_status(1, begin=self.house.begin).cases]


@contextmanager
def a_bench(folder: Path, *quirks: str, sent: bool = True) -> Iterator[Bench]:
    config = SandboxPacsConfig("HOSPITAL", store=folder / "pacs", quirks=quirks)
    with a_house(folder) as house, SandboxPacs(config) as pacs:
        with house.begin() as uow:
            uow.case_sets.add(a_passport(house.archive, 2))
            uow.pacs.put(a_pacs(pacs.port), START)
        start_load(SET, PACS, begin=house.begin, now=house.now)
        bench = Bench(house)
        if sent:
            bench.send()
        yield bench


# Another name


def test_a_renamed_set_is_ready_once_a_contact_accepts_every_name(tmp_path):
    with a_bench(tmp_path, "coerces-accession=X") as bench:
        assert bench.verify().readiness is Readiness.INCOMPLETE
        assert bench.accept(FIRST) == {FIRST: f"X{FIRST}"}
        assert bench.verify().readiness is Readiness.INCOMPLETE  # the other one is not accepted
        assert set(bench.accept().values()) == {f"X{FIRST}", "XPERFORMS121102"}
        assert bench.house.queued.named("verify") == [(1,), (1,)]
        assert bench.verify().readiness is Readiness.READY
        assert all("Readers search for X" in text for text in bench.instructions())


def test_a_name_that_changes_again_is_not_the_one_that_was_accepted(tmp_path):
    with a_bench(tmp_path, "coerces-accession=X") as bench:
        bench.verify()
        with bench.house.begin() as uow:
            for case in (FIRST, "PERFORMS121102"):
                uow.search_notes.accept(1, case, f"Y{case}", START)
        assert bench.verify().readiness is Readiness.INCOMPLETE


@pytest.mark.parametrize("quirk", ["merge-lookalikes", "studyid-collision"])
def test_the_record_of_another_patient_is_nothing_to_accept(tmp_path, quirk):
    with a_bench(tmp_path, quirk) as bench:
        bench.verify()
        with pytest.raises(RefusedInput, match="real person"):
            bench.accept(FIRST)
        with pytest.raises(RefusedInput, match="No case stands under another name"):
            bench.accept()
        assert all("taken out of that" in text for text in bench.instructions())


def test_a_case_that_is_found_as_named_has_nothing_to_accept(tmp_path):
    with a_bench(tmp_path) as bench:
        with pytest.raises(RefusedInput, match="was not checked"):
            bench.accept(FIRST)
        bench.verify()
        with pytest.raises(RefusedInput, match="nothing to accept"):
            bench.accept(FIRST)


def test_studies_without_an_order_are_told_as_unmatched(tmp_path):
    with a_bench(tmp_path, "quarantine") as bench:
        bench.verify()
        unmatched = "Your PACS holds these as unmatched. Ask for: verify, or link to order."
        assert all(text.startswith(unmatched) for text in bench.instructions())


def test_images_refused_for_want_of_an_order_are_told_so(tmp_path):
    with a_bench(tmp_path, "trusted-issuer-only") as bench:
        bench.verify()
        assert all(
            "the site pack on this load's page holds the orders" in text
            for text in bench.instructions()
        )


# Grade


@pytest.mark.parametrize(
    ("quirks", "grade", "told"),
    [
        (["refuse-image-level"], "counted", "settle for the count at your PACS"),
        (["refuse-image-level", "no-counts"], "present", "settle for the study being there"),
    ],
)
def test_a_site_that_settles_for_less_is_ready_with_less(tmp_path, quirks, grade, told):
    with a_bench(tmp_path, *quirks) as bench:
        assert bench.verify().readiness is Readiness.INCOMPLETE
        assert all(told in text for text in bench.instructions())
        assert bench.change(grade=grade).grade is Completeness(grade)
        assert bench.verify().readiness is Readiness.READY
        assert bench.instructions() == ["", ""]


# Grace


def test_a_router_that_delivers_late_is_waited_for_as_long_as_its_pacs_is_granted(tmp_path):
    reading = SandboxPacs(SandboxPacsConfig("READING"))
    with a_bench(tmp_path) as bench, reading as behind:
        with bench.house.begin() as uow:
            pacs = uow.pacs.get(PACS)
            (main,) = pacs.endpoints
            query = replace(main, ae_title="READING", port=behind.port, roles=("query",))
            store = replace(main, roles=("store", "retrieve", "commit", "calls-from"))
            uow.pacs.put(replace(pacs, endpoints=(store, query)), START)
        bench.house.pass_time(901)
        sweep = bench.verify()  # the router has them, and that proves nothing
        assert (sweep.readiness, sweep.waiting) == (Readiness.INCOMPLETE, False)
        bench.change(grace=1800)
        sweep = bench.verify()
        assert (sweep.waiting, sweep.grace) == (True, 1800)
        with bench.house.begin() as uow:
            everything = [row.sop_instance_uid for row in uow.loads.ledger(1)]
            uow.loads.reopen(1, everything, START)
            there = replace(pacs, endpoints=(replace(main, port=behind.port),))
            uow.pacs.put(there, START)
        bench.send()  # as the router does in the end
        assert bench.verify().readiness is Readiness.READY


def test_grades_and_graces_that_are_none_are_refused(tmp_path):
    with a_bench(tmp_path, sent=False) as bench:
        for changes in ({"grade": "missing"}, {"grace": -1}, {"grace": 1e9}):
            with pytest.raises(RefusedInput):
                bench.change(**changes)
        with pytest.raises(RefusedInput, match="of the whole PACS"):
            bench.change(role="query", grade="counted")


# What is learned


def test_what_a_sweep_has_taught_is_kept_and_used_and_forgotten_with_the_address(tmp_path):
    with a_bench(tmp_path, "refuse-wildcards") as bench:
        bench.verify()
        with bench.house.begin() as uow:
            kept = uow.profiles.get(PACS)
        assert kept.rungs[Rung.WILDCARD] is Outcome.REFUSED
        assert kept.rungs[Rung.UID_LIST] is Outcome.WORKS
        assert kept.since[Rung.WILDCARD] == START
        bench.house.pass_time(60)
        bench.verify()
        with bench.house.begin() as uow:  # not tried again: learned at its first time
            assert uow.profiles.get(PACS).since[Rung.WILDCARD] == START
        bench.change(role="query", port=4242)
        with bench.house.begin() as uow:
            assert uow.profiles.get(PACS) == UNKNOWN


def test_a_pacs_that_does_not_answer_teaches_nothing(tmp_path):
    with a_bench(tmp_path) as bench:
        bench.verify()
        with bench.house.begin() as uow:
            kept = uow.profiles.get(PACS)
        bench.change(role="query", ae_title="ELSEWHERE", port=1)
        bench.verify()
        with bench.house.begin() as uow:
            assert uow.profiles.get(PACS) == UNKNOWN != kept


# Commands


def test_commands_accept_names_set_grade_and_grace_and_show_what_was_learned(tmp_path):
    home = tmp_path / "home"
    installation = a_home(home)
    runner = CliRunner()

    def run(*words: str) -> str:
        apps = {"load": load_commands.app, "pacs": pacs_commands.app}
        done = runner.invoke(apps[words[0]], [*words[1:], "--home", str(home)])
        assert done.exit_code == 0, done.output
        return done.stdout

    config = SandboxPacsConfig("HOSPITAL", quirks=("coerces-accession=X",))
    with SandboxPacs(config) as pacs:
        with installation.begin() as uow:
            uow.case_sets.add(a_passport(installation.archive, 2))
            uow.pacs.put(a_pacs(pacs.port), installation.now())
        run("pacs", "change", PACS, "--grade", "counted", "--grace", "1200")
        run("load", "start", SET, PACS)
        bench = Bench(House(installation.archive, installation.begin, None))  # type: ignore[arg-type]
        bench.send()
        run("load", "verify", SET, PACS)
        told = run("load", "accept", SET, PACS, "--all")
        assert f"{FIRST}: readers search for X{FIRST}." in told
        verified = json.loads(run("load", "verify", SET, PACS, "--json"))
        assert verified["readiness"] == "ready"
        shown = run("pacs", "show", PACS)
        assert "wanted counted; grace for what it has taken: 1200 s" in shown
        assert "a list of Study Instance UIDs: works" in shown
        learned = json.loads(run("pacs", "show", PACS, "--json"))["profile"]
        assert learned["rungs"]["UID_LIST"] == "WORKS"
