"""Signatures of the scoring contract: HMAC-SHA256 under a secret both sides hold.

A body is signed as it travels. A question has no body, so its method, path and time are
signed instead; the time keeps an overheard question from being asked again later.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from pacs_bridge.domain.errors import RefusedInput

SIGNATURE = "X-Signature"
TIMESTAMP = "X-Timestamp"
SHORTEST_SECRET = 16


def sign(secret: bytes, message: bytes) -> str:
    """Give the signature header's value: ``sha256=`` and the HMAC in hexadecimal."""
    return "sha256=" + hmac.new(secret, message, hashlib.sha256).hexdigest()


def is_signed(secret: bytes, message: bytes, signature: str) -> bool:
    """Whether a signature header's value is this message's; takes the same time if it is not."""
    return hmac.compare_digest(sign(secret, message).encode(), signature.encode())


def question(method: str, path: str, timestamp: str) -> bytes:
    """Give the bytes that are signed for a request without body.

    Parameters
    ----------
    path : str
        From ``/v1`` on, as it reads before it is escaped for a URL: a gateway that puts the
        service under a folder of its own changes nothing.
    timestamp : str
        Seconds since 1970 (UTC), whole, as in the `TIMESTAMP` header.
    """
    return f"{method}\n{path}\n{timestamp}".encode()


def read_secret(path: Path) -> bytes:
    """Read the shared secret: every byte of its file, for a key made at random may hold any.

    Raises
    ------
    RefusedInput
        When there is none of at least 16 bytes.
    """
    try:
        secret = path.read_bytes()
    except OSError as error:
        raise RefusedInput("The scoring secret's file cannot be read; check [scoring].") from error
    if len(secret) < SHORTEST_SECRET:
        raise RefusedInput(
            f"The scoring secret is shorter than {SHORTEST_SECRET} bytes; write a longer one."
        )
    return secret
