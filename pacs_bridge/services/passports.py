"""Passports: signed with the installation's Ed25519 key, and checked against it.

References
----------
RFC 8032 (Ed25519); DESIGN.md 5.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import BadSignature


def public_key_of(private_key: bytes) -> bytes:
    """Give the public key, 32 raw bytes, of a private one of 32 raw bytes."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def key_id_of(public_key: bytes) -> str:
    """Name a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign_passport(passport: Passport, private_key: bytes) -> Passport:
    """Sign a manifest; the same manifest and key give the same signature."""
    named = replace(passport, key_id=key_id_of(public_key_of(private_key)), signature="")
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return replace(named, signature=key.sign(named.signed_bytes()).hex())


def verify_passport(passport: Passport, public_key: bytes) -> None:
    """Check who signed a passport, and that nothing in it was changed since.

    Raises
    ------
    BadSignature
        When another key signed it, nobody did, or it was changed.
    """
    if passport.key_id != key_id_of(public_key):
        raise BadSignature(
            f"The passport of {passport.set_name} was signed by another installation; "
            "ask that one for its public key."
        )
    try:
        signature = bytes.fromhex(passport.signature)
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, passport.signed_bytes())
    except (InvalidSignature, ValueError) as error:
        raise BadSignature(
            f"The passport of {passport.set_name} was changed after it was signed; "
            "import the set again."
        ) from error


def same_set(one: Passport, other: Passport) -> bool:
    """Whether two manifests say the same of a set, whenever and by whom they were made."""
    return replace(one, created_at=other.created_at, key_id=other.key_id) == other
