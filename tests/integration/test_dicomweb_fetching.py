"""Images come back over DICOMweb whole, or it is said which did not and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.retrieving import LIMITS, Asked, Limits, Retrieved
from pacs_bridge.scu.web_peer import WebPeer
from pacs_bridge.services.fetch import Folder
from tests.loads import an_image
from tests.web_pacs import TIMEOUTS, Script, asked_by_web, endless, hang_up_after, said, web_pacs

STUDY, IMAGE = "1.2.826.0.1.3680043.10.99.101.1", "1.2.826.0.1.3680043.10.99.101.3.1"


def parts(*contents: bytes, boundary: str = "B") -> bytes:
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + each + b"\r\n" for each in contents) + f"--{boundary}--\r\n".encode()


KIND = 'multipart/related; type="application/dicom"; boundary=B'


def fetch(
    script: Script, tmp_path: Path, *, limits: Limits = LIMITS, uids: tuple[str, ...] = ()
) -> tuple[Retrieved | PeerUnavailable, list[str]]:
    """What became of asking a PACS for a study, and what was kept of it."""
    folder = tmp_path / "back"
    folder.mkdir()
    shelf = Folder(folder)
    asked = Asked(STUDY, "1.2.3" if uids else "", uids)
    with web_pacs(script) as server:
        peer, pacs = WebPeer(tmp_path), asked_by_web(server.port, timeouts=TIMEOUTS)
        try:
            said = peer.get(pacs, asked, shelf.open, kinds=[], limits=limits)
        except PeerUnavailable as error:
            said = error  # type: ignore[assignment]
    assert not list(folder.glob("*.part"))
    return said, list(shelf.fetched)


def an_object(image: int = 0) -> bytes:
    return an_image(101, image)[1]


MULTIPART = b"HTTP/1.1 200 OK\r\nContent-Type: " + KIND.encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "phase", "kept"),
    [
        (said(200, parts(an_object(), an_object(1))[:-900], KIND), "data", 1),
        (said(200, parts(an_object(), boundary="C"), KIND), "data", 0),
        (said(200, parts(an_object()), "multipart/related"), "data", 0),
        (said(200, an_object(), "application/octet-stream"), "answer", 0),
        (said(200, b"<html>", "text/html"), "association", 0),
        (said(401), "association", 0),
        (said(302, Location="/"), "association", 0),
        (said(500), "answer", 0),
        (endless(MULTIPART + parts(an_object())[:200], b"x" * 65536), "data", 0),
        (endless(MULTIPART, parts(an_object())[:-7]), "data", 1),
        (hang_up_after(MULTIPART, parts(an_object())[:900]), "data", 0),
    ],
)
def test_a_retrieval_that_goes_wrong_keeps_what_is_whole_and_says_where(
    script: Script, phase: str, kept: int, tmp_path: Path
) -> None:
    limits = Limits(objects=50, object_bytes=1 << 30, total_bytes=4 << 20)
    failed, fetched = fetch(script, tmp_path, limits=limits)
    assert isinstance(failed, PeerUnavailable)
    assert (failed.phase, len(fetched)) == (phase, kept)


@pytest.mark.parametrize(
    "content", [b"", b"no DICOM", an_object()[:300], b"\0" * 128 + b"DICM" + b"\2\0" * 50_000]
)
def test_a_part_that_is_no_object_is_refused_and_the_next_is_taken(
    content: bytes, tmp_path: Path
) -> None:
    said_, fetched = fetch(said(200, parts(content, an_object()), KIND), tmp_path)
    assert isinstance(said_, Retrieved)
    assert (fetched, said_.refused, said_.is_whole) == ([IMAGE], ("?",), False)


def test_an_object_that_was_not_asked_for_is_refused(tmp_path: Path) -> None:
    script = said(200, parts(an_object(1)), KIND)
    said_, fetched = fetch(script, tmp_path, uids=(IMAGE,))
    assert isinstance(said_, Retrieved)
    assert (fetched, said_.missing, said_.is_whole) == ([], (IMAGE,), False)


def test_an_object_that_is_too_large_is_refused_and_the_next_is_taken(tmp_path: Path) -> None:
    large = an_image(101, 1, rows=200, columns=200)[1]
    script = said(200, parts(large, an_object()), KIND)
    said_, fetched = fetch(script, tmp_path, limits=Limits(object_bytes=10_000))
    assert isinstance(said_, Retrieved)
    assert (fetched, len(said_.refused)) == ([IMAGE], 1)


@pytest.mark.parametrize(("status", "words"), [(404, "does not have"), (206, "a part only")])
def test_what_is_not_all_is_not_called_whole(status: int, words: str, tmp_path: Path) -> None:
    said_, _ = fetch(said(status, parts(an_object()), KIND), tmp_path)
    assert isinstance(said_, Retrieved)
    assert words in said_.comment
    assert not said_.is_whole
