"""The viewer's associations: the requestor's of `scu`, with room for what C-GET needs."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation

from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.sandbox.association import MAX_PDU, QuickSocket, RequestedAssociation

Arrived = Callable[[bytes, str], None]
"""Takes an object that arrived: its data set's bytes and its transfer syntax."""


def call(
    ours: str,
    theirs: str,
    host: str,
    port: int,
    contexts: Sequence[PresentationContext],
    *,
    provided: Sequence[str] = (),
    arrived: Arrived | None = None,
) -> RequestedAssociation:
    """Have an association with a PACS.

    Parameters
    ----------
    provided : sequence of str
        SOP classes of which we are the provider: the PACS sends us such objects on this
        association (C-GET), role selection of PS3.7 D.3.3.4.

    Raises
    ------
    PeerUnavailable
        When the PACS cannot be reached or does not take the call; names the phase.
    """
    entity = AE(ours)
    entity.connection_timeout, entity.acse_timeout = 10, 30
    entity.dimse_timeout = entity.network_timeout = 60
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0]
    except (OSError, UnicodeError) as error:
        raise PeerUnavailable("the PACS", "name", "its host name is not known here") from error
    remote = AddressInformation(str(address), port)
    local = AddressInformation("0.0.0.0" if remote.is_ipv4 else "::", 0)  # noqa: S104  any of ours
    association = RequestedAssociation(entity)
    sock = QuickSocket(association, address=local)
    association.set_socket(sock)
    association.acceptor.ae_title, association.acceptor.address_info = theirs, remote
    requestor = association.requestor
    requestor.ae_title, requestor.address_info = ours, local
    requestor.maximum_length = MAX_PDU
    requestor.implementation_class_uid = entity.implementation_class_uid
    requestor.implementation_version_name = entity.implementation_version_name
    for uid in provided:
        requestor.add_negotiation_item(build_role(uid, scp_role=True))
    for number, context in enumerate(contexts):
        context.context_id = 2 * number + 1
    requestor.requested_contexts = list(contexts)
    if arrived is not None:
        association.bind(evt.EVT_C_STORE, _handler(arrived))
    association.request()
    if not association.is_established:
        phase = "association" if sock.is_connected else "connect"
        raise PeerUnavailable("the PACS", phase, "it does not take the viewer's call")
    return association


def _handler(arrived: Arrived) -> Callable[[evt.Event], int]:
    def on_c_store(event: evt.Event) -> int:
        arrived(event.request.DataSet.getvalue(), event.context.transfer_syntax)
        return 0x0000

    return on_c_store
