"""Rejection notes: key object selections that ask a PACS to take a study out of use.

References
----------
IHE Radiology, Imaging Object Change Management (IOCM), RAD-66; PS3.16 CID 7011 (113039, Data
Retention Policy Expired); PS3.3 A.35.4.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def write_mark_rejection(
    case: Case, study: Study, marks: Sequence[tuple[str, str, str]], *, when: datetime
) -> Dataset:
    """Write the note that rejects what readers saved in one study, because its time has expired.

    Parameters
    ----------
    marks : sequence of (str, str, str)
        Series Instance UID, SOP Instance UID and SOP class of each.
    when : datetime
        When it is decided; with time zone.
    """
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    ds = write_rejection(case, study, when=when)
    names = sorted(uid for _, uid, _ in marks)
    ds.SeriesInstanceUID = derive_uid(study.study_instance_uid, "mark rejection series")
    ds.SOPInstanceUID = derive_uid(study.study_instance_uid, "mark rejection", *names)
    by_series: dict[str, list[Dataset]] = {}
    content = []
    for series, uid, sop_class in marks:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        by_series.setdefault(series, []).append(item)
        named = Dataset()
        named.RelationshipType, named.ValueType = "CONTAINS", "COMPOSITE"
        named.ReferencedSOPSequence = Items([item])
        content.append(named)
    groups = []
    for series, items in by_series.items():
        group = Dataset()
        group.SeriesInstanceUID, group.ReferencedSOPSequence = series, Items(items)
        groups.append(group)
    held = Dataset()
    held.StudyInstanceUID = study.study_instance_uid
    held.ReferencedSeriesSequence = Items(groups)
    ds.CurrentRequestedProcedureEvidenceSequence = Items([held])
    ds.ContentSequence = Items(content)
    ds.SeriesDescription = "Removal of readers' marks"
    return ds
