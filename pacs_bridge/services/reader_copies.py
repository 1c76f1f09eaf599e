"""Whose each copy of a case set is; see `domain.reader_copies`."""

from __future__ import annotations

from pacs_bridge.db.unit_of_work import Begin, UnitOfWork
from pacs_bridge.domain.identifiers import SetName, parse_name


def copy_of(reader: str, set_name: str, *, begin: Begin) -> int:
    """Tell which copy of a set a reader reads, by their enrolment; 0 for the master."""
    with begin() as uow:
        enrolment = uow.enrolments.find(str(SetName.parse(set_name)), reader)
        return 0 if enrolment is None else enrolment.copy


def owner_of(copy: int, set_name: str, pacs: str, *, begin: Begin) -> str | None:
    """Tell whose a copy of a set is at a PACS; None for the master, and where it is nobody's."""
    with begin() as uow:
        return owner_in(uow, copy, str(SetName.parse(set_name)), parse_name(pacs))


def owner_in(uow: UnitOfWork, copy: int, set_name: str, pacs: str) -> str | None:
    """Tell the same in the caller's transaction.

    A copy that was given out stays its reader's for good, also where they have left; one that
    was only written into an enrolment is that reader's as long as there is one such.
    """
    if not copy:
        return None
    owner = uow.reader_copies.owner(set_name, pacs, copy)
    if owner is not None:
        return owner
    given = {each.reader for each in uow.reader_copies.given(set_name, pacs)}
    enrolled = [
        each.reader
        for each in uow.enrolments.on_pacs(set_name, pacs)
        if each.copy == copy and each.reader not in given
    ]
    return enrolled[0] if len(enrolled) == 1 else None
