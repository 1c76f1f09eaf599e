"""What follows when a PACS forwards objects that are none of ours.

A forwarding rule that is too wide sends other people's reports. Of them only time, peer,
SOP class, byte count and a keyed hash are kept (DESIGN.md 3).
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.identifiers import PERFORMS
from pacs_bridge.domain.ports import Message
from pacs_bridge.services.mails import queue_mail

WINDOW = timedelta(hours=1)
TELL_AT = 3
PAUSE_AT = 20


def hash_alien(sop_instance_uid: str, key: bytes) -> str:
    """Name an alien object so that only we can tell that it came again; hexadecimal."""
    return hmac.new(key, sop_instance_uid.encode(), hashlib.sha256).hexdigest()


def answer_aliens(uow: UnitOfWork, pacs: str, now: datetime) -> None:
    """After one more alien object: tell the PACS contact, or pause the PACS, where it is due."""
    count = uow.refusals.count_aliens_since(pacs, now - WINDOW)
    if count >= PAUSE_AT:
        uow.pacs.set_paused(pacs, paused=True)
        uow.events.add(now, "pacs-paused", pacs, aliens=count)  # `pacs resume` takes it up again
    if count >= TELL_AT:
        _tell_contacts(uow, pacs, now)


def _tell_contacts(uow: UnitOfWork, pacs: str, now: datetime) -> None:
    for account in uow.accounts.contacts_of_pacs(pacs):
        key = f"aliens-{pacs}-{now:%Y-%m-%d}-{account.account_id}"  # at most one a day
        message = Message(
            key,
            account.email,
            f"Please narrow the forwarding rule of {pacs}",
            f"Your PACS {pacs} forwards objects to us that belong to no case of the scheme.\n"
            "We refuse them and keep nothing of them, but they should not leave your PACS.\n\n"
            "Please narrow its forwarding rule to objects whose accession number begins with "
            f"{PERFORMS.scheme}.\n\n"
            f"After {PAUSE_AT} such objects in an hour we take nothing from {pacs} until an "
            "administrator of the scheme resumes it.\n",
        )
        if queue_mail(uow, message, now):
            uow.events.add(now, "aliens-told", pacs)
