"""What one call has laid into several buffers is what the heads among them say, and no more."""

from __future__ import annotations

import pytest

from pacs_bridge.upper_layer import landing, pdu
from pacs_bridge.upper_layer.landing import Landing, Rhythm

COMMAND, DATA, LAST = pdu.IS_COMMAND, 0, pdu.IS_LAST


def value(data: bytes, control: int = DATA, context: int = 1) -> bytes:
    return pdu.PDV_HEADER.pack(len(data) + 2, context, control) + data


def p_data(*values: bytes) -> bytes:
    body = b"".join(values)
    return pdu.HEADER.pack(pdu.P_DATA_TF, len(body)) + body


def settle(*wire: bytes, value: int = 2000, left: int = 2000) -> landing.Landed:
    """What a call says that has brought these bytes into a large room."""
    into = Landing(memoryview(bytearray(64_000)), left, value)
    rest = memoryview(b"".join(wire))
    for buffer in into.buffers:
        part = rest[: len(buffer)]
        memoryview(buffer)[: len(part)] = part
        rest = rest[len(part) :]
    assert not rest
    landed = into.settle(len(b"".join(wire)), context_id=1, control=DATA, most=65_536)
    heads = [bytes(each) for each in into.buffers[1::2]]
    assert all(len(head) == 12 for head in heads)
    return landed


FIRST, SECOND = b"1" * 2000, p_data(value(b"2" * 2000))


def test_values_as_foreseen_lie_end_to_end() -> None:
    landed = settle(FIRST, SECOND, SECOND, SECOND[:500])
    assert landed == landing.Landed(6000 + 488, 3, 2000 - 488, DATA, b"")


@pytest.mark.parametrize(
    "other",
    [
        SECOND[:11],
        pdu.encode(pdu.ReleaseRequest()),
        p_data(value(b"2" * 2000, COMMAND)),
        p_data(value(b"2" * 2000, context=3)),
        p_data(value(b"2" * 900), value(b"3" * 1094)),
        p_data(value(b"2" * 2000), value(b"3" * 10)),
        p_data(value(b"2" * 900)) + SECOND,
        pdu.HEADER.pack(pdu.P_DATA_TF, 70_000) + pdu.PDV_HEADER.pack(69_996, 1, DATA) + FIRST,
        pdu.HEADER.pack(pdu.P_DATA_TF, 4) + pdu.PDV_HEADER.pack(0, 1, DATA),
    ],
    ids=["half a head", "a release", "a command", "another context", "two values in one PDU",
         "a second value", "a short value", "a PDU that is too long", "no value"],
)  # fmt: skip
def test_what_was_not_foreseen_is_given_back_in_its_order(other: bytes) -> None:
    landed = settle(FIRST, SECOND, other)
    assert (landed.count, landed.begun, landed.left, landed.rest) == (4000, 1, 0, other)


def test_nothing_behind_the_last_value_is_looked_at() -> None:
    last = p_data(value(b"2" * 2000, LAST))
    landed = settle(FIRST, last, SECOND)
    assert (landed.count, landed.control, landed.rest) == (4000, LAST, SECOND)


def test_the_last_value_may_be_shorter_or_empty() -> None:
    assert settle(FIRST, p_data(value(b"end", LAST))).count == 2003
    landed = settle(FIRST, p_data(value(b"", LAST)))
    assert (landed.count, landed.left, landed.control, landed.rest) == (2000, 0, LAST, b"")


def test_a_length_is_foreseen_once_it_came_twice_and_is_no_trifle() -> None:
    rhythm = Rhythm()
    seen = []
    for length in (16_378, 16_378, 16_378, 70, 70, 16_378, 16_378):
        rhythm.hear(length)
        seen.append(rhythm.value)
    assert seen == [0, 16_378, 16_378, 0, 0, 0, 16_378]
    rhythm.lose()
    assert rhythm.value == 0
    rhythm.hear(16_378)
    assert rhythm.value == 0


def test_a_call_reads_no_more_than_fits_the_room() -> None:
    into = Landing(memoryview(bytearray(5000)), 1000, 3000)
    assert [len(each) for each in into.buffers] == [1000, 12, 3000, 12, 1000]
    assert [len(each) for each in Landing(memoryview(bytearray(500)), 1000, 3000).buffers] == [500]
    assert [len(each) for each in Landing(memoryview(bytearray(500)), 100, 0).buffers] == [100]
    assert len(Landing(memoryview(bytearray(500_000)), 1, 1024).buffers) <= 1024  # IOV_MAX
