"""Mails over SMTP: implements `domain.ports.Mailer`."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from pacs_bridge.domain.errors import GiveUp, MailUnavailable
from pacs_bridge.domain.ports import Message

_SECONDS = 20.0


class SmtpMailer:
    """Hands each mail to one server, over a connection of its own.

    Parameters
    ----------
    sender : str
        The address that mails come from.
    starttls : bool
        Whether to ask for encryption, and to refuse a server that has none or whose
        certificate does not hold.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        starttls: bool = False,
        seconds: float = _SECONDS,
    ) -> None:
        self._host, self._port, self._sender = host, port, sender
        self._starttls, self._seconds = starttls, seconds

    def send(self, message: Message) -> None:
        """Send one mail.

        Raises
        ------
        MailUnavailable
            When the server cannot be reached or says to come back later (4xx).
        GiveUp
            When it will never take this mail (5xx), or the address cannot be written.
        """
        mail = self._compose(message)
        try:
            with smtplib.SMTP(self._host, self._port, timeout=self._seconds) as server:
                if self._starttls:
                    server.starttls(context=ssl.create_default_context())
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise self._failed(min(codes, default=550)) from error
        except smtplib.SMTPResponseException as error:
            raise self._failed(error.smtp_code) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailUnavailable(
                "The mail server offers no encryption; turn on STARTTLS there."
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailUnavailable(
                f"The mail server {self._host}:{self._port} cannot be reached; check [mail]."
            ) from error

    def _compose(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        try:
            mail["From"], mail["To"] = self._sender, message.to
            mail["Subject"] = message.subject
        except (ValueError, IndexError) as error:  # a line break, or no address at all
            raise GiveUp("This address cannot be written to; correct it in the account.") from error
        mail["Date"] = format_datetime(datetime.now(UTC))
        # The same at each try, so that a mail that went out twice can be recognised.
        digest = hashlib.sha256(message.key.encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{self._sender.rpartition('@')[2] or 'localhost'}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body + "\n")
        return mail

    def _failed(self, code: int) -> GiveUp | MailUnavailable:
        if 500 <= code < 600:
            return GiveUp(f"The mail server refuses this mail ({code}); check the address.")
        return MailUnavailable(f"The mail server asks us to come back later ({code}).")
