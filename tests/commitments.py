"""A node that commits and asks for commitment, with a load in it, and pynetdicom as its peer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association

from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    Custody,
    CustodyState,
    Transaction,
)
from pacs_bridge.domain.loading import InstanceState
from pacs_bridge.domain.objects import Caller, ReceivedObject
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.sandbox.association import (
    RequestedAssociation,
    request_association,
    settle_library,
)
from pacs_bridge.scp.node import Node, NodeServices
from pacs_bridge.scu.commit import DimseCommitter
from pacs_bridge.services import commitment_reports
from pacs_bridge.services.association_log import AssociationLog
from pacs_bridge.services.commitment import LoadCommitment, ask_commitment, commitment_of_load
from pacs_bridge.upper_layer.contract import Bounds
from pacs_bridge.wiring.commitment import COMMITTED, ask_each, build_commitment_desks
from tests.loads import House, a_house, a_pacs, a_passport
from tests.queries import takes_nothing
from tests.waiting import wait_until

STATE = "1.2.840.10008.5.1.4.1.1.11.1"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
wait = partial(wait_until, seconds=60.0)
BOUNDS = Bounds(notice_seconds=0.05)

SILENT = Bounds(notice_seconds=600.0)
"""Never reports on the association of the request."""


class Unhurried(RequestedAssociation):
    """An association of pynetdicom's own that is always paused, as nothing runs beside it.

    The library says that it is not once it has served a request, and waits for ever then.
    """

    _is_paused = property(lambda _self: True, lambda _self, _value: None)  # type: ignore[assignment]


@dataclass
class CommittingNode:
    """What a test asks of it."""

    house: House
    port: int
    passport: Passport

    def register(self, pacs: Pacs) -> None:
        with self.house.begin() as uow:
            uow.pacs.put(pacs, self.house.now())

    def hold(self, uid: str, *, pacs: str = "hospital", content: bytes = b"") -> str:
        """Have an object that a PACS stored here; gives the hash of its file."""
        content_hash = self.house.archive.put(content or f"bytes of {uid}".encode())
        received = ReceivedObject(
            sop_instance_uid=uid,
            sop_class_uid=STATE,
            transfer_syntax_uid=EXPLICIT,
            content_hash=content_hash,
            same_content="0" * 64,
            size=8,
            caller=Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", pacs),
            accession=None,
            received_at=self.house.now(),
        )
        with self.house.begin() as uow:
            assert uow.objects.add(received)
        return content_hash

    def send_all(self) -> None:
        """Have a load whose images the PACS has taken."""
        with self.house.begin() as uow:
            for *_, image in self.passport.instances():
                uid = image.sop_instance_uid
                uow.loads.settle(1, uid, InstanceState.STORED, self.house.now(), status=0)

    def uids(self) -> list[str]:
        return [image.sop_instance_uid for *_, image in self.passport.instances()]

    def ask(self, seconds: float = 30.0, **changes: Any) -> LoadCommitment:
        self.house.pass_time(1)
        return ask_commitment(
            1,
            begin=self.house.begin,
            peer=DimseCommitter(),
            now=self.house.now,
            seconds=seconds,
            **changes,
        )

    def standing(self) -> LoadCommitment:
        return commitment_of_load(1, begin=self.house.begin, now=self.house.now)

    def transactions(self) -> list[Transaction]:
        with self.house.begin() as uow:
            return uow.commitments.of_load(1)

    def custody(self, custody_id: int = 1) -> Custody:
        with self.house.begin() as uow:
            return uow.custodies.get(custody_id)

    def await_report(self, custody_id: int = 1) -> None:
        """Wait until the peer's answer to a report is kept."""
        wait(lambda: self.custody(custody_id).state is CustodyState.REPORTED, "the report")

    def run_report(self, custody_id: int = 1) -> None:
        """Do what the job does, once."""
        commitment_reports.report_commitment(
            custody_id,
            begin=self.house.begin,
            peer=DimseCommitter(),
            archive=self.house.archive,
            sop_classes=COMMITTED,
            now=self.house.now,
        )

    def events(self, kind: str) -> list[dict[str, Any]]:
        with self.house.begin() as uow:
            return [event.detail for event in uow.events.newest(kind=kind)]


