"""TLS on the acceptor: mutual, never below 1.2, and no handshake holds anybody else up."""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.upper_layer import tls
from pacs_bridge.upper_layer.acceptor import THREAD_NAME
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.conversation import Secure
from pacs_bridge.upper_layer.secure import SecureSocket
from tests.nodes import as_file, our_state
from tests.peers import need
from tests.ul_peer import Peer, Scripted, a_request, accepting, echo_request, results
from tests.waiting import wait_until


def make_certificate(
    folder: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing_key = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(signer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(signing_key, hashes.SHA256())
    )  # fmt: skip
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a node, a peer, and a stranger of another authority."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_certificate(folder, "authority", None)
    for name in ("node", "peer"):
        make_certificate(folder, name, authority)
    make_certificate(folder, "stranger", make_certificate(folder, "elsewhere", None))
    return folder


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def port(service: Scripted, folder: Path) -> Iterator[int]:
    with accepting(service, secure=secure(folder)) as port:
        yield port


def files(folder: Path, name: str) -> tuple[Path, Path, Path]:
    return folder / f"{name}.pem", folder / f"{name}.key", folder / "authority.pem"


def secured(port: int, context: ssl.SSLContext) -> Peer:
    return Peer(port, secure=lambda s: tls.client_side(context, s, "localhost", 30))


def client(folder: Path, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = tls.client_context(*files(folder, "peer"))
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_carry_an_object(
    port: int, folder: Path, service: Scripted, version: ssl.TLSVersion
) -> None:
    sent = bytes(range(256)) * 4000
    with secured(port, client(folder, version)) as peer:
        peer.socket.settimeout(30)
        assert results(peer.ask(a_request("1.2.840.10008.5.1.4.1.1.11.1"))) == [0]
        assert peer.store(sent) == 0
        peer.say(echo_request())
        assert peer.hear()[0].status == 0
    assert service.stored[0].data == sent


def test_one_dot_three_is_taken_where_both_can(port: int, folder: Path) -> None:
    with secured(port, tls.client_context(*files(folder, "peer"))) as peer:
        assert isinstance(peer.socket, SecureSocket)
        assert peer.socket.version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["none", "stranger"])
def test_a_peer_without_a_certificate_of_ours_is_not_heard(
    port: int, folder: Path, service: Scripted, name: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(folder / "authority.pem")
    if name != "none":
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    try:
        with secured(port, context) as peer:  # 1.3 tells a client later that it is refused
            answer = peer.ask(a_request())
    except OSError:
        answer = None
    assert answer is None
    assert service.ended == []


def test_a_version_below_is_not_spoken(port: int, folder: Path) -> None:
    context = client(folder, ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError), secured(port, context):  # noqa: PT011
        pass


def secure(folder: Path) -> Secure:
    return tls.server_side(tls.server_context(*files(folder, "node")))


def test_silent_peers_hold_nobody_up(service: Scripted, folder: Path) -> None:
    bounds = Bounds(pdu_seconds=300, negotiation_seconds=300)  # none is cut meanwhile
    with ExitStack() as stack, accepting(service, secure=secure(folder), bounds=bounds) as port:
        for _ in range(5):
            stack.enter_context(Peer(port))
        with secured(port, client(folder)) as peer:
            peer.socket.settimeout(30)
            assert results(peer.ask(a_request())) == [0]


def test_a_stop_does_not_wait_for_who_is_silent_in_a_handshake(
    service: Scripted, folder: Path
) -> None:
    bounds = Bounds(pdu_seconds=300, negotiation_seconds=300)
    with ExitStack() as stack:
        with accepting(service, grace=120, secure=secure(folder), bounds=bounds) as port:
            for _ in range(3):
                stack.enter_context(Peer(port)).send(b"\x16\x03\x01\x02\x00\x01")
            wait_until(lambda: len(conversations()) == 3, "three handshakes to begin")
            began = time.monotonic()
        assert time.monotonic() - began < 60
        wait_until(lambda: not conversations(), "every handshake to end")


def conversations() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


def test_silent_peers_are_cut(service: Scripted, folder: Path) -> None:
    bounds = Bounds(pdu_seconds=1)
    with ExitStack() as stack, accepting(service, secure=secure(folder), bounds=bounds) as port:
        silent = [stack.enter_context(Peer(port)) for _ in range(5)]
        assert [each.read() for each in silent] == [None] * 5


def test_plain_dicom_on_a_secure_port_is_not_answered(port: int, service: Scripted) -> None:
    with Peer(port) as peer:
        peer.send(a_request())
        try:
            alert = peer.socket.recv(1)  # 0x15 where TLS says what is wrong
        except ConnectionResetError:
            alert = b""
        assert alert in (b"", b"\x15")
    assert service.ended == []


@pytest.mark.peer("dcmtk")
def test_dcmtk_sends_an_object_over_tls(
    port: int, folder: Path, service: Scripted, tmp_path: Path
) -> None:
    certificate, key, authority = files(folder, "peer")
    sent = as_file(tmp_path / "state.dcm", our_state())
    done = subprocess.run(
        [
            need("storescu", "dcmtk"), "+tls", key, certificate, "+cf", authority,
            "-aec", "NODE", "-xe", "localhost", str(port), sent,
        ],
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sent.read_bytes().endswith(service.stored[0].data)


def test_files_that_are_no_certificates_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(RefusedInput, match=r"node\.pem"):
        tls.server_context(folder / "node.pem", folder / "peer.key", folder / "authority.pem")
