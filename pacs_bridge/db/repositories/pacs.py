"""Registered PACS."""

from __future__ import annotations

import ipaddress
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pacs_bridge.db.tables.asking import PacsProfileRow
from pacs_bridge.db.tables.loads import EndpointRow, LoadRow, PacsRow
from pacs_bridge.db.tables.people import ReaderAliasRow, SiteRow
from pacs_bridge.domain.errors import NotFound
from pacs_bridge.domain.loading import Completeness
from pacs_bridge.domain.pacs import CALLS_FROM, Endpoint, Isolation, KnownUser, Pacs
from pacs_bridge.domain.sending import sending_of


class PacsList:
    """Hospital PACS by name, and which of them a caller is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, pacs: Pacs, now: datetime) -> None:
        """Register a PACS or change it."""
        row = self._session.get(PacsRow, pacs.name) or PacsRow(name=pacs.name, created_at=now)
        row.our_ae_title, row.plain, row.isolation = pacs.our_ae_title, pacs.plain, pacs.isolation
        row.paused, row.timeouts = pacs.paused, dict(pacs.timeouts)
        row.certificate = pacs.certificate
        row.users = {user.name: user.passcode_hash for user in pacs.users}
        row.sending = pacs.sending.as_dict()
        row.grade, row.grace = pacs.grade, pacs.grace
        row.pull_minutes = pacs.pull_minutes
        self._session.add(row)
        self._session.flush()
        self._session.execute(delete(EndpointRow).where(EndpointRow.pacs == pacs.name))
        for endpoint in pacs.endpoints:
            self._session.add(
                EndpointRow(
                    pacs=pacs.name,
                    ae_title=endpoint.ae_title,
                    host=endpoint.host,
                    port=endpoint.port,
                    roles=" ".join(endpoint.roles),
                    net=endpoint.net,
                    our_ae_title=endpoint.our_ae_title or None,
                    plain=endpoint.plain,
                    certificate=endpoint.certificate,
                    timeouts=dict(endpoint.timeouts),
                    url=endpoint.url or None,
                )
            )

    def find(self, name: str) -> Pacs | None:
        """Look a PACS up; None where there is none."""
        row = self._session.get(PacsRow, name)
        return None if row is None else self._pacs(row)

    def get(self, name: str) -> Pacs:
        """Look a PACS up; raises `NotFound` where there is none."""
        pacs = self.find(name)
        if pacs is None:
            raise NotFound(f"There is no PACS named {name}; `pacs list` shows what there is.")
        return pacs

    def all(self) -> list[Pacs]:
        """List all PACS, by name."""
        rows = self._session.scalars(select(PacsRow).order_by(PacsRow.name))
        return [self._pacs(row) for row in rows]

    def of_caller(self, ae_title: str, address: str) -> Pacs | None:
        """Find the PACS that calls under this AE title from this address.

        Both must agree: an AE title is a label, not proof. An endpoint without a network may
        call from its host, where that is an address; a host name lets nobody in, since rows
        do not look names up. Where several agree, the narrowest network decides. The PACS is
        given as it is at that endpoint.
        """
        rows = self._session.scalars(
            select(EndpointRow)
            .where(EndpointRow.ae_title == ae_title)
            .order_by(EndpointRow.endpoint_id)
        )
        found = [
            (width, row)
            for row in rows
            if CALLS_FROM in row.roles.split() and (width := _width(row, address)) is not None
        ]
        if not found:
            return None
        row = min(found, key=lambda each: each[0])[1]
        return self.get(row.pacs).towards(_endpoint(row))

    def remove(self, name: str) -> None:
        """Forget a PACS that nothing else speaks of."""
        self._session.execute(delete(EndpointRow).where(EndpointRow.pacs == name))
        self._session.execute(delete(PacsProfileRow).where(PacsProfileRow.pacs == name))
        self._session.execute(delete(PacsRow).where(PacsRow.name == name))

    def is_used(self, name: str) -> bool:
        """Whether a load goes into it, a site reads on it, or a reader is known in it."""
        return any(
            self._session.scalar(select(column).where(column == name).limit(1)) is not None
            for column in (LoadRow.pacs, SiteRow.pacs, ReaderAliasRow.pacs)
        )

    def set_paused(self, name: str, *, paused: bool) -> None:
        """Stop or resume taking objects from a PACS."""
        row = self._session.get(PacsRow, name)
        if row is not None:
            row.paused = paused

    def _pacs(self, row: PacsRow) -> Pacs:
        endpoints = self._session.scalars(
            select(EndpointRow)
            .where(EndpointRow.pacs == row.name)
            .order_by(EndpointRow.endpoint_id)
        )
        return Pacs(
            row.name,
            tuple(map(_endpoint, endpoints)),
            row.our_ae_title,
            row.plain,
            Isolation(row.isolation),
            row.paused,
            dict(row.timeouts),
            row.certificate,
            tuple(KnownUser(*each) for each in (row.users or {}).items()),
            Completeness(row.grade),
            row.grace,
            sending=sending_of(row.sending),
            pull_minutes=row.pull_minutes,
        )


def _endpoint(row: EndpointRow) -> Endpoint:
    return Endpoint(
        row.ae_title,
        row.host,
        row.port,
        tuple(row.roles.split()),
        row.net,
        row.our_ae_title or "",
        row.plain,
        row.certificate,
        dict(row.timeouts or {}),
        row.url or "",
    )


def _width(row: EndpointRow, address: str) -> int | None:
    """Count the addresses of the network that holds this one; None where it is not in it."""
    try:
        caller = ipaddress.ip_address(address)
        network = ipaddress.ip_network(row.net or row.host, strict=False)
    except ValueError:
        return None
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
        caller = caller.ipv4_mapped
    return network.num_addresses if caller in network else None
