"""``certs`` as an operator uses it, and a node that serves TLS with what it made."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.services.certificates import list_certificates, read_certificate
from tests.peers import need
from tests.round import OutsideInstallation, free_ports


@pytest.fixture
def ours(tmp_path: Path) -> OutsideInstallation:
    return OutsideInstallation(tmp_path / "ours")


def refused(*words: Any) -> str:
    """Run a command that is refused; gives its one line."""
    command = [sys.executable, "-m", "pacs_bridge", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


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
    words = ("--aet", "HOSPITAL", "--host", "127.0.0.1", "--port", "104", "--tls")
    ours.command("pacs", "add", "hospital", *words, "--certificate", str(ca / "hospital.pem"))
    (registered,) = ours.json("pacs", "list")
    fingerprint = read_certificate(ca / "hospital.pem").fingerprint
    assert (registered["plain"], registered["certificate"]) == (False, fingerprint)
    listed = {each["name"]: each for each in ours.json("certs", "list")}
    assert set(listed) == {"authorities", "node", "pacs/hospital"}
    assert listed["pacs/hospital"]["sha256"] == fingerprint
    (port,) = free_ports(1)
    monkeypatch.setenv("PACS_BRIDGE_NODE__TLS_PORT", str(port))
    node = ours.start("node")
    try:
        node.wait_ready("node", "node-tls")
        assert node.ready["node-tls"] == port
        files = [str(ca / each) for each in ("hospital.key", "hospital.pem")]
        titles = ["-aet", "HOSPITAL", "-aec", "PACSBRIDGE"]
        echo = [need("echoscu", "dcmtk"), *titles, "localhost"]
        secure = [*echo, str(port), "+tls", *files, "+cf", str(ca / "ca.pem")]
        subprocess.run(secure, check=True, timeout=60)
        plain = subprocess.run([*echo, str(ours.node_port)], check=False, timeout=60)
        assert plain.returncode != 0
    finally:
        assert node.stop() == 0


def test_keys_are_for_their_owner_alone_and_never_in_the_settings(
    ours: OutsideInstallation, tmp_path: Path
) -> None:
    make(ours, tmp_path / "ca")
    keys = [*(tmp_path / "ca").glob("*.key"), *(ours.home / "keys" / "tls").glob("*.key")]
    assert sorted(path.name for path in keys) == ["ca.key", "hospital.key", "node.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}
    assert "BEGIN" not in (ours.home / "config.toml").read_text()


def test_what_expires_within_a_month_ends_with_one_and_the_doctor_says_it(
    ours: OutsideInstallation, tmp_path: Path
) -> None:
    assert "no certificates" in ours.command("certs", "list")
    make(ours, tmp_path / "ca", days=29)
    told = ours.command("certs", "list", status=1)
    assert "node" in told
    words = ours.words("doctor", "--json")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert '"certificate node", "good": false' in done.stdout
    ours.command("certs", "issue", "node", "--ca", str(tmp_path / "ca"))
    ours.command("certs", "list")


def test_issuing_again_changes_the_certificate_and_trusts_the_authority_once(
    ours: OutsideInstallation, tmp_path: Path
) -> None:
    ca, folder = tmp_path / "ca", ours.home / "keys" / "tls"
    make(ours, ca)
    before = read_certificate(folder / "node.pem")
    ours.command("certs", "issue", "node", "--ca", str(ca))
    after = read_certificate(folder / "node.pem")
    assert after.fingerprint != before.fingerprint
    assert [each.name for each in list_certificates(folder)] == ["authorities", "node"]


def test_what_cannot_be_done_is_refused_in_one_sentence(
    ours: OutsideInstallation, tmp_path: Path
) -> None:
    ca, home = tmp_path / "ca", ("--home", ours.home)
    make(ours, ca)
    assert "There is an authority" in refused("certs", "make-ca", ca)
    nowhere = ("--ca", tmp_path / "nowhere")
    assert "no certificate" in refused("certs", "issue", "node", *nowhere, *home)
    assert "lower-case" in refused("certs", "issue", "../x", "--ca", ca, *home)
    assert "authority's own" in refused("certs", "issue", "ca", "--ca", ca, *home)
    assert "no host" in refused("certs", "issue", "x", "--ca", ca, "--host", "a b", *home)
    words = ("--aet", "H", "--host", "127.0.0.1", "--port", "104", "--tls", *home)
    assert "--certificate FILE" in refused("pacs", "add", "h", *words)
    key = ("--certificate", ca / "hospital.key")
    assert "no certificate" in refused("pacs", "add", "h", *words, *key)
    port = subprocess.run(
        [*ours.words("node")], capture_output=True, text=True, check=False, timeout=60,
        env={**__import__("os").environ, "PACS_BRIDGE_NODE__TLS_PORT": "70000"},
    )  # fmt: skip
    assert port.returncode == 1
    assert "node.tls_port" in port.stderr
