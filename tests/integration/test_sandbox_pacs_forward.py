"""The auto-forward rule of the sandbox PACS: what readers save goes on, whatever happens."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pynetdicom import AE, evt

from tests.dcmtk import dcmtk
from tests.hospital import (
    KEY_OBJECT,
    REPORT,
    STATE,
    a_hospital,
    a_mark,
    four_views,
    marks,
    send,
)
from tests.peers import free_port
from tests.waiting import wait_until


@dataclass
class Node:
    """A destination that takes marks, and what happened to it."""

    stored: list[str] = field(default_factory=list)
    associations: int = 0
    answer: Callable[[str], int] = lambda _uid: 0x0000

    def on_store(self, event: Any) -> int:
        self.stored.append(str(event.request.AffectedSOPInstanceUID))
        return self.answer(self.stored[-1])

    def on_accepted(self, _event: Any) -> None:
        self.associations += 1


@contextmanager
def running(node: Node, port: int) -> Iterator[Node]:
    """Let a node listen from now on."""
    ae = AE("NODE")
    for kind in (STATE, REPORT, KEY_OBJECT):
        ae.add_supported_context(kind)
    handlers = [(evt.EVT_C_STORE, node.on_store), (evt.EVT_ACCEPTED, node.on_accepted)]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield node
    finally:
        server.shutdown()


def test_marks_go_on_and_images_do_not(tmp_path):
    four_views(tmp_path / "in")
    marks(tmp_path / "in", 6)
    port = free_port()
    with running(Node(), port) as node, a_hospital(forward=("NODE", "127.0.0.1", port)) as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        wait_until(lambda: len(node.stored) == 6, "six marks")
        wait_until(lambda: pacs.waiting() == 0, "an empty ledger")
        assert {uid.rpartition(".")[0] for uid in node.stored} == {a_mark(1).SeriesInstanceUID}


def test_marks_wait_while_the_node_is_down_and_the_pacs_is_restarted(tmp_path):
    port, store = free_port(), tmp_path / "pacs"
    marks(tmp_path / "in", 7)
    with a_hospital(store, forward=("NODE", "127.0.0.1", port)) as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        assert pacs.waiting() == 7
    with a_hospital(store, forward=("NODE", "127.0.0.1", port)) as pacs:
        assert pacs.waiting() == 7
        with running(Node(), port) as node:
            wait_until(lambda: pacs.waiting() == 0, "an empty ledger")
            assert len(node.stored) == len(set(node.stored)) == 7
            assert node.associations == 1
    assert list((store / "forward").iterdir()) == []


def test_a_mark_that_is_refused_goes_again_and_holds_no_other_up(tmp_path):
    refused = threading.Event()

    def busy_once(uid: str) -> int:
        if uid == a_mark(1).SOPInstanceUID and not refused.is_set():
            refused.set()
            return 0xA700
        return 0x0000

    marks(tmp_path / "in", 4)
    port = free_port()
    with a_hospital(forward=("NODE", "127.0.0.1", port)) as pacs:
        dcmtk("storescu", pacs.port, "-R", "+sd", str(tmp_path / "in"))
        assert pacs.waiting() == 4  # before anybody listens: else the first might go on alone
        with running(Node(answer=busy_once), port) as node:
            wait_until(lambda: pacs.waiting() == 0, "an empty ledger")
            assert len(node.stored) == 5
            assert node.stored[-1] == a_mark(1).SOPInstanceUID


def test_a_mark_saved_twice_goes_on_once(tmp_path):
    port = free_port()
    with running(Node(), port) as node, a_hospital(forward=("NODE", "127.0.0.1", port)) as pacs:
        send(pacs, a_mark(1), folder=tmp_path)
        wait_until(lambda: pacs.waiting() == 0 and node.stored, "an empty ledger")
        send(pacs, a_mark(1), a_mark(2), folder=tmp_path)
        wait_until(lambda: len(node.stored) == 2, "the second mark")
        wait_until(lambda: pacs.waiting() == 0, "an empty ledger")
        assert [uid.rpartition(".")[2] for uid in node.stored] == ["1", "2"]


def test_a_pacs_that_is_killed_forwards_what_it_had_taken(tmp_path):
    port, store = free_port(), tmp_path / "pacs"
    marks(tmp_path / "in", 3)
    command = [
        sys.executable, "-m", "pacs_bridge", "sandbox", "pacs", "--aet", "HOSPITAL",
        "--port", "0", "--store", str(store), "--forward", f"NODE@127.0.0.1:{port}",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            own_port = process.stdout.readline().split()[2].rpartition(":")[2]
            dcmtk("storescu", int(own_port), "-R", "+sd", str(tmp_path / "in"))
        finally:
            process.kill()
    with (
        running(Node(), port) as node,
        a_hospital(store, forward=("NODE", "127.0.0.1", port)) as pacs,
    ):
        wait_until(lambda: pacs.waiting() == 0, "an empty ledger")
        assert len(node.stored) == 3
