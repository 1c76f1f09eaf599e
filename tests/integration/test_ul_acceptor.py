"""The acceptor keeps to PS3.8, whoever is on the other side and whatever it says."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.objects import AssociationOutcome
from pacs_bridge.upper_layer import pdu, wire
from pacs_bridge.upper_layer.command import Command, Field
from pacs_bridge.upper_layer.contract import TRY_LATER, Question, Reply
from pacs_bridge.upper_layer.pdu_items import RoleSelection, UserIdentity, UserInformation
from tests.ul_peer import (
    ECHO,
    EXPLICIT,
    FIND,
    STATE,
    Peer,
    Scripted,
    a_request,
    accepting,
    echo_request,
    results,
    talking,
)
from tests.waiting import wait_until

RELEASED, ABORTED = AssociationOutcome.RELEASED, AssociationOutcome.ABORTED
REJECTED = AssociationOutcome.REJECTED
IDENTITY = UserIdentity(2, True, b"name", b"passcode")


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def port(service: Scripted) -> Iterator[int]:
    with accepting(service) as number:
        yield number


def test_an_echo_is_answered_and_a_release_replied(port: int, service: Scripted) -> None:
    with talking(port) as peer:
        peer.say(echo_request(7))
        answer, _ = peer.hear()
        assert (answer.field, answer.message_id_responded_to, answer.status) == (0x8030, 7, 0)
        assert peer.ask(pdu.ReleaseRequest()) == pdu.ReleaseReply()
    wait_until(lambda: service.ended, "the end to be told")
    assert service.ended == [(RELEASED, "")]


def test_what_is_negotiated_is_answered(port: int) -> None:
    user = UserInformation(
        16_384, "1.2.3", operations_window=(8, 8),
        roles=(
            RoleSelection(STATE, scu=True, scp=True),
            RoleSelection(ECHO, scu=True, scp=True),
            RoleSelection("1.2.3.4", scu=True, scp=True),
        ),
    )  # fmt: skip
    with Peer(port) as peer:
        answer = peer.ask(a_request(ECHO, "1.2.3.4", STATE, user=user))
    assert isinstance(answer, pdu.AssociateAccept)
    assert results(answer) == [0, 3, 0]
    assert answer.contexts[0].transfer_syntax == EXPLICIT
    assert answer.user.operations_window == (1, 1)
    assert answer.user.maximum_length == 131_072
    assert answer.user.roles == (
        RoleSelection(STATE, scu=True, scp=True),
        RoleSelection(ECHO, scu=True, scp=False),
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"application_context": "1.2.3"}, (1, 1, 2)),
        ({"protocol_version": 2}, (1, 2, 2)),
        ({"contexts": ()}, (1, 1, 1)),
        ({"user": UserInformation(0, "1.2.3", identity=IDENTITY)}, (1, 1, 1)),
    ],
    ids=["application context", "protocol version", "no contexts", "user identity"],
)
def test_what_cannot_be_accepted_is_rejected_with_its_reason(
    port: int, service: Scripted, changes: dict[str, Any], said: tuple[int, int, int]
) -> None:
    with Peer(port) as peer:
        assert peer.ask(a_request(**changes)) == pdu.AssociateReject(*said)
    wait_until(lambda: service.ended, "the end to be told")
    assert service.ended[0][0] is REJECTED
    assert service.ended[0][1]


def test_a_user_identity_that_is_trusted_is_let_in(service: Scripted) -> None:
    heard: list[UserIdentity] = []

    def trust(_: object, identity: UserIdentity) -> bool:
        heard.append(identity)
        return True

    with accepting(service, identify=trust) as port, Peer(port) as peer:
        user = UserInformation(0, "1.2.3", identity=IDENTITY)
        assert isinstance(peer.ask(a_request(user=user)), pdu.AssociateAccept)
    assert heard == [IDENTITY]


def test_a_service_that_fails_rejects_for_the_moment(port: int, service: Scripted) -> None:
    service.admission = TRY_LATER
    with Peer(port) as peer:
        assert peer.ask(a_request()) == pdu.AssociateReject(2, 3, 1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"\x09\0\0\0\0\0", 1),
        (pdu.encode(pdu.ReleaseReply()), 2),
        (pdu.encode(a_request()), 2),
        (b"\x05\0\0\0\0\x05\0\0\0\0\0", 6),
        (pdu.encode(pdu.Data((pdu.Fragment(99, True, True, b""),))), 5),
        (pdu.encode(pdu.Data((pdu.Fragment(1, False, True, b""),))), 5),
        (b"\x04\0\0\0\0\x06\0\0\0\xff\x01\x03", 6),
        (b"\x04\0\0\0\0\0", 6),
    ],
    ids=["type", "reply", "again", "length", "context", "data", "fragment", "empty"],
)
def test_what_must_not_come_is_aborted_with_its_reason(
    port: int, service: Scripted, said: bytes, reason: int
) -> None:
    with talking(port) as peer:
        assert peer.ask(said) == pdu.Abort(2, reason)
    wait_until(lambda: service.ended, "the end to be told")
    assert service.ended[0][0] is ABORTED


@pytest.mark.parametrize(
    "first", [pdu.ReleaseRequest(), pdu.Data((pdu.Fragment(1, True, True, b""),))]
)
def test_what_comes_before_an_association_is_aborted(port: int, first: pdu.Pdu) -> None:
    with Peer(port) as peer:
        assert peer.ask(first) == pdu.Abort(2, 2)


def test_an_object_goes_to_its_sink_byte_by_byte_as_sent(port: int, service: Scripted) -> None:
    sent = os.urandom(3_000_001)
    with talking(port, STATE) as peer:
        for most in (131_066, 16_378, 50_001):
            assert peer.store(sent, most=most) == 0
    assert [bytes(one.data) for one in service.stored] == [sent] * 3
    assert {one.ended for one in service.stored} == {"finished"}
    head = service.stored[0].head
    assert (head.sop_class_uid, head.transfer_syntax_uid) == (STATE, EXPLICIT)


def test_no_object_is_ever_whole_in_memory(port: int, service: Scripted) -> None:
    service.keep = False
    part = pdu.encode(pdu.Data((pdu.Fragment(1, False, False, bytes(131_066)),)))
    request = Command(
        Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid="1.2",
        message_id=1,
    )  # fmt: skip
    with talking(port, STATE) as peer:
        peer.say(request)
        before = resident_bytes()
        for _ in range(600):
            peer.send(part)
        peer.send(pdu.Data((pdu.Fragment(1, False, True, b""),)))
        assert peer.hear()[0].status == 0
        assert resident_bytes() - before < 16 << 20
    assert service.stored[0].size == 600 * 131_066


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_sink_learns_that_its_object_will_not_be_whole(port: int, service: Scripted) -> None:
    request = Command(
        Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid="1.2",
        message_id=1,
    )  # fmt: skip
    with talking(port, STATE) as peer:
        peer.say(request)
        peer.send(pdu.Data((pdu.Fragment(1, False, False, b"1234"),)))
        wait_until(lambda: service.stored and service.stored[0].size, "the piece to arrive")
    wait_until(lambda: service.ended, "the end to be told")
    assert service.stored[0].ended == "aborted"


def test_the_peers_longest_pdu_is_kept_to(port: int) -> None:
    with talking(port, user=UserInformation(20, "1.2.3")) as peer:
        peer.say(echo_request())
        arrived = peer.read()
        assert isinstance(arrived, pdu.Data)
        assert [len(each.data) for each in arrived.fragments] == [14]
        assert not arrived.fragments[0].is_last


def test_a_peer_whose_longest_pdu_holds_nothing_is_aborted(port: int) -> None:
    with Peer(port) as peer:
        assert peer.ask(a_request(user=UserInformation(6, "1.2.3"))) == pdu.Abort(2, 6)


def test_a_message_in_many_small_pieces_is_one_message(port: int, service: Scripted) -> None:
    with talking(port, STATE) as peer:
        assert peer.store(bytes(range(256)), most=1) == 0
    assert service.stored[0].data == bytes(range(256))


@pytest.mark.parametrize("gathers", [True, False])
def test_both_ways_of_sending_say_the_same(
    service: Scripted, monkeypatch: pytest.MonkeyPatch, gathers: bool
) -> None:
    monkeypatch.setattr(wire, "CAN_GATHER", gathers and wire.CAN_GATHER)
    service.replies = lambda _: iter([Reply(0xFF00, bytes(200_000)), Reply(0)])
    with accepting(service) as port, talking(port, FIND) as peer:
        peer.say(Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=3), b"1234")
        answer, data = peer.hear()
        assert (answer.status, data) == (0xFF00, bytes(200_000))
        assert peer.hear()[0].status == 0


def test_an_operation_that_nobody_serves_is_answered_so(port: int) -> None:
    with talking(port, FIND) as peer:
        peer.say(Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=3), b"1234")
        assert peer.hear()[0].status == 0x0211


def test_a_cancel_is_heard_between_two_replies(port: int, service: Scripted) -> None:
    def replies(question: Question) -> Iterator[Reply]:
        for _ in range(100_000):
            if question.cancelled():
                yield Reply(0xFE00)
                return
            yield Reply(0xFF00, b"12")

    service.replies = replies
    with talking(port, FIND) as peer:
        peer.say(Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=3), b"1234")
        peer.say(Command(Field.C_CANCEL, message_id_responded_to=3))
        heard = 0
        while peer.hear()[0].status == 0xFF00:
            heard += 1
        assert heard < 100_000
        peer.say(Command(Field.C_CANCEL, message_id_responded_to=3))  # too late: no answer
        assert peer.ask(pdu.ReleaseRequest()) == pdu.ReleaseReply()


def test_whoever_answers_is_closed_when_the_peer_goes_away(port: int, service: Scripted) -> None:
    closed = threading.Event()

    def replies(question: Question) -> Iterator[Reply]:
        try:
            while not question.cancelled():
                yield Reply(0xFF00, bytes(50_000))
        finally:
            closed.set()

    service.replies = replies
    with talking(port, FIND) as peer:
        peer.say(Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=3), b"1234")
        peer.hear()
    assert closed.wait(60)
    wait_until(lambda: service.ended, "the end to be told")
