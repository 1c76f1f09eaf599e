"""Planning a load and sending it, image by image."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pacs_bridge.domain.errors import (
    Interrupted,
    NotFound,
    PeerUnavailable,
    RefusedInput,
)
from pacs_bridge.domain.loading import InstanceState, Readiness
from pacs_bridge.services.plan import (
    load_status,
    queue_verify,
    start_again,
    start_load,
)
from pacs_bridge.services.send import note_load
from tests.load_desk import PACS, SET, archive, desk, house
from tests.loads import START

__all__ = ["archive", "desk", "house"]  # fixtures


# Planning


def test_a_start_plans_every_image_and_queues_one_job(desk):
    load = desk.start()
    assert (load.set_name, load.pacs, load.readiness) == (SET, PACS, Readiness.PLANNED)
    assert desk.states() == ["pending"] * 8
    assert desk.house.queued.jobs == [("load", (1, 1), "load-1-1", PACS)]


def test_a_second_start_makes_no_second_ledger_and_a_job_of_its_own(desk):
    assert (
        desk.start().load_id == start_again(1, begin=desk.house.begin, now=desk.house.now).load_id
    )
    assert len(desk.states()) == 8
    assert [key for _, _, key, _ in desk.house.queued.jobs] == ["load-1-1", "load-1-2"]


def test_a_job_is_queued_only_where_its_plan_is_kept(desk):
    class Broken:
        def __call__(self, *args: Any, **more: Any) -> None:
            raise PeerUnavailable

    begin = partial(type(desk.house.begin()), desk.house.begin()._make_session, Broken())
    with pytest.raises(PeerUnavailable):
        start_load(SET, PACS, begin=begin, now=desk.house.now)
    with desk.house.begin() as uow:
        assert uow.loads.all() == []


def test_a_start_names_what_is_not_there(desk):
    start = partial(start_load, begin=desk.house.begin, now=desk.house.now)
    with pytest.raises(NotFound, match="PERFORMS999"):
        start("PERFORMS999", PACS)
    with pytest.raises(NotFound, match="elsewhere"):
        start(SET, "elsewhere")
    with pytest.raises(RefusedInput):
        start("../../etc", PACS)


def test_starting_again_opens_what_failed_and_keeps_what_is_stored(desk):
    bad = desk.uids()[2]
    desk.peer.answer = lambda uid: 0xA900 if uid == bad else 0
    desk.start()
    desk.send_all()
    assert desk.states().count("failed") == 1
    desk.peer.answer = lambda _uid: 0
    assert desk.start().readiness is Readiness.PLANNED
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == [bad]
    assert desk.verify().readiness is Readiness.READY


def test_a_ready_load_that_is_started_again_stays_ready(desk):
    desk.start()
    desk.send_all()
    desk.verify()
    assert desk.start().readiness is Readiness.READY
    assert desk.send() == 0
    assert desk.load().readiness is Readiness.READY


def test_an_image_whose_answer_was_lost_and_that_is_there_is_not_sent_again(desk):
    lost = desk.peer.break_at = desk.uids()[2]
    desk.start()
    with pytest.raises(PeerUnavailable):
        desk.send(attempts=1)
    desk.peer.has.add(lost)
    desk.peer.break_at = None
    desk.send_all()
    assert desk.verify().readiness is Readiness.READY
    desk.start()
    assert desk.states().count("failed") == 1
    assert desk.send() == 0
    assert lost not in desk.peer.sent


def test_an_incomplete_load_with_nothing_to_send_is_verified_again(desk):
    desk.start()
    desk.send_all()
    desk.peer.hidden = set(desk.uids()[:1])
    desk.verify(grace=0)
    assert desk.load().readiness is Readiness.INCOMPLETE
    assert desk.start().readiness is Readiness.SENT


def test_a_sweep_is_queued_once_however_often_it_is_asked_for(desk):
    desk.start()
    for _ in range(2):
        queue_verify(1, begin=desk.house.begin, now=desk.house.now)
    jobs = [job for job in desk.house.queued.jobs if job[0] == "verify"]
    assert {key for _, _, key, _ in jobs} == {jobs[0][2]}
    assert jobs[0][3] == PACS
    desk.house.pass_time(6)
    queue_verify(1, begin=desk.house.begin, now=desk.house.now)
    assert desk.house.queued.jobs[-1][2] != jobs[0][2]


# Sending


def test_images_go_out_in_order_a_chunk_an_association(desk):
    desk.start()
    assert desk.send(limit=3) == 5
    assert desk.load().readiness is Readiness.SENDING
    assert desk.send(limit=3) == 2
    assert desk.send(limit=3) == 0
    assert desk.peer.sent == desk.uids()
    assert desk.peer.associations == 3
    load = desk.load()
    assert load.readiness is Readiness.SENT
    assert load.last_sent_at == START


def test_each_answer_is_kept_before_the_next_but_one_image_goes_out(desk):
    seen: list[int] = []

    def answer(uid: str) -> int:
        seen.append(desk.states().count("stored"))
        return 0

    desk.peer.answer = answer
    desk.start()
    desk.send()
    assert all(count in (number - 1, number) for number, count in enumerate(seen)), seen


def test_who_is_to_stop_keeps_the_answer_it_waited_for_and_sends_no_further_image(desk):
    desk.start()
    with pytest.raises(Interrupted, match="goes on when they start again"):
        desk.send(stopping=lambda: bool(desk.peer.sent))
    assert desk.peer.sent == desk.uids()[:1]
    assert desk.states() == ["stored"] + ["pending"] * 7
    with pytest.raises(Interrupted):
        desk.send(stopping=lambda: True)
    desk.send_all()
    assert desk.peer.sent == desk.uids()


def test_a_warning_means_stored_and_says_what_was_changed(desk):
    desk.peer.answer = lambda _uid: 0xB000
    desk.start()
    desk.send_all()
    assert set(desk.states()) == {"warned"}
    with desk.house.begin() as uow:
        row = uow.loads.ledger(1)[0]
        counts = uow.loads.counts(1)
    assert row.status == 0xB000
    assert row.comment == "0xB000: stored, some values changed, elements 00100020"
    assert (counts.total, counts.confirmed, counts.warned, counts.failed) == (8, 8, 8, 0)
    assert desk.verify().readiness is Readiness.READY


def test_a_broken_line_keeps_what_was_answered_and_goes_on_from_there(desk):
    uids = desk.uids()
    desk.peer.break_at = uids[3]
    desk.start()
    with pytest.raises(PeerUnavailable, match="failed at: answer"):
        desk.send()
    assert desk.states() == ["stored"] * 3 + ["pending"] * 5
    desk.peer.break_at = None
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == uids[3:]


def test_a_pacs_that_cannot_be_reached_costs_no_image_an_attempt(desk):
    desk.start()
    desk.peer.down = True
    for _ in range(10):
        with pytest.raises(PeerUnavailable, match="connect"):
            desk.send()
    assert desk.states() == ["pending"] * 8


def test_an_image_over_which_a_pacs_breaks_off_each_time_does_not_stop_the_rest(desk):
    bad = desk.peer.break_at = desk.uids()[2]
    desk.start()
    for _ in range(3):
        with pytest.raises(PeerUnavailable):
            desk.send(attempts=3)
    desk.send_all()
    assert desk.states() == ["stored", "stored", "failed"] + ["stored"] * 5
    sweep = desk.verify()
    assert sweep.readiness is Readiness.INCOMPLETE
    assert sweep.missing == ()
    status = load_status(1, begin=desk.house.begin)
    assert "1 refused by the PACS (hospital could not be reached" in status.cases[0].evidence
    assert bad not in desk.peer.has


def test_a_full_pacs_is_offered_the_image_again_and_in_the_end_no_more(desk):
    bad = desk.uids()[0]
    desk.peer.answer = lambda uid: 0xA700 if uid == bad else 0
    desk.start()
    with pytest.raises(PeerUnavailable, match="0xA700: out of resources"):
        desk.send()
    assert desk.states() == ["pending"] + ["stored"] * 7
    with pytest.raises(PeerUnavailable):
        desk.send()
    assert desk.send() == 0
    assert desk.states()[0] == "failed"
    assert desk.peer.sent.count(bad) == 3


@pytest.mark.parametrize("status", [0xA900, 0xC001, 0x0122, 0x0110])
def test_a_refused_image_fails_at_once_and_the_others_arrive(desk, status):
    bad = desk.uids()[1]
    desk.peer.answer = lambda uid: status if uid == bad else 0
    desk.start()
    assert desk.send() == 0
    assert desk.states().count("failed") == 1
    with desk.house.begin() as uow:
        row = next(r for r in uow.loads.ledger(1) if r.sop_instance_uid == bad)
    assert row.state is InstanceState.FAILED
    assert row.comment.startswith(f"0x{status:04X}: ")
    assert desk.verify().readiness is Readiness.INCOMPLETE


def test_a_note_is_gone_once_sending_goes_on(desk):
    desk.start()
    note_load(1, "it is down", begin=desk.house.begin)
    assert desk.load().note == "it is down"
    desk.send(limit=1)
    assert desk.load().note == ""


def test_a_process_that_died_after_the_last_image_still_ends_at_sent(desk):
    desk.start()
    desk.send_all()
    with desk.house.begin() as uow:
        uow.loads.set_readiness(1, Readiness.SENDING)
    assert desk.send() == 0
    assert desk.load().readiness is Readiness.SENT
