"""A real node for a test, on a free port of the loopback: ``with running_node(...) as node``."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.archive.part10 import file_head
from pacs_bridge.domain.objects import Association as AssociationRecord
from pacs_bridge.domain.objects import Caller, Refusal, StoreRequest
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.sandbox.association import request_association
from pacs_bridge.scp.contexts import STORED
from pacs_bridge.scp.node import Node, NodeServices, SecurePort
from pacs_bridge.scp.status import store_status
from pacs_bridge.services import associations
from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.association_log import AssociationLog
from pacs_bridge.services.group_commit import GroupCommit
from pacs_bridge.services.held import Budget
from pacs_bridge.services.receive import Rules
from pacs_bridge.services.reception import Desk
from pacs_bridge.services.user_identities import UserIdentities
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.wiring.node import receiving, receptions
from tests.builders import a_passport
from tests.databases import TestDatabase
from tests.unit.sr_builders import a_report, a_state
from tests.waiting import wait_until

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
OUR_STUDY, OUR_IMAGE = "1.2.101.1", "1.2.101.4.1"
CALLER = Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital", "0" * 32)


def encode(ds: Dataset, *, implicit: bool = False, undefined: bool = False) -> bytes:
    """A data set as it goes over the wire."""
    if undefined:
        _forget_lengths(ds)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, ds)
    return bytes(buffer.getvalue())


def _forget_lengths(ds: Dataset) -> None:
    for element in ds:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _forget_lengths(item)


def our_state(uid: str = "1.2.3.9.1", **changes: Any) -> Dataset:
    """A presentation state over an image of case PERFORMS121101."""
    told = {"SOPInstanceUID": uid, "StudyInstanceUID": OUR_STUDY, **changes}
    return a_state(images=(OUR_IMAGE,), **told)


def our_report(uid: str = "1.2.3.9.2", **changes: Any) -> Dataset:
    """A report about case PERFORMS121101."""
    return a_report(**{"SOPInstanceUID": uid, "StudyInstanceUID": OUR_STUDY, **changes})


def an_alien(uid: str = "1.9.9.1", **changes: Any) -> Dataset:
    """A presentation state of another woman, with a name that must be found nowhere."""
    told = {
        "SOPInstanceUID": uid, "StudyInstanceUID": "1.9.1", "AccessionNumber": "RX000417",
        "PatientName": "PLANTED^SURNAME", "PatientID": "9434765919", **changes,
    }  # fmt: skip
    return a_state(images=("1.9.4",), **told)


def a_request(ds: Dataset, *, implicit: bool = False, **changes: Any) -> StoreRequest:
    """A data set as a handler gets it."""
    data = encode(ds, implicit=implicit)
    told: dict[str, Any] = {
        "caller": CALLER, "sop_class_uid": str(ds.SOPClassUID),
        "sop_instance_uid": str(ds.SOPInstanceUID), "data_set": memoryview(data),
        "transfer_syntax_uid": IMPLICIT if implicit else EXPLICIT, "size": len(data), **changes,
    }  # fmt: skip
    return StoreRequest(**told)


def as_file(path: Path, ds: Dataset, **encoding: Any) -> Path:
    """Write a data set as a DICOM file for somebody else's storescu."""
    syntax = IMPLICIT if encoding.get("implicit") else EXPLICIT
    head = file_head(str(ds.SOPClassUID), str(ds.SOPInstanceUID), syntax)
    path.write_bytes(head + encode(ds, **encoding))
    return path


@dataclass
class RunningNode:
    """What a test asks a node for."""

    port: int
    database: TestDatabase
    archive: LocalArchive
    folder: Path
    log: AssociationLog
    tls_port: int = 0

    def rows(self) -> list[AssociationRecord]:
        """The associations, newest first."""
        assert self.log.flush(60)
        with self.database.begin() as uow:
            return uow.associations.newest()

    def refusals(self) -> list[Refusal]:
        """What was refused, newest first."""
        with self.database.begin() as uow:
            return uow.refusals.newest()

    def hand_over(self) -> int:
        """Do what the jobs do with what was received: archive it, queue its job."""
        begin = self.database.begin
        return hand_over(begin=begin, read=begin, archive=self.archive)

    def files(self) -> list[Path]:
        """All that lies in the archive, spool included."""
        return [path for path in (self.folder / "archive").rglob("*") if path.is_file()]


def register(database: TestDatabase, **changes: Any) -> None:
    """Make case PERFORMS121101 and the PACS that calls as HOSPITAL known."""
    endpoint = Endpoint("HOSPITAL", "127.0.0.1", 104, ("store", "query", "calls-from"))
    with database.begin() as uow:
        uow.case_sets.add(a_passport())
        uow.pacs.put(
            Pacs(**{"name": "hospital", "endpoints": (endpoint,), "plain": True, **changes}),
            database.clock(),
        )


