"""Verifying a load, what follows from it, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.errors import (
    NotFound,
)
from pacs_bridge.domain.found import PacsAnswer
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.plan import (
    find_load,
    load_status,
    load_statuses,
)
from pacs_bridge.services.release import release_due
from pacs_bridge.services.send import park_load, reopen_missing
from pacs_bridge.services.verify import Sweep, verify_load
from tests.load_desk import PACS, SET, Desk, archive, desk, house, people, released
from tests.loads import START, a_pacs, a_passport
from tests.orthanc import running_orthanc

__all__ = ["archive", "desk", "house"]  # fixtures


# Verifying


def test_a_load_of_which_every_case_is_proven_is_ready(desk):
    desk.start()
    desk.send_all()
    sweep = desk.verify()
    assert sweep == Sweep(Readiness.READY, waiting=False, grace=900.0)
    load = desk.load()
    assert (load.readiness, load.ready_at, load.verified_at) == (Readiness.READY, START, START)


def test_a_late_index_is_waited_for_and_then_sent_again(desk):
    lost = desk.uids()[5]
    desk.start()
    desk.send_all()
    desk.peer.has.discard(lost)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.waiting, sweep.missing) == (Readiness.SENT, True, (lost,))
    desk.house.pass_time(901)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.waiting, sweep.missing) == (
        Readiness.INCOMPLETE,
        False,
        (lost,),
    )
    assert reopen_missing(1, sweep.missing, begin=desk.house.begin, now=desk.house.now) == 1
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == [lost]
    assert desk.verify().readiness is Readiness.READY


def test_reopening_what_is_pending_changes_nothing(desk):
    desk.start()
    assert reopen_missing(1, desk.uids(), begin=desk.house.begin, now=desk.house.now) == 0


def test_a_sweep_while_images_go_out_takes_nothing_for_missing(desk):
    desk.start()
    desk.send(limit=2)
    desk.house.pass_time(10_000)
    sweep = desk.verify()
    assert (sweep.readiness, sweep.missing) == (Readiness.SENDING, ())


def test_a_pacs_that_does_not_answer_leaves_everything_as_it_was(desk):
    desk.start()
    desk.send_all()
    desk.verify()
    desk.peer.down = True
    for _ in range(3):
        sweep = desk.verify()
        assert (sweep.readiness, sweep.unanswered) == (Readiness.READY, 2)
    assert desk.load().misses == 0


def test_a_start_during_a_sweep_is_not_overruled_by_it(desk):
    desk.start()
    desk.send_all()
    desk.peer.hidden = set(desk.uids()[:1])
    desk.house.pass_time(1000)
    find = desk.peer.find_cases

    def find_and_start(pacs: Pacs, cases: Iterable[Case]) -> Iterator[PacsAnswer]:
        yield from find(pacs, cases)
        with desk.house.begin() as uow:
            uow.loads.start_run(1)

    desk.peer.find_cases = find_and_start
    assert desk.verify().readiness is Readiness.SENT
    assert desk.load().readiness is Readiness.SENT


# What follows


def test_readers_are_released_and_everybody_is_told_once(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.verify()
    assert released(desk)
    contact, reader = sorted(desk.mails(), key=lambda mail: mail.to)
    assert (reader.to, contact.to) == ("r1@hospital.example", "pacs@hospital.example")
    assert "https://performs.example/" in reader.body
    assert SET in reader.body
    assert f"{SET} is ready in {PACS}" == contact.subject
    assert "https://performs.example/loads/1" in contact.body
    assert "Readers told that they can read now: 1" in contact.body
    keys = {f"mail-{reader.key}", f"mail-{contact.key}"}
    assert {key for job, _, key, _ in desk.house.queued.jobs if job == "mail"} == keys
    for _ in range(2):
        desk.verify()
        release_due(begin=desk.house.begin, now=desk.house.now)
    assert len(desk.mails()) == 2
    assert len(desk.events("load-ready")) == 1


def test_release_readiness_and_mails_stand_together_or_not_at_all(desk):
    people(desk)
    desk.start()
    desk.send_all()
    queue = desk.house.queued

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("the queue is gone")

    begin = partial(type(desk.house.begin()), desk.house.begin()._make_session, broken)
    with pytest.raises(RuntimeError):
        verify_load(1, begin=begin, peer=desk.peer, now=desk.house.now)
    assert desk.load().readiness is Readiness.SENT
    assert not released(desk)
    assert desk.mails() == []
    assert queue.named("mail") == []
    desk.verify()
    assert released(desk)


@pytest.mark.parametrize("change", [{"opens": 60}, {"consent": False}, {"copy": 1}])
def test_a_reader_who_may_not_read_yet_is_not_released(desk, change):
    people(desk, **change)
    desk.start()
    desk.send_all()
    desk.verify()
    assert not released(desk)
    assert [mail.to for mail in desk.mails()] == ["pacs@hospital.example"]


def test_a_round_that_opens_later_releases_its_readers_then(desk):
    people(desk, opens=60)
    desk.start()
    desk.send_all()
    desk.verify()
    due = partial(release_due, begin=desk.house.begin, now=desk.house.now)
    assert due() == 0
    desk.house.pass_time(61)
    assert due() == 1
    assert released(desk)
    assert due() == 0


def test_a_load_that_is_not_ready_releases_nobody(desk):
    people(desk)
    desk.start()
    assert release_due(begin=desk.house.begin, now=desk.house.now) == 0


def test_a_load_without_a_round_is_ready_all_the_same(desk):
    desk.start()
    desk.send_all()
    assert desk.verify().readiness is Readiness.READY
    assert release_due(begin=desk.house.begin, now=desk.house.now) == 0


def test_a_ready_load_that_loses_a_case_falls_back_and_the_contact_is_told(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.verify()
    desk.house.pass_time(5000)
    desk.peer.has -= set(desk.uids()[4:])
    assert desk.verify().readiness is Readiness.READY
    assert desk.load().misses == 1
    sweep = desk.verify()
    assert sweep.readiness is Readiness.INCOMPLETE
    told = desk.mails()[-1]
    assert told.to == "pacs@hospital.example"
    assert "is not ready in hospital any more" in told.subject
    assert f"{SET}102: Your PACS held all of this case and does not find it now" in told.body
    assert f"{SET}101" not in told.body
    assert desk.events("load-fell-back") == [{"cases": [f"{SET}102"]}]
    assert released(desk)  # what was told cannot be taken back


def test_a_parked_load_reaches_its_contact_once_a_start(desk):
    people(desk)
    desk.start()
    desk.send_all()
    desk.peer.has.clear()
    desk.verify(grace=0)
    park = partial(park_load, 1, "It needs you.", begin=desk.house.begin, now=desk.house.now)
    park()
    park()
    (mail,) = desk.mails()
    assert mail.body.startswith("It needs you.")
    assert f"{SET}101: This case did not arrive" in mail.body
    assert desk.load().note == "It needs you."
    desk.start()
    park()
    assert len(desk.mails()) == 2


# How it stands


def test_a_status_has_the_form_that_is_promised(desk):
    desk.start()
    status = load_status(1, begin=desk.house.begin).as_dict()
    assert (status["set"], status["pacs"], status["readiness"]) == (SET, PACS, "planned")
    assert status["instances"] == {
        "total": 8,
        "confirmed": 0,
        "warned": 0,
        "failed": 0,
        "skipped": 0,
    }
    assert status["cases"][0] == {
        "accession": f"{SET}101",
        "complete": "unknown",
        "findable": "not by name",
        "near": "unknown",
        "evidence": "not asked yet",
        "instruction": "",
        "search_for": "",
    }
    desk.send_all()
    desk.verify()
    status = load_status(1, begin=desk.house.begin).as_dict()
    assert status["readiness"] == "ready"
    assert status["instances"]["confirmed"] == 8
    assert status["ready_at"] == START.isoformat()
    assert [case["accession"] for case in status["cases"]] == [f"{SET}101", f"{SET}102"]
    assert {(case["complete"], case["findable"], case["near"]) for case in status["cases"]} == {
        ("proven", "as named", "online")
    }


def test_loads_are_found_by_set_and_pacs(desk):
    with pytest.raises(NotFound, match="never loaded"):
        find_load(SET, PACS, begin=desk.house.begin)
    desk.start()
    assert find_load(SET, PACS, begin=desk.house.begin).load_id == 1
    assert [s.load.load_id for s in load_statuses(begin=desk.house.begin)] == [1]
    assert load_statuses(begin=desk.house.begin, set_name="PERFORMS999") == []
    with pytest.raises(NotFound):
        find_load(SET, "elsewhere", begin=desk.house.begin)


# With a real PACS


def test_a_whole_load_against_orthanc(tmp_path, house):
    passport = a_passport(None, 3)
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        with house.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(replace(a_pacs(orthanc.dicom_port), name=PACS), START)
        desk = Desk(house, DimsePeer(), passport)
        people(desk)
        desk.start()
        desk.send_all()
        assert desk.verify().readiness is Readiness.READY
        assert released(desk)
        (study,) = orthanc.find("Study", AccessionNumber=f"{SET}102")
        orthanc.delete(f"/studies/{study['ID']}")
        house.pass_time(5000)
        desk.verify()
        sweep = desk.verify()
        assert sweep.readiness is Readiness.INCOMPLETE
        assert len(sweep.missing) == 4
        reopen_missing(1, sweep.missing, begin=house.begin, now=house.now)
        desk.send_all()
        assert desk.verify().readiness is Readiness.READY
    assert desk.verify().unanswered == 3
