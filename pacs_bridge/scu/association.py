"""One association that we request, and in which phase it failed."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from pynetdicom import AE
from pynetdicom.presentation import PresentationContext

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.scu.transport import request_association
from pacs_bridge.upper_layer.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_MAX_ADDRESSES = 3  # of one host name, tried in turn


class ContextsRefused(PeerUnavailable):
    """The PACS accepted the association and none of what we offered in it."""


class Conversation:
    """An association with one endpoint of a PACS; released at the end, aborted on an error.

    Parameters
    ----------
    role : str
        Which endpoint (``store``, ``query``).
    contexts : sequence of PresentationContext
        What to offer; nothing else is.

    Raises
    ------
    PeerUnavailable
        On opening: naming the phase (name, connect, TLS, association).
    ContextsRefused
        On opening: accepted, but for nothing that we offered.
    """

    def __init__(
        self, pacs: Pacs, endpoint: Endpoint, contexts: Sequence[PresentationContext]
    ) -> None:
        self._pacs, self._endpoint, self._contexts = pacs, endpoint, list(contexts)
        self._message_id = 0
        self.association: Any = None

    def __enter__(self) -> Conversation:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A reader of answers that stops early leaves an idle association: no reason to abort.
        self.close(abort=kind is not None and kind is not GeneratorExit)

    def open(self) -> Conversation:
        """Have the association, over the first address of the host that takes it."""
        if not self._pacs.plain:
            raise self.unavailable(
                "TLS", "it is not registered for unencrypted DICOM, and TLS is not built yet"
            )
        error: PeerUnavailable | None = None
        for address in self._addresses():
            try:
                self.association = self._associate(address)
                return self
            except ContextsRefused:
                raise
            except PeerUnavailable as failed:
                if failed.phase != "connect":
                    raise
                error = failed
        raise error or self.unavailable("name", "the host has no address")

    def close(self, *, abort: bool) -> None:
        """Release the association, or abort it where the exchange is not at an end."""
        self.association.end(abort=abort)

    def unavailable(self, phase: str, detail: str) -> PeerUnavailable:
        """Make the error that names this PACS."""
        return PeerUnavailable(self._pacs.name, phase, detail)

    def next_message_id(self) -> int:
        """Number a request; numbers may be used again after 65535."""
        self._message_id = self._message_id % 65_535 + 1
        return self._message_id

    def begin(self, seconds: float | None = None) -> float:
        """Begin an exchange; gives the moment (monotonic seconds).

        Parameters
        ----------
        seconds : float, optional
            How long to wait for each answer; by default the PACS's own time-out.

        Raises
        ------
        PeerUnavailable
            When the peer has ended the association in the meantime.
        """
        if self.association.is_lost:
            raise self.unavailable("command", "it ended the association")
        self.association.dimse_timeout = self.answer_seconds if seconds is None else seconds
        return time.monotonic()

    @property
    def answer_seconds(self) -> float:
        """How long this PACS may take over an answer."""
        return self._pacs.timeouts["dimse"]

    def accepted(self) -> dict[tuple[str, str], int]:
        """List what was agreed: (SOP class, transfer syntax) to context number."""
        return {
            (str(context.abstract_syntax), str(context.transfer_syntax[0])): context.context_id
            for context in self.association.accepted_contexts
        }

    def lost(self, started: float) -> PeerUnavailable:
        """Say how an exchange that began at `started` (monotonic seconds) broke off."""
        unsent = not self.association.dul.to_provider_queue.empty()
        failure = getattr(self.association.dul.socket, "failure", None)
        if failure is not None or unsent:
            return self.unavailable("data", _reason(failure) if failure else "it broke off")
        if time.monotonic() - started >= self.association.dimse_timeout:
            waited = self.association.dimse_timeout
            return self.unavailable("answer", f"it gave no answer within {waited:.0f} s")
        return self.unavailable("answer", "it broke off")

    def _addresses(self) -> list[str]:
        host = self._endpoint.host
        try:
            found = socket.getaddrinfo(host, self._endpoint.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self.unavailable("name", f"the host name {host} is not known here") from error
        addresses = dict.fromkeys(str(address[0]) for *_, address in found)
        return list(addresses)[:_MAX_ADDRESSES]

    def _associate(self, address: str) -> Any:
        timeouts = self._pacs.timeouts
        entity = AE(self._pacs.our_ae_title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.connection_timeout = timeouts["connect"]
        entity.acse_timeout = timeouts["acse"]
        entity.dimse_timeout = timeouts["dimse"]
        entity.network_timeout = timeouts["network"]
        started = time.monotonic()
        association = request_association(
            entity, address, self._endpoint.port, self._endpoint.ae_title, self._contexts
        )
        if association.is_established:
            return association
        raise self._refusal(association, time.monotonic() - started)

    def _refusal(self, association: Any, seconds: float) -> PeerUnavailable:
        sock = association.dul.socket
        if sock is None or (not sock.is_connected and sock.failure is not None):
            return self.unavailable("connect", _reason(sock.failure if sock else None))
        if association.is_rejected:
            primitive = association.acceptor.primitive
            return self.unavailable(
                "association",
                f"it rejected us, {primitive.result_str.lower()}: {primitive.reason_str}",
            )
        if association.rejected_contexts:
            return ContextsRefused(
                self._pacs.name, "association", "it accepts nothing of what we offer"
            )
        if seconds >= self._pacs.timeouts["acse"]:
            return self.unavailable("association", f"it gave no answer within {seconds:.0f} s")
        return self.unavailable("association", "it broke off; check that this is its DICOM port")


def _reason(error: OSError | None) -> str:
    """Put a socket's error into plain words; nothing in them comes from the peer."""
    if error is None:
        return "no connection"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
