"""The node of an installation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pacs_bridge.config import NodeConfig
from pacs_bridge.domain.objects import StoreRequest
from pacs_bridge.scp.contexts import EVIDENCE, GIVEN, STORED
from pacs_bridge.scp.metrics import Meter, metered
from pacs_bridge.scp.node import Node, NodeServices, SecurePort
from pacs_bridge.scp.status import store_status
from pacs_bridge.services import associations
from pacs_bridge.services.association_log import AssociationLog
from pacs_bridge.services.event_log import EventLog
from pacs_bridge.services.group_commit import GroupCommit
from pacs_bridge.services.held import Budget
from pacs_bridge.services.known_cases import KnownCases
from pacs_bridge.services.receive import Rules, receive_object
from pacs_bridge.services.receive_evidence import EvidenceReception
from pacs_bridge.services.receive_image import ImageReception
from pacs_bridge.services.receive_mark import MarkReception
from pacs_bridge.services.reception import Desk, OpenReception, Receiving
from pacs_bridge.services.self_call import admit_ourselves, identify_ourselves
from pacs_bridge.services.strangers import Strangers
from pacs_bridge.services.user_identities import UserIdentities
from pacs_bridge.upper_layer.contract import Bounds, StoreHead
from pacs_bridge.upper_layer.credentials import NODE, Credentials
from pacs_bridge.wiring.commitment import ask_each, build_commitment_desks
from pacs_bridge.wiring.database import check_database
from pacs_bridge.wiring.installation import Installation
from pacs_bridge.wiring.queries import build_desk


def build_node(
    installation: Installation,
    meter: Meter | None = None,
    *,
    beside: tuple[int, int | None] | None = None,
) -> Node:
    """Join configuration, database, queue and archive to a node that is ready to start.

    Parameters
    ----------
    meter : Meter or None
        Counts what the node does.
    beside : (int, int or None) or None
        The port, and that for TLS, of the process that this one shares the work with.
    """
    check_database(installation)
    config, begin, now = installation.config.node, installation.begin, installation.now
    rules = Rules(
        sop_classes=STORED,
        alien_key=installation.config.secret("alien_hmac"),
        status_of=store_status,
    )
    bounds = bounds_of(config)
    desk = Desk(
        begin=begin,
        read=installation.read,
        commit=GroupCommit(installation.begin_for_many),
        archive=installation.archive,
        rules=rules,
        now=now,
        undecided=Budget(bounds.undecided_bytes),
        most_bytes=bounds.streamed_bytes,
        most_mark_bytes=bounds.object_bytes,
        keep_free=config.keep_free_mb << 20,
    )
    log = AssociationLog(begin=begin, read=installation.read, our_ae_title=config.ae_title, now=now)
    events = EventLog(begin)
    strangers = Strangers(end=log.end, keep=events.keep, now=now)

    def close() -> None:
        strangers.close()
        log.close()

    services = NodeServices(
        admit=admit_ourselves(log.admit, config.ae_title, partial(own_certificate, installation)),
        open_reception=receptions(desk),
        end=log.end,
        note=log.note,
        identify=identify_ourselves(UserIdentities(log.pacs_of).accepts),
        end_stale=partial(associations.end_stale, begin=begin, now=now),
        sweep=installation.archive.sweep,
        close=close,
        turn_away=strangers.turn_away,
        ask=ask_each(build_desk(installation), *build_commitment_desks(installation)),
    )
    return Node(
        services if meter is None else metered(services, meter),
        host=config.host,
        port=config.port if beside is None else beside[0],
        now=now,
        bounds=bounds,
        tls=_secure_port(installation, None if beside is None else beside[1]),
        shared=config.processes > 1,
        is_first=beside is None,
    )


def receptions(desk: Desk, take: Callable[[StoreRequest], None] | None = None) -> OpenReception:
    """Give what begins to take an object of any kind.

    Parameters
    ----------
    take : callable or None
        Takes a small mark; None for what the node does.
    """
    take = take or receiving(desk)

    def open_reception(head: StoreHead) -> Receiving:
        if head.sop_class_uid in GIVEN:
            return ImageReception(head, desk)
        if head.sop_class_uid in EVIDENCE:
            return EvidenceReception(head, desk)
        return MarkReception(head, desk, take)

    return open_reception


def receiving(desk: Desk) -> Callable[[StoreRequest], None]:
    """Give what takes small marks."""
    return partial(
        receive_object,
        begin=desk.begin,
        read=desk.read,
        commit=desk.commit,
        archive=desk.archive,
        rules=desk.rules,
        now=desk.now,
        known=KnownCases(),
    )


def _secure_port(installation: Installation, beside: int | None) -> SecurePort | None:
    """Give the port for TLS, where the settings ask for one; its certificates must be there."""
    port = installation.config.node.tls_port
    if port is None:
        return None
    return SecurePort(
        port if beside is None else beside, Credentials(installation.config.tls_dir).secure
    )


def own_certificate(installation: Installation) -> str:
    """Give the fingerprint of the certificate that the node shows; empty where it has none."""
    from pacs_bridge.domain.errors import RefusedInput
    from pacs_bridge.services.certificates import read_certificate

    try:
        return read_certificate(installation.config.tls_dir / NODE).fingerprint
    except RefusedInput:
        return ""


def bounds_of(config: NodeConfig) -> Bounds:
    """Give the bounds that the settings ask for."""
    most = -(-config.max_associations // config.processes)  # each process has its share
    return Bounds(
        associations=most,
        associations_per_address=max(Bounds.associations_per_address, most // 2),
        object_bytes=config.max_object_mb << 20,
        streamed_bytes=config.max_image_mb << 20,
        undecided_bytes=max(Bounds.undecided_bytes, 2 * config.max_object_mb << 20),
    )
