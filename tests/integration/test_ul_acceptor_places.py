"""Whom the acceptor has room for, how it stops, and that it gives everything back."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pacs_bridge.domain.objects import AssociationOutcome
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.acceptor import THREAD_NAME, Acceptor
from pacs_bridge.upper_layer.command import Command, Field
from pacs_bridge.upper_layer.contract import Bounds
from tests.ul_peer import (
    CONTEXTS,
    STATE,
    Peer,
    Scripted,
    a_request,
    accepting,
    echo_request,
    talking,
)
from tests.waiting import wait_until

RELEASED, ABORTED = AssociationOutcome.RELEASED, AssociationOutcome.ABORTED


@pytest.fixture
def service() -> Scripted:
    return Scripted()


@pytest.fixture
def port(service: Scripted) -> Iterator[int]:
    with accepting(service) as number:
        yield number


def conversations() -> list[threading.Thread]:
    return named(THREAD_NAME)


def named(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_one_address_has_its_share_and_a_known_pacs_its_own(service: Scripted) -> None:
    bounds = Bounds(associations=3, associations_per_address=3, kept_per_pacs=1)
    with accepting(service, bounds=bounds) as port:
        with talking(port, calling="A"), talking(port, calling="A"), talking(port, calling="A"):
            with Peer(port) as fourth:
                assert fourth.ask(a_request(calling="A")) == pdu.AssociateReject(2, 3, 2)
            with talking(port, calling="B"), Peer(port) as second:
                assert second.ask(a_request(calling="B")) == pdu.AssociateReject(2, 3, 2)
        wait_until(lambda: not conversations(), "the places to be free")
        with talking(port, calling="A") as peer:
            peer.say(echo_request())
            assert peer.hear()[0].status == 0


def test_silent_connections_do_not_take_the_place_of_a_pacs_that_was_here(
    service: Scripted,
) -> None:
    bounds = Bounds(half_open=4, half_open_per_address=4)
    with accepting(service, bounds=bounds) as port:
        with talking(port) as peer:
            peer.ask(pdu.ReleaseRequest())
        wait_until(lambda: not conversations(), "the first to be gone")
        silent = [Peer(port, "127.0.0.2") for _ in range(4)]
        try:
            wait_until(lambda: len(conversations()) == 4, "four silent peers to be seen")
            with talking(port) as peer:
                peer.say(echo_request())
                assert peer.hear()[0].status == 0
        finally:
            for each in silent:
                each.socket.close()


def test_a_peer_that_does_not_close_is_closed(service: Scripted) -> None:
    with accepting(service, bounds=Bounds(artim_seconds=0.2)) as port, talking(port) as peer:
        assert peer.ask(pdu.ReleaseRequest()) == pdu.ReleaseReply()
        assert peer.read() is None


def test_a_stop_lets_what_is_in_hand_come_to_its_end(service: Scripted) -> None:
    service.echoing.clear()
    acceptor = Acceptor(service, CONTEXTS, host="127.0.0.1", port=0)
    with talking(acceptor.start()) as peer:
        peer.say(echo_request())
        stopping = threading.Thread(target=acceptor.stop)
        stopping.start()
        wait_until(lambda: not named("acceptor"), "the acceptor to listen no more")
        service.echoing.set()
        assert peer.hear()[0].status == 0
        assert peer.ask(pdu.ReleaseRequest()) == pdu.ReleaseReply()
    stopping.join()
    assert service.ended == [(RELEASED, "")]


def test_a_stop_says_that_it_aborts(service: Scripted) -> None:
    with ExitStack() as stack:
        with accepting(service, grace=0.1) as port:
            peer = stack.enter_context(talking(port))
        assert peer.read() == pdu.Abort(0, 0)
    assert service.ended == [(ABORTED, "ended by the node, which stops")]


def test_a_stop_does_not_hear_out_who_goes_on_talking(service: Scripted) -> None:
    service.keep = False
    acceptor = Acceptor(service, CONTEXTS, host="127.0.0.1", port=0)
    part = pdu.encode(pdu.Data((pdu.Fragment(1, False, False, bytes(60_000)),)))
    request = Command(
        Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid="1.2",
        message_id=1,
    )  # fmt: skip
    with talking(acceptor.start(), STATE) as peer:
        peer.say(request)

        def talk() -> None:
            try:
                while True:
                    peer.send(part)
            except OSError:
                pass

        talker = threading.Thread(target=talk)
        talker.start()
        wait_until(lambda: service.stored and service.stored[0].size, "the first piece")
        acceptor.stop(0.1)
        talker.join()
    assert service.stored[0].ended == "aborted"
    assert service.ended == [(ABORTED, "ended by the node, which stops")]
    assert conversations() == []


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT here")
def test_two_acceptors_share_a_port(service: Scripted) -> None:
    other = Scripted()
    with accepting(service, shared=True) as port:
        second = Acceptor(other, CONTEXTS, host="127.0.0.1", port=port, shared=True)
        assert second.start() == port
        try:
            for _ in range(60):
                with talking(port) as peer:
                    peer.ask(pdu.ReleaseRequest())
        finally:
            second.stop()
    assert len(service.ended) + len(other.ended) == 60
    assert service.ended
    assert other.ended


def test_an_acceptor_whose_port_is_taken_says_so_and_stops(port: int, service: Scripted) -> None:
    second = Acceptor(service, CONTEXTS, host="127.0.0.1", port=port)
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()
    assert named("acceptor")


def test_every_thread_and_descriptor_is_given_back(service: Scripted) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    gc.collect()  # what earlier tests left
    before = descriptors()
    with accepting(service) as port:
        for _ in range(50):
            with talking(port) as peer:
                peer.ask(pdu.ReleaseRequest())
            with talking(port) as peer:
                peer.send(pdu.Abort(0))
            with Peer(port) as peer:
                peer.send(b"\x01")
        wait_until(lambda: not conversations(), "every conversation to end")
    wait_until(lambda: descriptors() <= before, "every descriptor to be given back")
