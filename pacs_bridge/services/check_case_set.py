"""Is a case set still what its passport says: signature, bytes, identity of each image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.deid.facts import read_facts
from pacs_bridge.deid.part10 import read_part10
from pacs_bridge.domain.caseset import Case, Instance, Passport, Series, Study
from pacs_bridge.domain.errors import BadSignature, NotFound, RefusedInput
from pacs_bridge.domain.identifiers import SetName
from pacs_bridge.domain.ports import Archive
from pacs_bridge.services.passports import public_key_of, verify_passport

_BLOCK = 1 << 20


@dataclass(frozen=True)
class CaseCheck:
    """One case: how many images it has, and what is wrong with any of them."""

    accession: str
    images: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class SetCheck:
    """A whole set; `signature` is empty where the passport's holds, else says why not."""

    set_name: str
    digest: str
    key_id: str
    signature: str
    cases: tuple[CaseCheck, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.signature and not any(case.problems for case in self.cases)


def check_case_set(
    set_name: SetName, *, begin: Begin, archive: Archive, key_passport: bytes, copy: int = 0
) -> SetCheck:
    """Check a set, or a reader's copy of it, against its passport.

    Every archived object is hashed again and read: its bytes, identifiers, side, view and
    size must be those that were signed.

    Raises
    ------
    NotFound
        When there is no such set.
    """
    with begin() as uow:
        passport = uow.case_sets.get(str(set_name), copy)
    cases = tuple(_check_case(case, passport, archive) for case in passport.cases)
    return SetCheck(
        passport.set_name,
        passport.digest(),
        passport.key_id,
        _signature_problem(passport, key_passport),
        cases,
    )


def _signature_problem(passport: Passport, key_passport: bytes) -> str:
    try:
        verify_passport(passport, public_key_of(key_passport))
    except BadSignature as error:
        return str(error)
    return ""


def _check_case(case: Case, passport: Passport, archive: Archive) -> CaseCheck:
    problems: list[str] = []
    images = 0
    for study in case.studies:
        for series in study.series:
            for image in series.instances:
                images += 1
                problem = _image_problem(image, series, study, case, passport, archive)
                if problem:
                    problems.append(f"{image.laterality} {image.view}: {problem}")
    return CaseCheck(case.accession, images, tuple(problems))


def _image_problem(
    image: Instance, series: Series, study: Study, case: Case, passport: Passport, archive: Archive
) -> str:
    """Say what is wrong with one archived image; nothing where all is right."""
    try:
        if _hash_of(archive, image.content_hash) != image.content_hash:
            return "its bytes in the archive were changed; restore the archive from its backup"
        ds, transfer_syntax = read_part10(archive.path(image.content_hash), pixels=False)
    except NotFound:
        return "it is missing in the archive; import the same images again"
    except RefusedInput:
        return "it cannot be read in the archive; restore the archive from its backup"
    facts = read_facts(ds)
    wanted = {
        "SOPInstanceUID": image.sop_instance_uid,
        "SOPClassUID": image.sop_class_uid,
        "SeriesInstanceUID": series.series_instance_uid,
        "StudyInstanceUID": study.study_instance_uid,
        "StudyID": study.study_id,
        "StudyDate": study.study_date,
        "AccessionNumber": "" if study.prior else case.accession,
        "PatientID": case.patient_id,
        "IssuerOfPatientID": passport.issuer,
        "PatientName": case.patient_name,
        "PatientBirthDate": case.birth_date,
        "PatientSex": case.sex,
    }
    other = [keyword for keyword, value in wanted.items() if str(ds.get(keyword, "")) != value]
    if transfer_syntax != image.transfer_syntax_uid:
        other.append("transfer syntax")
    said = (facts.laterality, facts.view, facts.rows, facts.columns, facts.frames)
    if said != (image.laterality, image.view, image.rows, image.columns, image.frames):
        other.append("side, view or size")
    return f"not as signed: {', '.join(other)}; import the set again" if other else ""


def _hash_of(archive: Archive, content_hash: str) -> str:
    digest = hashlib.sha256()
    with archive.open(content_hash) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
