"""A move to whoever opens its port, or has a place for us, only a moment after it has asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import MoveOriginator, Sendable, StoreAnswer
from pacs_bridge.domain.query import Level
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services import retrieve
from pacs_bridge.services.retrieve import Wanted, send_to
from pacs_bridge.upper_layer import pdu
from tests.failing_peers import sendables
from tests.pdu_server import Line, pdu_server
from tests.peers import free_port
from tests.queries import keep


class Moving:
    """Our side towards a destination that is elsewhere at first; remembers each call."""

    def __init__(self, *ports: int) -> None:
        self.ports, self.called = list(ports), 0

    def store(
        self, pacs: Pacs, objects: Iterable[Sendable], *, originator: MoveOriginator | None = None
    ) -> Iterator[StoreAnswer]:
        self.called += 1
        port = self.ports.pop(0) if len(self.ports) > 1 else self.ports[0]
        there = Endpoint("VIEWER", "127.0.0.1", port, ("store",))
        return DimsePeer().store(Pacs(pacs.name, (there,), plain=True), objects)


def wanted(folder: Path) -> Wanted:
    archive = LocalArchive(folder / "archive")
    objects = tuple(sendables(archive, keep(archive, 101)))[:1]
    return Wanted(Level.IMAGE, objects, to=Pacs("hospital", ()))


def test_a_destination_that_takes_nothing_yet_is_called_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve, "_AGAIN_SECONDS", 0.01)
    calls: list[Line] = []

    def late(line: Line) -> None:
        calls.append(line)
        if len(calls) == 1:
            return  # hangs up
        if len(calls) == 2:
            line.read()
            line.say(pdu.AssociateReject(2, 3, 2))
            return
        line.accept()
        request, _ = line.message()
        line.answer(request.answer(0x0000))
        line.end()

    with pdu_server(late) as (port, _):
        moving = Moving(free_port(), port)
        answers = list(send_to(wanted(tmp_path), peer=moving, patience=60.0))  # type: ignore[arg-type]
    assert [each.status for each in answers] == [0x0000]
    assert moving.called == 4


def test_a_destination_that_says_no_is_believed(tmp_path: Path) -> None:
    def refuse(line: Line) -> None:
        line.read()
        line.say(pdu.AssociateReject(1, 1, 3))

    with pdu_server(refuse) as (port, lines):
        moving = Moving(port)
        assert list(send_to(wanted(tmp_path), peer=moving, patience=60.0)) == []  # type: ignore[arg-type]
    assert (moving.called, len(lines)) == (1, 1)
