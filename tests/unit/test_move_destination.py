"""Where a C-MOVE sends to may begin to listen a moment after it has asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.ports import Sendable, StoreAnswer
from pacs_bridge.domain.query import Level
from pacs_bridge.services import retrieve
from pacs_bridge.services.retrieve import Wanted, send_to

PACS = Pacs("hospital", (Endpoint("HOSPITAL", "127.0.0.1", 104, ("retrieve",)),))
OBJECT = Sendable(
    path=Path("1.dcm"),
    sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
    sop_instance_uid="2.25.1",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
)


class Destination:
    """Fails so often, each time in the same phase, then takes everything."""

    def __init__(self, failures: int, phase: str) -> None:
        self.calls, self.failures, self.phase = 0, failures, phase

    def store(self, pacs: Pacs, objects: Any, **_: Any) -> Iterator[StoreAnswer]:
        self.calls += 1
        if self.calls <= self.failures:
            raise PeerUnavailable(pacs.name, self.phase)
        for each in objects:
            yield StoreAnswer(each.sop_instance_uid, 0x0000)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve, "_AGAIN_SECONDS", 0.0)


def sent_to(destination: Destination, patience: float = 60.0) -> list[str]:
    wanted = Wanted(Level.STUDY, (OBJECT,), (), PACS)
    answers = send_to(wanted, peer=destination, patience=patience)  # type: ignore[arg-type]
    return [each.sop_instance_uid for each in answers]


@pytest.mark.parametrize("failures", [1, 2])
def test_a_destination_that_listens_a_moment_later_has_everything(failures: int) -> None:
    destination = Destination(failures, "connect")
    assert sent_to(destination) == ["2.25.1"]
    assert destination.calls == failures + 1


def test_a_destination_that_never_listens_has_nothing_in_the_end() -> None:
    destination = Destination(99, "connect")
    assert sent_to(destination, patience=0.0) == []
    assert destination.calls == 1


@pytest.mark.parametrize("phase", ["association", "data", "answer"])
def test_a_destination_that_fails_otherwise_is_not_called_again(phase: str) -> None:
    destination = Destination(1, phase)
    assert sent_to(destination) == []
    assert destination.calls == 1
