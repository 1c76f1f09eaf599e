"""The facts of a site pack: what one hospital needs for one case set, exact for this site.

The words around them are the page's (``web/templates/pack``), which is also what is printed.

References
----------
QUIRKS.md C5, C7, C13.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.identifiers import SetName, parse_name
from pacs_bridge.domain.orders import Addressee, OrderMessage, as_csv, as_messages
from pacs_bridge.domain.pacs import CALLS_FROM, Endpoint, Isolation, Pacs
from pacs_bridge.domain.ports import Clock

_DOES = {
    "store": "send images",
    "query": "ask what is there",
    "retrieve": "fetch",
    "commit": "ask for commitment",
    CALLS_FROM: "it calls us",
}


@dataclass(frozen=True)
class OurNode:
    """Our side, as a hospital's firewall and PACS have to know it.

    Parameters
    ----------
    tls_port : int or None
        None where we do not listen for TLS.
    sop_classes : dict of str to str
        Name by UID of what the hospital forwards to us: the kinds that hold marks.
    contact : str
        Whom to write to.
    """

    host: str
    port: int
    tls_port: int | None
    sop_classes: Mapping[str, str]
    contact: str
    public_url: str = ""


@dataclass(frozen=True)
class Address:
    """One line of a table of addresses."""

    what: str
    ae_title: str
    host: str
    port: str
    encrypted: bool
    our_ae_title: str = ""


@dataclass(frozen=True)
class SitePack:
    """What the pack of one set for one PACS says.

    Parameters
    ----------
    size : int
        Bytes of the set's images, for the PACS's disk.
    rule_port : int
        Where the hospital forwards marks to.
    firewall : tuple of str
        Lines to paste, a connection each.
    """

    set_name: str
    title: str
    issuer: str
    pacs: str
    first: str
    last: str
    cases: int
    images: int
    size: int
    opens_at: datetime | None
    closes_at: datetime | None
    isolation: Isolation
    ours: tuple[Address, ...]
    theirs: tuple[Address, ...]
    our_ae_title: str
    rule_port: int
    firewall: tuple[str, ...]
    node: OurNode


@dataclass(frozen=True)
class Orders:
    """The files with orders that go with a pack."""

    table: str
    messages: Mapping[OrderMessage, tuple[str, ...]]


def site_pack(
    set_name: str, pacs_name: str, *, begin: Begin, node: OurNode, copy: int = 0
) -> SitePack:
    """Gather the pack of one case set for one PACS; raises `NotFound`."""
    name, hospital = str(SetName.parse(set_name)), parse_name(pacs_name)
    with begin() as uow:
        passport, pacs = uow.case_sets.get(name, copy), uow.pacs.get(hospital)
        round_ = uow.rounds.find(name)
    images = [image for *_, image in passport.instances()]
    return SitePack(
        set_name=passport.set_name,
        title=passport.title,
        issuer=passport.issuer,
        pacs=pacs.name,
        first=passport.cases[0].accession,
        last=passport.cases[-1].accession,
        cases=len(passport.cases),
        images=len(images),
        size=sum(image.size for image in images),
        opens_at=round_.opens_at if round_ else None,
        closes_at=round_.closes_at if round_ else None,
        isolation=pacs.isolation,
        ours=_ours(pacs, node),
        theirs=tuple(_theirs(pacs, endpoint) for endpoint in pacs.endpoints),
        our_ae_title=pacs.our_ae_title,
        rule_port=node.port if pacs.plain or node.tls_port is None else node.tls_port,
        firewall=_firewall(pacs, node),
        node=node,
    )


def orders_for(
    set_name: str, *, begin: Begin, now: Clock, addressee: Addressee | None = None, copy: int = 0
) -> Orders:
    """Write the orders of a case set in every form that a site may take; raises `NotFound`."""
    with begin() as uow:
        passport = uow.case_sets.get(str(SetName.parse(set_name)), copy)
    messages = {kind: tuple(as_messages(passport, kind, now(), addressee)) for kind in OrderMessage}
    return Orders(as_csv(passport), messages)


def _ours(pacs: Pacs, node: OurNode) -> tuple[Address, ...]:
    title, found = pacs.our_ae_title, []
    if pacs.plain:
        found.append(Address("DICOM", title, node.host, str(node.port), encrypted=False))
    if node.tls_port is not None:
        port = str(node.tls_port)
        found.append(Address("DICOM over TLS", title, node.host, port, encrypted=True))
    return tuple(found)


def _theirs(pacs: Pacs, endpoint: Endpoint) -> Address:
    there = pacs.towards(endpoint)
    return Address(
        ", ".join(_DOES.get(role, role) for role in endpoint.roles),
        "DICOMweb" if endpoint.url else endpoint.ae_title,
        endpoint.host or endpoint.net,
        str(endpoint.port) if endpoint.port else "any",
        not there.plain,
        "" if endpoint.url else there.our_ae_title,
    )


def _firewall(pacs: Pacs, node: OurNode) -> tuple[str, ...]:
    outward = {(e.host, e.port) for e in pacs.endpoints if e.port and e.host}
    inward = {e.net or e.host for e in pacs.endpoints if CALLS_FROM in e.roles}
    plain = node.port if pacs.plain else None
    ports = [port for port in (plain, node.tls_port) if port is not None]
    return (
        *(f"allow tcp from {node.host} to {host} port {port}" for host, port in sorted(outward)),
        *(
            f"allow tcp from {address} to {node.host} port {port}"
            for address in sorted(filter(None, inward))
            for port in ports
        ),
    )
