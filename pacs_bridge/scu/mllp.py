"""HL7 messages to a site's system, one at a time, each acknowledged before the next.

References
----------
HL7 v2 transport specification, release 1: Minimal Lower Layer Protocol. HL7 v2.5.1 2.9.2
(original acknowledgement: MSA-1 is AA, AE or AR).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.scu.words import clean
from pacs_bridge.upper_layer.connect import reason_of

_START, _END = b"\x0b", b"\x1c\r"
_MOST_BYTES = 65_536  # of an acknowledgement
_ACCEPTED = ("AA", "CA")


@dataclass(frozen=True)
class Acknowledged:
    """What a system said to one message.

    Parameters
    ----------
    control_id : str
        MSH-10 of the message.
    words : str
        Why it was refused, where it said so; printable ASCII.
    """

    control_id: str
    accepted: bool
    words: str


def send_messages(
    messages: Iterable[str], host: str, port: int, *, seconds: float = 30.0
) -> Iterator[Acknowledged]:
    """Send each message over one connection, yielding each answer as it comes.

    Raises
    ------
    PeerUnavailable
        When the conversation fails; the message that was not answered may have arrived, and
        is safe to send again: its control ID stays the same.
    """
    name = f"{host}:{port}"
    try:
        connection = socket.create_connection((host, port), timeout=seconds)
    except socket.gaierror as error:
        raise PeerUnavailable(name, "name", "the host name is not known here") from error
    except OSError as error:
        raise PeerUnavailable(name, "connect", reason_of(error)) from error
    with connection:
        rest = b""
        for message in messages:
            try:
                connection.sendall(_START + message.encode("ascii", "replace") + _END)
                answer, rest = _read(connection, rest)
            except OSError as error:
                raise PeerUnavailable(name, "answer", reason_of(error)) from error
            if answer is None:
                raise PeerUnavailable(name, "answer", "it hung up without an acknowledgement")
            yield _judge(message, answer, name)


def _read(connection: socket.socket, rest: bytes) -> tuple[str | None, bytes]:
    while _END not in rest:
        more = connection.recv(4096)
        if not more or len(rest) > _MOST_BYTES:
            return None, b""
        rest += more
    frame, _, rest = rest.partition(_END)
    return frame.rpartition(_START)[2].decode("ascii", "replace"), rest


def _judge(message: str, answer: str, name: str) -> Acknowledged:
    control_id = message.split("\r", 1)[0].split("|")[9]
    segments = [line.split("|") for line in answer.replace("\n", "\r").split("\r")]
    told = next((fields for fields in segments if fields[0] == "MSA" and len(fields) > 2), None)
    if told is None or told[2] != control_id:
        raise PeerUnavailable(name, "answer", "its answer is no acknowledgement of our message")
    reasons = [
        *told[3:4],
        *(field for fields in segments if fields[0] == "ERR" for field in fields[8:9]),
    ]
    words = clean(" ".join(filter(None, reasons)), 200)
    return Acknowledged(control_id, told[1] in _ACCEPTED, words)
