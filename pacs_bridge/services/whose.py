"""Whose an object is: who made it, as far as that is certain; never guessed."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.marks import Observer


@dataclass(frozen=True)
class Parked:
    """Why an object waits for a person."""

    reason: str


def reader_of(uow: UnitOfWork, pacs: str, observer: Observer) -> str | Parked:
    """Find the reader that an object names; else say why it waits for a person."""
    if observer.device:
        return Parked("A device made it, not a person; it is kept and never scored as a reader's.")
    said = [name for name in (observer.login, observer.id, observer.name) if name]
    reader = uow.readers.of_login(pacs, said)
    if reader is None:
        return Parked("It does not say which reader made it; the reader may claim it.")
    return reader
