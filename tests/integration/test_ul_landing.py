"""However a peer cuts its data, and whichever way it is read, every byte arrives in its place."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from pacs_bridge.upper_layer import landing, pdu
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.upper_layer.inbox import Inbox, Piece
from pacs_bridge.upper_layer.pdu_items import Malformed

COMMAND, DATA, LAST = pdu.IS_COMMAND, 0, pdu.IS_LAST
CONTENT = random.Random(20251122).randbytes(900_001)
ROOM = 300_000


def value(data: bytes, control: int = DATA, context: int = 1) -> bytes:
    return pdu.PDV_HEADER.pack(len(data) + 2, context, control) + data


def p_data(*values: bytes) -> bytes:
    body = b"".join(values)
    return pdu.HEADER.pack(pdu.P_DATA_TF, len(body)) + body


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def message(parts: list[bytes]) -> bytes:
    """A command and a data set in such parts, a PDU each."""
    *first, last = parts
    data = [p_data(value(part)) for part in first] + [p_data(value(last, LAST))]
    return p_data(value(b"command", COMMAND | LAST)) + b"".join(data)


def mixed() -> bytes:
    """Command and data in one PDU, several values in one, single ones, values of no byte."""
    a, b, c, d, e = cut(CONTENT, 200_000)
    return (
        p_data(value(b"command", COMMAND | LAST), value(a[:1000]))
        + p_data(value(a[1000:5000]), value(b""), value(a[5000:]))
        + b"".join(p_data(value(part)) for part in cut(b, 16_000))
        + p_data(value(c[:1]))
        + b"".join(p_data(value(part)) for part in cut(c[1:] + d, 30_000))
        + p_data(value(b""))
        + p_data(value(e[:-7]), value(e[-7:], LAST))
    )


def uneven() -> bytes:
    """Values of one length for a while, then of another, again and again."""
    chance, parts, at = random.Random(7), [], 0
    while at < len(CONTENT):
        size = chance.choice((1024, 5000, 16_378, 60_000))
        for _ in range(chance.randint(1, 6)):
            parts.append(CONTENT[at : at + size])
            at += size
    return message([part for part in parts if part])


WAYS_TO_CUT: dict[str, Callable[[], bytes]] = {
    "PDUs of 16384": lambda: message(cut(CONTENT, 16_378)),
    "PDUs of 131072": lambda: message(cut(CONTENT, 131_066)),
    "short PDUs": lambda: message(cut(CONTENT, 1500)),
    "one PDU": lambda: message([CONTENT]),
    "an empty last value": lambda: message([*cut(CONTENT, 65_530), b""]),
    "all mixed": mixed,
    "uneven": uneven,
}


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname())
        called, _ = server.accept()
    with closing(caller), closing(called):
        yield caller, called


class Taker:
    """Takes one data set, into memory of its own as far as it can be read there."""

    def __init__(self) -> None:
        self.memory = bytearray(ROOM)
        self.filled = self.landed = 0
        self.command, self.data = bytearray(), bytearray()
        self.is_whole = False

    def room(self) -> memoryview | None:
        if not self.command:
            return None
        if self.filled == ROOM:
            self.filled = 0
        return memoryview(self.memory)[self.filled :]

    def take(self, piece: Piece) -> None:
        if piece.is_command:
            self.command += piece.data
            return
        if piece.data.obj is self.memory:
            assert piece.data == memoryview(self.memory)[self.filled :][: len(piece.data)]
            self.landed += len(piece.data)
            self.filled += len(piece.data)
        self.data += piece.data
        self.is_whole = piece.is_last


def take_all(inbox: Inbox, taker: Taker) -> None:
    """Take what comes until the data set is whole."""
    while not taker.is_whole:
        piece = inbox.next(60, taker.room)
        assert isinstance(piece, Piece)
        taker.take(piece)


def read(wire: bytes, writes: int) -> Taker:
    """Send bytes in such writes, and take what they say."""
    taker = Taker()
    with connected() as (caller, called):

        def send() -> None:
            for part in cut(wire, writes):
                caller.sendall(part)

        sending = threading.Thread(target=send)
        sending.start()
        inbox = Inbox(called, Bounds())
        inbox.established()
        take_all(inbox, taker)
        sending.join()
        caller.sendall(pdu.encode(pdu.ReleaseRequest()))
        assert inbox.next(60, taker.room) == pdu.ReleaseRequest()
    return taker


@pytest.mark.parametrize("writes", [1 << 20, 70_001, 997])
@pytest.mark.parametrize("way", WAYS_TO_CUT)
def test_every_byte_arrives_however_it_is_cut(way: str, writes: int) -> None:
    taker = read(WAYS_TO_CUT[way](), writes)
    assert (bytes(taker.command), bytes(taker.data)) == (b"command", CONTENT)
    assert taker.landed > 0


@pytest.mark.parametrize("way", WAYS_TO_CUT)
def test_a_socket_that_fills_one_buffer_only_reads_the_same(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "CAN_SCATTER", False)
    taker = read(WAYS_TO_CUT[way](), 70_001)
    assert (bytes(taker.data), taker.landed) == (CONTENT, 0)


def test_what_follows_a_data_set_at_once_is_not_taken_for_a_part_of_it() -> None:
    parts = cut(CONTENT[:90_000], 30_000)
    after = p_data(value(b"another command", COMMAND | LAST))
    with connected() as (caller, called):
        inbox, taker = Inbox(called, Bounds()), Taker()
        inbox.established()
        caller.sendall(message(parts) + after)
        take_all(inbox, taker)
        piece = inbox.next(60, taker.room)
        assert isinstance(piece, Piece)
        assert (piece.is_command, bytes(piece.data)) == (True, b"another command")
    assert taker.data == CONTENT[:90_000]


def test_a_pdu_that_came_into_the_room_may_still_be_cut_for_its_length() -> None:
    with connected() as (caller, called):
        inbox, taker = Inbox(called, Bounds(pdu_bytes=65_536)), Taker()
        inbox.established()
        caller.sendall(message([b"1" * 60_000, b"2" * 60_000, b"3" * 60_000, b"4" * 70_000]))
        with pytest.raises(Malformed, match="length that it must not have"):
            take_all(inbox, taker)
    assert len(taker.data) == 180_000


def test_a_pdu_that_creeps_into_the_room_is_cut_at_its_deadline() -> None:
    with connected() as (caller, called):
        inbox, taker = Inbox(called, Bounds(pdu_seconds=0.3)), Taker()
        inbox.established()
        whole = message(cut(CONTENT[:200_000], 50_000))
        caller.sendall(whole[:-40_000])
        enough = threading.Event()

        def creep() -> None:
            for byte in cut(whole[-40_000:], 1):
                if enough.wait(0.02):
                    return
                caller.sendall(byte)

        creeping = threading.Thread(target=creep)
        creeping.start()
        try:
            with pytest.raises(TimeoutError):
                take_all(inbox, taker)
        finally:
            enough.set()
            creeping.join()
    assert not taker.is_whole
