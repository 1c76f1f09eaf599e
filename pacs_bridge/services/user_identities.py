"""Who names a user in an association, and whether that user is one of the PACS's.

References
----------
PS3.7 D.3.3.7 (user identity negotiation): types 1 (name) and 2 (name and passcode) are judged,
3 to 5 (Kerberos, SAML, JSON web token) are always refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable

from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.pacs import KnownUser, Pacs
from pacs_bridge.services.passwords import verify_password
from pacs_bridge.upper_layer.pdu_items import UserIdentity

_NAME, _NAME_AND_PASSCODE = 1, 2
_LONGEST = 256  # bytes of a name or passcode that we look at
_MOST_FAILURES, _FORGET_SECONDS = 10, 60.0


class UserIdentities:
    """Judges user identities; refuses whatever is not registered for the PACS that calls.

    A PACS with registered users must name one of them; one without must name nobody. A passcode
    that was right is remembered as a keyed digest, so that each further association costs no
    slow hash; after ten wrong ones in a minute a PACS's others are not looked at.

    Parameters
    ----------
    pacs_of : callable
        Gives the PACS that a caller is; may raise `PacsBridgeError`.
    """

    def __init__(self, pacs_of: Callable[[Caller], Pacs | None]) -> None:
        self._pacs_of = pacs_of
        self._key = secrets.token_bytes(32)
        self._right: dict[tuple[str, str, str], bytes] = {}
        self._wrong: dict[str, deque[float]] = {}
        self._one_at_a_time = threading.Lock()  # a slow hash takes 64 MiB

    def accepts(self, caller: Caller, identity: UserIdentity | None) -> bool:
        """Whether a caller may come in under this identity, or under none. Never raises."""
        try:
            pacs = self._pacs_of(caller)
        except PacsBridgeError:
            return False
        if pacs is None:
            return False
        if identity is None or not pacs.users:
            return identity is None and not pacs.users
        return self._is_known(pacs, identity)

    def _is_known(self, pacs: Pacs, identity: UserIdentity) -> bool:
        name = _text(identity.primary)
        user = next((each for each in pacs.users if each.name == name), None)
        if user is None:
            return False
        if user.passcode_hash is None:
            return identity.kind == _NAME
        return identity.kind == _NAME_AND_PASSCODE and self._is_right(
            pacs, user, user.passcode_hash, identity.secondary
        )

    def _is_right(self, pacs: Pacs, user: KnownUser, expected: str, passcode: bytes) -> bool:
        said = hmac.digest(self._key, passcode, hashlib.sha256)
        place = (pacs.name, user.name, expected)
        known = self._right.get(place)
        if known is not None and hmac.compare_digest(known, said):
            return True
        text = _text(passcode)
        with self._one_at_a_time:
            wrong = self._wrong.setdefault(pacs.name, deque(maxlen=_MOST_FAILURES))
            now = time.monotonic()
            if len(wrong) == _MOST_FAILURES and now - wrong[0] < _FORGET_SECONDS:
                return False
            if text and verify_password(text, expected):
                self._right[place] = said
                return True
            wrong.append(now)
        return False


def _text(value: bytes) -> str:
    """Read what came; empty, which nobody's name or passcode is, where it is no text."""
    try:
        return value.decode("utf-8") if len(value) <= _LONGEST else ""
    except UnicodeDecodeError:
        return ""
