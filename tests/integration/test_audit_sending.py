"""The audit trail reaches a syslog server: each message at least once, in order, numbered."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.services.audit_drain import AuditDrain
from pacs_bridge.services.audit_trail import (
    Sealer,
    Send,
    bring_up_to_date,
    make_room,
    send_waiting,
    standing,
)
from pacs_bridge.syslog.sender import Repository, SyslogSender
from tests.certificates import Desk
from tests.databases import TestDatabase
from tests.failing_peers import raw_server
from tests.peers import free_port
from tests.syslog_server import SyslogServer, server_context, syslog_server
from tests.waiting import wait_until

SEALER = Sealer(b"key" * 11)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("audit-tls"))
    desk.issue("repository")
    return desk


def to(server: SyslogServer, transport: str = "tcp") -> Repository:
    return Repository("127.0.0.1", server.port, transport, seconds=60)


def happen(database: TestDatabase, count: int, kind: str = "signed-in") -> None:
    for number in range(count):
        with database.begin() as uow:
            uow.events.add(database.clock(), kind, str(number + 1))
    order(database)


def order(database: TestDatabase) -> None:
    bring_up_to_date(begin=database.begin, read=database.begin, sealer=SEALER)


def send_all(database: TestDatabase, send: Send) -> int:
    return send_waiting(
        begin=database.begin, read=database.begin, send=send, source="PACSBRIDGE",
        now=database.clock,
    )  # fmt: skip


def a_drain(database: TestDatabase, repository: Repository) -> AuditDrain:
    def note(kind: str, said: str) -> None:
        with database.begin() as uow:
            uow.events.add(database.clock(), kind, "audit", said=said)

    return AuditDrain(
        bring_up_to_date=lambda: bring_up_to_date(
            begin=database.begin, read=database.begin, sealer=SEALER
        ),
        make_room=lambda: make_room(
            100_000, begin=database.begin, read=database.begin, now=database.clock
        ),
        send_waiting=lambda: send_all(database, SyslogSender(repository)),
        note=note,
        tick=0.02,
    )


def kinds(database: TestDatabase, start: str) -> list[str]:
    with database.begin() as uow:
        return [e.kind for e in reversed(uow.events.newest(1_000)) if e.kind.startswith(start)]


def test_messages_go_over_tls_in_order_and_once(database: TestDatabase, authority: Desk) -> None:
    happen(database, 230)  # more than one batch
    context = server_context(authority.authority, "repository", authority.authority / "ca.pem")
    with syslog_server(context) as server:
        sender = SyslogSender(
            Repository(
                "127.0.0.1", server.port, "tls", authority.authority / "ca.pem",
                authority.tls / "node.pem", authority.tls / "node.key", 15,
            )
        )  # fmt: skip
        while send_all(database, sender):
            pass
        assert server.numbers == list(range(1, 231))
        assert server.connections == 2
        first = server.lines[0]
    assert first.event == "User Authentication"
    assert first.root.find("AuditSourceIdentification").get("AuditSourceID") == "PACSBRIDGE"  # type: ignore[union-attr]
    assert standing(read=database.begin).unsent == 0


def test_messages_go_over_tcp_and_in_datagrams(database: TestDatabase) -> None:
    happen(database, 2)
    with syslog_server() as server:
        assert send_all(database, SyslogSender(to(server))) == 2
        assert server.numbers == [1, 2]
    happen(database, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        port = receiver.getsockname()[1]
        send_all(database, SyslogSender(Repository("127.0.0.1", port, "udp")))
        line = receiver.recv(65_536)
    assert line.startswith(b"<85>1 ")
    assert b'[meta sequenceId="3"]' in line


def test_what_a_repository_took_and_did_not_own_to_comes_again_under_its_number(
    database: TestDatabase,
) -> None:
    happen(database, 5)
    with syslog_server() as server:
        server.breaks = 1
        with pytest.raises(PeerUnavailable, match="failed at: answer"):
            send_all(database, SyslogSender(to(server)))
        assert standing(read=database.begin).unsent == 5
        assert send_all(database, SyslogSender(to(server))) == 5
        assert server.numbers == [1, 2, 3, 4, 5] * 2
    assert [line.message for line in server.lines[:5]] == [
        line.message for line in server.lines[5:]
    ]


def test_while_the_repository_is_down_messages_wait_and_then_all_of_them_go(
    database: TestDatabase,
) -> None:
    server = SyslogServer(port=free_port())
    drain = a_drain(database, to(server))
    drain.start()
    try:
        for number in range(3):
            with database.begin() as uow:
                uow.events.add(database.clock(), "signed-in", str(number))
        wait_until(lambda: kinds(database, "audit-"), "the alarm")
        with syslog_server(server=server):
            wait_until(lambda: len(server.lines) >= 3, "all that waited")
            with database.begin() as uow:
                uow.events.add(database.clock(), "signed-out", "1")
            wait_until(lambda: 4 in server.numbers, "what came after")
            drain.stop()
    finally:
        drain.stop()
    assert sorted(set(server.numbers)) == [1, 2, 3, 4]
    assert kinds(database, "audit-") == ["audit-waits", "audit-sent-again"]


_CHILD = """
import sys
from pathlib import Path
from pacs_bridge.wiring.audit import build_drain
from pacs_bridge.wiring.installation import Installation
drain = build_drain(Installation.open(Path(sys.argv[1])))
drain.start()
sys.stdin.read()
drain.stop()
"""


def test_a_kill_between_sending_and_noting_it_loses_nothing(tmp_path: Path) -> None:
    from pacs_bridge.wiring.home import make_home

    installation = make_home(tmp_path / "home")  # which makes an account: one message
    took, go_on = threading.Event(), threading.Event()

    def take_and_hang(connection: socket.socket, _stop: threading.Event) -> None:
        connection.settimeout(120)
        if go_on.is_set():
            return
        while b"</AuditMessage>" not in connection.recv(65_536):
            pass
        took.set()
        go_on.wait(120)

    def child(port: int) -> subprocess.Popen[bytes]:
        settings = {
            "PACS_BRIDGE_SECURITY__AUDIT_HOST": "127.0.0.1",
            "PACS_BRIDGE_SECURITY__AUDIT_PORT": str(port),
            "PACS_BRIDGE_SECURITY__AUDIT_TRANSPORT": "tcp",
        }
        return subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(installation.config.home)],
            stdin=subprocess.PIPE, env={**os.environ, **settings},
        )  # fmt: skip

    with raw_server(take_and_hang) as port:
        first = child(port)
        try:
            assert took.wait(120)
        finally:
            first.send_signal(signal.SIGKILL)
            first.communicate()
            go_on.set()
    assert standing(read=installation.read).unsent == 1
    with syslog_server() as server:
        second = child(server.port)
        try:
            wait_until(lambda: 1 in server.numbers, "the message to come again")
        finally:
            second.communicate()
    assert standing(read=installation.read).unsent == 0


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_nobody_there_fails_at_connect(database: TestDatabase, transport: str) -> None:
    happen(database, 1)
    nobody = Repository("127.0.0.1", free_port(), transport)
    with pytest.raises(PeerUnavailable, match=r"the audit repository could not.*connect"):
        send_all(database, SyslogSender(nobody))


def test_a_name_nobody_knows_fails_at_name(database: TestDatabase) -> None:
    happen(database, 1)
    with pytest.raises(PeerUnavailable, match=r"failed at: name.*no-such-host\.invalid"):
        send_all(database, SyslogSender(Repository("no-such-host.invalid", 6514)))


def test_a_repository_that_nobody_vouches_for_is_told_nothing(
    database: TestDatabase, authority: Desk
) -> None:
    happen(database, 1)
    with syslog_server(server_context(authority.authority, "repository")) as server:
        sender = SyslogSender(Repository("127.0.0.1", server.port, seconds=60))
        with pytest.raises(PeerUnavailable, match=r"failed at: TLS.*not accepted"):
            send_all(database, sender)
        assert server.lines == []


def test_a_repository_that_does_not_know_us_fails_at_tls(
    database: TestDatabase, authority: Desk
) -> None:
    happen(database, 1)
    ca = authority.authority / "ca.pem"
    with syslog_server(server_context(authority.authority, "repository", ca)) as server:
        sender = SyslogSender(Repository("127.0.0.1", server.port, "tls", ca, seconds=60))
        with pytest.raises(PeerUnavailable) as caught:
            send_all(database, sender)
        assert server.lines == []
    assert caught.value.phase in ("TLS", "data", "answer")  # 1.3 tells a client late
    assert standing(read=database.begin).unsent == 1


def test_a_repository_that_ends_tls_without_a_word_has_what_it_read(
    database: TestDatabase, authority: Desk
) -> None:
    happen(database, 2)
    ca = authority.authority / "ca.pem"
    with syslog_server(server_context(authority.authority, "repository")) as server:
        server.is_silent = True
        sender = SyslogSender(Repository("127.0.0.1", server.port, "tls", ca, seconds=60))
        assert send_all(database, sender) == 2
        assert set(server.numbers) == {1, 2}
        happen(database, 1)
        before = server.connections
        assert send_all(database, sender) == 1
        assert server.connections == before + 1  # it is known by now
    assert server.numbers.count(3) == 1


def test_a_repository_that_reads_and_says_nothing_has_not_got_it(database: TestDatabase) -> None:
    happen(database, 1)

    def swallow(connection: socket.socket, stop: threading.Event) -> None:
        while connection.recv(65_536):
            pass
        stop.wait(10)

    with raw_server(swallow) as port:
        silent = SyslogSender(Repository("127.0.0.1", port, "tcp", seconds=0.5))
        with pytest.raises(PeerUnavailable, match="failed at: answer"):
            send_all(database, silent)
    assert standing(read=database.begin).unsent == 1


def test_an_authority_that_cannot_be_read_is_said(database: TestDatabase, tmp_path: Path) -> None:
    happen(database, 1)
    with syslog_server() as server:
        wrong = Repository("127.0.0.1", server.port, "tls", tmp_path / "none.pem")
        with pytest.raises(RefusedInput, match="audit_ca"):
            send_all(database, SyslogSender(wrong))
