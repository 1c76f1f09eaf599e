"""Keeping what people did, for the audit trail."""

from __future__ import annotations

from typing import Any

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.ports import Clock


def record_event(kind: str, subject: str, *, begin: Begin, now: Clock, **detail: Any) -> None:
    """Keep one event.

    Parameters
    ----------
    subject : str
        An account's number or the like; never a name or an address.
    detail
        JSON values, without anything of a patient or a person.
    """
    with begin() as uow:
        uow.events.add(now(), kind, subject, **detail)
