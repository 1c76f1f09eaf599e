"""The node: associations in, one service for each request, a row for everything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import structlog

from pacs_bridge.domain.errors import PacsBridgeError, UnsupportedObject
from pacs_bridge.domain.objects import Association, AssociationOutcome, Caller
from pacs_bridge.domain.ports import Clock
from pacs_bridge.scp.contexts import SUPPORTED
from pacs_bridge.scp.handlers import on_association, on_c_echo
from pacs_bridge.scp.store_sink import StoreSink
from pacs_bridge.services.associations import Admission
from pacs_bridge.services.reception import OpenReception
from pacs_bridge.upper_layer.acceptor import Acceptor
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.contract import (
    SUCCESS,
    Answer,
    Bounds,
    Question,
    Rejection,
    Reply,
    Sink,
    StoreHead,
)
from pacs_bridge.upper_layer.conversation import (
    Identify,
    Secure,
    TurnAway,
    refuse_identity,
    tell_nobody,
)
from pacs_bridge.upper_layer.places import Places

LOG = structlog.get_logger()


def _serve_nothing(question: Question) -> None:
    """Leave every request but C-ECHO and C-STORE unanswered."""


def _close_nothing() -> None:
    """Have nothing that waits to be kept."""


def _keep_nothing(association: Association) -> None:
    """Keep an association's row only when it has begun and when it has ended."""


@dataclass(frozen=True)
class NodeServices:
    """What the node calls; joined by wiring, every other argument already given."""

    admit: Callable[[Caller], tuple[Admission, Caller]]
    open_reception: OpenReception
    end: Callable[[Association], None]
    end_stale: Callable[[], None]
    sweep: Callable[[], int]
    ask: Callable[[Question], Iterator[Reply] | None] = _serve_nothing
    close: Callable[[], None] = _close_nothing
    note: Callable[[Association], None] = _keep_nothing
    identify: Identify = refuse_identity
    turn_away: TurnAway = tell_nobody


@dataclass(frozen=True)
class SecurePort:
    """A second port, for TLS.

    Parameters
    ----------
    port : int
        0 for any free one.
    secure : callable
        See `Acceptor`.
    """

    port: int
    secure: Secure


class Node:
    """Takes echoes and objects on one port, or two: a second one over TLS.

    Parameters
    ----------
    host, port : str, int
        Where we listen; port 0 for any free one.
    shared : bool
        Whether other processes listen on the same ports.
    is_first : bool
        Whether no other process of this node was there before.
    """

    def __init__(
        self,
        services: NodeServices,
        *,
        host: str,
        port: int,
        now: Clock,
        bounds: Bounds | None = None,
        tls: SecurePort | None = None,
        shared: bool = False,
        is_first: bool = True,
    ) -> None:
        self._services, self._now, self._is_first = services, now, is_first
        self._lock = threading.Lock()
        self._open: dict[str, Association] = {}
        self._bounds = bounds or Bounds()
        accept = partial(
            Acceptor,
            self,
            SUPPORTED,
            host=host,
            bounds=self._bounds,
            identify=services.identify,
            turn_away=services.turn_away,
            places=Places(self._bounds),
            shared=shared,
        )
        self._acceptor = accept(port=port)
        self._secure_acceptor = accept(port=tls.port, secure=tls.secure) if tls else None
        self.tls_port: int | None = None
        """Where it listens for TLS, once started."""

    def start(self) -> int:
        """Tidy up after a node that was killed, then listen; gives the port.

        Raises
        ------
        OSError
            When the port is taken.
        """
        if self._is_first:  # what others have open is not stale
            self._services.end_stale()
            self._services.sweep()
        port = self._acceptor.start()
        if self._secure_acceptor is not None:
            try:
                self.tls_port = self._secure_acceptor.start()
            except OSError:
                self._acceptor.stop(0.0)
                raise
        return port

    def stop(self, grace: float = 10.0) -> None:
        """Take nothing more, and let what goes on come to its end for `grace` seconds."""
        acceptors = [each for each in (self._acceptor, self._secure_acceptor) if each is not None]
        stopping = [threading.Thread(target=each.stop, args=(grace,)) for each in acceptors]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        self._services.close()

    def admit(self, caller: Caller) -> Caller | Rejection:
        """Say who this is, or why not."""
        answer = on_association(caller, admit=self._services.admit)
        if isinstance(answer, Caller):
            with self._lock:
                self._open[answer.association_id] = Association(
                    answer.association_id, self._now(), answer
                )
        return answer

    def echo(self, caller: Caller) -> Answer:
        """Answer a C-ECHO."""
        self._count(caller, echoes=1)
        return on_c_echo()

    def open_store(self, head: StoreHead) -> Sink:
        """Begin to take an object."""
        reception = self._services.open_reception(head)
        sink = StoreSink(reception, partial(self._count_answer, head.caller))
        if head.agreed_class_uid not in ("", head.sop_class_uid):
            sink.refuse(
                UnsupportedObject("It came in another SOP class's context; export it again.")
            )
        return sink

    def _count_answer(self, caller: Caller, answer: Answer) -> None:
        stored = answer.status == SUCCESS
        self._count(caller, stored=int(stored), refused=int(not stored))

    def ask(self, question: Question) -> Iterator[Reply] | None:
        """Answer any other request; None where it is not served."""
        service = Field(question.command.field).name.replace("_", "-")
        self._count(question.caller, service=service)
        return self._services.ask(question)

    def end(self, caller: Caller, outcome: AssociationOutcome, note: str) -> None:
        """Keep how an association ended."""
        with self._lock:
            association = self._open.pop(caller.association_id, None)
        if association is None:
            return  # never admitted: its row was complete at once
        ended = replace(association, outcome=outcome, ended_at=self._now(), note=note)
        try:
            self._services.end(ended)
        except PacsBridgeError as error:
            LOG.error("association not kept", error=type(error).__name__)  # noqa: TRY400

    def _count(
        self,
        caller: Caller,
        *,
        stored: int = 0,
        refused: int = 0,
        echoes: int = 0,
        service: str = "",
    ) -> None:
        with self._lock:
            association = self._open[caller.association_id]
            requests = association.requests
            if service:
                requests = {**requests, service: requests.get(service, 0) + 1}
            self._open[caller.association_id] = association = replace(
                association,
                stored=association.stored + stored,
                refused=association.refused + refused,
                echoes=association.echoes + echoes,
                requests=requests,
            )
        self._services.note(association)
