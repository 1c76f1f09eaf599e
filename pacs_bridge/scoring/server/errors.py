"""What the scoring server refuses with, and the HTTP status of each error."""

from __future__ import annotations

from pacs_bridge.domain.errors import (
    BadSignature,
    GiveUp,
    NotFound,
    PacsBridgeError,
    RetryLater,
)


class TruthMissing(RetryLater):
    """The truth that would score a reading has not come yet."""


class TruthConflict(GiveUp):
    """A version of a truth came again with other content."""


_STATUS: dict[type[PacsBridgeError], int] = {
    BadSignature: 401,
    NotFound: 404,
    TruthMissing: 409,
    TruthConflict: 409,
    GiveUp: 422,
    RetryLater: 503,
}

SENTENCES = {
    400: "The request cannot be understood; see /v1/openapi.json for the right form.",
    404: "There is nothing at this address; see /v1/openapi.json.",
    405: "This address does not take this method; see /v1/openapi.json.",
    413: "The body is too large; send less at once.",
    500: "The scoring service failed; its log says why, and the request may be sent again.",
}
"""What is said where the web framework refuses, by HTTP status."""


def http_status(error: PacsBridgeError) -> int:
    """Tell the HTTP status of an error: of its own row here, else of its family's."""
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    return 500
