"""Passwords: made at random, kept only as Argon2id hashes.

The hash is the usual text form (``$argon2id$v=19$m=…``), which any Argon2 library reads, so a
hash made by a command signs in on the web and the other way round.

References
----------
RFC 9106 section 4, second recommended option; NIST SP 800-63B 5.1.1.2.
"""

from __future__ import annotations

import os
import secrets
import unicodedata

from pacs_bridge.domain.errors import RefusedInput

SHORTEST, LONGEST = 10, 256
_LENGTH, _ITERATIONS, _LANES, _MEMORY_KIB = 32, 3, 4, 64 * 1024
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else


def make_password() -> str:
    """Make a random password of four groups of five, 99 bits, easy to type from paper."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def check_password(password: str) -> str:
    """Refuse a password that nobody should use; give it back in its normal form.

    Raises
    ------
    RefusedInput
        When it is shorter than 10 or longer than 256 characters, or one character repeated.
    """
    plain = normalise(password)
    if not SHORTEST <= len(plain) <= LONGEST or len(set(plain)) < 5:
        raise RefusedInput(
            f"A password has {SHORTEST} to {LONGEST} characters, five of them different; "
            "choose such a one."
        )
    return plain


def normalise(password: str) -> str:
    """Give the form that is hashed: the same letters typed on two keyboards are one password."""
    return unicodedata.normalize("NFKD", password)


def hash_password(password: str) -> str:
    """Hash a password for `add_account`."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # 6 MB, and seldom needed

    kdf = Argon2id(
        salt=os.urandom(16),
        length=_LENGTH,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return kdf.derive_phc_encoded(normalise(password).encode())


def verify_password(password: str, password_hash: str) -> bool:
    """Whether a password is the one that was hashed; False also where the hash is none."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(normalise(password).encode(), password_hash)
    except InvalidKey:
        return False
    return True
