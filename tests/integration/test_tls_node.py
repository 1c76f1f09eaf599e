"""The node over TLS, as PACS meet it: who is let in, who is not, and new certificates."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.objects import Association, AssociationOutcome
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scp.node import SecurePort
from pacs_bridge.services.certificates import keep_certificate, read_certificate
from pacs_bridge.upper_layer import tls
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.credentials import Credentials
from pacs_bridge.upper_layer.pdu import AssociateRequest
from tests.certificates import Desk
from tests.databases import TestDatabase
from tests.nodes import RunningNode, as_file, connect, our_state, register, running_node
from tests.peers import need
from tests.ul_peer import Peer, a_request, echo_request, results
from tests.waiting import wait_until

REJECTED, RELEASED = AssociationOutcome.REJECTED, AssociationOutcome.RELEASED
pytestmark = pytest.mark.peer("dcmtk")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An authority that knows HOSPITAL and CLINIC."""
    desk = Desk(tmp_path_factory.mktemp("certificates"))
    for name in ("hospital", "clinic"):
        desk.issue(name)
    return desk


@pytest.fixture
def node(database: TestDatabase, tmp_path: Path, desk: Desk) -> Iterator[RunningNode]:
    """A node with a port for TLS; HOSPITAL and CLINIC may not call without."""
    register(database, plain=False, certificate=fingerprint(desk, "hospital"))
    clinic = Endpoint("CLINIC", "127.0.0.1", 104, ("calls-from",))
    with database.begin() as uow:
        certificate = fingerprint(desk, "clinic")
        uow.pacs.put(Pacs("clinic", (clinic,), certificate=certificate), database.clock())
    secure = SecurePort(0, Credentials(desk.tls).secure)
    bounds = Bounds(pdu_seconds=120.0, negotiation_seconds=120.0)  # nobody is cut for slowness
    with running_node(database, tmp_path, bounds=bounds, tls=secure) as running:
        yield running


def fingerprint(desk: Desk, name: str) -> str:
    return read_certificate(desk.files(name)[1]).fingerprint


