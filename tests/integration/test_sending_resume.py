"""PACS that reject, abort and lie: nothing is lost, nothing that was confirmed goes twice."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pacs_bridge.domain.commitment import (
    CommitmentReport,
    CommitmentRequest,
    Failure,
    Reference,
    Route,
)
from pacs_bridge.domain.errors import PeerBusy, PeerUnavailable, RefusedInput, RetryLater
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.domain.sending import OutsideWindow, Priority, Sending
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.commitment import take_report
from pacs_bridge.services.pacs_change import Changes, change_pacs
from pacs_bridge.services.plan import load_status, wait_for_window
from pacs_bridge.services.send import park_load, reopen_missing
from pacs_bridge.services.send_lanes import Lanes
from tests.failing_peers import raw_server
from tests.load_desk import PACS, SET, Desk, FakePeer, archive, house
from tests.loads import MG, START, House, a_pacs, a_passport
from tests.scripted_pacs import (
    STUDY_ROOT_FIND,
    VERIFICATION,
    Hospital,
    Script,
    scripted_pacs,
)
from tests.waiting import wait_until

__all__ = ["archive", "house"]  # fixtures


def a_desk(house: House, port: int = 104, peer: Any = None, **changes: Any) -> Desk:
    passport = a_passport(None, 2)
    with house.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(port, **changes), START)
    desk = Desk(house, peer or DimsePeer(), passport)
    desk.start()
    return desk


def comments(desk: Desk) -> list[str]:
    with desk.house.begin() as uow:
        return [row.comment for row in uow.loads.ledger(1)]


def is_sent(desk: Desk, **options: Any) -> bool:
    """Send a chunk; tells whether nothing is pending any more."""
    try:
        return not desk.send(**options)
    except RetryLater:
        return False


def test_after_a_lost_answer_an_image_that_is_there_is_not_sent_twice(house):
    with scripted_pacs(Hospital()) as pacs:
        desk = a_desk(house, pacs.port)
        lost = desk.uids()[2]
        pacs.lose_answer.add(lost)
        with pytest.raises(PeerUnavailable, match="failed at: answer"):
            desk.send()
        assert desk.states() == ["stored"] * 2 + ["pending"] * 6
        desk.send_all()
        assert pacs.stored == desk.uids()
    assert desk.states() == ["stored"] * 8
    assert comments(desk)[2] == "found after a lost answer; not sent again"
    (asked,) = pacs.asked
    assert (asked.QueryRetrieveLevel, asked.SOPInstanceUID) == ("IMAGE", lost)
    assert asked.StudyInstanceUID
    assert asked.SeriesInstanceUID


def test_after_a_lost_answer_an_image_that_is_not_there_goes_again(house):
    with scripted_pacs(Hospital()) as pacs:
        desk = a_desk(house, pacs.port)
        lost = desk.uids()[2]
        pacs.drop.add(lost)
        with pytest.raises(PeerUnavailable):
            desk.send()
        desk.send_all()
        assert Counter(pacs.stored) == Counter([*desk.uids(), lost])
    assert desk.states() == ["stored"] * 8


def test_a_pacs_that_cannot_say_whether_an_image_is_there_gets_it_again(house):
    with scripted_pacs(Hospital()) as pacs:
        desk = a_desk(house, pacs.port)
        pacs.lists = False
        pacs.lose_answer.add(desk.uids()[0])
        with pytest.raises(PeerUnavailable):
            desk.send()
        desk.send_all()
        assert pacs.stored.count(desk.uids()[0]) == 2
    assert desk.states() == ["stored"] * 8


def test_nothing_goes_out_while_a_pacs_does_not_say_whether_an_image_is_there(house):
    desk = a_desk(house, peer=FakePeer())
    lost = desk.peer.break_at = desk.uids()[1]
    with pytest.raises(PeerUnavailable):
        desk.send()
    desk.peer.break_at, desk.peer.mute = None, True
    before = list(desk.peer.sent)
    for _ in range(9):
        with pytest.raises(PeerUnavailable):
            desk.send()
    assert desk.peer.sent == before
    assert desk.states()[1] == "pending"  # asking costs an image no attempt
    desk.peer.mute = False
    desk.send_all()
    assert desk.peer.asked.count(lost) == 10


def test_whoever_died_in_the_middle_asks_before_it_sends_on(house):
    class Died(BaseException):
        """What a process that is killed does not catch."""

    def die(uid: str) -> int:
        if len(desk.peer.sent) == 3:
            desk.peer.has.add(uid)  # it is there, and nobody heard of it
            raise Died
        return 0

    desk = a_desk(house, peer=FakePeer())
    desk.peer.answer = die
    with pytest.raises(Died):
        desk.send()
    desk.peer.answer = lambda _uid: 0
    desk.send_all()
    assert desk.peer.sent == desk.uids()
    assert desk.peer.asked == desk.uids()[2:]
    assert desk.states() == ["stored"] * 8


def test_a_pacs_that_misbehaves_in_every_way_gets_each_image_once_and_in_the_end_all(house):
    behaviour: dict[int, Any] = {
        0: 0xA700,
        2: "lose",
        3: 0xB000,
        5: "drop",
        6: 0xB007,
        8: 0xA701,
        9: "lose",
        10: 0xC000,
    }
    confirmed, calls = Counter[str](), [0]
    with scripted_pacs(Hospital()) as pacs:

        def store(uid: str) -> int | None:
            did = behaviour.get(calls[0], 0)
            calls[0] += 1
            if did == "drop":
                return None
            if did in (0, 0xB000, 0xB007, "lose"):
                assert uid not in pacs.has  # whatever it holds is not sent to it again
                pacs.has.add(uid)
            if did == "lose":
                return None
            confirmed[uid] += did in (0, 0xB000, 0xB007)
            return int(did)

        pacs.store = store
        desk = a_desk(house, pacs.port)
        wait_until(lambda: is_sent(desk, limit=3), "every image to be answered for good")
    states = Counter(desk.states())
    assert states["pending"] == 0
    assert states["stored"] + states["warned"] == len(pacs.has) == 7
    assert states["warned"] == 2
    assert states["failed"] == 1  # the one that was answered 0xC000
    assert max(confirmed.values()) == 1


def test_four_associations_share_a_load_and_no_image_goes_twice(house):
    together = threading.Barrier(4, timeout=180)

    def store(_uid: str) -> int:
        together.wait()  # nobody is answered before four have sent
        return 0x0000

    with scripted_pacs(Script(store=store)) as pacs:
        desk = a_desk(house, pacs.port, sending=Sending(parallel=4))
        assert desk.send(limit=2) == 0
    assert sorted(pacs.stored) == sorted(desk.uids())
    assert pacs.associations == 4
    assert desk.states() == ["stored"] * 8


def test_a_pacs_that_has_one_association_only_is_sent_over_one(house):
    with scripted_pacs(Hospital(), maximum_associations=1) as pacs:
        desk = a_desk(house, pacs.port, sending=Sending(parallel=4))
        lanes = Lanes(house.now)
        # It counts an association a moment longer than there is one, and rejects us meanwhile.
        wait_until(lambda: is_sent(desk, limit=2, lanes=lanes), "every image to arrive")
        assert desk.states() == ["stored"] * 8
        assert sorted(pacs.stored) == sorted(desk.uids())


@pytest.mark.parametrize(("result", "source", "reason"), [(2, 3, 1), (1, 1, 7)])
def test_a_rejection_for_the_moment_is_told_from_one_for_good(house, result, source, reason):
    def reject(connection: socket.socket, _stop: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(bytes([3, 0, 0, 0, 0, 4, 0, result, source, reason]))
        connection.recv(4096)

    with raw_server(reject) as port:
        desk = a_desk(house, port)
        with pytest.raises(PeerUnavailable, match="rejected us") as caught:
            desk.send()
    assert isinstance(caught.value, PeerBusy) == (result == 2)
    assert desk.states() == ["pending"] * 8
    desk.peer = FakePeer()  # nothing went out: nobody has to be asked
    desk.send_all()
    assert desk.peer.asked == []


def test_a_pacs_that_bears_no_second_association_has_one_at_a_time_for_a_while(house):
    class OneOnly(FakePeer):
        def store(self, pacs: Pacs, objects: Iterable[Sendable], **_: Any) -> Iterator[StoreAnswer]:
            waiting = list(objects)
            if len(waiting) < 8 and desk.uids()[0] != waiting[0].sop_instance_uid:
                raise PeerBusy(pacs.name, "association", "it rejected us")
            return super().store(pacs, waiting)

    desk = a_desk(house, peer=OneOnly(), sending=Sending(parallel=4))
    lanes = Lanes(house.now)
    assert desk.send(limit=2, lanes=lanes) == 6  # what the other associations had is still to come
    with house.begin() as uow:
        pacs = uow.pacs.get(PACS)
    assert lanes.of(pacs) == 1
    house.pass_time(16 * 60)
    assert lanes.of(pacs) == 4
    assert desk.states().count("stored") == 2


def test_a_break_on_one_association_leaves_the_others_their_images(house):
    with scripted_pacs(Hospital()) as pacs:
        desk = a_desk(house, pacs.port, sending=Sending(parallel=2))
        pacs.drop.add(desk.uids()[1])  # first of the second association
        with pytest.raises(PeerUnavailable):
            desk.send()
        assert desk.states() == ["stored", "pending"] * 4
        desk.send_all()
        assert Counter(pacs.stored) == Counter([*desk.uids(), desk.uids()[1]])
    assert desk.states() == ["stored"] * 8


# When


def test_outside_its_window_nothing_is_sent_and_the_load_says_until_when(house):
    desk = a_desk(house, peer=FakePeer(), sending=Sending(window="19:00-06:00"))
    with pytest.raises(OutsideWindow, match=r"waits until Saturday 19:00 \(Europe/London\)"):
        desk.send()
    assert desk.peer.associations == 0
    wait_for_window(1, 1, begin=house.begin, now=house.now)
    assert "waits until Saturday 19:00" in desk.load().note
    status = load_status(1, begin=house.begin, now=house.now)
    assert status.sending.pace.words == "waits until Saturday 19:00 (Europe/London)"
    assert house.queued.jobs[-1][:2] == ("load", (1, 1))
    house.pass_time(10 * 3600)
    assert desk.send() == 0
    assert desk.load().note == ""


def test_a_window_that_closes_ends_the_sending_after_the_image_that_is_on_its_way(house):
    desk = a_desk(house, peer=FakePeer(), sending=Sending(window="09:00-10:00"))

    def close(_uid: str) -> int:
        if len(desk.peer.sent) == 3:
            house.pass_time(3600)
        return 0x0000

    desk.peer.answer = close
    with pytest.raises(OutsideWindow, match="Sunday 09:00"):
        desk.send()
    assert desk.states() == ["stored"] * 3 + ["pending"] * 5
    desk.peer.answer = lambda _uid: 0x0000
    house.pass_time(24 * 3600 - 1800)
    desk.send_all()
    assert desk.peer.asked == []  # of none of them it is doubtful whether it went out
    assert desk.peer.sent == desk.uids()


def test_how_a_pacs_is_sent_to_is_changed_one_thing_at_a_time(house):
    a_desk(house, peer=FakePeer())

    def change(**sending: Any) -> Sending:
        return change_pacs(PACS, Changes(sending=sending), begin=house.begin, now=house.now).sending

    change(parallel=3, megabits=20.0)
    kept = change(window="Sat-Sun", priority="low")
    assert kept == Sending(3, 20.0, "Sat-Sun", "Europe/London", Priority.LOW)
    for wrong in ({"parallel": 9}, {"priority": "urgent"}, {"window": "when it rains"}):
        with pytest.raises(RefusedInput):
            change(**wrong)
    with house.begin() as uow:
        assert uow.pacs.get(PACS).sending == kept
    assert change(window="always", megabits=0) == Sending(3, priority=Priority.LOW)


# What a PACS takes no images of


def test_a_class_that_a_pacs_refuses_is_skipped_and_says_what_choice_that_leaves(house):
    with scripted_pacs(Hospital(), sop_classes=[STUDY_ROOT_FIND, VERIFICATION]) as pacs:
        desk = a_desk(house, pacs.port)
        assert desk.send(convert=lambda _load: lambda each, _syntax: each) == 0
    assert desk.states() == ["skipped"] * 8
    assert reopen_missing(1, desk.uids(), begin=house.begin, now=house.now) == 0
    park_load(1, "somebody has to look", begin=house.begin, now=house.now)
    note = desk.load().note
    assert note.startswith(f"8 images were not sent: {PACS} takes no Digital Mammography")
    assert f"Cases: {SET}101, {SET}102. The choice that leaves stands beside each" in note
    counts = load_status(1, begin=house.begin).instances
    assert (counts.skipped, counts.failed, counts.remaining) == (8, 0, 0)
    desk.start()  # a person may have had the PACS changed
    assert desk.states() == ["pending"] * 8


# What a PACS does not commit to


def reported(desk: Desk, *failed: str) -> None:
    references = tuple(Reference(MG, uid) for uid in desk.uids())
    request = CommitmentRequest("2.25.99", references)
    with desk.house.begin() as uow:
        uow.commitments.add(request, PACS, 1, desk.house.now())
        uow.commitments.settle("2.25.99", 0, "")
    report = CommitmentReport(
        "2.25.99",
        tuple(each for each in references if each.sop_instance_uid not in failed),
        tuple(Failure(each, 0x0112) for each in references if each.sop_instance_uid in failed),
    )
    take_report(report, Route.NEW, pacs=PACS, begin=desk.house.begin, now=desk.house.now)


def test_what_a_pacs_does_not_commit_to_is_looked_for_and_only_what_is_gone_goes_again(house):
    desk = a_desk(house, peer=FakePeer())
    desk.send_all()
    there, gone = desk.uids()[:2]
    desk.peer.has.discard(gone)
    reported(desk, there, gone)
    assert desk.states() == ["pending"] * 2 + ["stored"] * 6
    assert house.queued.jobs[-1][:2] == ("load", (1, 1))
    desk.peer.sent.clear()
    desk.send_all()
    assert desk.peer.sent == [gone]
    assert comments(desk)[0] == "found all the same; the PACS does not commit to it"


def test_a_report_never_makes_a_load_ready_nor_takes_that_away(house):
    desk = a_desk(house, peer=FakePeer())
    desk.send_all()
    reported(desk)
    assert desk.load().readiness is Readiness.SENT
    desk.verify()
    assert desk.load().readiness is Readiness.READY


def test_a_ready_load_that_is_not_committed_to_is_verified_and_stays_ready(house):
    desk = a_desk(house, peer=FakePeer())
    desk.send_all()
    desk.verify()
    reported(desk, desk.uids()[0])
    assert desk.states() == ["stored"] * 8
    assert desk.load().readiness is Readiness.READY
    assert house.queued.jobs[-1][:2] == ("verify", (1,))
