"""Rejection notes: key object selections that ask a PACS to take a study out of use.

References
----------
IHE Radiology, Imaging Object Change Management (IOCM), RAD-66; PS3.16 CID 7011 (113039, Data
Retention Policy Expired); PS3.3 A.35.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.sr.write import MANUFACTURER, derive_uid, stamp

if TYPE_CHECKING:
    from pydicom import Dataset

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
EXPIRED = ("113039", "DCM", "Data Retention Policy Expired")

_SERIES = 990


def write_rejection(case: Case, study: Study, *, when: datetime) -> Dataset:
    """Write the note that rejects every image of one study, because its time has expired.

    Its UIDs are derived from the study's, so that the same note may be sent again.

    Parameters
    ----------
    when : datetime
        When it is decided; with time zone.
    """
    from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
    from highdicom.sr import CodedConcept

    evidence = _evidence(case, study)
    ds: Dataset = KeyObjectSelectionDocument(
        evidence=evidence,
        content=KeyObjectSelection(CodedConcept(*EXPIRED), evidence),
        series_instance_uid=derive_uid(study.study_instance_uid, "rejection series"),
        series_number=_SERIES,
        sop_instance_uid=derive_uid(study.study_instance_uid, "rejection"),
        instance_number=1,
        manufacturer=MANUFACTURER,
    )
    ds.SeriesDescription = "Withdrawal of a test set"
    stamp(ds, when, ("InstanceCreation", "Series", "Content"))
    return ds


def _evidence(case: Case, study: Study) -> list[Dataset]:
    """Describe the images of a study as far as a selection names them."""
    from pydicom import Dataset

    found = []
    for series in study.series:
        for image in series.instances:
            ds = Dataset()
            ds.SOPClassUID, ds.SOPInstanceUID = image.sop_class_uid, image.sop_instance_uid
            ds.StudyInstanceUID = study.study_instance_uid
            ds.SeriesInstanceUID, ds.Modality = series.series_instance_uid, series.modality
            ds.SeriesNumber, ds.InstanceNumber = series.series_number, image.instance_number
            ds.Rows, ds.Columns = image.rows, image.columns
            ds.PatientID, ds.PatientName = case.patient_id, case.patient_name
            ds.PatientBirthDate, ds.PatientSex = case.birth_date, case.sex
            ds.AccessionNumber, ds.StudyID = case.accession, study.study_id
            ds.StudyDate, ds.StudyTime = study.study_date, ""
            ds.ReferringPhysicianName = ""
            found.append(ds)
    return found
