"""A connection to a peer, and the words for what goes wrong with it.

Nothing in them comes from the peer.
"""

from __future__ import annotations

import os
import socket
import ssl

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer.pdu import AssociateReject
from pacs_bridge.upper_layer.wire import tune

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
_MOST_ADDRESSES = 3  # of one host name, tried in turn
_RESULTS = {1: "rejected permanent", 2: "rejected transient"}
_REASONS = {
    (1, 1): "No reason given",
    (1, 2): "Application context name not supported",
    (1, 3): "Calling AE title not recognised",
    (1, 7): "Called AE title not recognised",
    (2, 1): "No reason given",
    (2, 2): "Protocol version not supported",
    (3, 1): "Temporary congestion",
    (3, 2): "Local limit exceeded",
}


def connect(pacs: Pacs, endpoint: Endpoint) -> socket.socket:
    """Connect to the first address of an endpoint's host that takes it.

    Raises
    ------
    PeerUnavailable
        Naming the phase: name, connect.
    """
    error: OSError | None = None
    for family, address in _addresses(pacs, endpoint):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            tune(connection)
            connection.settimeout(pacs.timeouts["connect"])
            connection.connect(address)
        except OSError as failed:
            connection.close()
            error = failed
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise PeerUnavailable(pacs.name, "connect", reason_of(error)) from error


def _addresses(pacs: Pacs, endpoint: Endpoint) -> list[tuple[int, _Address]]:
    host = endpoint.host
    try:
        found = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        detail = f"the host name {host} is not known here"
        raise PeerUnavailable(pacs.name, "name", detail) from error
    distinct = dict.fromkeys((int(family), address) for family, _, _, _, address in found)
    return list(distinct)[:_MOST_ADDRESSES]


def reason_of(error: OSError | None) -> str:
    """Put a socket's error into plain words."""
    if error is None:
        return "the host has no address"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):  # its numbers are not the system's
        return "the encrypted connection broke off"
    return os.strerror(error.errno).lower() if error.errno else "it broke off"


def words_of(rejection: AssociateReject) -> str:
    """Say what a rejection means.

    References
    ----------
    PS3.8 table 9-21.
    """
    result = _RESULTS.get(rejection.result, "for good or not, it does not say")
    reason = _REASONS.get((rejection.source, rejection.reason), f"reason {rejection.reason}")
    return f"it rejected us, {result}: {reason}"
