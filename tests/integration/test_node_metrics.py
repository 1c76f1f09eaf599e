"""A monitor on the node's machine reads what the node did."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pacs_bridge.scp.metrics import Meter, Sample, render
from pacs_bridge.scp.metrics_server import MetricsServer
from tests.hostile.aliens import MARKER
from tests.hostile.peer import ECHO, REJECTED, REPORT, STATE, Peer
from tests.hostile.siege import HostileNode, assert_answered_in_time, running
from tests.nodes import an_alien, encode
from tests.raw_peer import associate_rq, read_pdu
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileNode]:
    with running(tmp_path_factory.mktemp("metrics")) as node:
        yield node


def ask(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=180) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return str(answer.read().decode())


def values(node: HostileNode) -> dict[str, float]:
    text = ask(node.roles.ready["metrics"])
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def ends(found: dict[str, float]) -> list[float]:
    """How many associations were aborted, rejected and released."""
    kinds = ("aborted", "rejected", "released")
    return [found.get(f'pacs_bridge_associations_total{{outcome="{kind}"}}', 0) for kind in kinds]


def settled(node: HostileNode) -> dict[str, float] | None:
    """What is counted once every association so far has come to its end."""
    found = values(node)
    return found if sum(ends(found)) == node.warming else None


def test_what_the_node_did_is_counted(node: HostileNode) -> None:
    before = wait_until(lambda: settled(node), "the ends of all that was to be counted")
    node.probe()
    alien = encode(an_alien(node.new_uid()))
    assert node.hostile.store(STATE, "1.9.9.1", alien) == 0xA900  # under another UID
    with node.hostile.associate(REPORT, ECHO) as talk:
        assert talk.echo() == 0x0000
    with node.hostile.connect() as connection:
        connection.sendall(associate_rq(calling="STRANGER"))
        assert read_pdu(connection)[0] == REJECTED

    def grown() -> dict[str, float]:
        now = values(node)
        return {name: now[name] - before.get(name, 0) for name in now}

    wait_until(lambda: sum(ends(grown())) == 4, "the end of each")
    found = grown()
    assert ends(found) == [1, 1, 2]
    assert found['pacs_bridge_requests_total{service="C-ECHO",status="0x0000"}'] == 2
    assert found['pacs_bridge_requests_total{service="C-STORE",status="0x0000"}'] == 1
    assert found['pacs_bridge_requests_total{service="C-STORE",status="0xA900"}'] == 1
    assert found['pacs_bridge_refusals_total{kind="mismatched"}'] == 1
    assert found["pacs_bridge_received_bytes_total"] > len(alien)
    assert found['pacs_bridge_queue_length{queue="objects",state="received"}'] == 1


def test_no_word_of_a_peer_is_in_what_a_monitor_reads(node: HostileNode) -> None:
    Peer(node.port, *("HOSPITAL", "127.0.0.1")).store(STATE, "1.9.9.2", encode(an_alien("1.9.9.2")))
    text = ask(node.roles.ready["metrics"])
    assert not any(word in text for word in ("HOSPITAL", "CLINIC", "1.9.9", "PLANTED", MARKER))


def test_only_this_machine_can_ask(node: HostileNode) -> None:
    port = node.roles.ready["metrics"]
    listening = {c.laddr.ip for c in node.process.net_connections("inet") if c.laddr.port == port}
    assert listening == {"127.0.0.1"}


def test_nothing_but_the_metrics_is_served(node: HostileNode) -> None:
    for path in ("/", "/metrics/../config.toml", "/metrics?x", "/metrics/"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(node.roles.ready["metrics"], path)
        refused.value.close()
        assert refused.value.code == 404


def test_monitors_that_say_nothing_hold_nobody_up(node: HostileNode) -> None:
    port = node.roles.ready["metrics"]
    seconds = []
    with ExitStack() as stack:
        for _ in range(5):  # one probe alone may meet a moment at which the machine is busy
            for _ in range(4):
                stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            assert "pacs_bridge_open_associations" in ask(port)
            seconds.append(node.probe())
    assert_answered_in_time(seconds, node.calm)


def test_a_database_that_does_not_answer_is_said_and_survived() -> None:
    answers = iter([OSError("gone"), [Sample("pacs_bridge_open_associations", (), 2)]])

    def collect() -> list[Sample]:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    server = MetricsServer(collect, 0)
    try:
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(server.port)
        refused.value.close()
        assert refused.value.code == 503
        assert "pacs_bridge_open_associations 2\n" in ask(server.port)
    finally:
        server.close()


def test_a_label_cannot_break_out_of_its_quotes() -> None:
    meter = Meter()
    meter.count("pacs_bridge_refusals_total", 3, kind='a"b\\c\nd')
    assert render(meter.samples()).splitlines()[-1] == (
        'pacs_bridge_refusals_total{kind="a\\"b\\\\c\\nd"} 3'
    )


def test_many_threads_count_every_request() -> None:
    from concurrent.futures import ThreadPoolExecutor

    meter = Meter()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2000):
            pool.submit(meter.count, "pacs_bridge_refusals_total", kind="alien")
    assert meter.samples() == [Sample("pacs_bridge_refusals_total", (("kind", "alien"),), 2000)]
