"""Orders as files, and over MLLP to a system that answers as systems do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.orders import OrderMessage, as_messages
from pacs_bridge.scu.mllp import send_messages
from tests.databases import NOON
from tests.loads import a_passport

ACCEPT = "MSH|^~\\&|RIS|H|PACSBRIDGE|PERFORMS|1||ACK|1|P|2.5.1\rMSA|AA|{id}\r"
REFUSE = "MSH|^~\\&|RIS|H|PACSBRIDGE|PERFORMS|1||ACK|1|P|2.5.1\rMSA|AE|{id}|unknown \x07issuer\r"


@dataclass
class System:
    """A system that listens for HL7 and says what a test tells it to."""

    port: int
    took: list[str] = field(default_factory=list)


@contextmanager
def a_system(say: Callable[[int], str | None]) -> Iterator[System]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        system = System(server.getsockname()[1])

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                rest = b""
                while more := connection.recv(4096):
                    rest += more
                    while b"\x1c\r" in rest:
                        frame, _, rest = rest.partition(b"\x1c\r")
                        assert frame[:1] == b"\x0b"
                        system.took.append(frame[1:].decode())
                        answer = say(len(system.took))
                        if answer is None:
                            return
                        control = system.took[-1].split("|")[9]
                        text = answer.replace("{id}", control).encode()
                        connection.sendall(b"\x0b" + text[:20])  # in two pieces, as networks do
                        connection.sendall(text[20:] + b"\x1c\r")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield system
        finally:
            thread.join()


@pytest.fixture
def messages() -> list[str]:
    return as_messages(a_passport(None, 3), OrderMessage.OMI_O23, NOON)


def test_every_message_arrives_once_and_is_acknowledged(messages: list[str]) -> None:
    with a_system(lambda _: ACCEPT) as system:
        answers = list(send_messages(messages, "127.0.0.1", system.port))
    assert system.took == messages
    assert [answer.accepted for answer in answers] == [True] * 3


def test_a_refused_message_does_not_stop_the_others_and_says_why(messages: list[str]) -> None:
    with a_system(lambda n: REFUSE if n == 2 else ACCEPT) as system:
        answers = list(send_messages(messages, "127.0.0.1", system.port))
    assert [answer.accepted for answer in answers] == [True, False, True]
    assert answers[1].words == "unknown ?issuer"


def test_a_system_that_hangs_up_is_told_from_one_that_refuses(messages: list[str]) -> None:
    with a_system(lambda n: ACCEPT if n == 1 else None) as system:
        answers = send_messages(messages, "127.0.0.1", system.port)
        assert next(answers).accepted
        with pytest.raises(PeerUnavailable) as broken:
            next(answers)
    assert broken.value.phase == "answer"


def test_an_answer_to_another_message_is_no_acknowledgement(messages: list[str]) -> None:
    with a_system(lambda _: ACCEPT.replace("{id}", "SOMEBODYELSES")) as system:
        answers = send_messages(messages[:1], "127.0.0.1", system.port)
        with pytest.raises(PeerUnavailable, match="no acknowledgement"):
            next(answers)
        answers.close()


def test_nobody_listening_is_a_failure_to_connect(messages: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody else may have it meanwhile, and nobody listens
        with pytest.raises(PeerUnavailable) as broken:
            next(send_messages(messages, "127.0.0.1", taken.getsockname()[1]))
    assert broken.value.phase == "connect"
