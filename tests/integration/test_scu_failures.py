"""Peers that fail us: each failure names its phase, and none passes for "no matches"."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.found import Unasked
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.scu.find import Questions, associate_for_questions
from pacs_bridge.scu.peer import DimsePeer
from tests.failing_peers import accept_of, phase_of, raw_server, sendables, with_timeouts
from tests.loads import MG, a_pacs, a_passport
from tests.peers import free_port
from tests.scripted_pacs import VERIFICATION, Script, a_row, scripted_pacs
from tests.waiting import wait_until

PEER = DimsePeer()


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@pytest.fixture
def images(archive: LocalArchive) -> list[Sendable]:
    return sendables(archive, a_passport(archive, 1))


CASE = a_passport(None, 1).cases[0]


# Before anything is said


def test_a_host_name_that_nobody_knows_fails_at_name():
    pacs = a_pacs(104)
    endpoint = replace(pacs.endpoints[0], host="no-such-host.invalid")
    phase, detail = phase_of(lambda: PEER.echo(replace(pacs, endpoints=(endpoint,))))
    assert phase == "name"
    assert "no-such-host.invalid" in detail


def test_nobody_listening_fails_at_connect(images):
    pacs = a_pacs(free_port())
    assert phase_of(lambda: PEER.echo(pacs)) == ("connect", "connection refused")
    assert phase_of(lambda: list(PEER.store(pacs, images)))[0] == "connect"
    answer = PEER.find_case(pacs, CASE)
    assert answer.error is not None
    assert "connect" in answer.error


def test_a_host_that_swallows_connections_fails_at_connect_in_time():
    with socket.socket() as full:  # a backlog of one that nobody ever accepts from
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            pacs = with_timeouts(a_pacs(port), connect=0.3)
            started = time.monotonic()
            assert phase_of(lambda: PEER.echo(pacs)) == ("connect", "no answer in time")
            assert time.monotonic() - started < 60  # the system itself would try for two minutes
        finally:
            for filler in fillers:
                filler.close()


def test_a_pacs_that_is_not_registered_as_plain_is_not_spoken_to_unencrypted():
    with scripted_pacs(Script()) as script:
        phase, detail = phase_of(lambda: PEER.echo(a_pacs(script.port, plain=False)))
        assert phase == "TLS"
        assert "no certificate" in detail
        assert script.associations == 0


def test_a_port_that_speaks_something_else_fails_at_association():
    def speak_http(connection: socket.socket, _stop: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(speak_http) as port:
        phase, detail = phase_of(lambda: PEER.echo(a_pacs(port)))
    assert phase == "association"
    assert "DICOM port" in detail


def test_a_port_that_says_nothing_fails_at_association_in_time():
    with raw_server(lambda _connection, stop: stop.wait(120)) as port:
        pacs = with_timeouts(a_pacs(port), acse=0.5)
        started = time.monotonic()
        phase, detail = phase_of(lambda: PEER.echo(pacs))
        assert time.monotonic() - started < 60
    assert phase == "association"
    assert "no answer" in detail


def test_a_pacs_that_does_not_know_us_is_quoted():
    with scripted_pacs(Script(), require_calling_aet=["SOMEBODY"]) as script:
        phase, detail = phase_of(lambda: PEER.echo(a_pacs(script.port)))
    assert phase == "association"
    assert "rejected permanent: Calling AE title not recognised" in detail


def test_a_wrong_called_title_is_quoted():
    with scripted_pacs(Script(), require_called_aet=True) as script:
        detail = phase_of(lambda: PEER.echo(a_pacs(script.port, ae_title="OTHER")))[1]
    assert "Called AE title not recognised" in detail


def test_a_pacs_without_study_root_cannot_be_asked():
    with scripted_pacs(Script(), sop_classes=[VERIFICATION]) as script:
        answer = PEER.find_case(a_pacs(script.port), CASE)
    assert answer.error is not None
    assert "accepts nothing" in answer.error


# Echo


def test_an_echo_that_is_answered_with_a_failure_is_one():
    with scripted_pacs(Script(echo=lambda: 0x0110)) as script:
        assert phase_of(lambda: PEER.echo(a_pacs(script.port))) == ("answer", "it answered 0x0110")


def test_an_echo_goes_to_every_address_that_we_call():
    with scripted_pacs(Script()) as storing, scripted_pacs(Script()) as queried:
        pacs = a_pacs(storing.port)
        endpoints = (
            replace(pacs.endpoints[0], roles=("store",)),
            replace(pacs.endpoints[0], port=queried.port, roles=("query",)),
        )
        PEER.echo(replace(pacs, endpoints=endpoints))
        assert (storing.associations, queried.associations) == (1, 1)


def test_no_thread_beside_us_waits_for_the_same_answers():
    """One that does would take an answer for a stray request now and then, and drop it."""

    def accept(connection: socket.socket, _stop: threading.Event) -> None:
        connection.sendall(accept_of(connection.recv(65536)))
        assert connection.recv(65536)[0] == 5  # A-RELEASE-RQ
        connection.sendall(bytes([6, 0, 0, 0, 0, 4, 0, 0, 0, 0]))

    with raw_server(accept) as port:
        before = set(threading.enumerate())
        with associate_for_questions(a_pacs(port)):
            assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("how", ["abort", "release"])
def test_a_pacs_that_ends_the_association_between_two_questions_fails_at_command(how):
    with scripted_pacs(Script()) as script:
        talk = associate_for_questions(a_pacs(script.port))
        questions = Questions(talk)
        assert questions.ask("STUDY", {"StudyInstanceUID": "1.2.3"}, ()) == []
        script.hang_up(how)
        wait_until(lambda: talk.is_ended, "the end to reach us")
        with pytest.raises(PeerUnavailable, match="it ended the association"):
            questions.ask("STUDY", {"StudyInstanceUID": "1.2.3"}, ())
        talk.close(abort=True)
        wait_until(lambda: not script.open, "the association to end")


# Find: whatever is not a clean end is an error


def test_a_failure_status_at_study_level_is_never_no_matches():
    for status in (0xA700, 0xA900, 0xC001, 0x0122, 0xFE00, 0xB001):
        with scripted_pacs(Script(find=lambda _query, s=status: [(s, None)])) as script:
            answer = PEER.find_case(a_pacs(script.port), CASE)
        assert answer.error is not None
        assert f"0x{status:04X}" in answer.error


def test_an_abort_in_the_middle_is_never_no_matches():
    with scripted_pacs(Script(find=lambda _query: None)) as script:
        answer = PEER.find_case(a_pacs(script.port), CASE)
        assert answer.error is not None
        assert "answer" in answer.error
        assert script.associations == 2  # asked once more before giving up


def test_an_honest_no_matches_is_no_error():
    with scripted_pacs(Script()) as script:
        answer = PEER.find_case(a_pacs(script.port), CASE)
    assert answer.error is None
    assert answer.studies == {CASE.studies[0].study_instance_uid: None}
    assert answer.by_name is False


def test_a_case_at_which_it_broke_off_is_asked_again_and_the_others_too():
    cases = a_passport(None, 3).cases
    broken = iter([True])

    def find(query: Dataset) -> list[tuple[int, Dataset | None]] | None:
        uid = query.get("StudyInstanceUID")
        if uid == cases[1].studies[0].study_instance_uid and next(broken, False):
            return None
        row = a_row(StudyInstanceUID=uid if isinstance(uid, str) else "1.2.3")
        return [(0xFF00, row), (0, None)] if query.QueryRetrieveLevel == "STUDY" else [(0, None)]

    with scripted_pacs(Script(find=find)) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), cases))
        assert script.associations == 2
    assert [answer.error for answer in answers] == [None, None, None]


def test_a_pacs_that_broke_off_and_finds_nothing_since_is_not_believed():
    broken = iter([True])

    def find(_query: Dataset) -> list[tuple[int, Dataset | None]] | None:
        return None if next(broken, False) else [(0, None)]

    with scripted_pacs(Script(find=find)) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), a_passport(None, 2).cases))
    assert [answer.why for answer in answers] == [Unasked.UNBELIEVED] * 2


def test_a_pacs_that_breaks_off_again_and_again_is_not_asked_for_every_case():
    with scripted_pacs(Script(find=lambda _query: None)) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), a_passport(None, 6).cases))
        assert script.associations == 3
    assert len(answers) == 6
    assert all(answer.error for answer in answers)


def test_a_pacs_that_is_down_costs_one_attempt_for_all_cases():
    pacs = a_pacs(free_port())
    answers = list(PEER.find_cases(pacs, a_passport(None, 64).cases))
    assert len({answer.error for answer in answers}) == 1
    assert len(answers) == 64


def test_a_pacs_that_takes_too_long_over_a_query_is_left_in_time():
    release = threading.Event()

    def find(_query: Dataset) -> list[tuple[int, Dataset | None]]:
        release.wait(120)
        return [(0, None)]

    with scripted_pacs(Script(find=find)) as script:
        try:
            pacs = with_timeouts(a_pacs(script.port), dimse=0.3)
            started = time.monotonic()
            answer = PEER.find_case(pacs, CASE)
            assert time.monotonic() - started < 60
        finally:
            release.set()
    assert answer.error is not None
    assert "gave no answer" in answer.error


def test_a_pacs_that_answers_without_end_is_stopped():
    def find(query: Dataset) -> list[tuple[int, Dataset | None]]:
        row = a_row(StudyInstanceUID="1.2.3", AccessionNumber="OTHER")
        return [(0xFF00, row)] * 1500 if query.QueryRetrieveLevel == "STUDY" else [(0, None)]

    with scripted_pacs(Script(find=find)) as script:
        answer = PEER.find_case(a_pacs(script.port), CASE)
    assert answer.error is not None
    assert "more than 1000 answers" in answer.error


def test_the_class_offered_is_the_one_needed():
    with scripted_pacs(Script(), sop_classes=[MG]) as script:
        assert phase_of(lambda: PEER.echo(a_pacs(script.port)))[0] == "association"
