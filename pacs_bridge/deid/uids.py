"""New UIDs for old: keyed, so that nobody can go back, and the same each time.

References
----------
PS3.5 section B.2 (UIDs under 2.25); PS3.15 table E.1-1, action U.
"""

from __future__ import annotations

import hashlib
import hmac

_REGISTERED = "1.2.840.10008."


def is_registered(uid: str) -> bool:
    """Whether the standard itself gave this UID: a class, syntax, context group, well-known frame.

    References
    ----------
    PS3.6 Annex A: all stand below 1.2.840.10008.
    """
    return uid.startswith(_REGISTERED)


def new_uid(key: bytes, set_name: str, copy: int, old: str) -> str:
    """Derive the UID that stands for another one in a set.

    Parameters
    ----------
    key : bytes
        The installation's key; without it the old UID cannot be searched for.
    set_name : str
        The set it goes into: one source image in two sets is two images.
    copy : int
        0 for the master; a copy derives from the master's UID, not from the source's.
    old : str
        The source's UID, or the master's for a copy.

    Returns
    -------
    str
        At most 44 characters, the same for the same input for ever.
    """
    message = f"{set_name}\0{copy:02d}\0{old}".encode()
    digest = hmac.digest(key, message, hashlib.sha256)
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


class UidMap:
    """Gives one set's UID for each old one; registered ones stay what they are.

    Parameters
    ----------
    key : bytes
        As for `new_uid`.
    """

    def __init__(self, key: bytes, set_name: str, copy: int = 0) -> None:
        self._key, self._set_name, self._copy = key, set_name, copy

    def __call__(self, old: str) -> str:
        """Give the new UID; an empty one stays empty."""
        uid = str(old).strip(" \0")
        if not uid or is_registered(uid):
            return uid
        return new_uid(self._key, self._set_name, self._copy, uid)
