"""What a PACS says to C-STORE, and how sending to it may fail."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.scu.peer import DimsePeer
from tests.failing_peers import (
    accept_of,
    phase_of,
    raw_server,
    sendables,
    with_timeouts,
)
from tests.loads import a_pacs, a_passport
from tests.scripted_pacs import STUDY_ROOT_FIND, Script, scripted_pacs

PEER = DimsePeer()


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@pytest.fixture
def images(archive: LocalArchive) -> list[Sendable]:
    return sendables(archive, a_passport(archive, 1))


def test_every_answer_of_a_pacs_is_given_as_it_came(images):
    statuses = iter([0x0000, 0xB000, 0xA700, 0xC123])
    with scripted_pacs(Script(store=lambda _uid: next(statuses))) as script:
        answers = list(PEER.store(a_pacs(script.port), images))
    assert [answer.status for answer in answers] == [0x0000, 0xB000, 0xA700, 0xC123]
    assert [answer.stored for answer in answers] == [True, True, False, False]
    assert [a.sop_instance_uid for a in answers] == [i.sop_instance_uid for i in images]


def test_what_a_pacs_adds_to_a_status_comes_through_harmless(images):
    said = Dataset()
    said.Status, said.ErrorComment = 0xB006, "dropped <b>\tit"
    said.OffendingElement = [0x00100020, 0x00080050]
    with scripted_pacs(Script(store=lambda _uid: said)) as script:
        answer = next(iter(PEER.store(a_pacs(script.port), images[:1])))
    assert answer == StoreAnswer(
        images[0].sop_instance_uid,
        0xB006,
        "dropped <b>?it",
        "00100020 00080050",
        sent_as=images[0].transfer_syntax_uid,
    )


def test_the_bytes_arrive_exactly_as_they_are_archived(images):
    with scripted_pacs(Script()) as script:
        assert all(answer.stored for answer in PEER.store(a_pacs(script.port), images))
        for each in images:
            whole, sent = each.path.read_bytes(), script.data[each.sop_instance_uid]
            assert whole.endswith(sent)
            assert len(whole) - len(sent) < 500  # preamble and group 0002, nothing else


def test_answers_before_a_break_count_and_the_break_is_an_error(images):
    def store(uid: str) -> int | None:
        return None if uid == images[2].sop_instance_uid else 0x0000

    with scripted_pacs(Script(store=store)) as script:
        answers = PEER.store(a_pacs(script.port), images)
        answered = [next(answers).sop_instance_uid for _ in range(2)]
        phase, _ = phase_of(lambda: next(answers))
    assert answered == [each.sop_instance_uid for each in images[:2]]
    assert phase == "answer"


def test_a_pacs_that_never_answers_a_store_is_left_in_time(images):
    release = threading.Event()

    def store(_uid: str) -> int:
        release.wait(120)
        return 0

    with scripted_pacs(Script(store=store)) as script:
        try:
            pacs = with_timeouts(a_pacs(script.port), dimse=0.5)
            started = time.monotonic()
            phase, detail = phase_of(lambda: list(PEER.store(pacs, images[:1])))
            assert time.monotonic() - started < 60
        finally:
            release.set()
    assert phase == "answer"
    assert "gave no answer" in detail


def test_a_pacs_that_stops_taking_data_is_left_in_time(archive):
    big = sendables(archive, a_passport(archive, 1, rows=2000, columns=1600))[:1]  # 6.4 MB

    def stall(connection: socket.socket, stop: threading.Event) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        connection.sendall(accept_of(connection.recv(65536)))
        stop.wait(120)

    with raw_server(stall) as port:
        pacs = with_timeouts(a_pacs(port), network=0.7)
        started = time.monotonic()
        phase, _ = phase_of(lambda: list(PEER.store(pacs, big)))
        assert time.monotonic() - started < 60
    assert phase == "data"


def test_a_form_that_the_pacs_does_not_take_is_an_answer_and_the_rest_goes_on(images):
    jpeg = replace(images[0], transfer_syntax_uid="1.2.840.10008.1.2.4.70")
    with scripted_pacs(Script()) as script:
        answers = list(PEER.store(a_pacs(script.port), [jpeg, *images[1:]]))
        assert [a.status for a in answers] == [0x0122, 0, 0, 0]
        assert script.associations == 1
        assert len(script.stored) == 3
    assert "JPEG Lossless" in answers[0].comment


def test_a_pacs_that_takes_nothing_of_it_answers_for_each(images):
    with scripted_pacs(Script(), sop_classes=[STUDY_ROOT_FIND]) as script:
        answers = list(PEER.store(a_pacs(script.port), images))
    assert [answer.status for answer in answers] == [0x0122] * 4
    assert "Digital Mammography" in answers[0].comment


@pytest.mark.parametrize("content", [None, b"not DICOM at all", b"\0" * 128 + b"DICM"])
def test_an_archived_file_that_cannot_be_sent_is_named_and_the_rest_goes_on(
    images, tmp_path, content
):
    bad = tmp_path / "bad"
    if content is not None:
        bad.write_bytes(content)
    with scripted_pacs(Script()) as script:
        answers = list(PEER.store(a_pacs(script.port), [replace(images[0], path=bad), *images[1:]]))
    assert [answer.status for answer in answers] == [0x0110, 0, 0, 0]
    assert "import the case set again" in answers[0].comment


def test_nothing_to_send_opens_no_association():
    with scripted_pacs(Script()) as script:
        assert list(PEER.store(a_pacs(script.port), [])) == []
        assert script.associations == 0


def test_stopping_early_ends_the_association_cleanly(images):
    with scripted_pacs(Script()) as script:
        answers = PEER.store(a_pacs(script.port), images)
        assert next(answers).stored
        answers.close()
        assert script.stored == [images[0].sop_instance_uid]
        assert all(answer.stored for answer in PEER.store(a_pacs(script.port), images[1:]))
