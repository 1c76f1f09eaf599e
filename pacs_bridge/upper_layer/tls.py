"""TLS for associations: 1.2 at least, 1.3 where both can, certificates on both sides.

References
----------
PS3.15 annex B.12 (non-downgrading BCP 195 profile), B.13 (its modified form, whose closed list
of TLS 1.2 suites is used here); RFC 9325.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.upper_layer.secure import SecureSocket

CIPHERS_OF_TLS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
)
"""Forward secret and authenticated, all that B.13 names; TLS 1.3 has its own, all of them fit."""


def server_context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """Make a context for an acceptor: every peer must show a certificate of ours to trust.

    Parameters
    ----------
    certificate, key : Path
        Ours, PEM; the certificate with its chain.
    authorities : Path
        Certificates that peers' are checked against, PEM.

    Raises
    ------
    RefusedInput
        When a file cannot be read or is no certificate or key.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, certificate, key, authorities)
    context.num_tickets = 0
    return context


def client_context(certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    """Make a context for a requestor: the peer's name is checked, and we show our certificate.

    Raises
    ------
    RefusedInput
        When a file cannot be read or is no certificate or key.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, certificate, key, authorities)


def _context(side: int, certificate: Path, key: Path, authorities: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.options |= ssl.OP_NO_TICKET  # whom we do not know any more resumes nothing
    context.set_ciphers(":".join(CIPHERS_OF_TLS_1_2))
    try:
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(authorities)
    except OSError as error:  # ssl.SSLError is one
        raise RefusedInput(
            f"The certificates for TLS cannot be used ({type(error).__name__}); check "
            f"{certificate.name}, {key.name} and {authorities.name} in keys/tls of the home."
        ) from error
    return context


def server_side(context: ssl.SSLContext) -> Callable[[socket.socket, float], SecureSocket]:
    """Give what an `Acceptor` secures its connections with.

    The handshake runs in the conversation's own thread. It is whole in the seconds given: a
    peer that drips bytes gains no time by each.
    """

    def secure(connection: socket.socket, seconds: float) -> SecureSocket:
        return SecureSocket(connection, context, seconds=seconds, server_side=True)

    return secure


class HandshakeFailed(OSError):
    """A peer and we did not agree on TLS; says why in plain words."""


_CERTIFICATE = {  # OpenSSL's verification codes (X509_V_ERR_…)
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed, and not known here",
    19: "its certificate is from an authority not known here",
    20: "its certificate is from an authority not known here",
    21: "its certificate is from an authority not known here",
    26: "its certificate is not for a client",
}
_REASONS = {  # OpenSSL's reasons, as Python names them
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "UNSUPPORTED_PROTOCOL": "its version of TLS is too old, 1.2 is the least",
    "VERSION_TOO_LOW": "its version of TLS is too old, 1.2 is the least",
    "TLSV1_ALERT_PROTOCOL_VERSION": "its version of TLS is too old, 1.2 is the least",
    "NO_SHARED_CIPHER": "no cipher suite in common",
    "NO_SHARED_GROUP": "no key exchange in common",
    "WRONG_VERSION_NUMBER": "it does not speak TLS; unencrypted DICOM has another port",
    "RECORD_LAYER_FAILURE": "it does not speak TLS; unencrypted DICOM has another port",
    "PACKET_LENGTH_TOO_LONG": "it does not speak TLS; unencrypted DICOM has another port",
    "BAD_RECORD_TYPE": "it does not speak TLS; unencrypted DICOM has another port",
    "HTTP_REQUEST": "it speaks HTTP",
    "HTTPS_PROXY_REQUEST": "it speaks HTTP",
}


def words_of(error: OSError) -> str:
    """Say in plain words why a handshake with a peer that called us failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(error.verify_code, "its certificate is not accepted")
    if isinstance(error, TimeoutError):
        return "it said nothing in time"
    reason = error.reason if isinstance(error, ssl.SSLError) else ""
    if reason and not isinstance(error, ssl.SSLEOFError):  # who hangs up gives no reason
        if "ALERT" in reason and reason not in _REASONS:
            return "it does not accept our certificate, or broke off"
        return _REASONS.get(reason, "nothing could be agreed on")
    return "it broke off before anything was agreed on"


def fingerprint_of(connection: socket.socket) -> str | None:
    """Give the SHA-256 of the certificate that the peer proved to hold; None without TLS."""
    if not isinstance(connection, SecureSocket):
        return None
    return hashlib.sha256(connection.getpeercert()).hexdigest()


def client_side(
    context: ssl.SSLContext, connection: socket.socket, host: str, seconds: float
) -> SecureSocket:
    """Secure a connection that we opened.

    Parameters
    ----------
    host : str
        Name or address that the peer's certificate must be for.

    Raises
    ------
    OSError
        `ssl.SSLError` and `TimeoutError` among them; the connection is closed then.
    """
    return SecureSocket(connection, context, seconds=seconds, server_side=False, host=host)
