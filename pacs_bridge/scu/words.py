"""Text from a peer, made harmless in the first function that sees it."""

from __future__ import annotations

import re

_NOT_PLAIN = re.compile(r"[^ -~]")


def clean(value: object, most: int = 64) -> str:
    """Keep printable ASCII, at most so many characters; anything else becomes ``?``."""
    return _NOT_PLAIN.sub("?", str(value).strip(" \0"))[:most]
