"""Before a round opens every PACS that reads in it is rehearsed with; who is to mend it is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.loading import Way
from pacs_bridge.domain.people import Enrolment, Role, Round, Site
from pacs_bridge.domain.sending import Sending
from pacs_bridge.services.rehearsals import rehearsals_due, rehearse_for_round
from pacs_bridge.services.rehearse import REHEARSED, Rehearsal, Stage
from pacs_bridge.wiring.checks import check_jobs
from tests.homes import a_home
from tests.loads import START, House, a_house, a_pacs, a_passport
from tests.peers import free_port

SET, PACS = "PERFORMS121", "hospital"
OPENS = START + timedelta(days=10)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A round that opens in ten days, one reader of which reads on the PACS."""
    with a_house(tmp_path) as house:
        with house.begin() as uow:
            passport = a_passport(None, 1)
            uow.case_sets.add(passport)
            uow.pacs.put(a_pacs(104), START)
            uow.loads.plan(passport, PACS, START)
            uow.rounds.put(Round(SET, OPENS, OPENS + timedelta(days=30)))
            uow.sites.put(Site("unit", PACS))
            uow.readers.add("R1", START)
            uow.enrolments.put(Enrolment(SET, "R1", "unit"))
            uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], START, sites=["unit"])
        yield house


def due(house: House, **how: Any) -> int:
    return rehearsals_due(begin=house.begin, now=house.now, **how)


def prove(house: House, *, good: bool) -> None:
    with house.begin() as uow:
        uow.proofs.put(PACS, REHEARSED, {"good": good, "stages": []}, house.now())


def days(house: House, count: float) -> None:
    house.pass_time(timedelta(days=count).total_seconds())


def test_a_pacs_is_rehearsed_with_once_in_the_days_before_its_round(house):
    prove(house, good=True)
    assert due(house) == 0  # ten days are too early
    days(house, 7.5)
    assert (due(house), due(house)) == (1, 1)
    assert len({key for name, _, key, _ in house.queued.jobs if name == "rehearse"}) == 1
    prove(house, good=True)
    assert due(house) == 0
    days(house, 3)
    assert due(house) == 0  # it is open


def test_one_that_failed_is_made_again_each_day_until_the_round_opens(house):
    days(house, 7.5)
    prove(house, good=False)
    assert due(house) == 0
    days(house, 1)
    assert due(house) == 1
    assert due(house, ahead=timedelta(0)) == 0


@pytest.mark.parametrize("why", ["nobody reads there", "by media", "paused", "night only"])
def test_a_pacs_that_is_not_sent_to_now_is_not_rehearsed_with(house, why):
    days(house, 8)
    assert due(house) == 1
    with house.begin() as uow:
        if why == "nobody reads there":
            uow.pacs.put(a_pacs(105, name="elsewhere"), START)
            uow.sites.put(Site("unit", "elsewhere"))
        elif why == "by media":
            uow.loads.set_way(1, Way.MEDIA)
        elif why == "paused":
            uow.pacs.put(a_pacs(104, paused=True), START)
        else:
            uow.pacs.put(a_pacs(104, sending=Sending(window="19:00-06:00")), START)
    assert due(house) == 0


def rehearsed(house: House, *stages: Stage) -> None:
    def rehearse(name: str) -> Rehearsal:
        return Rehearsal(name, house.now(), 1.0, stages)

    rehearse_for_round(1, begin=house.begin, rehearse=rehearse, now=house.now)


def told(house: House) -> list[str]:
    with house.begin() as uow:
        return [line.message.body for line in uow.mails.newest()]


def test_where_it_fails_the_contact_is_told_once_what_to_do(house):
    failed = Stage("found", works=False, says="The PACS does not find it.")
    removed = Stage("removed", works=False, says="It is still there.")
    for _ in range(2):
        rehearsed(house, Stage("sent", works=True, says="4 images"), failed, removed)
    (body,) = told(house)
    assert "It failed at: found. The round opens on 11 March 2025." in body
    assert "The PACS does not find it." in body
    assert "may query the PACS" in body


def test_what_is_ours_to_mend_or_needs_no_mending_is_not_asked_of_the_contact(house):
    rehearsed(house, Stage("sent", works=True, says=""), Stage("removed", works=False, says=""))
    rehearsed(house, Stage("sent", works=True, says=""), Stage("scored", works=False, says=""))
    assert told(house) == []
    with house.begin() as uow:
        assert [each.detail["stage"] for each in uow.events.newest(kind="rehearsal-failed")] == [
            "scored"
        ]


def test_the_jobs_rehearse_with_a_pacs_that_is_down_and_its_contact_hears_of_it(tmp_path):
    ours = a_home(tmp_path / "home")
    now = ours.now()
    with ours.begin() as uow:
        passport = a_passport(None, 1)
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(free_port()), now)
        uow.loads.plan(passport, PACS, now)
        uow.rounds.put(Round(SET, now + timedelta(days=2), now + timedelta(days=30)))
        uow.sites.put(Site("unit", PACS))
        uow.readers.add("R1", now)
        uow.enrolments.put(Enrolment(SET, "R1", "unit"))
        uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], now, sites=["unit"])
    jobs = check_jobs(ours)
    jobs["checks_due"]()
    jobs["rehearse"](1)
    with ours.read() as uow:
        (line,) = uow.mails.newest()
        proof = uow.proofs.find(PACS, REHEARSED)
    assert "failed at: connect" in line.message.body
    assert proof is not None
    assert not proof.body["good"]
