"""The adapters towards PACS and mail server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pacs_bridge.domain.ports import Mailer, PacsPeer
    from pacs_bridge.domain.probing import Prober
    from pacs_bridge.domain.pulling import MarkFinder
    from pacs_bridge.domain.retrieving import Retriever
    from pacs_bridge.scu.either import EitherPeer
    from pacs_bridge.scu.peer import DimsePeer
    from pacs_bridge.upper_layer.requestor import SecureCall
    from pacs_bridge.wiring.installation import Installation


def build_peer(installation: Installation) -> PacsPeer:
    """Join our side towards PACS, by DIMSE or DICOMweb as each endpoint speaks.

    DIMSE goes over TLS where we have a certificate.

    Raises
    ------
    RefusedInput
        When there is one that cannot be used.
    """
    return _either_peer(installation)


def build_retriever(installation: Installation) -> Retriever:
    """Join our side towards PACS, for having objects back; see `build_peer`."""
    return _either_peer(installation)


def build_finder(installation: Installation) -> MarkFinder:
    """Join what asks a PACS for the marks that it holds; see `build_peer`."""
    from pacs_bridge.scu.marks_find import MarksFinder

    return MarksFinder(_secure_call(installation), installation.config.web_dir)


def build_prober(installation: Installation) -> Prober:
    """Join what tries a PACS, by DIMSE alone; see `build_peer`."""
    from pacs_bridge.scu.probe import DimseProber

    return DimseProber(_secure_call(installation))


def _either_peer(installation: Installation) -> EitherPeer:
    from pacs_bridge.scu.either import EitherPeer

    return EitherPeer(_dimse_peer(installation), installation.config.web_dir)


def _dimse_peer(installation: Installation) -> DimsePeer:
    from pacs_bridge.scu.peer import DimsePeer

    return DimsePeer(_secure_call(installation))


def _secure_call(installation: Installation) -> SecureCall | None:
    from pacs_bridge.upper_layer.credentials import NODE, Credentials

    folder = installation.config.tls_dir
    return Credentials(folder).secure_call if (folder / NODE).exists() else None


def build_mailer(installation: Installation) -> Mailer | None:
    """Join the mail server's adapter; None where no server is set."""
    from pacs_bridge.mail.smtp import SmtpMailer

    mail = installation.config.mail
    if not mail.host:
        return None
    return SmtpMailer(mail.host, mail.port, mail.sender, starttls=mail.starttls)