def call(program: str, port: int, *words: Any, calling: str = "HOSPITAL") -> tuple[int, str]:
    """Run a requestor of DCMTK's; gives its exit status and what it printed."""
    titles = ("-v", "-aet", calling, "-aec", "PACSBRIDGE", "-to", "60")
    command = [need(program, "dcmtk"), *titles, "localhost", str(port), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def echo(node: RunningNode, *words: Any, calling: str = "HOSPITAL") -> tuple[int, str]:
    return call("echoscu", node.tls_port, *words, calling=calling)


def the_row(node: RunningNode) -> Association:
    def ended() -> list[Association]:
        return [row for row in node.rows() if row.outcome is not AssociationOutcome.OPEN]

    (row,) = wait_until(ended, "the association's row to say how it ended")
    return row


def knock(calling: str) -> AssociateRequest:
    return replace(a_request(calling=calling), called_ae_title="PACSBRIDGE")


def secured(port: int, desk: Desk, name: str = "hospital") -> Peer:
    context = desk.client(name)
    return Peer(port, secure=lambda s: tls.client_side(context, s, "localhost", 30))


def test_an_object_comes_in_over_tls(node: RunningNode, desk: Desk, tmp_path: Path) -> None:
    sent = as_file(tmp_path / "state.dcm", our_state())
    status, told = call("storescu", node.tls_port, *desk.words("hospital"), "-xe", sent)
    assert status == 0, told
    row = the_row(node)
    assert (row.outcome, row.stored, row.caller.pacs) == (RELEASED, 1, "hospital")


def test_a_pacs_with_the_certificate_of_another_is_rejected_and_leaves_a_row(
    node: RunningNode, desk: Desk
) -> None:
    status, told = echo(node, *desk.words("clinic"), calling="HOSPITAL")
    assert status != 0
    assert "Calling AE Title Not Recognized" in told
    row = the_row(node)
    assert (row.outcome, row.caller.pacs) == (REJECTED, "hospital")
    assert row.note == "certificate is not the one registered for this PACS"
    assert echo(node, *desk.words("clinic"), calling="CLINIC")[0] == 0


def test_a_pacs_that_is_not_plain_is_rejected_on_the_plain_port_and_leaves_a_row(
    node: RunningNode,
) -> None:
    status, told = call("echoscu", node.port)
    assert status != 0
    assert "Rejected Permanent" in told
    row = the_row(node)
    assert (row.outcome, row.caller.pacs) == (REJECTED, "hospital")
    assert row.note == "called without TLS, and is not registered as plain"


def test_a_plain_pacs_without_a_certificate_may_not_call_over_tls(
    node: RunningNode, desk: Desk
) -> None:
    with node.database.begin() as uow:
        known = Endpoint("OLD", "127.0.0.1", 104, ("calls-from",))
        uow.pacs.put(Pacs("old", (known,), plain=True), node.database.clock())
    assert echo(node, *desk.words("clinic"), calling="OLD")[0] != 0
    assert the_row(node).outcome is REJECTED
    assert call("echoscu", node.port, calling="OLD")[0] == 0


def test_a_certificate_of_another_authority_is_not_heard(
    node: RunningNode, desk: Desk, tmp_path: Path
) -> None:
    other = Desk(tmp_path / "other")
    other.issue("hospital")
    key, certificate = other.files("hospital")
    words = ("+tls", key, certificate, "+cf", desk.authority / "ca.pem")
    assert echo(node, *words)[0] != 0
    assert node.rows() == []


def test_without_a_certificate_nobody_is_heard(node: RunningNode, desk: Desk) -> None:
    assert echo(node, "+tla", "+cf", desk.authority / "ca.pem")[0] != 0
    assert node.rows() == []


def test_an_expired_certificate_is_not_heard(node: RunningNode, desk: Desk) -> None:
    expired = desk.issue("hospital-old", ago=timedelta(days=3), days=1)
    with node.database.begin() as uow:
        pacs = uow.pacs.get("hospital")
        uow.pacs.put(
            Pacs(pacs.name, pacs.endpoints, certificate=expired.fingerprint), node.database.clock()
        )
    assert echo(node, *desk.words("hospital-old"))[0] != 0
    assert node.rows() == []


def test_tls_1_1_is_not_spoken(node: RunningNode, desk: Desk) -> None:
    key, certificate = desk.files("hospital")
    ours = tls.server_context(certificate, key, desk.authority / "ca.pem")
    assert ours.minimum_version is ssl.TLSVersion.TLSv1_2  # whatever this machine's OpenSSL forbids
    command = [
        need("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{node.tls_port}",
        "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-cert", certificate, "-key", key,
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode != 0
    assert "alert" in done.stderr or "no protocols" in done.stderr
    assert node.rows() == []


def test_silent_connections_do_not_delay_an_honest_peer(node: RunningNode, desk: Desk) -> None:
    with ExitStack() as stack:
        for _ in range(12):
            silent = connect(node.tls_port)
            stack.callback(silent.close)
        with secured(node.tls_port, desk) as peer:
            peer.socket.settimeout(30)
            assert results(peer.ask(knock("HOSPITAL"))) == [0]
        with secured(node.tls_port, desk, "clinic") as peer:
            peer.socket.settimeout(30)
            assert results(peer.ask(knock("CLINIC"))) == [0]


def served(port: int, desk: Desk) -> bytes:
    """The certificate that the node shows."""
    with secured(port, desk) as peer:
        return peer.socket.getpeercert()


def test_a_new_certificate_is_shown_without_a_restart_and_under_load(
    node: RunningNode, desk: Desk
) -> None:
    stop, failed, done = threading.Event(), [], []

    def knock_on() -> None:
        while not stop.is_set():
            with secured(node.tls_port, desk) as peer:
                peer.socket.settimeout(30)
                answer = peer.ask(knock("HOSPITAL"))
                (done if results(answer) == [0] else failed).append(answer)

    with secured(node.tls_port, desk) as staying:
        staying.socket.settimeout(30)
        staying.ask(knock("HOSPITAL"))
        before = served(node.tls_port, desk)
        threads = [threading.Thread(target=knock_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            seen = {before}
            for _ in range(5):
                desk.renew_node()
                shown = served(node.tls_port, desk)
                assert shown not in seen
                seen.add(shown)
                enough = len(done) + 3
                wait_until(lambda enough=enough: len(done) >= enough, "peers to be served")
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        staying.say(echo_request())  # whoever is connected stays so
        assert staying.hear()[0].status == 0
    assert failed == []


def test_while_the_files_do_not_fit_each_other_the_last_that_did_serve(
    node: RunningNode, desk: Desk
) -> None:
    before = served(node.tls_port, desk)
    key = (desk.tls / "node.key").read_bytes()
    try:
        (desk.tls / "node.key").write_bytes(desk.files("clinic")[0].read_bytes())
        assert served(node.tls_port, desk) == before
    finally:
        (desk.tls / "node.key").write_bytes(key)
    desk.renew_node()
    assert served(node.tls_port, desk) != before


def test_a_pacs_whose_certificate_no_authority_signed_is_let_in_by_itself(
    node: RunningNode, desk: Desk, tmp_path: Path
) -> None:
    other = Desk(tmp_path / "other")
    alone = other.issue("hospital")
    key, certificate = other.files("hospital")
    words = ("+tls", key, certificate, "+cf", desk.authority / "ca.pem")
    with node.database.begin() as uow:
        pacs = uow.pacs.get("hospital")
        uow.pacs.put(
            Pacs(pacs.name, pacs.endpoints, certificate=alone.fingerprint), node.database.clock()
        )
    assert echo(node, *words)[0] != 0
    keep_certificate(desk.tls / "pacs", "hospital", alone)
    try:
        assert echo(node, *words)[0] == 0
        stranger = other.issue("stranger")
        assert stranger.fingerprint != alone.fingerprint
        assert echo(node, "+tls", *other.files("stranger"), *words[3:])[0] != 0
        assert len(node.rows()) == 1
    finally:
        keep_certificate(desk.tls / "pacs", "hospital", None)
