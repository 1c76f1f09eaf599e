"""Every attack of RELIABILITY.md 2 against a real node, with honest peers during each.

The short form runs in `make test` with short deadlines; `make faults` runs the node as it
ships, and the attacks at their full size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.hostile import conversations, objects, waiting
from tests.hostile.siege import FULL, HostileNode, Siege, besieged, running

Attack = Callable[[Siege], None]

TRIALS: dict[str, Attack] = {
    "a1": waiting.promise_four_gigabytes,
    "hold": waiting.send_three_bytes,
    "a2": waiting.stream_into_one_pdu,
    "a3": waiting.never_send_the_last_fragment,
    "a3-ended": waiting.send_more_than_is_taken,
    "a4": waiting.send_a_pdu_over_what_was_agreed,
    "b1": waiting.open_300_silently,
    "b2": waiting.open_300_with_three_bytes,
    "b3": waiting.open_1100_silently,
    "b4": waiting.keep_15_associations_idle,
    "b4-all": waiting.keep_every_place_taken,
    "c1": waiting.drip_a_request,
    "c2": waiting.drip_an_object,
    "c3": waiting.take_no_answer,
    "d1": objects.nest_without_lengths,
    "d2": objects.nest_with_lengths,
    "d4": objects.promise_a_long_element,
    "d6": objects.send_200000_items,
    "e1": objects.offer_deflated,
    "f1": conversations.ask_for_128_contexts,
    "f2": conversations.ask_for_200_contexts,
    "f3": conversations.number_contexts_evenly,
    "f4": conversations.ask_for_3000_contexts,
    "f5": conversations.ask_for_no_context,
    "g1": conversations.leave_half_way,
    "g2": conversations.leave_large_objects_half_way,
    "h1": objects.reuse_a_uid,
    "h2": objects.lie_about_the_uid,
    "i": conversations.send_mutated_conversations,
    "j1": objects.call_under_odd_titles,
    "j2": objects.send_odd_uids,
    "j3": objects.send_odd_texts,
    "k1": conversations.send_odd_commands,
    "k2": conversations.lie_about_lengths,
    "k3": objects.send_300_on_one_association,
    "tls": waiting.stall_the_handshake,
    "disk": objects.fill_the_disk,
}

OTHER_WAYS: dict[str, tuple[str, int]] = {"portable": ("portable", 1), "processes": ("", 2)}
"""Other ways to run the node, and in how many processes."""

SHORT = ("hold", "a3-ended", "k3")
"""Trials of the short form in these ways; the full form has all."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileNode]:
    with running(tmp_path_factory.mktemp("hostile"), ways="" if FULL else "hurried") as node:
        yield node


@pytest.fixture(scope="module", params=OTHER_WAYS)
def other_node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HostileNode]:
    ways, processes = OTHER_WAYS[request.param]
    ways = ways if FULL else f"hurried {ways}"
    with running(tmp_path_factory.mktemp("hostile"), ways=ways, processes=processes) as node:
        yield node


@pytest.mark.slow
@pytest.mark.timeout(600 if FULL else 300)
@pytest.mark.parametrize("name", TRIALS)
def test_honest_peers_are_answered_during_an_attack_and_nothing_of_it_stays(
    node: HostileNode, name: str
) -> None:
    with besieged(node) as siege:
        siege.run(TRIALS[name])


@pytest.mark.slow
@pytest.mark.timeout(600 if FULL else 300)
@pytest.mark.parametrize("name", TRIALS if FULL else SHORT)
def test_the_same_holds_for_a_node_of_portable_calls_and_for_one_of_two_processes(
    other_node: HostileNode, name: str
) -> None:
    with besieged(other_node) as siege:
        siege.run(TRIALS[name])
