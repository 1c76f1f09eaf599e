"""Whose an object is: who made it, as far as that is certain; never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.marks import ReadObject
from pacs_bridge.domain.objects import ReceivedObject


@dataclass(frozen=True)
class Parked:
    """Why an object waits for a person."""

    reason: str


def reader_of(
    uow: UnitOfWork,
    received: ReceivedObject,
    case: KnownCase,  # noqa: ARG001  own copies will bind
    read: ReadObject,
    now: datetime,  # noqa: ARG001  what waits is noted with its time
) -> str | Parked:
    """Find the reader that an object names; else say why it waits for a person."""
    observer = read.observer
    if observer.device:
        return Parked("A device made it, not a person; it is kept and never scored as a reader's.")
    said = [name for name in (observer.login, observer.id, observer.name) if name]
    reader = uow.readers.of_login(received.caller.pacs or "", said)
    if reader is None:
        return Parked("It does not say which reader made it; the reader may claim it.")
    return reader
