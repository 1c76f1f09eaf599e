"""The requestor of our upper layer, against a peer that says exactly what it is told to."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import GiveUp, PeerUnavailable
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.scu.store import UNREADABLE
from pacs_bridge.upper_layer import pdu, wire
from pacs_bridge.upper_layer.command import Command
from pacs_bridge.upper_layer.requestor import ContextsRefused, request_association
from tests.failing_peers import phase_of, sendables, with_timeouts
from tests.loads import a_pacs, a_passport
from tests.pdu_server import Line, pdu_server
from tests.scripted_pacs import VERIFICATION, Script, scripted_pacs
from tests.waiting import wait_until

PEER = DimsePeer()
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@pytest.fixture
def images(archive: LocalArchive) -> list[Sendable]:
    return sendables(archive, a_passport(archive, 1))


@pytest.fixture
def big(archive: LocalArchive) -> Sendable:
    """6.4 MB, many batches of a megabyte."""
    return sendables(archive, a_passport(archive, 1, rows=2000, columns=1600))[0]


def tail_of(each: Sendable, size: int) -> bytes:
    return each.path.read_bytes()[-size:]


# What is sent


@pytest.mark.parametrize("longest", [0, 4096, 16384, 131072, 1 << 20])
def test_no_pdu_is_longer_than_the_peer_takes_and_nothing_is_lost(big, longest):
    data = b""

    def take(line: Line) -> None:
        nonlocal data
        line.accept(maximum_length=longest)
        command, data = line.message()
        line.answer(command.answer(0))
        line.end()

    with pdu_server(take) as (port, lines):
        [answer] = PEER.store(a_pacs(port), [big])
    assert answer.stored
    assert data == tail_of(big, len(data))
    assert len(data) > 6_000_000
    longest_heard = max(
        len(fragment.data) + 6
        for heard in lines[0].heard
        if isinstance(heard, pdu.Data)
        for fragment in heard.fragments
    )
    assert longest_heard == min(longest or 131072, 131072)


def test_a_system_without_gathered_writes_sends_the_same_bytes(images, big, monkeypatch):
    monkeypatch.setattr(wire, "CAN_GATHER", False)
    with scripted_pacs(Script()) as script:
        every = [big, *images[1:]]
        assert all(answer.stored for answer in PEER.store(a_pacs(script.port), every))
    for each in every:
        sent = script.data[each.sop_instance_uid]
        assert sent == tail_of(each, len(sent))
        assert each.path.stat().st_size - len(sent) < 500


_LAST_OF_A_DATA_SET = 2  # message control header, PS3.8 E.2


def swallow(line: Line) -> None:
    """Take one object without keeping any of it, and answer it."""
    line.accept(maximum_length=131072)
    is_whole = False
    while not is_whole:
        _, length = pdu.HEADER.unpack(line.take(pdu.HEADER.size))
        body = line.take(length)  # one fragment a PDU, as our requestor sends them
        is_whole = body[5] == _LAST_OF_A_DATA_SET
    line.answer(Command(0x8001, message_id_responded_to=1, status=0))
    line.end()


def test_an_object_is_never_in_memory_as_a_whole(big):
    with pdu_server(swallow) as (port, _):
        tracemalloc.start()
        try:
            [answer] = PEER.store(a_pacs(port), [big])
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert answer.stored
    assert peak < 2_500_000  # of 6.4 MB


def test_a_small_object_goes_out_in_one_write_with_its_command(images):
    def take(line: Line) -> None:
        line.accept()
        first = line.connection.recv(1 << 20)
        sent, rest = pdu.split(first)
        assert isinstance(sent, pdu.Data)
        assert sent.fragments[0].is_command
        data, rest = pdu.split(rest)
        assert isinstance(data, pdu.Data)
        assert data.fragments[0].is_last
        assert not len(rest)
        line.answer(Command(0x8001, message_id_responded_to=1, status=0))
        line.end()

    with pdu_server(take) as (port, _):
        assert [answer.status for answer in PEER.store(a_pacs(port), images[:1])] == [0]


def test_a_file_that_ends_too_early_is_no_image_and_the_peer_is_told(big, tmp_path):
    path = tmp_path / "cut"
    path.write_bytes(big.path.read_bytes())
    ended: list[pdu.Pdu] = []

    def take(line: Line) -> None:
        line.accept()
        line.read()
        with path.open("r+b") as file:
            file.truncate(3_000_000)
        while not isinstance(line.heard[-1], pdu.Abort):
            line.read()
        ended.append(line.heard[-1])

    with pdu_server(take) as (port, _), pytest.raises(GiveUp, match="check the disk"):
        list(PEER.store(a_pacs(port), [replace(big, path=path)]))
    assert ended == [pdu.Abort(0)]


def test_a_file_that_holds_another_object_is_not_sent(images):
    swapped = replace(images[0], path=images[1].path)
    with scripted_pacs(Script()) as script:
        answers = list(PEER.store(a_pacs(script.port), [swapped, images[1]]))
    assert [answer.status for answer in answers] == [UNREADABLE, 0]
    assert script.stored == [images[1].sop_instance_uid]


# What is heard


def echoed(behave, seconds: float = 60.0) -> tuple[str, str]:
    """How an echo fails at a peer that behaves so once it is asked."""

    def take(line: Line) -> None:
        line.accept()
        behave(line, line.message()[0])

    with pdu_server(take) as (port, _):
        pacs = with_timeouts(a_pacs(port), dimse=seconds)
        return phase_of(lambda: PEER.echo(pacs))


def drip(line: Line, _command: Command) -> None:
    """One PDU of 100,000 bytes, a byte at a time."""
    data_value = (99_996).to_bytes(4, "big") + b"\1\1"  # context 1, more of a command follows
    line.connection.sendall(pdu.HEADER.pack(pdu.P_DATA_TF, 100_000) + data_value)
    _drip(lambda: line.connection.sendall(b"\0"))


def drip_fragments(line: Line, _command: Command) -> None:
    """Whole PDUs, each with a byte of a command that never ends."""
    _drip(lambda: line.say(pdu.Data((pdu.Fragment(1, True, False, b"\0"),))))


def _drip(drop: Callable[[], None]) -> None:
    pause, ends = threading.Event(), time.monotonic() + 120
    try:
        while time.monotonic() < ends:
            drop()
            pause.wait(0.02)
    except OSError:
        return  # it was left
    pytest.fail("it was listened to for two minutes")


@pytest.mark.parametrize("how", [drip, drip_fragments])
def test_an_answer_that_drips_is_left_in_time(how):
    phase, detail = echoed(how, seconds=0.5)
    assert phase == "answer"
    assert "gave no answer within" in detail


def test_the_answer_to_another_request_is_none_of_ours():
    def mix_up(line: Line, command: Command) -> None:
        line.answer(replace(command.answer(0), message_id_responded_to=77))
        ended = line.read()
        assert ended == pdu.Abort(2, 5)

    assert echoed(mix_up) == ("answer", "it broke the protocol: an answer came to nothing")


def test_an_answer_without_a_status_is_none():
    phase, _ = echoed(lambda line, command: line.answer(replace(command.answer(0), status=None)))
    assert phase == "answer"


def test_a_pdu_longer_than_announced_is_not_read():
    def flood(line: Line, _command: Command) -> None:
        line.connection.sendall(pdu.HEADER.pack(pdu.P_DATA_TF, 200_000))
        line.read()

    phase, detail = echoed(flood)
    assert phase == "answer"
    assert "length" in detail


def test_an_abort_for_an_answer_breaks_off():
    assert echoed(lambda line, _: line.say(pdu.Abort(2))) == ("answer", "it broke off")


def test_a_release_for_an_answer_is_replied_to_and_said_to_be_one():
    heard: list[pdu.Pdu] = []

    def release(line: Line, _command: Command) -> None:
        line.say(pdu.ReleaseRequest())
        heard.append(line.read())

    assert echoed(release) == ("answer", "it released the association before it had answered")
    assert heard == [pdu.ReleaseReply()]


@pytest.mark.parametrize("ending", [pdu.Abort(2), pdu.ReleaseRequest(), None])
def test_what_ends_between_two_requests_is_found_before_the_next(ending):
    def take(line: Line) -> None:
        line.accept()
        line.answer(line.message()[0].answer(0))
        if ending is not None:
            line.say(ending)
        if ending == pdu.ReleaseRequest():
            line.end()
        elif ending is not None:
            line.stop.wait(60)

    with pdu_server(take) as (port, _):
        pacs = a_pacs(port)
        offers = [(VERIFICATION, (EXPLICIT,))]
        with request_association(pacs, pacs.endpoints[0], offers) as association:
            assert association.echo() == 0
            wait_until(lambda: association.is_ended, "the end to reach us")
            with pytest.raises(PeerUnavailable, match="it ended the association"):
                association.echo()


# How it begins and ends


def test_a_syntax_that_we_did_not_propose_is_not_spoken():
    def take(line: Line) -> None:
        line.accept(syntax="1.2.840.10008.1.2.2")
        line.end()

    with pdu_server(take) as (port, _), pytest.raises(ContextsRefused, match="accepts nothing"):
        PEER.echo(a_pacs(port))


@pytest.mark.parametrize(
    ("rejection", "words"),
    [
        ((2, 3, 2), "rejected transient: Local limit exceeded"),
        ((1, 2, 2), "rejected permanent: Protocol version not supported"),
        ((1, 1, 9), "rejected permanent: reason 9"),
    ],
)
def test_a_rejection_is_put_into_words(rejection, words):
    def reject(line: Line) -> None:
        line.read()
        line.say(pdu.AssociateReject(*rejection))

    with pdu_server(reject) as (port, _):
        phase, detail = phase_of(lambda: PEER.echo(a_pacs(port)))
    assert phase == "association"
    assert words in detail


def test_two_releases_at_once_end_it_for_both():
    heard: list[pdu.Pdu] = []

    def take(line: Line) -> None:
        line.accept()
        line.answer(line.message()[0].answer(0))
        heard.append(line.read())
        line.say(pdu.ReleaseRequest())
        heard.append(line.read())
        line.say(pdu.ReleaseReply())

    with pdu_server(take) as (port, _):
        PEER.echo(a_pacs(port))
    assert heard == [pdu.ReleaseRequest(), pdu.ReleaseReply()]


def test_a_release_that_is_not_answered_costs_no_more_than_its_time_out():
    def take(line: Line) -> None:
        line.accept()
        line.answer(line.message()[0].answer(0))
        assert line.read() == pdu.ReleaseRequest()
        line.stop.wait(120)

    with pdu_server(take) as (port, _):
        started = time.monotonic()
        PEER.echo(with_timeouts(a_pacs(port), acse=2.0))
        assert 2.0 <= time.monotonic() - started < 60


def test_an_association_that_is_left_in_the_middle_of_answers_is_aborted():
    def take(line: Line) -> None:
        line.accept()
        command, _ = line.message()
        line.answer(replace(command.answer(0xFF00)))
        assert line.read() == pdu.Abort(0)

    with pdu_server(take) as (port, lines):
        pacs = a_pacs(port)
        answer = PEER.find_case(pacs, a_passport(None, 1).cases[0])
        assert answer.error is not None
        assert "cannot be read" in answer.error
    assert len(lines) == 2  # and asked once more
