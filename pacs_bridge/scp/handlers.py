"""Each handler does three things: translate in, call one service, translate out."""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.domain.errors import PacsBridgeError
from pacs_bridge.domain.objects import Caller
from pacs_bridge.scp.status import store_status
from pacs_bridge.services.associations import Admission
from pacs_bridge.upper_layer.contract import (
    CALLED_NOT_RECOGNISED,
    CALLING_NOT_RECOGNISED,
    NOT_ENCRYPTED,
    SUCCESS,
    TRY_LATER,
    WRONG_CERTIFICATE,
    Answer,
    Rejection,
)

_REJECTIONS = {
    Admission.UNKNOWN_CALLER: CALLING_NOT_RECOGNISED,
    Admission.WRONG_CALLED: CALLED_NOT_RECOGNISED,
    Admission.NOT_ENCRYPTED: NOT_ENCRYPTED,
    Admission.WRONG_CERTIFICATE: WRONG_CERTIFICATE,
}


def on_association(
    caller: Caller, *, admit: Callable[[Caller], tuple[Admission, Caller]]
) -> Caller | Rejection:
    """Answer a request for an association: the caller with its PACS, or why not."""
    try:
        admission, known = admit(caller)
    except PacsBridgeError:
        return TRY_LATER
    return _REJECTIONS.get(admission, known)


def on_c_echo() -> Answer:
    """Answer a C-ECHO."""
    return Answer(SUCCESS)


def on_c_store(finish: Callable[[], None]) -> Answer:
    """Answer a C-STORE whose last byte has come: Success only when it is safe."""
    try:
        finish()
    except PacsBridgeError as error:
        return Answer(store_status(error), str(error))
    return Answer(SUCCESS)
