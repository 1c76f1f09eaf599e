"""The files that TLS stands on, read anew when they change: certificates rotate without a restart.

In one folder: ``node.pem`` (ours, with its chain), ``node.key``, ``authorities.pem`` (who may sign
a peer's) and, in ``pacs/``, the certificates of single PACS, which need no authority.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer.secure import SecureSocket
from pacs_bridge.upper_layer.tls import (
    client_context,
    client_side,
    fingerprint_of,
    server_context,
    server_side,
)

LOG = structlog.get_logger()
NODE, KEY, AUTHORITIES, OF_PACS = "node.pem", "node.key", "authorities.pem", "pacs"

_Stamp = tuple[tuple[int, int, int] | None, ...]


class Credentials:
    """Makes contexts from the files of a folder; a new one for who comes after a change.

    While the files do not fit each other, as between the writing of one and the next, the last
    ones that did stay in use. Whoever is connected keeps what it began with.

    Parameters
    ----------
    folder : Path
        Where the files are.

    Raises
    ------
    RefusedInput
        When a file is missing or is no certificate or key.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._seen = self._stamp()
        self._server, self._client = self._make()

    def secure(self, connection: socket.socket, seconds: float) -> SecureSocket:
        """Secure a connection that a peer opened; see `tls.server_side`."""
        self._refresh()
        try:
            return server_side(self._server)(connection, seconds)
        except ssl.SSLCertVerificationError as error:
            LOG.warning("certificate not accepted", reason=error.verify_message)
            raise
        except ssl.SSLError as error:
            LOG.warning("TLS not agreed", reason=error.reason)
            raise

    def secure_call(
        self, connection: socket.socket, pacs: Pacs, endpoint: Endpoint
    ) -> SecureSocket:
        """Secure a connection that we opened to a PACS.

        It must show the very certificate that is registered for it; the names in that one
        decide nothing.

        Raises
        ------
        PeerUnavailable
            In the phase TLS; the connection is closed then.
        """
        self._refresh()
        try:
            secured = client_side(self._client, connection, endpoint.host, pacs.timeouts["connect"])
        except ssl.SSLCertVerificationError as error:
            detail = f"its certificate is not accepted, {error.verify_message}"
            raise PeerUnavailable(pacs.name, "TLS", detail) from error
        except TimeoutError as error:
            raise PeerUnavailable(pacs.name, "TLS", "no answer in time") from error
        except OSError as error:
            detail = "nothing could be agreed on; check that this is its port for TLS"
            raise PeerUnavailable(pacs.name, "TLS", detail) from error
        if fingerprint_of(secured) != pacs.certificate:
            secured.close()
            detail = "it shows another certificate than the one registered for it"
            raise PeerUnavailable(pacs.name, "TLS", detail)
        return secured

    def _refresh(self) -> None:
        stamp = self._stamp()
        with self._lock:
            if stamp == self._seen:
                return
            self._seen = stamp  # as it was before reading: what changes meanwhile is read again
            try:
                self._server, self._client = self._make()
            except RefusedInput as error:
                LOG.error("certificates not changed", reason=str(error))  # noqa: TRY400
            else:
                LOG.info("certificates read anew")

    def _make(self) -> tuple[ssl.SSLContext, ssl.SSLContext]:
        client = self._context(client_context)
        client.check_hostname = False  # the fingerprint says more
        return self._context(server_context), client

    def _context(self, make: Callable[[Path, Path, Path], ssl.SSLContext]) -> ssl.SSLContext:
        context = make(self._folder / NODE, self._folder / KEY, self._folder / AUTHORITIES)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # those of single PACS end a chain
        for path in sorted((self._folder / OF_PACS).glob("*.pem")):
            try:
                context.load_verify_locations(path)
            except OSError as error:  # one PACS's file must not shut all others out
                LOG.warning("certificate not read", pacs=path.stem, error=type(error).__name__)
        return context

    def _stamp(self) -> _Stamp:
        return tuple(_stamp_of(self._folder / name) for name in (NODE, KEY, AUTHORITIES, OF_PACS))


def _stamp_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
