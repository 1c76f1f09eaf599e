"""A peer that says just the PDUs that a test tells it to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.command import Command, decode_command, encode_command
from pacs_bridge.upper_layer.pdu_items import AnsweredContext, UserInformation
from pacs_bridge.upper_layer.wire import Deadline, receive_exactly
from tests.failing_peers import raw_server


@dataclass
class Line:
    """One connection, seen from the acceptor."""

    connection: socket.socket
    stop: threading.Event
    heard: list[pdu.Pdu] = field(default_factory=list)

    def read(self) -> pdu.Pdu:
        kind, length = pdu.HEADER.unpack(self.take(pdu.HEADER.size))
        self.heard.append(pdu.decode(kind, self.take(length)))
        return self.heard[-1]

    def take(self, count: int) -> bytes:
        """Hear so many bytes."""
        data = bytearray(count)
        receive_exactly(self.connection, memoryview(data), Deadline(60))
        return bytes(data)

    def say(self, said: pdu.Pdu) -> None:
        self.connection.sendall(pdu.encode(said))

    def accept(self, *, maximum_length: int = 16384, syntax: str = "") -> None:
        """Accept every context, in its first transfer syntax or another."""
        request = self.read()
        assert isinstance(request, pdu.AssociateRequest)
        contexts = tuple(
            AnsweredContext(each.context_id, 0, syntax or each.transfer_syntaxes[0])
            for each in request.contexts
        )
        user = UserInformation(maximum_length=maximum_length, implementation_class_uid="1.2.3")
        self.say(
            pdu.AssociateAccept(request.called_ae_title, request.calling_ae_title, contexts, user)
        )

    def message(self) -> tuple[Command, bytes]:
        """Hear one message, data set and all."""
        command, data = b"", b""
        while True:
            heard = self.read()
            assert isinstance(heard, pdu.Data)
            for fragment in heard.fragments:
                if fragment.is_command:
                    command += bytes(fragment.data)
                else:
                    data += bytes(fragment.data)
                if fragment.is_last and fragment.is_command == (
                    not decode_command(command).has_data_set
                ):
                    return decode_command(command), data

    def answer(self, command: Command) -> None:
        self.say(pdu.Data((pdu.Fragment(1, True, True, encode_command(command)),)))

    def end(self) -> None:
        """Hear a release and answer it."""
        assert self.read() == pdu.ReleaseRequest()
        self.say(pdu.ReleaseReply())


@contextmanager
def pdu_server(behave: Callable[[Line], None]) -> Iterator[tuple[int, list[Line]]]:
    """Serve one connection after another; what goes wrong in `behave` fails the test."""
    lines: list[Line] = []
    errors: list[BaseException] = []

    def serve(connection: socket.socket, stop: threading.Event) -> None:
        lines.append(Line(connection, stop))
        try:
            behave(lines[-1])
        except BaseException as error:  # noqa: BLE001  told at the end
            errors.append(error)

    with raw_server(serve) as port:
        yield port, lines
    assert errors == []
