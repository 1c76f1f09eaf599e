"""Mails: written with the change that they tell of, delivered by a job.

No mail says anything about a patient, a reader's marks or a result; each says what to do
next and where.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.errors import GiveUp
from pacs_bridge.domain.loading import Load
from pacs_bridge.domain.people import Account
from pacs_bridge.domain.ports import Clock, Mailer, Message

_NO_SERVER = "No mail server is set: name one under [mail] in config.toml."


def queue_mail(uow: UnitOfWork, message: Message, now: datetime) -> bool:
    """Keep a mail and queue its delivery; False when its key was used before.

    The mail becomes due exactly when the caller's transaction commits.
    """
    if not uow.mails.add(message, now):
        return False
    uow.enqueue("mail", message.key, key=f"mail-{message.key}")
    return True


def deliver_mail(key: str, *, begin: Begin, mailer: Mailer | None, now: Clock) -> None:
    """Hand one mail to the mail server; a mail that was sent is not sent again.

    A mail that the server will never take, and every mail where there is no server, is
    parked with the reason, where an administrator sees it. A crash between the server's yes
    and our note of it repeats the mail with the same Message-ID.

    Raises
    ------
    MailUnavailable
        When the server cannot be reached; call again later.
    """
    with begin() as uow:
        line = uow.mails.find(key)
    if line is None or line.state != "waiting":
        return
    reason = "" if mailer is not None else _NO_SERVER
    if mailer is not None:
        try:
            mailer.send(line.message)
        except GiveUp as error:
            reason = str(error)
    with begin() as uow:
        if reason:
            uow.mails.park(key, reason)
            uow.events.add(now(), "mail-parked", key, reason=reason)
        else:
            uow.mails.set_sent(key, now())


def mail_contacts(
    uow: UnitOfWork,
    load: Load,
    key: str,
    subject: str,
    lines: Iterable[str],
    now: datetime,
    public_url: str,
) -> int:
    """Queue a mail about a load to each contact of its PACS; gives how many are new."""
    body = "\n\n".join([*lines, f"See {load_page(public_url, load)}."])
    return sum(
        queue_mail(uow, Message(f"{key}-{account.account_id}", account.email, subject, body), now)
        for account in uow.accounts.contacts_of_pacs(load.pacs)
    )


def mail_released(
    uow: UnitOfWork,
    account: Account,
    load: Load,
    closes_at: datetime,
    now: datetime,
    url: str,
    way: str = "",
) -> bool:
    """Queue the mail that tells a reader that they may read; once an account and set.

    Parameters
    ----------
    way : str
        How they read, in words; see `services.way`.
    """
    how = f"How you read: {way[0].lower()}{way[1:]}\n\n" if way else ""
    place = f"at {url}" if url else "on the reading pages"
    search = f"search for accession numbers that begin with {load.set_name}"
    if load.copy:
        search = (
            f"open your own copy: the cases whose accession number begins with {load.set_name} "
            f"and ends in {load.copy:02d}, and no others"
        )
    body = (
        f"The cases of {load.set_name} are in your PACS and checked, so you can read them now.\n\n"
        f"1. Sign in {place}.\n"
        f"2. In your PACS, {search}; the practice cases come first.\n\n"
        f"{how}The round is open until {closes_at:%d %B %Y, %H:%M} (UTC)."
    )
    key = f"released-{load.set_name}-{load.copy}-{account.account_id}"
    subject = f"{load.set_name}: you can read now"
    return queue_mail(uow, Message(key, account.email, subject, body), now)


def load_page(public_url: str, load: Load) -> str:
    """Tell where a load's page is."""
    return f"{public_url.rstrip('/')}/loads/{load.load_id}" if public_url else "the page Loads"
