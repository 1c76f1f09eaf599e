"""What a PACS wants to see before it answers over HTTPS: files in the home's folder of keys.

A folder a PACS, each file optional and readable by us alone: ``header.txt`` (one line,
``Authorization: Bearer …``), ``client.pem`` and ``client.key`` (our certificate towards it),
``authority.pem`` (who signs its certificate, where no public authority does). ``address.txt``
names the address that these were given for: no other one ever sees them. Nothing of it is kept in
the database or told to a log.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.identifiers import parse_name

HEADER, CERTIFICATE, KEY, AUTHORITY = "header.txt", "client.pem", "client.key", "authority.pem"
ADDRESS = "address.txt"

_LINE = re.compile(r"([A-Za-z0-9\-]{1,64}): ?([!-~](?:[ -~]{0,8000}[!-~])?)")
_OURS = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection", "accept",
     "accept-encoding", "expect", "te", "trailer", "upgrade", "range")
)  # fmt: skip


@dataclass(frozen=True)
class WebAccess:
    """What we show to one PACS.

    Parameters
    ----------
    headers : dict of str to str
        Sent with each request.
    context : ssl.SSLContext
        How its certificate is judged, and what we show for one.
    """

    headers: dict[str, str] = field(repr=False)
    context: ssl.SSLContext = field(repr=False)


def parse_header(text: str) -> dict[str, str]:
    """Read the one line of a header file; empty text is no header.

    Raises
    ------
    ValueError
        When it is no such line, or sets what is ours to set.
    """
    line = text.strip()
    if not line:
        return {}
    found = _LINE.fullmatch(line)
    if found is None or found[1].lower() in _OURS:
        raise ValueError("no header line")
    return {found[1]: found[2]}


def folder_of(folder: Path, pacs_name: str) -> Path:
    """Give a PACS's own folder in that of all."""
    return folder / parse_name(pacs_name)


def read_access(own: Path, pacs_name: str, url: str) -> WebAccess:
    """Read what we show to a PACS, anew each time, so that it may be renewed while we run.

    Parameters
    ----------
    own : Path
        Its own folder; where it is absent, nothing is shown.
    url : str
        The address that is to be asked.

    Raises
    ------
    PeerUnavailable
        In the phase TLS, when one of its files cannot be used, or is for another address.
    """
    try:
        if own.exists():
            _check_address(own, url)
        header = own / HEADER
        headers = parse_header(header.read_text("ascii")) if header.exists() else {}
        return WebAccess(headers, _context(own, url))
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        detail = "our header file, certificate or key for it cannot be used; register it anew"
        raise PeerUnavailable(pacs_name, "TLS", detail) from error


def _check_address(own: Path, url: str) -> None:
    if (own / ADDRESS).read_text("ascii") != url:
        raise ValueError("for another address")


def _context(own: Path, url: str) -> ssl.SSLContext:
    if not url.startswith("https:"):  # reading all authorities takes its time
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate, key = own / AUTHORITY, own / CERTIFICATE, own / KEY
    context = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate.exists():
        context.load_cert_chain(certificate, key if key.exists() else None, password="")
    return context
