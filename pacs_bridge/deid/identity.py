"""The identity that a case is given, and what de-identification says of itself.

References
----------
PS3.3 C.7.1.1 (patient), C.7.2.1 (study), C.12.1.1; PS3.15 section E.1.1; CID 7050.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from pydicom.dataset import Dataset

from pacs_bridge.deid.acceptance import MAMMOGRAM
from pacs_bridge.deid.clock import StudyClock
from pacs_bridge.deid.facts import laterality_of
from pacs_bridge.deid.profile import EDITION
from pacs_bridge.domain.identifiers import CaseName

_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113105", "Clean Descriptors Option"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
    ("113109", "Retain Device Identity Option"),
)

_FIRST_BIRTH = date(1940, 1, 1)
_BIRTHS = 12_800
"""Days (35 years) in which the fictional birth dates lie: of an age that is screened."""


@dataclass(frozen=True)
class Identity:
    """What a hospital sees of a case.

    Parameters
    ----------
    accession : str
        The case name; empty for a prior study, which is found through its patient.
    study_description : str
        Says in words that this is no patient.
    """

    accession: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    issuer: str
    study_id: str
    study_description: str


def birth_date_of(case: CaseName) -> str:
    """Give a case's fictional birth date as a DA value.

    No two cases of a set share one, nor those of 127 neighbouring sets: a PACS may join two
    patients of one name, birth date and sex.
    """
    sets = case.set_name.round * 10 + case.set_name.part
    practice = case.number <= 100
    index = case.number - 1 if practice else case.number - 101 + 40
    days = (sets * 100 + index) % _BIRTHS
    return f"{_FIRST_BIRTH + timedelta(days=days):%Y%m%d}"


def write_identity(clean: Dataset, identity: Identity) -> None:
    """Put the case's identity into a de-identified image, and say how that was made."""
    clean.PatientName = identity.patient_name
    clean.PatientID = identity.patient_id
    clean.IssuerOfPatientID = identity.issuer
    clean.PatientBirthDate = identity.birth_date
    clean.PatientSex = identity.sex
    clean.AccessionNumber = identity.accession
    clean.StudyID = identity.study_id
    clean.StudyDescription = identity.study_description
    clean.ReferringPhysicianName = ""
    clean.PatientIdentityRemoved = "YES"
    clean.DeidentificationMethod = f"Allow-list, {EDITION} Basic Profile with options"
    clean.DeidentificationMethodCodeSequence = [_method(*code) for code in _METHODS]
    clean.LongitudinalTemporalInformationModified = "MODIFIED"
    clean.RecognizableVisualFeatures = "NO"


def complete(clean: Dataset, clock: StudyClock) -> None:
    """Add what the image's kind demands and the image itself says elsewhere."""
    clean.StudyDate, clean.StudyTime = clock.date, clock.study_time
    if clean.SOPClassUID == MAMMOGRAM:
        clean.PresentationIntentType = "FOR PRESENTATION"
        if not clean.get("ImageLaterality"):
            clean.ImageLaterality = laterality_of(clean)


def _method(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item
