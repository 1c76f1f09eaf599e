"""The doctor calls our own port for TLS, and says what it is to know of certificates and audit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.audit_trail import make_room
from pacs_bridge.services.certificates import keep_certificate
from pacs_bridge.services.self_call import OURSELVES
from pacs_bridge.upper_layer.credentials import Credentials
from pacs_bridge.wiring.audit import gather
from pacs_bridge.wiring.doctor import Finding, examine
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.node import build_node, own_certificate
from tests.certificates import Desk
from tests.homes import a_home
from tests.peers import free_port
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("certificates"))
    desk.issue("hospital")
    return desk


@pytest.fixture
def home(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """A home with certificates and a port for TLS, whose node does not run yet."""
    for name, port in (("PORT", free_port()), ("TLS_PORT", free_port())):
        monkeypatch.setenv(f"PACS_BRIDGE_NODE__{name}", str(port))
    monkeypatch.setenv("PACS_BRIDGE_NODE__HOST", "127.0.0.1")
    monkeypatch.setenv("PACS_BRIDGE_WEB__PORT", str(free_port()))
    home = a_home(tmp_path / "home")
    home.config.tls_dir.mkdir(mode=0o700)
    for path in desk.tls.iterdir():
        if path.is_file():
            (home.config.tls_dir / path.name).write_bytes(path.read_bytes())
    yield home
    for engine in (home.engine, home.reading_engine):
        engine.dispose()


def found(home: Installation) -> dict[str, Finding]:
    gather(home)
    return {finding.subject: finding for finding in examine(home)}


def test_the_doctor_echoes_over_tls_as_the_node_itself_and_leaves_a_row(
    home: Installation,
) -> None:
    node = build_node(home)
    node.start()
    try:
        seen = found(home)
        assert seen["node over TLS"].good, seen["node over TLS"].says
        assert "answered an echo" in seen["node over TLS"].says
        assert "node on " in seen["certificates"].says
        assert "authorities on " in seen["certificates"].says

        def row() -> bool:
            with home.read() as uow:
                rows = uow.associations.newest()
            return any(r.caller.pacs == OURSELVES and r.echoes == 1 for r in rows)

        wait_until(row, "the row of the echo")
    finally:
        node.stop()
    seen = found(home)
    assert not seen["node over TLS"].good
    assert "connect" in seen["node over TLS"].says


def test_nobody_else_is_let_in_as_the_node_itself(home: Installation, desk: Desk) -> None:
    key, certificate = desk.files("hospital")
    theirs = home.config.home / "theirs"
    theirs.mkdir()
    (theirs / "node.pem").write_bytes(certificate.read_bytes())
    (theirs / "node.key").write_bytes(key.read_bytes())
    (theirs / "authorities.pem").write_bytes((desk.authority / "ca.pem").read_bytes())
    port, title = home.config.node.tls_port or 0, home.config.node.ae_title
    ours = Endpoint(title, "127.0.0.1", port, ("store",))
    pacs = Pacs("our node", (ours,), title, certificate=own_certificate(home))
    node = build_node(home)
    node.start()
    try:
        with pytest.raises(PeerUnavailable, match="Calling AE title not recognised"):
            DimsePeer(Credentials(theirs).secure_call).echo(pacs)
    finally:
        node.stop()


def test_the_doctor_says_what_expires_and_how_the_audit_trail_stands(
    home: Installation, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_certificate(home.config.tls_dir / "pacs", "clinic", desk.issue("clinic", days=20))
    seen = found(home)
    assert not seen["certificate pacs/clinic"].good
    assert "expires on" in seen["certificate pacs/clinic"].says
    assert seen["audit trail"].good
    assert "kept here alone" in seen["audit trail"].says
    with home.begin() as uow:
        for _ in range(20):
            uow.events.add(home.now() - timedelta(hours=1), "signed-in", "1")
        uow.events.add(home.now(), "audit-waits", "audit", said="nobody was there")
    gather(home)
    assert make_room(10, begin=home.begin, read=home.read, now=home.now) is not None
    seen = found(home)
    assert not seen["audit room"].good
    assert "were dropped and sent nowhere" in seen["audit room"].says
    assert seen["audit trail"].good
    monkeypatch.setenv("PACS_BRIDGE_SECURITY__AUDIT_HOST", "audit.invalid")
    waiting = found(Installation.open(home.config.home))["audit repository"]
    assert not waiting.good
    assert "wait for audit.invalid:6514" in waiting.says
    assert "nobody was there" in waiting.says
    with home.begin() as uow:
        uow.audit._session.execute(text("UPDATE pb_audit SET outcome = 12 WHERE place = 20"))
    assert "message 20 is missing or was changed" in found(home)["audit trail"].says
