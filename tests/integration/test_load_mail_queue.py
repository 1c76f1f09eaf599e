"""Mails: queued with the change that they tell of, delivered once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pacs_bridge.domain.errors import (
    GiveUp,
    MailUnavailable,
)
from pacs_bridge.domain.ports import Message
from pacs_bridge.services.mails import deliver_mail, queue_mail
from tests.load_desk import archive, house
from tests.loads import START, House

__all__ = ["archive", "house"]  # fixtures


@dataclass
class FakeMailer:
    error: Exception | None = None
    sent: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(message)


MAIL = Message("a-key", "r1@hospital.example", "subject", "body")


def state_of(house: House) -> tuple[str, str]:
    with house.begin() as uow:
        line = uow.mails.find(MAIL.key)
    assert line is not None
    return line.state, line.reason


@pytest.fixture
def mailed(house: House) -> House:
    with house.begin() as uow:
        assert queue_mail(uow, MAIL, START)
        assert not queue_mail(uow, MAIL, START)
    return house


def test_a_mail_is_queued_once_a_key_and_delivered_once(mailed):
    mailer = FakeMailer()
    for _ in range(2):
        deliver_mail(MAIL.key, begin=mailed.begin, mailer=mailer, now=mailed.now)
    assert mailer.sent == [MAIL]
    assert state_of(mailed) == ("sent", "")
    assert mailed.queued.named("mail") == [(MAIL.key,)]


def test_a_mail_waits_while_the_server_is_away(mailed):
    with pytest.raises(MailUnavailable):
        deliver_mail(
            MAIL.key, begin=mailed.begin, mailer=FakeMailer(MailUnavailable()), now=mailed.now
        )
    assert state_of(mailed) == ("waiting", "")


@pytest.mark.parametrize("mailer", [None, FakeMailer(GiveUp("never"))])
def test_a_mail_that_cannot_be_sent_is_parked_with_the_reason(mailed, mailer):
    deliver_mail(MAIL.key, begin=mailed.begin, mailer=mailer, now=mailed.now)
    state, reason = state_of(mailed)
    assert state == "parked"
    assert reason
    deliver_mail("no such key", begin=mailed.begin, mailer=None, now=mailed.now)
