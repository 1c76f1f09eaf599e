"""Accepts associations on one port: a listening socket and a thread a conversation.

Nothing in the loop that accepts waits for a peer: handshakes, requests and answers are all in
the conversations' own threads, and how many of those there are is bounded.

References
----------
PS3.8 section 9.1 (use of TCP); RELIABILITY M2, M3.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Iterable

import structlog

from pacs_bridge.upper_layer.contract import Bounds, Context, Service
from pacs_bridge.upper_layer.conversation import (
    Conversation,
    Identify,
    Secure,
    TurnAway,
    refuse_identity,
    tell_nobody,
)
from pacs_bridge.upper_layer.negotiate import table_of
from pacs_bridge.upper_layer.places import Places

LOG = structlog.get_logger()
THREAD_NAME = "association"
TOO_MANY = "too many connections at once that ask for no association"
_BACKLOG = 512
_ABORT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1  # where the system has no descriptor or thread for one more


class Acceptor:
    """Accepts associations on one port until stopped.

    Parameters
    ----------
    service : Service
        Asked about every association and request.
    contexts : iterable of Context
        All that is accepted; nothing else is ever negotiated.
    host : str
        Address to listen on.
    port : int
        0 for any free one.
    identify : callable
        Judges user identities; by default whoever names one is refused.
    secure : callable, optional
        Makes a new connection secure (TLS), see `tls.server_side`.
    places : Places, optional
        Counted together with those of another acceptor, where it has the same.
    shared : bool
        Whether other processes listen on the same port too (SO_REUSEPORT, where there is one).
    turn_away : callable
        Told of connections that come to no association.
    """

    def __init__(
        self,
        service: Service,
        contexts: Iterable[Context],
        *,
        host: str,
        port: int,
        bounds: Bounds | None = None,
        identify: Identify = refuse_identity,
        secure: Secure | None = None,
        places: Places | None = None,
        shared: bool = False,
        turn_away: TurnAway = tell_nobody,
    ) -> None:
        self._service, self._supported = service, table_of(contexts)
        self._address, self._shared = (host, port), shared
        self._bounds = bounds or Bounds()
        self._identify, self._secure, self._turn_away = identify, secure, turn_away
        self._places = places or Places(self._bounds)
        self._lock = threading.Lock()
        self._conversations: dict[Conversation, threading.Thread] = {}
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen; gives the port.

        Raises
        ------
        OSError
            When the port is taken.
        """
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        listener = socket.create_server(
            self._address,
            family=family,
            backlog=_BACKLOG,
            reuse_port=self._shared and hasattr(socket, "SO_REUSEPORT"),
        )
        listener.settimeout(0)
        self._listener = listener
        self._wake_reader, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._accept_all, name="acceptor", daemon=True)
        self._thread.start()
        return int(listener.getsockname()[1])

    def stop(self, grace: float = 10.0) -> None:
        """Accept nothing more, let what goes on come to its end, then abort the rest.

        Parameters
        ----------
        grace : float
            Seconds for those who have asked for an association; who has not is cut at once.
        """
        if self._thread is None:
            return  # it never listened
        self._is_stopping.set()
        self._waker.send(b"\0")
        self._thread.join()
        self._waker.close()
        self._wake_reader.close()
        with self._lock:
            going_on = dict(self._conversations)
        for conversation in going_on:
            if not conversation.has_spoken:
                conversation.cut()
        _join(going_on.values(), grace)
        for conversation, thread in going_on.items():
            if thread.is_alive():
                conversation.cut()
        _join(going_on.values(), _ABORT_SECONDS)

    def _accept_all(self) -> None:
        with self._listener, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while not self._is_stopping.is_set():
                selector.select()
                try:
                    while not self._is_stopping.is_set():
                        self._accept_one()
                except (BlockingIOError, InterruptedError):
                    continue  # nobody waits any more
                except (OSError, RuntimeError) as error:
                    LOG.error("connection not accepted", error=type(error).__name__)  # noqa: TRY400
                    self._is_stopping.wait(_PAUSE_SECONDS)

    def _accept_one(self) -> None:
        connection, peer = self._listener.accept()
        address = str(peer[0]).removeprefix("::ffff:")
        if not self._places.enter(address):
            connection.close()
            self._turn_away(address, TOO_MANY)
            return
        conversation = Conversation(
            connection,
            address,
            service=self._service,
            supported=self._supported,
            bounds=self._bounds,
            places=self._places,
            identify=self._identify,
            secure=self._secure,
            turn_away=self._turn_away,
        )
        thread = threading.Thread(
            target=self._converse, args=(conversation,), name=THREAD_NAME, daemon=True
        )
        with self._lock:
            self._conversations[conversation] = thread
        try:
            thread.start()
        except RuntimeError:
            self._forget(conversation)
            self._places.leave(address)
            connection.close()
            raise

    def _converse(self, conversation: Conversation) -> None:
        try:
            conversation.run()
        finally:
            self._forget(conversation)

    def _forget(self, conversation: Conversation) -> None:
        with self._lock:
            self._conversations.pop(conversation, None)


def _join(threads: Iterable[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
