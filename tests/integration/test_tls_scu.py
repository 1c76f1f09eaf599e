"""Calling a PACS over TLS: DCMTK's storescp, with the right certificate and with wrong ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.certificates import read_certificate
from pacs_bridge.upper_layer.credentials import Credentials
from tests.certificates import Desk
from tests.dcmtk import data_set_of
from tests.failing_peers import sendables
from tests.loads import a_pacs, a_passport
from tests.peers import free_port, need
from tests.waiting import wait_until

pytestmark = pytest.mark.peer("dcmtk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("certificates"))
    for name in ("hospital", "clinic"):
        desk.issue(name)
    return desk


@pytest.fixture
def peer(desk: Desk) -> DimsePeer:
    return DimsePeer(Credentials(desk.tls).secure_call)


@contextmanager
def storescp(folder: Path, *words: str) -> Iterator[int]:
    """Run storescp; it is up once a TCP connection is taken."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    command = [need("storescp", "dcmtk"), *words, "-v", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), "storescp to listen")
        yield port
    finally:
        process.terminate()
        process.wait(60)


def listens(port: int) -> bool:
    hexadecimal = f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    lines += Path("/proc/net/tcp6").read_text(encoding="utf-8").splitlines()[1:]
    return any(each.split()[1].endswith(hexadecimal) and each.split()[3] == "0A" for each in lines)


def registered(desk: Desk, port: int, name: str = "hospital") -> Pacs:
    fingerprint = read_certificate(desk.files(name)[1]).fingerprint
    return a_pacs(port, plain=False, certificate=fingerprint)


def failure(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(PeerUnavailable) as caught:
        call()
    return caught.value.phase, caught.value.detail


def test_images_go_out_over_tls_byte_for_byte(desk: Desk, peer: DimsePeer, tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path / "archive")
    passport = a_passport(archive, 1)
    sent = list(sendables(archive, passport))
    with storescp(tmp_path / "in", *desk.words("hospital"), "+B") as port:
        pacs = registered(desk, port)
        peer.echo(pacs)
        answers = list(peer.store(pacs, sent))
    assert [answer.status for answer in answers] == [0] * 4
    came = {data_set_of(path) for path in (tmp_path / "in").iterdir()}
    assert came == {data_set_of(each.path) for each in sent}


def test_a_pacs_that_shows_another_certificate_is_not_spoken_to(
    desk: Desk, peer: DimsePeer, tmp_path: Path
) -> None:
    with storescp(tmp_path / "in", *desk.words("clinic")) as port:
        phase, detail = failure(lambda: peer.echo(registered(desk, port)))
    assert (phase, "another certificate" in detail) == ("TLS", True)


def test_a_pacs_of_another_authority_is_not_spoken_to(
    desk: Desk, peer: DimsePeer, tmp_path: Path
) -> None:
    other = Desk(tmp_path / "other")
    other.issue("hospital")
    with storescp(tmp_path / "in", *other.words("hospital")) as port:
        phase, detail = failure(lambda: peer.echo(registered(other, port)))
    assert (phase, "not accepted" in detail) == ("TLS", True)


def test_a_pacs_that_does_not_trust_us_fails_at_tls(
    desk: Desk, peer: DimsePeer, tmp_path: Path
) -> None:
    other = Desk(tmp_path / "other")
    key, certificate = map(str, desk.files("hospital"))
    trusts = ("+cf", str(other.authority / "ca.pem"))
    with storescp(tmp_path / "in", "+tls", key, certificate, *trusts) as port:
        phase, _ = failure(lambda: peer.echo(registered(desk, port)))
    assert phase == "TLS"


def test_a_pacs_without_tls_fails_at_tls_and_gets_no_plain_word(
    desk: Desk, peer: DimsePeer, tmp_path: Path
) -> None:
    with storescp(tmp_path / "in") as port:
        phase, detail = failure(lambda: peer.echo(registered(desk, port)))
    assert (phase, "port for TLS" in detail) == ("TLS", True)
