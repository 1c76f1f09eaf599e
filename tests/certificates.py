"""Certificates for a test: a folder of one authority and whom it knows, made by our own service."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pacs_bridge.services.certificates import (
    DAYS,
    Certificate,
    issue,
    make_authority,
    trust,
)
from pacs_bridge.upper_layer.tls import client_context


class Desk:
    """An authority that issues to a node's folder and to PACS."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.tls = folder / "authority", folder / "tls"
        make_authority(self.authority, now=datetime.now(UTC))
        trust(self.authority / "ca.pem", self.tls / "authorities.pem")
        self.renew_node()

    def renew_node(self) -> Certificate:
        """Give the node a new certificate."""
        hosts = ("localhost", "127.0.0.1")
        return issue(self.authority, "node", into=self.tls, hosts=hosts, now=datetime.now(UTC))

    def issue(self, name: str, *, ago: timedelta = timedelta(), days: int = DAYS) -> Certificate:
        """Issue a certificate to a PACS, as of some time ago."""
        now, hosts = datetime.now(UTC) - ago, ("localhost", "127.0.0.1")
        return issue(self.authority, name, into=self.authority, hosts=hosts, days=days, now=now)

    def files(self, name: str) -> tuple[Path, Path]:
        """The key and the certificate of a PACS, as DCMTK takes them."""
        return self.authority / f"{name}.key", self.authority / f"{name}.pem"

    def words(self, name: str) -> list[str]:
        """DCMTK's options of a PACS."""
        return ["+tls", *map(str, self.files(name)), "+cf", str(self.authority / "ca.pem")]

    def client(self, name: str) -> ssl.SSLContext:
        """A context of a PACS."""
        key, certificate = self.files(name)
        return client_context(certificate, key, self.authority / "ca.pem")
