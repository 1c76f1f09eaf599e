"""What is odd in a request and harms nobody costs no hospital its association."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pacs_bridge.domain.objects import AssociationOutcome
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import Command, Field, decode_command, encode_command
from pacs_bridge.upper_layer.contract import Question, Reply
from tests.databases import TestDatabase
from tests.nodes import associated, our_state, register, running_node, send_raw
from tests.raw_peer import ECHO, IMPLICIT, item
from tests.ul_peer import FIND, STATE, Peer, Scripted, accepting, talking
from tests.waiting import wait_until

NAME = item(0x10, b"1.2.840.10008.3.1.1.1")
USER = item(0x50, item(0x51, bytes((0, 2, 0, 0))) + item(0x52, b"1.2.3.4"))
GOOD = item(0x20, b"\1\0\0\0" + item(0x30, ECHO.encode()) + item(0x40, IMPLICIT.encode()))
TITLES = b"PACSBRIDGE\0\0\0\0\0\0" + b" HOSPITAL       "
ASKS = Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=3)


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def port(service: Scripted) -> Iterator[int]:
    with accepting(service) as number:
        yield number


def request(*items: bytes, titles: bytes = TITLES, reserved: bytes = bytes(32)) -> bytes:
    body = b"\0\1\0\0" + titles + reserved + b"".join(items)
    return bytes((1, 0)) + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("content", "result"),
    [
        (item(0x40, IMPLICIT.encode()), 3),
        (item(0x30, b"1.2.odd") + item(0x40, IMPLICIT.encode()), 3),
        (item(0x30, ECHO.encode()), 4),
        (item(0x30, ECHO.encode()) + item(0x40, b""), 4),
        (item(0x30, ECHO.encode()) + item(0x40, IMPLICIT.encode()) + item(0x4F, b"new"), 0),
    ],
    ids=["no class", "odd class", "no syntax", "empty syntax", "unknown item"],
)
def test_an_odd_context_takes_no_other_with_it(port: int, content: bytes, result: int) -> None:
    with Peer(port) as peer:
        answer = peer.ask(request(NAME, GOOD, item(0x20, b"\3\0\0\0" + content), USER))
    assert isinstance(answer, pdu.AssociateAccept), answer
    assert [each.result for each in answer.contexts] == [0, result]


def test_titles_padded_otherwise_are_read_and_said_again_as_they_came(
    port: int, service: Scripted
) -> None:
    reserved = bytes(range(32))
    with Peer(port) as peer:
        peer.send(request(NAME, GOOD, USER, reserved=reserved))
        head = peer.socket.recv(6, 0x100)  # MSG_WAITALL
        body = peer.socket.recv(int.from_bytes(head[2:], "big"), 0x100)
        assert (head[0], body[4:68]) == (2, TITLES + reserved)
        answer = pdu.decode(head[0], body)
    assert isinstance(answer, pdu.AssociateAccept)
    assert (answer.called_ae_title, answer.calling_ae_title) == ("PACSBRIDGE", "HOSPITAL")


@pytest.mark.parametrize("name", [b"", item(0x10, b""), item(0x10, b"none")])
def test_an_application_context_without_a_name_is_rejected_as_such(port: int, name: bytes) -> None:
    with Peer(port) as peer:
        assert peer.ask(request(name, GOOD, USER)) == pdu.AssociateReject(1, 1, 2)


@pytest.mark.parametrize("uid", [b"", b"Vendor 7", b"1." * 40])
def test_an_implementation_that_is_named_oddly_is_let_in(port: int, uid: bytes) -> None:
    user = item(0x50, item(0x51, bytes((0, 2, 0, 0))) + item(0x52, uid))
    with Peer(port) as peer:
        assert isinstance(peer.ask(request(NAME, GOOD, user)), pdu.AssociateAccept)


@pytest.mark.parametrize(
    ("said", "words"),
    [(b"\x16\x03\x01\x02\0\x01\0", "it speaks TLS"), (b"GET / HTTP/1.1\r\n\r\n", "it speaks HTTP")],
)
def test_who_has_the_wrong_port_is_named_as_what_it_is(said: bytes, words: str) -> None:
    notes: list[str] = []
    turn_away = partial(_note, notes)
    with accepting(Scripted(), turn_away=turn_away) as port, Peer(port) as peer:
        assert peer.ask(said) == pdu.Abort(2, 1)
        peer.socket.close()
        wait_until(lambda: notes, "the note")
    assert words in notes[0]


def _note(notes: list[str], _address: str, why: str) -> None:
    notes.append(why)


def test_a_uid_padded_with_a_space_is_that_uid() -> None:
    sent = bytearray(encode_command(Command(Field.C_ECHO, affected_sop_class_uid=ECHO)))
    sent[sent.index(ECHO.encode()) + len(ECHO)] = 0x20
    assert decode_command(sent).affected_sop_class_uid == ECHO


def test_a_peer_that_has_heard_enough_may_release(port: int, service: Scripted) -> None:
    told, closed = threading.Event(), threading.Event()

    def replies(question: Question) -> Iterator[Reply]:
        try:
            yield Reply(0xFF00, b"12")
            assert told.wait(60)
            wait_until(question.cancelled, "the release to be heard")
            yield Reply(0xFF00, b"34")
        finally:
            closed.set()

    service.replies = replies
    with talking(port, FIND) as peer:
        peer.say(ASKS, b"1234")
        peer.hear()
        peer.send(pdu.ReleaseRequest())
        told.set()
        assert peer.read() == pdu.ReleaseReply()
        assert closed.is_set()
    wait_until(lambda: service.ended, "the end to be told")
    assert service.ended == [(AssociationOutcome.RELEASED, "")]


def test_what_is_asked_in_the_context_of_another_class_is_not_answered(
    port: int, service: Scripted
) -> None:
    asked: list[Question] = []
    service.replies = asked.append  # type: ignore[assignment]
    with talking(port, STATE, FIND) as peer:
        peer.say(ASKS, b"1234", context=1)
        assert peer.hear()[0].status == 0x0122
        assert asked == []
        peer.say(ASKS, b"1234", context=3)
        assert peer.hear()[0].status == 0x0211  # asked, and nobody served it
    assert len(asked) == 1


def test_an_object_in_the_context_of_another_class_is_refused_with_a_row(
    database: TestDatabase, tmp_path: Path
) -> None:
    register(database)
    report = "1.2.840.10008.5.1.4.1.1.88.33"
    with running_node(database, tmp_path) as node:
        with associated(node.port, report) as association:
            assert send_raw(association, our_state()).Status == 0x0122
        assert [each.kind for each in node.refusals()] == ["unsupported"]
        assert node.hand_over() == 0
