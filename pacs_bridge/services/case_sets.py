"""Images become a case set: new identities, nothing identifying, a signed passport.

Objects go into the archive first, by their content: what a stopped import leaves there is
found again by the next one and harms nobody. The set itself appears in one transaction, or
not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.uids import UidMap
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import PERFORMS, Naming, SetName
from pacs_bridge.domain.ports import Archive, Clock
from pacs_bridge.services.case_identity import NAME_TEMPLATE, SetIdentity, title_of
from pacs_bridge.services.case_list import (
    LIST_NAME,
    PlannedCase,
    Reasons,
    plan_cases,
    read_case_list,
    words_in_truth,
)
from pacs_bridge.services.case_making import Making, make_case
from pacs_bridge.services.intake import SourceStudy, find_files, group_studies, read_headers
from pacs_bridge.services.passports import same_set, sign_passport

Progress = Callable[[int, int], None]
"""Told how many images are done, of how many."""


@dataclass(frozen=True)
class ImportReport:
    """What an import made.

    Parameters
    ----------
    new : bool
        False where the same set was here already, so that nothing changed.
    """

    passport: Passport
    cases: int
    images: int
    seconds: float
    new: bool


def import_case_set(
    directory: Path,
    set_name: SetName,
    *,
    begin: Begin,
    archive: Archive,
    key_uid: bytes,
    key_passport: bytes,
    now: Clock,
    title: str = "",
    cases_csv: Path | None = None,
    partial: bool = False,
    naming: Naming = PERFORMS,
    name_template: str = NAME_TEMPLATE,
    study_date: date | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Make a case set of the images in a folder.

    Parameters
    ----------
    title : str
        For people and in the Study Description; by default such as ``SA12 part 1``.
    cases_csv : Path, optional
        Which study is which case (see `case_list`); by default ``cases.csv`` of the folder,
        else studies become cases in the order of their names.
    partial : bool
        Whether fewer cases than a full set are meant.
    key_uid, key_passport : bytes
        Keys of the UIDs (HMAC) and of the passport (Ed25519, 32 raw bytes).
    study_date : date, optional
        The one StudyDate of the set; by default the day of the set's first import.

    Returns
    -------
    ImportReport
        With the passport; importing the same again gives the same one.

    Raises
    ------
    RefusedInput
        When anything cannot be used; `reasons` names every file and why. Nothing of the set
        is kept then.
    StorageFull
        When the archive's disk does not take the objects; the same call later completes.
    """
    started = time.monotonic()
    identity = SetIdentity(set_name, title or title_of(set_name), naming, name_template)
    with begin() as uow:
        existing = uow.case_sets.find(str(set_name))
    created_at = now()
    day = study_date or _study_date(existing) or created_at.date()

    reasons: Reasons = []
    studies, planned = _survey(directory, cases_csv, naming, partial, reasons)
    total = sum(len(studies[uid].images) for case in planned for uid in _studies_of(case))
    making = Making(
        identity,
        day,
        UidMap(key_uid, str(set_name)),
        key_uid,
        None if reasons else archive,  # a refused set is read to its end, and not kept
        reasons,
        _ticker(progress, total),
    )
    cases = [make_case(case, studies, making) for case in planned]
    _refuse(reasons, directory)

    manifest = Passport(str(set_name), identity.title, naming.scheme, created_at, tuple(cases))
    passport, new = _keep(sign_passport(manifest, key_passport), begin)
    return ImportReport(passport, len(cases), total, time.monotonic() - started, new)


def _study_date(existing: Passport | None) -> date | None:
    """The study date that a set was given when it was first imported."""
    if existing is None:
        return None
    days = [
        study.study_date for case in existing.cases for study in case.studies if not study.prior
    ]
    return datetime.strptime(days[0], "%Y%m%d").date() if days else None  # noqa: DTZ007  a date


def _survey(
    directory: Path, cases_csv: Path | None, naming: Naming, partial: bool, reasons: Reasons
) -> tuple[dict[str, SourceStudy], list[PlannedCase]]:
    """Read what is there and decide which study is which case; every image is judged."""
    beside = directory / LIST_NAME
    list_file = cases_csv or (beside if beside.is_file() else None)
    files = find_files(directory, [list_file] if list_file else [])
    listed = read_case_list(list_file, naming) if list_file else None
    images = read_headers(files, reasons)
    if not images:
        _refuse(reasons, directory)
    studies = {study.study_instance_uid: study for study in group_studies(images, reasons)}
    try:
        planned = plan_cases(
            list(studies),
            listed,
            naming=naming,
            partial=partial,
            reasons=reasons,
            words=words_in_truth(directory),
        )
    except RefusedInput as error:
        raise RefusedInput(str(error), _by_file(reasons, studies)) from error
    reasons[:] = _by_file(reasons, studies)
    known = [case for case in planned if case.study in studies]  # the others stand in reasons
    return studies, known


def _by_file(reasons: Reasons, studies: dict[str, SourceStudy]) -> tuple[tuple[str, str], ...]:
    """Say what is wrong with a study of each of its files."""
    said: Reasons = []
    for name, reason in reasons:
        study = studies.get(name)
        said += [(image.name, reason) for image in study.images] if study else [(name, reason)]
    return tuple(said)


def _refuse(reasons: Reasons, directory: Path) -> None:
    if reasons:
        count = f"{len(reasons)} things" if len(reasons) > 1 else "One thing"
        raise RefusedInput(
            f"{count} in {directory.name or directory} cannot be used, so nothing was imported; "
            "correct what is named and import again.",
            tuple(reasons),
        )


def _studies_of(case: PlannedCase) -> tuple[str, ...]:
    return case.study, *case.priors


def _ticker(progress: Progress | None, total: int) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return tick


def _keep(passport: Passport, begin: Begin) -> tuple[Passport, bool]:
    """Make the set appear, once; gives the passport that stands, and whether it is new."""
    with begin() as uow:
        existing = uow.case_sets.find(passport.set_name)
        if existing is None:
            uow.case_sets.add(passport)
            return passport, True
    if same_set(existing, passport):
        return existing, False
    raise RefusedInput(
        f"{passport.set_name} is here already with other images, title or dates, and a set that "
        "was given out never changes; import these under another prefix."
    )
