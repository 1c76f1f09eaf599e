"""A PACS with DICOMweb that misbehaves: each fault has its phase and its sentence, and an end."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.phases import WEB_ADVICE
from pacs_bridge.domain.ports import ImageKey, Sendable, StoreAnswer
from pacs_bridge.domain.retrieving import Asked
from pacs_bridge.scu.web_peer import WebPeer
from tests.loads import a_pacs, a_passport, an_image
from tests.web_pacs import (
    TIMEOUTS,
    Request,
    Script,
    asked_by_web,
    endless,
    hang_up_after,
    said,
    web_pacs,
)

STUDY, IMAGE = "1.2.826.0.1.3680043.10.99.101.1", "1.2.826.0.1.3680043.10.99.101.3.1"
AT_ONCE = {**TIMEOUTS, "dimse": 0.5}


def echo(script: Script, tmp_path: Path, timeouts: dict[str, float] = TIMEOUTS) -> PeerUnavailable:
    """How an echo to such a PACS fails."""
    with web_pacs(script) as server, pytest.raises(PeerUnavailable) as caught:
        WebPeer(tmp_path).echo(asked_by_web(server.port, timeouts=timeouts))
    return caught.value


def drip(request: Request) -> None:
    """Send a head one byte at a time, each well within any time-out of its own."""
    request.send(b"HTTP/1.1 200 OK\r\n")
    pause = threading.Event()
    while True:
        request.send(b"A")
        pause.wait(0.05)


def say_nothing(request: Request) -> None:
    """Keep silent until the other side has had enough."""
    request.connection.recv(1)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@pytest.mark.parametrize(
    ("script", "phase", "words"),
    [
        (said(401), "association", "does not know our credentials"),
        (said(403), "association", "does not know our credentials"),
        (said(302, Location="http://127.0.0.2/"), "association", "sends us on"),
        (said(404), "association", "no DICOMweb service at this address"),
        (said(200, b"<html>Log in", "text/html"), "association", "a page for people"),
        (said(500), "answer", "it failed inside"),
        (said(503), "answer", "too busy"),
        (said(400), "answer", "refused to search"),
        (said(200, b'[{"0020000D": {"vr"'), "answer", "cannot be read"),
        (said(200, b"<xml/>", "application/dicom+xml"), "answer", "another form"),
        (said(200, b'[{"00080050": {"vr": "SH"}}]'), "answer", "do not name"),
        (endless(CHUNKED, b"8000\r\n" + b" " * 0x8000 + b"\r\n"), "answer", "longer than any"),
        (hang_up_after(b"SSH-2.0-none\r\n"), "answer", "speaks no HTTP"),
        (hang_up_after(), "answer", "broke off"),
        (said(200, b"x", **{"Content-Encoding": "gzip, gzip"}), "answer", "packed"),
        (said(200, b"nothing packed", **{"Content-Encoding": "gzip"}), "answer", "broke off"),
    ],
)
def test_what_answers_wrongly_is_named(
    script: Script, phase: str, words: str, tmp_path: Path
) -> None:
    failed = echo(script, tmp_path)
    assert (failed.phase, words in failed.detail) == (phase, True), failed
    assert phase in WEB_ADVICE


@pytest.mark.parametrize("script", [drip, endless(CHUNKED, b"1\r\n \r\n"), say_nothing])
def test_one_that_is_slow_beyond_measure_is_left(script: Script, tmp_path: Path) -> None:
    failed = echo(script, tmp_path, AT_ONCE)
    assert (failed.phase, failed.detail) == ("answer", "it gave no answer in time")


def test_nobody_at_the_address_is_told_from_a_name_that_is_unknown(tmp_path: Path) -> None:
    with web_pacs(said(200)) as server:
        port = server.port
    with pytest.raises(PeerUnavailable) as refused:
        WebPeer(tmp_path).echo(asked_by_web(port))
    pacs = asked_by_web(port)
    (endpoint,) = pacs.endpoints
    nowhere = endpoint.url.replace("localhost", "nowhere.invalid")
    pacs = Pacs("south", (type(endpoint)(**{**vars(endpoint), "url": nowhere}),), plain=True)
    with pytest.raises(PeerUnavailable) as unknown:
        WebPeer(tmp_path).echo(pacs)
    assert (refused.value.phase, unknown.value.phase) == ("connect", "name")
    assert "refused" in refused.value.detail


def test_a_redirect_is_not_followed_even_where_it_would_work(tmp_path: Path) -> None:
    with web_pacs(said(200, b"[]")) as other:
        moved = f"http://localhost:{other.port}/dicom-web/studies"
        echo(said(307, Location=moved), tmp_path)
        assert other.requests == []


# Storing


@pytest.fixture
def image(tmp_path: Path) -> Sendable:
    archive = LocalArchive(tmp_path / "archive")
    line, data, _ = an_image(101, 0)
    archive.put(data)
    path = archive.path(line.content_hash)
    return Sendable(path, line.sop_class_uid, line.sop_instance_uid, line.transfer_syntax_uid)


def store(script: Script, image: Sendable, tmp_path: Path) -> StoreAnswer:
    with web_pacs(script) as server:
        (answer,) = WebPeer(tmp_path).store(asked_by_web(server.port, timeouts=TIMEOUTS), [image])
    return answer


def named(sequence: str, uid: str = IMAGE, **values: int) -> bytes:
    """An answer that names an image in one of the sequences."""
    item = {"00081155": {"vr": "UI", "Value": [uid]}}
    item |= {tag[1:]: {"vr": "US", "Value": [value]} for tag, value in values.items()}  # type: ignore[misc]
    return json.dumps({sequence: {"vr": "SQ", "Value": [item]}}).encode()


FAILED, STORED = "00081198", "00081199"


@pytest.mark.parametrize(
    ("script", "status", "is_stored"),
    [
        (said(200, named(STORED)), 0x0000, True),
        (said(202, named(STORED, T00081196=0xB000)), 0xB000, True),
        (said(200, named(STORED, T00081196=0xB007)), 0xB007, True),
        (said(409, named(FAILED, T00081197=0xA700)), 0xA700, False),
        (said(409, named(FAILED, T00081197=0xC122)), 0xC122, False),
        (said(409, named(FAILED)), 0x0110, False),
        (said(200, named(FAILED, T00081197=0xB000)), 0x0110, False),
        (said(409), 0xC000, False),
        (said(400, b"<html>", "text/html"), 0xC000, False),
        (said(413), 0x0110, False),
        (said(415), 0x0122, False),
        (said(507), 0xA700, False),
    ],
)
def test_an_image_is_stored_only_where_the_answer_says_so(
    script: Script, status: int, is_stored: bool, image: Sendable, tmp_path: Path
) -> None:
    answer = store(script, image, tmp_path)
    assert (answer.status, answer.stored) == (status, is_stored)


@pytest.mark.parametrize(
    ("script", "phase"),
    [
        (said(200), "answer"),
        (said(200, named(STORED, "1.2.3")), "answer"),
        (said(200, b"[[[["), "answer"),
        (said(200, b"<html>Log in", "text/html"), "association"),
        (said(401), "association"),
        (said(302, Location="/"), "association"),
        (said(500), "answer"),
    ],
)
def test_an_image_of_which_nothing_is_said_is_sent_again(
    script: Script, phase: str, image: Sendable, tmp_path: Path
) -> None:
    with pytest.raises(PeerUnavailable) as caught:
        store(script, image, tmp_path)
    assert caught.value.phase == phase


def test_the_archived_bytes_go_out_as_they_are(image: Sendable, tmp_path: Path) -> None:
    with web_pacs(said(200, named(STORED))) as server:
        list(WebPeer(tmp_path).store(asked_by_web(server.port), [image]))
        (request,) = server.requests
    assert request.line == "POST /dicom-web/studies HTTP/1.1"
    assert image.path.read_bytes() in request.body
    assert "transfer-encoding" not in request.headers


# Searching


def test_a_pacs_that_breaks_off_leaves_no_case_for_missing(tmp_path: Path) -> None:
    cases = a_passport(None, 4).cases
    with web_pacs(hang_up_after()) as server:
        answers = list(WebPeer(tmp_path).find_cases(asked_by_web(server.port), cases))
        asked = len(server.requests)
    assert all(answer.error and not answer.studies for answer in answers)
    assert asked == 3


def rows(*uids: str) -> list[dict[str, object]]:
    return [
        {
            "0020000D": {"vr": "UI", "Value": [STUDY]},
            "0020000E": {"vr": "UI", "Value": ["1.2.3"]},
            "00080018": {"vr": "UI", "Value": [uid]},
            "00201208": {"vr": "IS", "Value": [4]},
        }
        for uid in uids
    ]


def capped(request: Request, *, most: int, pages: bool) -> None:
    """Answer with a few at a time, page after page or always the same ones."""
    if "/instances" in request.line:
        uids = [image.sop_instance_uid for image in a_passport(None, 1).cases[0].instances()]
        offset = int(request.line.partition("offset=")[2].split(" ")[0] or 0) if pages else 0
        found = rows(*uids[offset : offset + most])
    else:
        found = rows(IMAGE)
    request.answer(200, json.dumps(found).encode())


@pytest.mark.parametrize(("pages", "expected"), [(True, 4), (False, 3)])
def test_answers_that_are_cut_off_are_asked_on_for(
    pages: bool, expected: int, tmp_path: Path
) -> None:
    case = a_passport(None, 1).cases[0]
    with web_pacs(lambda request: capped(request, most=3, pages=pages)) as server:
        answer = WebPeer(tmp_path).find_case(asked_by_web(server.port), case)
    study = answer.studies[STUDY]
    assert study is not None
    assert study.images is not None
    assert (len(study.images), study.count) == (expected, 4)


def test_a_pacs_that_lists_no_images_is_asked_for_counts(tmp_path: Path) -> None:
    def script(request: Request) -> None:
        if "/instances" in request.line:
            return request.answer(501)
        return request.answer(200, json.dumps(rows(IMAGE)).encode())

    case = a_passport(None, 1).cases[0]
    with web_pacs(script) as server:
        study = WebPeer(tmp_path).find_case(asked_by_web(server.port), case).studies[STUDY]
    assert study is not None
    assert (study.images, study.count) == (None, 4)


def test_a_search_that_bears_no_further_keys_is_made_without(tmp_path: Path) -> None:
    def script(request: Request) -> None:
        if "includefield" in request.line:
            return request.answer(400)
        return request.answer(200, json.dumps(rows(IMAGE)).encode())

    case = a_passport(None, 1).cases[0]
    with web_pacs(script) as server:
        answer = WebPeer(tmp_path).find_case(asked_by_web(server.port), case)
    assert answer.error is None
    assert answer.studies[STUDY] is not None


@pytest.mark.parametrize(
    ("script", "found"),
    [(said(204), False), (said(404), False), (said(501), None)],
)
def test_whether_an_image_is_there_may_stay_open(
    script: Script, found: bool | None, tmp_path: Path
) -> None:
    with web_pacs(script) as server:
        answers = WebPeer(tmp_path).find_images(
            asked_by_web(server.port), [ImageKey(STUDY, "1.2.3", IMAGE)]
        )
    assert answers == {IMAGE: found}


def test_a_move_is_refused_with_the_way_that_there_is(tmp_path: Path) -> None:
    with pytest.raises(PeerUnavailable, match="fetch without --move"):
        WebPeer(tmp_path).move(asked_by_web(104), Asked(STUDY))


def test_over_http_nothing_goes_to_one_that_is_not_plain(tmp_path: Path) -> None:
    pacs = asked_by_web(104)
    (endpoint,) = pacs.endpoints
    strict = Pacs("south", (type(endpoint)(**{**vars(endpoint), "plain": False}),))
    with pytest.raises(PeerUnavailable, match="unencrypted HTTP"):
        WebPeer(tmp_path).echo(strict)


def test_what_is_asked_by_dicomweb_is_never_called_by_dimse() -> None:
    from pacs_bridge.scu.peer import DimsePeer

    with pytest.raises(PeerUnavailable, match="speaks DICOMweb only"):
        DimsePeer().echo(asked_by_web(104))
    assert a_pacs(104).endpoint("store").url == ""
