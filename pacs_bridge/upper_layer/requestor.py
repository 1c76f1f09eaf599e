"""How we come to have an association: connect, propose, and hear what is accepted.

References
----------
PS3.8 section 7.1, 9.3.2 to 9.3.4.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace

from pacs_bridge.domain.errors import PeerBusy, PeerUnavailable
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.upper_layer import pdu
from pacs_bridge.upper_layer.connect import connect, words_of
from pacs_bridge.upper_layer.contract import BOUNDS
from pacs_bridge.upper_layer.eventful import EventfulAssociation
from pacs_bridge.upper_layer.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MAXIMUM_PDU,
)
from pacs_bridge.upper_layer.inbox import Inbox
from pacs_bridge.upper_layer.negotiate import fragment_bytes
from pacs_bridge.upper_layer.pdu_items import (
    ContextResult,
    Malformed,
    ProposedContext,
    RoleSelection,
    UserInformation,
)
from pacs_bridge.upper_layer.secure import SecureSocket
from pacs_bridge.upper_layer.wire import Deadline, send

_SLACK = 4_096  # bytes over the announced PDU that we forgive
_TRANSIENT = 2  # result of a rejection, PS3.8 table 9-21

Offer = tuple[str, Sequence[str]]
"""A SOP class, and the transfer syntaxes to propose for it in one context."""


class ContextsRefused(PeerUnavailable):
    """The PACS accepted the association and none of what we offered in it."""


SecureCall = Callable[[socket.socket, Pacs, Endpoint], socket.socket]
"""Makes a connection to a PACS secure, or raises `PeerUnavailable` in the phase TLS."""


def request_association(
    pacs: Pacs,
    endpoint: Endpoint,
    offers: Sequence[Offer],
    secure: SecureCall | None = None,
    roles: Sequence[str] = (),
) -> EventfulAssociation:
    """Have an association with one endpoint of a PACS.

    Parameters
    ----------
    offers : sequence of Offer
        A context each, at most 128.
    secure : callable, optional
        Makes the connection secure; without it, it is unencrypted.
    roles : sequence of str
        SOP classes of which we are the SCP here (PS3.7 D.3.3.4): objects of a C-GET.

    Raises
    ------
    PeerUnavailable
        Naming the phase: name, connect, TLS, association.
    ContextsRefused
        When it is accepted, but nothing that we offer.
    """
    connection = connect(pacs, endpoint)
    try:
        if secure is not None:
            connection = secure(connection, pacs, endpoint)
        return _negotiate(connection, pacs, endpoint, offers, roles)
    except BaseException:
        connection.close()
        raise


def _negotiate(
    connection: socket.socket,
    pacs: Pacs,
    endpoint: Endpoint,
    offers: Sequence[Offer],
    roles: Sequence[str],
) -> EventfulAssociation:
    request = _request(pacs, endpoint, offers, roles)
    seconds, patience = pacs.timeouts["network"], pacs.timeouts["acse"]
    bounds = replace(BOUNDS, pdu_bytes=MAXIMUM_PDU + _SLACK, pdu_seconds=seconds)
    inbox = Inbox(connection, bounds)
    try:
        send(connection, [pdu.encode(request)], Deadline(seconds))
        answer = inbox.next(patience)
        if isinstance(answer, pdu.AssociateReject):
            error = PeerBusy if answer.result == _TRANSIENT else PeerUnavailable
            raise error(pacs.name, "association", words_of(answer))
        if isinstance(answer, pdu.AssociateAccept):
            inbox.established()
            fragment = fragment_bytes(answer.user)
            accepted = _accepted(request, answer)
            association = EventfulAssociation(
                connection, pacs, accepted, inbox=inbox, bounds=bounds, fragment=fragment
            )
            if accepted:
                return association
            association.close(abort=False)
            detail = "it accepts nothing of what we offer"
            raise ContextsRefused(pacs.name, "association", detail)
    except TimeoutError as error:
        detail = f"it gave no answer within {patience:.0f} s"
        raise PeerUnavailable(pacs.name, "association", detail) from error
    except ssl.SSLError as error:  # TLS 1.3 says so only now
        detail = "it broke off at our certificate; have the PACS trust it"
        raise PeerUnavailable(pacs.name, "TLS", detail) from error
    except OSError as error:
        if isinstance(connection, SecureSocket):  # its alert may be lost with the connection
            detail = "it broke off as soon as TLS stood; have the PACS trust our certificate"
            raise PeerUnavailable(pacs.name, "TLS", detail) from error
        raise _broken_association(pacs) from error
    except Malformed as error:
        raise _broken_association(pacs) from error
    raise _broken_association(pacs)


def _broken_association(pacs: Pacs) -> PeerUnavailable:
    detail = "it broke off; check that this is its DICOM port"
    return PeerUnavailable(pacs.name, "association", detail)


def _request(
    pacs: Pacs, endpoint: Endpoint, offers: Sequence[Offer], roles: Sequence[str]
) -> pdu.AssociateRequest:
    contexts = tuple(
        ProposedContext(2 * place + 1, sop_class, tuple(syntaxes))
        for place, (sop_class, syntaxes) in enumerate(offers)
    )
    user = UserInformation(
        maximum_length=MAXIMUM_PDU,
        implementation_class_uid=IMPLEMENTATION_CLASS_UID,
        implementation_version_name=IMPLEMENTATION_VERSION_NAME,
        roles=tuple(RoleSelection(each, scu=False, scp=True) for each in roles),
    )
    return pdu.AssociateRequest(endpoint.ae_title, pacs.our_ae_title, contexts, user)


def _accepted(
    request: pdu.AssociateRequest, answer: pdu.AssociateAccept
) -> dict[tuple[str, str], int]:
    """Take what was accepted of what we proposed; anything else means nothing."""
    proposed = {each.context_id: each for each in request.contexts}
    accepted = {}
    for each in answer.contexts:
        ours = proposed.get(each.context_id)
        if ours is None or each.result != ContextResult.ACCEPTED:
            continue
        if each.transfer_syntax in ours.transfer_syntaxes:
            accepted[ours.abstract_syntax, each.transfer_syntax] = each.context_id
    return accepted
