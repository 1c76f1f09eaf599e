"""How the sandbox PACS listens and sends: quick sockets, and files as they lie on disk."""

from __future__ import annotations

import contextlib
import secrets
import socket
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, build_context, evt
from pynetdicom._globals import MODE_ACCEPTOR
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.transport import (
    AddressInformation,
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from pacs_bridge.sandbox.association import QuickSocket, request_association
from pacs_bridge.sandbox.pacs_store import Entry

_ABORT = bytes.fromhex("07000000000400000000")
"""An A-ABORT PDU of the service user (PS3.8 9.3.8)."""

_STALLED_SECONDS = 60.0  # without progress in the middle of a PDU, either way


class StoredObject(Dataset):
    """Stands for a stored file where pynetdicom wants a data set to send."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.SOPInstanceUID = entry.sop_instance_uid
        self._path = entry.path

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self._path


class _AcceptedSocket(QuickSocket):
    """The quick socket of an association that a peer requested."""

    def __init__(self, assoc: Any, connection: socket.socket) -> None:
        AssociationSocket.__init__(self, assoc, client_socket=connection)
        self.failure = None


class _Connection(RequestHandler):
    """A TCP connection on its way to an association."""

    def _create_association(self) -> Association:
        association = Association(self.ae, MODE_ACCEPTOR)
        association._server = self.server  # noqa: SLF001  as the base does
        association.name = f"AcceptorThread@{secrets.token_hex(4)}"  # how the base counts them
        association.set_socket(_AcceptedSocket(association, self.request))
        acceptor = association.acceptor
        acceptor.maximum_length = self.ae.maximum_pdu_size
        acceptor.ae_title = self.server.ae_title
        acceptor.address_info = self.local
        acceptor.implementation_class_uid = self.ae.implementation_class_uid
        acceptor.implementation_version_name = self.ae.implementation_version_name
        acceptor.supported_contexts = self.server.contexts  # read only; the base copies deeply
        association.requestor.address_info = AddressInformation.from_tuple(self.client_address)
        association.bind(evt.EVT_REQUESTED, _prefer_what_they_prefer)
        for event, handler in self.server.handlers:
            association.bind(event, handler)
        send_files_with(association)
        return association


def _prefer_what_they_prefer(event: Any) -> None:
    """Take each transfer syntax in the peer's order of preference, not in ours."""
    acceptor, asked = event.assoc.acceptor, event.assoc.requestor.primitive
    if not isinstance(asked, A_ASSOCIATE):
        return  # the peer left before it asked
    theirs: dict[str, list[str]] = {}
    for offered in asked.presentation_context_definition_list:
        theirs.setdefault(offered.abstract_syntax, []).extend(offered.transfer_syntax)
    agreed = []
    for ours in acceptor.supported_contexts:
        wanted = dict.fromkeys(theirs.get(ours.abstract_syntax, ()))
        both = [syntax for syntax in wanted if syntax in ours.transfer_syntax]
        if both:
            context = build_context(ours.abstract_syntax, both)
            context.scu_role, context.scp_role = ours.scu_role, ours.scp_role
            agreed.append(context)
        elif wanted:
            agreed.append(ours)  # so that it is the syntax that is refused, not the kind
    acceptor.supported_contexts = agreed


class Server(ThreadedAssociationServer):
    """The listening socket."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, *args: Any, handlers: list[tuple[evt.EventType, Any]], **more: Any) -> None:
        self.handlers = handlers
        super().__init__(*args, request_handler=_Connection, **more)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection on which no answer waits for an acknowledgement."""
        connection, address = super().get_request()
        connection.settimeout(_STALLED_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


class Entity(AE):
    """The AE of the PACS: the associations that it requests for a C-MOVE are quick, too."""

    def associate(
        self, addr: str, port: int, contexts: Any = None, ae_title: str = "", **_: Any
    ) -> Association:
        """Have an association that can send stored objects."""
        association = request_association(self, addr, port, str(ae_title), contexts or [])
        send_files_with(association)
        return association


def reject(association: Any) -> None:
    """Reject an association that was requested: for now, for want of room (PS3.8 9.3.4)."""
    association.acse.send_reject(0x02, 0x03, 0x02)
    association.kill()


def cut_off(association: Any, *, abort: bool) -> None:
    """End an association from a handler, so that its answer never goes out.

    Parameters
    ----------
    abort : bool
        Whether to say so first; else the line is just cut.
    """
    connection = association.dul.socket.socket
    with contextlib.suppress(OSError, AttributeError):  # the peer has gone before
        if abort:
            connection.sendall(_ABORT)
        connection.shutdown(socket.SHUT_RDWR)
    association.kill()


def send_files_with(association: Any) -> None:
    """Let C-GET and C-MOVE send a `StoredObject` as the bytes of its file.

    Where the peer does not take the syntax in which it is stored, it is sent uncompressed.
    """
    plain_send = association.send_c_store

    def send(dataset: Any, *args: Any, **more: Any) -> Dataset:
        if not isinstance(dataset, StoredObject):
            return plain_send(dataset, *args, **more)
        try:
            return plain_send(dataset.file, *args, **more)
        except ValueError:  # nothing accepted that fits
            return plain_send(_uncompressed(dataset.file), *args, **more)

    association.send_c_store = send


def _uncompressed(path: Path) -> Dataset:
    ds = dcmread(path)
    if UID(ds.file_meta.TransferSyntaxUID).is_compressed:
        ds.decompress(generate_instance_uid=False)
    return ds
