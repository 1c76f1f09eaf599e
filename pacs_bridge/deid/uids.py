"""New UIDs for old: keyed, so that nobody can go back, and the same each time.

References
----------
PS3.5 section B.2 (UIDs under 2.25); PS3.15 table E.1-1, action U.
"""

from __future__ import annotations

from pacs_bridge.domain.reader_copies import derive_uid as new_uid
from pacs_bridge.domain.reader_copies import is_registered

__all__ = ["UidMap", "is_registered", "new_uid"]


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
