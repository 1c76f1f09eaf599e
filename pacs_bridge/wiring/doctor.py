"""What `doctor` looks at. Health is proven by a message and its reply, not by a state."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pacs_bridge.domain.errors import PacsBridgeError, PeerUnavailable, StoreBusy
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.wiring.installation import Installation

FREE_BYTES = 5 << 30
FREE_SHARE = 0.10
CLOCK_YEAR = 2025
SECONDS = 5.0
AUDIT_PATIENCE = timedelta(minutes=2)
AUDIT_NEWEST = 5_000  # `audit verify` looks at all of them


@dataclass(frozen=True)
class Finding:
    """One thing looked at: good or not, and what to do."""

    subject: str
    good: bool
    says: str

    def as_json(self) -> dict[str, Any]:
        """The finding as plain JSON values."""
        return asdict(self)


def examine(installation: Installation) -> Iterator[Finding]:
    """Look at everything an installation stands on, one finding each."""
    yield Finding("settings", good=True, says=f"read from {installation.config.home}")
    yield _disk(installation)
    server = _server(installation)
    if server is not None:
        yield server
        if not server.good:
            return  # nothing below can be asked without a database
    yield _tables(installation)
    yield _durability(installation)
    yield _clock(installation)
    yield _node(installation)
    yield from _node_tls(installation)
    yield _web(installation)
    yield from _certificates(installation)
    yield from _peers(installation)
    yield from _rehearsals(installation)
    yield from _waiting(installation)
    yield from _audit(installation)


def _rehearsals(installation: Installation) -> Iterator[Finding]:
    """Say how old the last real proof of each PACS is, and how it ended."""
    from pacs_bridge.services.rehearse import health

    for each in health(begin=installation.read, now=installation.now):
        yield Finding(f"PACS {each.pacs}", good=each.good, says=each.says)


def _server(installation: Installation) -> Finding | None:
    """Ask the database's server about itself; None for SQLite, which has none."""
    if installation.engine.dialect.name == "sqlite":
        return None
    from pacs_bridge.db.postgresql import stand

    try:
        server = stand(installation.engine)
    except StoreBusy as error:
        why = str(getattr(error.__cause__, "orig", error)).partition("\n")[0]
        says = f"{why}; see that its server runs and that database.url is right"
        return Finding("database server", good=False, says=says)
    says = server.trouble or (
        f"PostgreSQL {server.version}, takes {server.connections} connections at most"
    )
    return Finding("database server", good=not server.trouble, says=says)


def _tables(installation: Installation) -> Finding:
    from pacs_bridge.db.migrate import is_current

    if is_current(installation.engine):
        return Finding("database", good=True, says="has this version's tables")
    return Finding("database", good=False, says="is of another version: run `pacs-bridge init`")


def _durability(installation: Installation) -> Finding:
    engine = installation.engine
    if engine.dialect.name != "sqlite":
        return Finding("durability", good=True, says="a commit survives a power cut")
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        level = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    good = mode == "wal" and level == 2
    says = "a commit survives a power cut" if good else "SQLite is not in WAL with synchronous FULL"
    return Finding("durability", good=good, says=says)


def _disk(installation: Installation) -> Finding:
    usage = shutil.disk_usage(installation.config.home)
    free = f"{usage.free / 2**30:.0f} GB free"
    good = usage.free >= FREE_BYTES and usage.free >= FREE_SHARE * usage.total
    return Finding("disk", good=good, says=free if good else f"only {free}: make room")


def _clock(installation: Installation) -> Finding:
    moment = installation.now()
    good = moment.year >= CLOCK_YEAR and moment.tzinfo is UTC
    return Finding("clock", good=good, says=f"{moment:%d %B %Y, %H:%M} UTC")


def _node(installation: Installation) -> Finding:
    """Call our own node; a refusal by name is a living answer, silence is none."""
    from pacs_bridge.scu.peer import DimsePeer

    node = installation.config.node
    host = "127.0.0.1" if node.host in ("0.0.0.0", "") else node.host  # noqa: S104  any address
    with installation.read() as uow:
        registered = next(iter(uow.pacs.all()), None)
    calls = registered.endpoint("calls-from").ae_title if registered else "DOCTOR"
    ours = Endpoint(node.ae_title, host, node.port, ("store",))
    try:
        DimsePeer().echo(Pacs("our node", (ours,), calls, plain=True))
    except PeerUnavailable as error:
        if error.phase == "association" and "reject" in error.detail:
            says = f"answered on port {node.port} (it takes calls from registered PACS only)"
            return Finding("node", good=True, says=says)
        return Finding("node", good=False, says=f"{error} Is `pacs-bridge run` running?")
    return Finding("node", good=True, says=f"{node.ae_title} answered an echo on port {node.port}")


