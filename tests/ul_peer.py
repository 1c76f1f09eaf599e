"""An acceptor of the upper layer with a scripted service, and a peer that speaks by the PDU."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pacs_bridge.domain.objects import AssociationOutcome, Caller
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.acceptor import Acceptor
from pacs_bridge.upper_layer.command import Command, Field, decode_command, encode_command
from pacs_bridge.upper_layer.contract import (
    Answer,
    Bounds,
    Context,
    Question,
    Rejection,
    Reply,
    StoreHead,
)
from pacs_bridge.upper_layer.pdu_items import ProposedContext, UserInformation

ECHO, STATE = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.11.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
CONTEXTS = (
    Context(ECHO, (EXPLICIT, IMPLICIT)),
    Context(STATE, (EXPLICIT, IMPLICIT), requestor_may_be_scp=True),
    Context(FIND, (EXPLICIT, IMPLICIT)),
)


@dataclass
class Stored:
    """A sink that remembers; large objects are counted only."""

    head: StoreHead
    keep: bool = True
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    pieces: int = 0
    ended: str = ""

    def write(self, data: memoryview) -> None:
        self.size += len(data)
        self.pieces += 1
        if self.keep:
            self.data += data

    def finish(self) -> Answer:
        self.ended = "finished"
        return Answer(0x0000)

    def abort(self) -> None:
        self.ended = "aborted"


class Scripted:
    """A service that lets everybody in, as the PACS of their AE title."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.ended: list[tuple[AssociationOutcome, str]] = []
        self.keep = True
        self.admission: Rejection | None = None
        self.replies: Callable[[Question], Iterator[Reply] | None] = lambda _: None
        self.echoing = threading.Event()
        self.echoing.set()

    def admit(self, caller: Caller) -> Caller | Rejection:
        if self.admission is not None:
            return self.admission
        return Caller(
            caller.ae_title, caller.called_ae_title, caller.address,
            caller.ae_title.lower(), caller.association_id,
        )  # fmt: skip

    def echo(self, caller: Caller) -> Answer:
        assert self.echoing.wait(60)
        return Answer(0x0000)

    def open_store(self, head: StoreHead) -> Stored:
        self.stored.append(Stored(head, self.keep))
        return self.stored[-1]

    def ask(self, question: Question) -> Iterator[Reply] | None:
        return self.replies(question)

    def end(self, caller: Caller, outcome: AssociationOutcome, note: str) -> None:
        self.ended.append((outcome, note))


@contextmanager
def accepting(service: Scripted, grace: float = 2.0, **options: Any) -> Iterator[int]:
    """An acceptor on a free port; gives the port."""
    options.setdefault("bounds", Bounds())
    acceptor = Acceptor(service, CONTEXTS, host="127.0.0.1", port=0, **options)
    try:
        yield acceptor.start()
    finally:
        acceptor.stop(grace)


def a_request(*sop_classes: str, **changes: Any) -> pdu.AssociateRequest:
    """A request with one context a SOP class, numbered 1, 3, 5."""
    contexts = tuple(
        ProposedContext(2 * number + 1, uid, (IMPLICIT, EXPLICIT))
        for number, uid in enumerate(sop_classes or (ECHO,))
    )
    told: dict[str, Any] = {"contexts": contexts, "user": UserInformation(131_072, "1.2.3")}
    return pdu.AssociateRequest("NODE", changes.pop("calling", "PEER"), **{**told, **changes})


class Peer:
    """One connection, PDU by PDU; None where the acceptor closed it."""

    def __init__(self, port: int, address: str = "127.0.0.1", secure: Any = None) -> None:
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=90, source_address=(address, 0)
        )
        if secure is not None:
            self.socket = secure(self.socket)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *values: pdu.Pdu | bytes) -> None:
        self.socket.sendall(b"".join(v if isinstance(v, bytes) else pdu.encode(v) for v in values))

    def read(self) -> pdu.Pdu | None:
        try:
            head = self._exactly(6)
            return pdu.decode(head[0], self._exactly(int.from_bytes(head[2:], "big")))
        except (ConnectionError, EOFError):
            return None

    def ask(self, *values: pdu.Pdu | bytes) -> pdu.Pdu | None:
        self.send(*values)
        return self.read()

    def say(
        self, command: Command, data: bytes | None = None, context: int = 1, most: int = 131_066
    ) -> None:
        self.send(pdu.Data((pdu.Fragment(context, True, True, encode_command(command)),)))
        if data is not None:
            for start in range(0, len(data) or 1, most):
                part, last = data[start : start + most], start + most >= len(data)
                self.send(pdu.Data((pdu.Fragment(context, False, last, part),)))

    def hear(self) -> tuple[Command, bytes]:
        """A whole message, and every PDU that it came in is as short as was agreed."""
        encoded, data, command = bytearray(), bytearray(), None
        while True:
            arrived = self.read()
            assert isinstance(arrived, pdu.Data), arrived
            for fragment in arrived.fragments:
                (encoded if fragment.is_command else data).extend(fragment.data)
                if fragment.is_last and fragment.is_command:
                    command = decode_command(encoded)
                if fragment.is_last and command and fragment.is_command != command.has_data_set:
                    return command, bytes(data)

    def store(self, data: bytes, uid: str = "1.2.3", context: int = 1, **how: int) -> int | None:
        request = Command(
            Field.C_STORE, 1, affected_sop_class_uid=STATE, affected_sop_instance_uid=uid,
            message_id=1, priority=0,
        )  # fmt: skip
        self.say(request, data, context, **how)
        return self.hear()[0].status

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            part = self.socket.recv(count - len(content))
            if not part:
                raise EOFError
            content += part
        return content


@contextmanager
def talking(port: int, *sop_classes: str, **changes: Any) -> Iterator[Peer]:
    """A peer whose association was accepted."""
    with Peer(port) as peer:
        assert isinstance(peer.ask(a_request(*sop_classes, **changes)), pdu.AssociateAccept)
        yield peer


def echo_request(message_id: int = 1) -> Command:
    return Command(Field.C_ECHO, affected_sop_class_uid=ECHO, message_id=message_id)


def results(answer: pdu.Pdu | None) -> Sequence[int]:
    assert isinstance(answer, pdu.AssociateAccept)
    return [context.result for context in answer.contexts]
