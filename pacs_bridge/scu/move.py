"""C-MOVE towards a PACS: it sends to our own node what we ask for.

The PACS must know our AE title with the address of our node; one that does not answers A801.
What was sent arrives there as any other object does: this hears only what the PACS says of it.

References
----------
PS3.4 C.4.2 (C-MOVE), table C.4-2 (statuses).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

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
from pacs_bridge.scu.association import EXPLICIT, IMPLICIT, associate
from pacs_bridge.scu.retrieval import follow, identifier_of
from pacs_bridge.upper_layer.command import Field
from pacs_bridge.upper_layer.requestor import SecureCall

STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


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
    offers = [(STUDY_ROOT_MOVE, (EXPLICIT, IMPLICIT))]
    with associate(pacs, endpoint, offers, secure) as association:
        (_, syntax), context_id = next(iter(association.accepted.items()))
        answers = association.retrieve(
            Field.C_MOVE,
            STUDY_ROOT_MOVE,
            identifier_of(asked, syntax),
            context_id=context_id,
            destination=pacs.towards(endpoint).our_ae_title,
            cancelled=cancelled,
        )
        with closing(answers):
            said = follow(association, answers, syntax, limits=limits, progress=progress)
    return said.retrieved()