def _node_tls(installation: Installation) -> Iterator[Finding]:
    """Call our own port for TLS, as ourselves: the node knows its own certificate."""
    from pacs_bridge.scu.peer import DimsePeer
    from pacs_bridge.upper_layer.credentials import Credentials
    from pacs_bridge.wiring.node import own_certificate

    node = installation.config.node
    if node.tls_port is None:
        return
    host = "127.0.0.1" if node.host in ("0.0.0.0", "") else node.host  # noqa: S104  any address
    ours = Endpoint(node.ae_title, host, node.tls_port, ("store",))
    certificate = own_certificate(installation)
    pacs = Pacs("our node", (ours,), node.ae_title, certificate=certificate)
    try:
        DimsePeer(Credentials(installation.config.tls_dir).secure_call).echo(pacs)
    except PeerUnavailable as error:
        says = f"{error} Is `pacs-bridge run` running, with the certificates in keys/tls?"
        yield Finding("node over TLS", good=False, says=says)
    except PacsBridgeError as error:
        yield Finding("node over TLS", good=False, says=str(error))
    else:
        says = f"{node.ae_title} answered an echo on port {node.tls_port}, over TLS"
        yield Finding("node over TLS", good=True, says=says)


def _web(installation: Installation) -> Finding:
    web = installation.config.web
    url = f"http://{web.host}:{web.port}/health"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            good = answer.status == 200
    except (urllib.error.URLError, OSError):
        return Finding("web", good=False, says=f"no answer at {url}: is `pacs-bridge run` running?")
    return Finding("web", good=good, says=f"answered at {url}")


def _certificates(installation: Installation) -> Iterator[Finding]:
    """Say which certificates expire within 30 days, and what TLS lacks."""
    from pacs_bridge.services.certificates import list_certificates

    now, port = installation.now(), installation.config.node.tls_port
    listed = list_certificates(installation.config.tls_dir, installation.config.web_dir)
    if port is not None and not any(each.name == "node" for each in listed):
        says = "TLS has none: make it with `pacs-bridge certs issue node --ca DIR`"
        yield Finding("certificates", good=False, says=says)
        return
    good = True
    for name, certificate in ((each.name, each.certificate) for each in listed):
        if certificate is None:
            good, says = False, "is no certificate: put one there"
        elif certificate.expires_soon(now):
            good, says = False, f"expires on {certificate.expires:%d %B %Y}: renew it"
        else:
            continue
        yield Finding(f"certificate {name}", good=False, says=says)
    if good and listed:
        dates = sorted((c.expires, each.name) for each in listed if (c := each.certificate))
        told = ", ".join(f"{name} on {expires:%d %B %Y}" for expires, name in dates)
        yield Finding("certificates", good=True, says=f"expire: {told}")


def _peers(installation: Installation) -> Iterator[Finding]:
    from pacs_bridge.wiring.peers import build_peer

    peer = build_peer(installation)
    with installation.read() as uow:
        registered = uow.pacs.all()
    for pacs in registered:
        if not pacs.is_called:
            yield Finding(f"PACS {pacs.name}", good=True, says="only calls us")
            continue
        try:
            peer.echo(pacs)
        except PacsBridgeError as error:
            yield Finding(f"PACS {pacs.name}", good=False, says=str(error))
        else:
            yield Finding(f"PACS {pacs.name}", good=True, says="answered an echo")


def _waiting(installation: Installation) -> Iterator[Finding]:
    """Say what waits for a person: nothing parked may stay unseen."""
    with installation.read() as uow:
        objects = uow.objects.counts().get("parked", 0)
        readings = uow.outbox.counts().get("parked", 0)
    for subject, count, where in (
        ("objects", objects, "`pacs-bridge marks list` shows them"),
        ("outbox", readings, "the watch page shows them"),
    ):
        says = "nothing waits for a person" if not count else f"{count} wait for a person: {where}"
        yield Finding(subject, good=not count, says=says)


def _audit(installation: Installation) -> Iterator[Finding]:
    """Say whether the audit trail is whole, and whether it reaches its repository."""
    from pacs_bridge.services.audit_trail import standing
    from pacs_bridge.wiring.audit import prove

    trail, proof = standing(read=installation.read), prove(installation, AUDIT_NEWEST)
    if not proof.holds:
        says = f"message {proof.broken_at} is missing or was changed: see `audit verify`"
        yield Finding("audit trail", good=False, says=says)
    if trail.lost:
        says = (
            f"{trail.lost} messages were dropped and sent nowhere, for want of room: raise "
            "audit_rows in [security], or send them to a repository"
        )
        yield Finding("audit room", good=False, says=says)
    if installation.config.security.audit_host:
        yield _audit_backlog(installation, trail.unsent, trail.waits_since)
    elif proof.holds:
        yield Finding("audit trail", good=True, says=f"{trail.kept} messages, kept here alone")


def _audit_backlog(installation: Installation, unsent: int, since: datetime | None) -> Finding:
    """Say what waits for the repository, and why, as it was last heard."""
    security = installation.config.security
    where = f"{security.audit_host}:{security.audit_port}"
    if since is None or installation.now() - since < AUDIT_PATIENCE:
        says = f"{where} has every message"
        if unsent:
            says = f"{where}: {unsent} messages are on their way"
        return Finding("audit repository", good=True, says=says)
    with installation.read() as uow:
        heard = uow.events.newest(1, kind="audit-waits")
    why = f": {heard[0].detail.get('said', '')}" if heard else ""
    says = f"{unsent} messages wait for {where} since {since:%d %B, %H:%M} UTC{why}"
    return Finding("audit repository", good=False, says=f"{says} Are the jobs running?")
