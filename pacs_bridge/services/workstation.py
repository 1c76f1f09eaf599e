"""The workstation check: taken from a person, kept, and believed where the site says so."""

from __future__ import annotations

from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.ports import Clock
from pacs_bridge.domain.workstation import (
    MOST_WRONG,
    WRONG_WITHIN,
    WorkstationCheck,
    case_to_open,
    judge_word,
)

LONGEST_KIND = 40


@dataclass(frozen=True)
class ToCheck:
    """What somebody is asked to do at a workstation, and what was done so far.

    Parameters
    ----------
    accession : str
        The case to open.
    has_word : bool
        Whether a word is printed on one of its images.
    sites : tuple of (str, bool)
        Sites that read on this PACS, and whether each wants the check before anybody reads.
    """

    accession: str
    images: int
    has_word: bool
    sites: tuple[tuple[str, bool], ...]
    done: tuple[WorkstationCheck, ...]


def what_to_check(load_id: int, *, begin: Begin) -> ToCheck:
    """Tell what is to be checked for a load; raises `NotFound`."""
    with begin() as uow:
        load = uow.loads.get(load_id)
        case = case_to_open(uow.case_sets.get(load.set_name, load.copy))
        sites = tuple((s.name, s.requires_check) for s in uow.sites.all() if s.pacs == load.pacs)
        names = {name for name, _ in sites}
        done = tuple(
            each for each in uow.workstations.passed(load.set_name, load.copy) if each.site in names
        )
    current = [study for study in case.studies if not study.prior]
    images = sum(1 for study in current for _ in study.instances())
    return ToCheck(case.accession, images, bool(case.word), sites, done)


def check_workstation(
    load_id: int,
    site: str,
    kind: str,
    *,
    typed: str,
    hung: bool,
    begin: Begin,
    now: Clock,
    account_id: int | None = None,
) -> WorkstationCheck:
    """Keep what somebody saw at one kind of workstation.

    Parameters
    ----------
    typed : str
        The word on the image, in whatever case.
    hung : bool
        Whether all images showed, hung right.

    Raises
    ------
    RefusedInput
        When the site does not read on this PACS, the kind has no name, the images hung
        wrong, or the word is another; a wrong word is counted.
    NotFound
        When there is no such load.
    """
    named = " ".join(kind.split())
    if not named or len(named) > LONGEST_KIND or not named.isprintable():
        raise RefusedInput(f"Name the workstation in at most {LONGEST_KIND} characters.")
    if not hung:
        raise RefusedInput(
            "If the images do not hang right, readers cannot read there: tell the scheme what "
            "you see, and check again when it is mended."
        )
    moment = now()
    with begin() as uow:
        load = uow.loads.get(load_id)
        if not any(s.name == site and s.pacs == load.pacs for s in uow.sites.all()):
            raise RefusedInput("Choose a site that reads on this PACS.")
        since = moment - WRONG_WITHIN
        wrong = uow.workstations.failed_since(load.set_name, load.copy, site, since)
        if wrong >= MOST_WRONG:
            raise RefusedInput(
                "Too many wrong words within an hour: open the case again later, and read the "
                "word from the image."
            )
        case = case_to_open(uow.case_sets.get(load.set_name, load.copy))
        passed = judge_word(case, typed)
        check = WorkstationCheck(load.set_name, load.copy, site, named, passed, moment, account_id)
        uow.workstations.add(check)
        if passed:
            uow.events.add(
                moment, "workstation-checked", f"{load.set_name} {site}", workstation=named
            )
    if not passed:
        raise RefusedInput(
            f"That is not the word on {check_name(case.accession)}: look at all its images again."
        )
    return check


def check_name(accession: str) -> str:
    """Name the case that was opened."""
    return f"practice case {accession}"
