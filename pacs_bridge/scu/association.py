"""Which associations we request of a PACS; how they fail is said where they are made."""

from __future__ import annotations

from collections.abc import Sequence

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer.eventful import EventfulAssociation
from pacs_bridge.upper_layer.requestor import Offer, SecureCall, request_association

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def associate(
    pacs: Pacs,
    endpoint: Endpoint,
    offers: Sequence[Offer],
    secure: SecureCall | None = None,
    roles: Sequence[str] = (),
) -> EventfulAssociation:
    """Have an association with one endpoint of a PACS.

    Parameters
    ----------
    offers : sequence of (str, sequence of str)
        SOP class and transfer syntaxes of each context; nothing else is offered.
    secure : callable, optional
        Makes a connection secure; used, and needed, where the PACS is not plain.
    roles : sequence of str
        SOP classes of which we take objects over this association (C-GET).

    Raises
    ------
    PeerUnavailable
        Naming the phase (name, connect, TLS, association).
    ContextsRefused
        When it is accepted, but nothing that we offered.
    """
    pacs = pacs.towards(endpoint)
    if endpoint.url:
        raise PeerUnavailable(
            pacs.name, "association", "it speaks DICOMweb only, which has not this"
        )
    if not endpoint.port:
        detail = "no address is registered for this; give it with `pacs-bridge pacs change`"
        raise PeerUnavailable(pacs.name, "name", detail)
    if pacs.plain:
        return request_association(pacs, endpoint, offers, roles=roles)
    if secure is None:
        detail = "it is not registered for unencrypted DICOM, and we have no certificate"
        raise PeerUnavailable(pacs.name, "TLS", detail)
    return request_association(pacs, endpoint, offers, secure, roles)
