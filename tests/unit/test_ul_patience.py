"""How long somebody is waited for is what was asked for, whatever was sent in between."""

from __future__ import annotations

import socket

import pytest

from pacs_bridge.upper_layer import pdu, wire
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.inbox import Inbox

RELEASE = pdu.encode(pdu.ReleaseRequest())


@pytest.mark.parametrize("gathers", [True, False])
def test_an_answer_that_went_out_does_not_shorten_the_wait_for_what_comes_next(
    gathers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PACS may be silent for a minute between two objects, not for the time of one PDU."""
    monkeypatch.setattr(wire, "CAN_GATHER", gathers)
    monkeypatch.setattr(wire, "_QUICKACK", None)  # this is no TCP
    ours, theirs = socket.socketpair()
    with ours, theirs:
        inbox = Inbox(ours, Bounds(pdu_seconds=8.0))
        for _ in range(2):
            theirs.sendall(RELEASE)
            assert inbox.next(60.0) == pdu.ReleaseRequest()
            assert ours.gettimeout() == 60.0
            wire.send(ours, [RELEASE], wire.Deadline(8.0))
            assert ours.gettimeout() < 60.0
