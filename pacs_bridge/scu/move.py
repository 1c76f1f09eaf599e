"""C-MOVE towards a PACS: it sends to our own node what we ask for.

The PACS must know our AE title with the address of our node; one that does not answers A801.
What was sent arrives there as any other object does: this hears only what the PACS says of it.

References
----------
PS3.4 C.4.2 (C-MOVE), table C.4-2 (statuses).
"""

from __future__ import annotations

from collections.abc import Callable

from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.retrieving import (
    LIMITS,
    Asked,
    Limits,
    Progress,
    Retrieved,
    never,
    tell_nobody,
)
from pacs_bridge.scu.association import associate
from pacs_bridge.scu.retrieval import Models, Request, has_sent, refuses_level
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.requestor import SecureCall

STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
_MODELS = Models(STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE)


def move(
    pacs: Pacs,
    asked: Asked,
    *,
    secure: SecureCall | None = None,
    limits: Limits = LIMITS,
    progress: Callable[[Progress], None] = tell_nobody,
    cancelled: Callable[[], bool] = never,
) -> Retrieved:
    """Have a PACS send objects to our node.

    It is asked in the Study Root model, else in Patient Root, and where it refuses to send single
    objects, for their whole series.

    Parameters
    ----------
    progress : callable
        Told each time the PACS says how far it has come.
    cancelled : callable
        Asked twice a second; once it is true a C-CANCEL goes out, and the last answer is
        waited for.

    Raises
    ------
    PeerUnavailable
        Naming the phase: the conversation failed; what was sent before has arrived.
    ContextsRefused
        When it does not offer C-MOVE.
    """
    endpoint = pacs.endpoint("retrieve")
    with associate(pacs, endpoint, _MODELS.offers(asked), secure) as association:
        chosen = _MODELS.choose(association)
        assert chosen is not None  # else there is no association
        unable = pacs.profile.image_level is False
        destination = pacs.towards(endpoint).our_ae_title
        request = Request(Field.C_MOVE, _MODELS, limits, progress, cancelled, destination)
        for level in (asked, asked.whole_series):
            said = request.ask(association, chosen, level)
            is_refused = refuses_level(said.status, unable=unable) and not has_sent(said.counted)
            if level.level != "IMAGE" or not is_refused:
                break
    return said.retrieved()