@contextmanager
def committing_node(folder: Path, bounds: Bounds = BOUNDS) -> Iterator[CommittingNode]:
    """Run the node; PACS `hospital` is registered, and has a load with two cases of four images."""
    with a_house(folder) as house:
        passport = a_passport(house.archive)
        with house.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(a_pacs(104), house.now())
            uow.loads.plan(passport, "hospital", house.now())
        installation: Any = SimpleNamespace(
            begin=house.begin,
            archive=house.archive,
            now=house.now,
            config=SimpleNamespace(secret=lambda _name: b"k" * 32),
        )
        log = AssociationLog(
            begin=house.begin, read=house.begin, our_ae_title="PACSBRIDGE", now=house.now
        )
        services = NodeServices(
            admit=log.admit,
            open_reception=takes_nothing,
            end=log.end,
            end_stale=lambda: None,
            sweep=lambda: 0,
            close=log.close,
            ask=ask_each(*build_commitment_desks(installation)),
        )
        node = Node(services, host="127.0.0.1", port=0, now=house.now, bounds=bounds)
        port = node.start()
        try:
            yield CommittingNode(house, port, passport)
        finally:
            node.stop()


@contextmanager
def associated(
    port: int, *roles: Any, handlers: Sequence[Any] = (), syntaxes: Sequence[str] = (EXPLICIT,)
) -> Iterator[Association]:
    """Associate as the hospital, with pynetdicom but without its side thread."""
    settle_library()
    contexts = [
        build_context(uid, list(syntaxes)) for uid in (PUSH_MODEL, "1.2.840.10008.5.1.4.33")
    ]
    association = request_association(
        AE("HOSPITAL"), "127.0.0.1", port, "PACSBRIDGE", contexts, roles=roles, handlers=handlers
    )
    assert association.is_established
    association.__class__ = Unhurried
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def a_request(transaction: str, *uids: str, sop_class: str = STATE, **changes: Any) -> Dataset:
    """Name objects to commit to."""
    ds = Dataset()
    ds.TransactionUID = transaction
    ds.ReferencedSOPSequence = [named(uid, sop_class) for uid in uids]
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def named(uid: str, sop_class: str = STATE, **more: Any) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    for keyword, value in more.items():
        setattr(item, keyword, value)
    return item


def ask(association: Association, ds: Dataset | None, action: int = 1) -> int:
    """Ask for commitment; gives the status."""
    status, _ = association.send_n_action(ds, action, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    return int(status.Status)


def tell(association: Association, ds: Dataset, event: int = 1) -> int:
    """Report on a commitment; gives the status."""
    status, _ = association.send_n_event_report(ds, event, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    return int(status.Status)


def contents(ds: Dataset) -> dict[str, Any]:
    """Give a report's transaction, what is committed, and failures with their reasons."""
    committed = ds.get("ReferencedSOPSequence", [])
    failed = ds.get("FailedSOPSequence", [])
    return {
        "transaction": ds.TransactionUID,
        "committed": [item.ReferencedSOPInstanceUID for item in committed],
        "failed": {item.ReferencedSOPInstanceUID: item.FailureReason for item in failed},
    }


@contextmanager
def listening(handlers: Sequence[Any], *, with_roles: bool = True) -> Iterator[int]:
    """Run pynetdicom as the hospital's PACS; gives its port."""
    ae = AE("HOSPITAL")
    roles = {"scu_role": True, "scp_role": True} if with_roles else {}
    ae.add_supported_context(PUSH_MODEL, [IMPLICIT], **roles)
    ae.maximum_associations = 20
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
    assert server is not None
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def at(port: int, **changes: Any) -> Pacs:
    """The hospital, listening on a port."""
    return replace(a_pacs(port), **changes)


def reporting(*heard: Any) -> Any:
    """Take reports as the SCU of a commitment, into a list."""
    (into,) = heard

    def take(event: Any) -> tuple[int, None]:
        into.append((event.event_type, contents(event.event_information)))
        return 0x0000, None

    return (evt.EVT_N_EVENT_REPORT, take)
