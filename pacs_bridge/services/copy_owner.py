"""Objects on readers' copies: whose the copy is, and which image of the master is meant."""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.db.repositories.case_sets import KnownCase
from pacs_bridge.db.unit_of_work import UnitOfWork
from pacs_bridge.domain.identifiers import CaseName
from pacs_bridge.domain.identity import OWN_COPY
from pacs_bridge.domain.marks import Mark, ReadObject


def owner_in(uow: UnitOfWork, copy: int, set_name: str, pacs: str) -> str | None:
    """Tell whose a copy of a set is at a PACS; None for the master, and where it is nobody's.

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


def reader_of_copy(uow: UnitOfWork, case: KnownCase, pacs: str) -> str | None:
    """Find whose copy of the set a case is; None for the master, and where it is not one's."""
    return owner_in(uow, CaseName.parse(case.accession).copy, case.set_name, pacs)


def is_on_several(uow: UnitOfWork, read: ReadObject) -> bool:
    """Whether an object refers to more than one copy of its case, the master being one."""
    cases = uow.case_sets.cases_named_by(
        studies=read.referenced_studies, images=read.referenced_images
    )
    return len({CaseName.parse(each.accession).copy for each in cases}) > 1


def is_of_case(accession: str, case: KnownCase) -> bool:
    """Whether an accession number is of this case, in whatever copy."""
    return str(replace(CaseName.parse(accession), copy=0)) == case.master


def on_master(uow: UnitOfWork, read: ReadObject, case: KnownCase, pacs: str) -> ReadObject:
    """Give what was read with its marks on the images of the master.

    The pixels of a copy are the master's: a point stays where it is, only the image has
    another name. What the object itself refers to stays as it says it; whose copy that is
    becomes part of its evidence.
    """
    masters = uow.reader_copies.masters_of({mark.image for mark in read.every_mark()})
    owner = reader_of_copy(uow, case, pacs)
    if not masters and owner is None:
        return read

    def moved(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
        return tuple(replace(m, image=masters.get(m.image, m.image)) for m in marks)

    observer = read.observer
    if owner is not None:
        said = f"{case.accession}, the copy of {owner}"
        observer = replace(observer, evidence={**observer.evidence, OWN_COPY: said})
    others = tuple(replace(share, marks=moved(share.marks)) for share in read.others)
    return replace(read, observer=observer, marks=moved(read.marks), others=others)
