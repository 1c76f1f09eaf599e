"""Mails over real SMTP."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from pacs_bridge.domain.errors import GiveUp, MailUnavailable
from pacs_bridge.domain.ports import Message
from pacs_bridge.mail.smtp import SmtpMailer
from tests.peers import free_port

MAIL = Message("ready-1-7", "contact@hospital.example", "PERFORMS121 is ready", "All is there.")


class Box:
    """A mail server's inside: keeps what comes, or answers as it is told."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.rcpt, self.data = "250 OK", "250 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.recipients += envelope.rcpt_tos
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        return self.data


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def mailer(box: Box) -> Iterator[SmtpMailer]:
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield SmtpMailer("127.0.0.1", controller.port, "performs@scheme.example", seconds=30)
    finally:
        controller.stop()


def test_a_mail_arrives_with_all_that_a_mail_needs(mailer, box):
    mailer.send(MAIL)
    (mail,) = box.mails
    assert box.recipients == ["contact@hospital.example"]
    assert (mail["To"], mail["From"]) == ("contact@hospital.example", "performs@scheme.example")
    assert mail["Subject"] == "PERFORMS121 is ready"
    assert mail.get_content().strip() == "All is there."
    assert mail["Date"] is not None
    assert mail["Auto-Submitted"] == "auto-generated"


def test_the_same_mail_is_known_by_its_id_and_another_is_not(mailer, box):
    mailer.send(MAIL)
    mailer.send(MAIL)
    mailer.send(Message("other", MAIL.to, MAIL.subject, MAIL.body))
    first, again, other = (mail["Message-ID"] for mail in box.mails)
    assert first == again != other
    assert first.endswith("@scheme.example>")


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_server_that_is_busy_is_asked_again(mailer, box, step):
    setattr(box, step, "451 later")
    with pytest.raises(MailUnavailable, match="451"):
        mailer.send(MAIL)
    assert box.mails == []


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_mail_that_is_refused_for_good_is_given_up(mailer, box, step):
    setattr(box, step, "550 no such box")
    with pytest.raises(GiveUp, match="550"):
        mailer.send(MAIL)


def test_nobody_listening_is_asked_again():
    with pytest.raises(MailUnavailable, match="cannot be reached"):
        SmtpMailer("127.0.0.1", free_port(), "a@b", seconds=2).send(MAIL)


def test_encryption_that_is_asked_for_is_never_gone_without(mailer, box):
    plain = SmtpMailer("127.0.0.1", mailer._port, "a@b.example", starttls=True, seconds=30)
    with pytest.raises(MailUnavailable, match="STARTTLS"):
        plain.send(MAIL)
    assert box.mails == []


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "a@b.example\r\nBcc: everybody@b.example"},
        {"subject": "ready\r\nBcc: everybody@b.example"},
    ],
)
def test_a_line_break_never_becomes_a_header(mailer, box, changes):
    plain = {"key": "k", "to": "a@b.example", "subject": "s", "body": "b"} | changes
    with pytest.raises(GiveUp):
        mailer.send(Message(**plain))
    assert box.mails == []
