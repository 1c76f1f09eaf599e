"""Every failure names its phase, whoever called: name, connect, TLS … answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.phases import ADVICE
from pacs_bridge.domain.ports import StoreAnswer
from pacs_bridge.scu.find import FindRefused
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.send_ledger import _comment
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import Command, Field, encode_command
from pacs_bridge.upper_layer.contract import Bounds, Question, Reply
from tests.failing_peers import with_timeouts
from tests.loads import a_pacs, a_passport
from tests.scripted_pacs import Script, scripted_pacs
from tests.ul_peer import FIND, STATE, Peer, Scripted, accepting, echo_request, talking
from tests.waiting import wait_until

BOUNDS = Bounds(pdu_seconds=15, idle_seconds=30)
STORE = Command(
    Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid="1.2.3",
    message_id=1, priority=0,
)  # fmt: skip


def nothing(_peer: Peer) -> None:
    """Hang up after the association was accepted."""


def half_a_command(peer: Peer) -> None:
    part = encode_command(echo_request())[:20]
    peer.send(pdu.Data((pdu.Fragment(1, True, False, part),)))


def half_a_data_set(peer: Peer) -> None:
    peer.send(pdu.Data((pdu.Fragment(1, True, True, encode_command(STORE)),)))
    peer.send(pdu.Data((pdu.Fragment(1, False, False, b"\0" * 100),)))


def no_protocol_inside_a_data_set(peer: Peer) -> None:
    half_a_data_set(peer)
    peer.send(pdu.Data((pdu.Fragment(1, True, True, encode_command(STORE)),)))
    peer.read()


@pytest.mark.parametrize(
    ("peer_does", "note"),
    [
        (nothing, "command: ended without a release"),
        (half_a_command, "command: ended without a release"),
        (half_a_data_set, "data: ended without a release"),
        (
            no_protocol_inside_a_data_set,
            "data: protocol error, a command came inside a data set",
        ),
    ],
)
def test_an_association_that_breaks_off_says_where(
    peer_does: Callable[[Peer], None], note: str
) -> None:
    service = Scripted()
    with accepting(service, bounds=BOUNDS) as port:
        with talking(port, STATE) as peer:
            peer_does(peer)
        wait_until(lambda: service.ended, "the end")
    assert service.ended[0][1] == note


def test_a_peer_that_takes_no_answers_fails_at_answer() -> None:
    service = Scripted()

    def without_end(_question: Question) -> Iterator[Reply]:
        while True:
            yield Reply(0xFF00, b"\0" * 60_000)

    service.replies = without_end
    question = Command(Field.C_FIND, 1, affected_sop_class_uid=FIND, message_id=1, priority=0)
    with (
        accepting(service, bounds=replace(BOUNDS, pdu_seconds=0.5)) as port,
        talking(port, FIND) as peer,
    ):
        peer.say(question, b"")
        wait_until(lambda: service.ended, "the end")
    assert service.ended[0][1] == "answer: silent or too slow"


@pytest.mark.parametrize(
    ("answer", "comment"),
    [
        (StoreAnswer("1.2", 0x0000), ""),
        (StoreAnswer("1.2", 0xB000), "0xB000: stored, some values changed"),
        (StoreAnswer("1.2", 0xC001, "no"), "0xC001: no (failed at: answer)"),
        (
            StoreAnswer("1.2", 0x0122, "The PACS does not take it.", phase="association"),
            "0x0122: The PACS does not take it. (failed at: association)",
        ),
    ],
)
def test_the_row_of_an_image_that_was_not_taken_says_where(
    answer: StoreAnswer, comment: str
) -> None:
    assert _comment(answer) == comment


def test_a_query_that_is_refused_has_failed_at_answer() -> None:
    with scripted_pacs(Script(find=lambda _query: [(0xA700, None)])) as script:
        answer = DimsePeer().find_case(a_pacs(script.port), a_passport(None, 1).cases[0])
    assert answer.error is not None
    assert answer.error.endswith("0xA700 (failed at: answer)")
    assert not issubclass(FindRefused, PeerUnavailable)  # it is an answer, if no good one


def test_a_pacs_that_hangs_up_on_an_echo_fails_at_answer() -> None:
    def hang_up() -> int:
        script.open[0].abort()
        return 0x0000

    with scripted_pacs(Script()) as script:
        script.echo = hang_up
        with pytest.raises(PeerUnavailable) as caught:
            DimsePeer().echo(with_timeouts(a_pacs(script.port), dimse=15))
        wait_until(lambda: not script.open, "the association to end")
    assert caught.value.phase == "answer"


def test_what_to_do_is_written_for_every_phase_that_is_ever_named() -> None:
    root = Path(__file__).parents[2]
    told = (root / "docs" / "phases.md").read_text("utf-8")
    assert re.findall(r"^\| \*\*(\w+)\*\* \|", told, re.MULTILINE) == list(ADVICE)
    named = set()
    for path in (root / "pacs_bridge").rglob("*.py"):
        named |= set(
            re.findall(r"(?:unavailable|PeerUnavailable)\([^()\n]*?\"(\w+)\",", path.read_text())
        )
    assert {"name", "connect", "TLS", "association", "answer"} <= named
    assert named - {"Orthanc"} <= set(ADVICE)
