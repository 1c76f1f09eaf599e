"""The audit trail of an installation: where it goes, who keeps it, who looks into it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pacs_bridge.wiring.installation import Installation

if TYPE_CHECKING:
    from pacs_bridge.services.audit_drain import AuditDrain
    from pacs_bridge.services.audit_trail import Proof, Sealer
    from pacs_bridge.syslog.sender import SyslogSender

KEY = "audit_hmac"


def build_sealer(installation: Installation) -> Sealer:
    """Give what seals messages here."""
    from pacs_bridge.services.audit_trail import Sealer

    return Sealer(installation.config.secret(KEY))


def build_sender(installation: Installation) -> SyslogSender | None:
    """Give what sends messages to the repository of the settings; None where there is none."""
    from pacs_bridge.syslog.sender import Repository, SyslogSender

    config, security = installation.config, installation.config.security
    if not security.audit_host:
        return None
    certificate, key = config.tls_dir / "node.pem", config.tls_dir / "node.key"
    ours = certificate.is_file() and key.is_file()
    return SyslogSender(
        Repository(
            security.audit_host,
            security.audit_port,
            security.audit_transport,
            config.home / Path(security.audit_ca) if security.audit_ca else None,
            certificate if ours else None,
            key if ours else None,
        )
    )


def gather(installation: Installation) -> None:
    """Put everything that was committed until now into the trail."""
    from pacs_bridge.services.audit_trail import bring_up_to_date

    bring_up_to_date(
        begin=installation.begin, read=installation.read, sealer=build_sealer(installation)
    )


def prove(installation: Installation, newest: int | None = None) -> Proof:
    """Check the whole trail, or the newest messages of it."""
    from pacs_bridge.services.audit_trail import verify

    return verify(
        read=installation.read,
        sealer=build_sealer(installation),
        source=installation.config.node.ae_title,
        newest=newest,
    )


def build_drain(installation: Installation) -> AuditDrain:
    """Join what keeps the trail while the jobs run."""
    from pacs_bridge.services.audit import record_event
    from pacs_bridge.services.audit_drain import AuditDrain
    from pacs_bridge.services.audit_trail import bring_up_to_date, make_room, send_waiting

    config, begin, now = installation.config, installation.begin, installation.now
    read, sender = installation.read, build_sender(installation)

    def note(kind: str, said: str) -> None:
        record_event(kind, "audit", begin=begin, now=now, said=said[:200])

    return AuditDrain(
        bring_up_to_date=partial(
            bring_up_to_date, begin=begin, read=read, sealer=build_sealer(installation)
        ),
        make_room=partial(make_room, config.security.audit_rows, begin=begin, read=read, now=now),
        send_waiting=None
        if sender is None
        else partial(
            send_waiting,
            begin=begin,
            read=read,
            send=sender,
            source=config.node.ae_title,
            now=now,
        ),
        note=note,
    )


def note_role(installation: Installation, role: str, *, starts: bool) -> None:
    """Keep that a role starts or stops; never in its way, whatever the database says."""
    import structlog

    from pacs_bridge.domain.errors import PacsBridgeError
    from pacs_bridge.services.audit import record_event

    kind = "application-start" if starts else "application-stop"
    try:
        record_event(kind, role, begin=installation.begin, now=installation.now)
    except PacsBridgeError as error:
        structlog.get_logger().error("event not kept", kind=kind, error=type(error).__name__)
