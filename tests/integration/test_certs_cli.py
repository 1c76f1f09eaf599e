"""``certs`` as an operator uses it, and a node that serves TLS with what it made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pacs_bridge.services.certificates import read_certificate
from tests.peers import free_port, need
from tests.round import OutsideInstallation


@pytest.fixture
def ours(tmp_path: Path) -> OutsideInstallation:
    return OutsideInstallation(tmp_path / "ours")


def make(ours: OutsideInstallation, ca: Path, *, days: int = 730) -> None:
    """An authority, the node's certificate and a hospital's."""
    subprocess.run([sys.executable, "-m", "pacs_bridge", "certs", "make-ca", str(ca)], check=True)
    ours.command("certs", "issue", "node", "--ca", str(ca), "--days", str(days))
    ours.command("certs", "issue", "hospital", "--ca", str(ca), "--host", "127.0.0.1")


@pytest.mark.peer("dcmtk")
def test_with_certificates_made_here_a_hospital_calls_over_tls(
    ours: OutsideInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = tmp_path / "ca"
    make(ours, ca)
    assert "BEGIN" not in (ours.home / "config.toml").read_text()
    words = ("--aet", "HOSPITAL", "--host", "127.0.0.1", "--port", "104", "--tls")
    ours.command("pacs", "add", "hospital", *words, "--certificate", str(ca / "hospital.pem"))
    (registered,) = ours.json("pacs", "list")
    fingerprint = read_certificate(ca / "hospital.pem").fingerprint
    assert (registered["plain"], registered["certificate"]) == (False, fingerprint)
    listed = {each["name"]: each for each in ours.json("certs", "list")}
    assert set(listed) == {"authorities", "node", "pacs/hospital"}
    assert listed["pacs/hospital"]["sha256"] == fingerprint
    port = free_port()
    monkeypatch.setenv("PACS_BRIDGE_NODE__TLS_PORT", str(port))
    node = ours.start("node")
    try:
        node.wait_ready("node", "node-tls")
        assert node.ready["node-tls"] == port
        files = [str(ca / each) for each in ("hospital.key", "hospital.pem")]
        titles = ["-aet", "HOSPITAL", "-aec", "PACSBRIDGE"]
        echo = [need("echoscu", "dcmtk"), *titles, "localhost"]
        secure = [*echo, str(port), "+tls", *files, "+cf", str(ca / "ca.pem")]
        subprocess.run(secure, check=True, timeout=180)
        plain = subprocess.run([*echo, str(ours.node_port)], check=False, timeout=180)
        assert plain.returncode != 0
    finally:
        assert node.stop() == 0


def test_what_expires_within_a_month_ends_with_one_and_the_doctor_says_it(
    ours: OutsideInstallation, tmp_path: Path
) -> None:
    make(ours, tmp_path / "ca", days=29)
    told = ours.command("certs", "list", status=1)
    assert "node" in told
    words = ours.words("doctor", "--json")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert '"certificate node", "good": false' in done.stdout
    ours.command("certs", "issue", "node", "--ca", str(tmp_path / "ca"))
    ours.command("certs", "list")
