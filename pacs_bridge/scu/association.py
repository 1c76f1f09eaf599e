"""Which associations we request of a PACS; how they fail is said where they are made."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer.requested import RequestedAssociation
from pacs_bridge.upper_layer.requestor import Offer, request_association

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def associate(pacs: Pacs, endpoint: Endpoint, offers: Sequence[Offer]) -> RequestedAssociation:
    """Have an association with one endpoint of a PACS.

    Parameters
    ----------
    offers : sequence of (str, sequence of str)
        SOP class and transfer syntaxes of each context; nothing else is offered.

    Raises
    ------
    PeerUnavailable
        Naming the phase (name, connect, TLS, association).
    ContextsRefused
        When it is accepted, but nothing that we offered.
    """
    if not pacs.plain:
        detail = "it is not registered for unencrypted DICOM, and TLS is not built yet"
        raise PeerUnavailable(pacs.name, "TLS", detail)
    return request_association(pacs, endpoint, offers)