def desk_of(
    database: TestDatabase,
    archive: LocalArchive,
    commit: GroupCommit | None = None,
    **settings: Any,
) -> Desk:
    """What receptions share."""
    begin, now = database.begin, database.clock
    commit = commit or GroupCommit(database.begin_for_many)
    told = {"undecided": Budget(Bounds.undecided_bytes), **settings}
    return Desk(begin, begin, commit, archive, RULES, now, **told)


def taking(
    database: TestDatabase, archive: LocalArchive, commit: GroupCommit | None = None
) -> Callable[[StoreRequest], None]:
    """What takes small marks."""
    return receiving(desk_of(database, archive, commit))


RULES = Rules(STORED, b"key" * 11, store_status)


@contextmanager
def running_node(
    database: TestDatabase,
    folder: Path,
    *,
    archive: LocalArchive | None = None,
    receive: Callable[[StoreRequest], None] | None = None,
    bounds: Bounds | None = None,
    grace: float = 10.0,
    tls: SecurePort | None = None,
    streams: dict[str, Any] | None = None,
) -> Iterator[RunningNode]:
    """Start a node over a database and a folder, and stop it afterwards.

    `receive` takes small marks; `streams` are settings of the `Desk` of all objects.
    """
    archive = archive or LocalArchive(folder / "archive")
    begin, now = database.begin, database.clock
    log = AssociationLog(begin=begin, read=begin, our_ae_title="PACSBRIDGE", now=now)
    bounds = bounds or Bounds()
    limits = {"undecided": Budget(bounds.undecided_bytes), "most_mark_bytes": bounds.object_bytes}
    desk = desk_of(database, archive, **{**limits, **(streams or {})})
    services = NodeServices(
        admit=log.admit,
        open_reception=receptions(desk, receive),
        end=log.end,
        note=log.note,
        identify=UserIdentities(log.pacs_of).accepts,
        end_stale=partial(associations.end_stale, begin=begin, now=now),
        sweep=archive.sweep,
        close=log.close,
    )
    node = Node(services, host="127.0.0.1", port=0, now=now, bounds=bounds, tls=tls)
    try:
        port = node.start()
        yield RunningNode(port, database, archive, folder, log, node.tls_port or 0)
    finally:
        node.stop(grace)


@contextmanager
def associated(
    port: int,
    *sop_classes: str,
    calling: str = "HOSPITAL",
    called: str = "PACSBRIDGE",
    syntaxes: Sequence[str] = (EXPLICIT, IMPLICIT),
) -> Iterator[Association]:
    """An association of pynetdicom's own, without its side thread; released afterwards."""
    ae = AE(calling)
    for sop_class in sop_classes or ("1.2.840.10008.1.1",):
        ae.add_requested_context(sop_class, list(syntaxes))
    contexts = ae.requested_contexts
    association = request_association(ae, "127.0.0.1", port, called, contexts)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def send(port: int, ds: Dataset, **changes: Any) -> Dataset:
    """C-STORE one data set over an association of its own; gives the answer's elements."""
    with associated(port, str(ds.SOPClassUID)) as association:
        assert association.is_established
        return send_raw(association, ds, **changes)


def send_raw(
    association: Association,
    ds: Dataset,
    *,
    data: bytes | None = None,
    sop_class: str = "",
    sop_instance: str = "",
) -> Dataset:
    """C-STORE bytes as they are, under UIDs that may be others than the data set's own."""
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = sop_class or str(ds.SOPClassUID)
    request.AffectedSOPInstanceUID = sop_instance or str(ds.SOPInstanceUID)
    request.Priority = 2
    context = association.accepted_contexts[0]
    implicit = str(context.transfer_syntax[0]) == IMPLICIT
    request.DataSet = io.BytesIO(encode(ds, implicit=implicit) if data is None else data)
    association._reactor_checkpoint.clear()
    wait_until(lambda: association._is_paused, "the client's own reactor to pause")
    try:
        association.dimse.send_msg(request, context.context_id)
        _, answer = association.dimse.get_msg(block=True)
    finally:
        association._reactor_checkpoint.set()
    result = Dataset()
    if answer is not None:
        result.Status = answer.Status
        result.ErrorComment = answer.ErrorComment or ""
    return result


def connect(port: int, address: str = "127.0.0.1") -> socket.socket:
    """A bare TCP connection."""
    return socket.create_connection((address, port), timeout=90)
