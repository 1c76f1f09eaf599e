"""A worklist of the studies that come to a PACS, for sites whose PACS wants an order first.

A PACS, or the broker beside it, asks as an imaging device would and finds each study of the
sets loaded into it as a procedure that is scheduled. It never sees another hospital's.

References
----------
PS3.4 annex K (Modality Worklist), table K.6-1 (attributes), K.4.1.1.3.2 (sequence matching).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs_bridge.db.unit_of_work import Begin
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.matching import Condition, condition_of
from pacs_bridge.domain.orders import Order, orders_of
from pacs_bridge.domain.query import Attribute, FindRequest, Level, TooMuchAsked, UnfitIdentifier
from pacs_bridge.services.query import Found
from pacs_bridge.services.query_identifier import LONGEST_IDENTIFIER
from pacs_bridge.upper_layer.elements import Limits
from pacs_bridge.upper_layer.prescan import is_explicit, scan

MOST_MATCHES = 5_000
_LIMITS = Limits(depth=4, items=100, elements=500)
_STEPS = 0x00400100  # Scheduled Procedure Step Sequence
_MATCHED = {
    "AccessionNumber": "SH",
    "PatientName": "PN",
    "PatientID": "LO",
    "IssuerOfPatientID": "LO",
    "StudyInstanceUID": "UI",
    "RequestedProcedureID": "SH",
}
_MATCHED_IN_STEP = {
    "ScheduledStationAETitle": "AE",
    "ScheduledProcedureStepStartDate": "DA",
    "ScheduledProcedureStepStartTime": "TM",
    "Modality": "CS",
    "ScheduledProcedureStepID": "SH",
}
"""The keys that narrow an answer, at the top and inside the step (PS3.4 table K.6-1)."""


def find_worklist(request: FindRequest, *, read: Begin, most: int = MOST_MATCHES) -> Found:
    """Find the scheduled procedures that match, among the sets loaded into the caller's PACS.

    Raises
    ------
    UnreadableObject, UnfitIdentifier
        When the question cannot be read.
    TooMuchAsked
        When more than `most` match.
    """
    explicit = is_explicit(request.transfer_syntax_uid)
    asked = _read(request.identifier, explicit=explicit)
    top = _conditions(asked, _MATCHED)
    steps = asked.get("ScheduledProcedureStepSequence") or [Dataset()]
    step = _conditions(steps[0], _MATCHED_IN_STEP)
    with read() as uow:
        passports = [
            uow.case_sets.get(load.set_name, load.copy)
            for load in uow.loads.all()
            if load.pacs == request.caller.pacs
        ]
    found = [
        entry
        for passport in passports
        for entry in _entries(passport, request.caller.ae_title)
        if _matches(entry, top) and _matches(entry["ScheduledProcedureStepSequence"].value[0], step)
    ]
    if len(found) > most:
        raise TooMuchAsked(f"More than {most} would match; ask for less at once.")
    identifiers = (_encode(_wanted(entry, asked), explicit=explicit) for entry in found)
    return Found(identifiers, len(found), ignored=False, level=Level.STUDY)


def _read(identifier: memoryview, *, explicit: bool) -> Dataset:
    if len(identifier) > LONGEST_IDENTIFIER:
        raise UnreadableObject("The identifier is longer than is taken; ask in parts.")
    scan(identifier, explicit=explicit, limits=_LIMITS)
    try:
        return read_dataset(BytesIO(bytes(identifier)), not explicit, is_little_endian=True)
    except Exception as error:  # the library raises whatever a value makes it raise
        raise UnreadableObject("The identifier cannot be read; correct it.") from error


def _conditions(asked: Dataset, keys: Mapping[str, str]) -> dict[str, Condition]:
    made = {}
    for keyword, vr in keys.items():
        text = _text(asked, keyword)
        tag = tag_for_keyword(keyword) or 0
        condition = condition_of(Attribute(tag, vr, Level.STUDY), text) if text else None
        if condition is not None:
            made[keyword] = condition
    return made


def _text(asked: Dataset, keyword: str) -> str:
    try:
        value = asked.get(keyword)
        if value is None:
            return ""
        several = value if isinstance(value, list) else getattr(value, "_list", [value])
        return "\\".join(str(each) for each in several)
    except Exception as error:  # a value of another form than its VR says
        raise UnfitIdentifier("A key cannot be read; correct it.") from error


def _matches(entry: Dataset, conditions: Mapping[str, Condition]) -> bool:
    return all(test.test(str(entry.get(keyword, ""))) for keyword, test in conditions.items())


def _entries(passport: Passport, station: str) -> Iterator[Dataset]:
    for order in orders_of(passport):
        yield _entry(order, station)


def _entry(order: Order, station: str) -> Dataset:
    """Make the procedure that is scheduled for one study; type 1 and 2 attributes first."""
    case, study = order.case, order.study
    step = Dataset()
    step.Modality = study.series[0].modality
    step.ScheduledStationAETitle = station
    step.ScheduledProcedureStepStartDate = study.study_date
    step.ScheduledProcedureStepStartTime = "000000"
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = order.description
    step.ScheduledProcedureStepID = case.accession
    entry = Dataset()
    entry.AccessionNumber = case.accession
    entry.ReferringPhysicianName = ""
    entry.PatientName = case.patient_name
    entry.PatientID = case.patient_id
    entry.IssuerOfPatientID = order.issuer
    entry.PatientBirthDate = case.birth_date
    entry.PatientSex = case.sex
    entry.StudyInstanceUID = study.study_instance_uid
    entry.RequestedProcedureDescription = order.description
    entry.ScheduledProcedureStepSequence = [step]
    entry.RequestedProcedureID = case.accession
    entry.RequestedProcedurePriority = "LOW"
    return entry


def _wanted(entry: Dataset, asked: Dataset) -> Dataset:
    """Give what was asked for, empty where we have nothing, and what must always be there."""
    answer = Dataset()
    for element in asked:
        if element.tag.element == 0 or element.tag in (0x00080005, _STEPS):
            continue
        known = entry.get(element.tag)
        if known is not None:
            answer.add(known)
        elif element.VR != "SQ" and element.keyword:
            answer.add_new(element.tag, element.VR, None)
    for keyword in ("AccessionNumber", "PatientName", "PatientID", "StudyInstanceUID",
                    "RequestedProcedureID", "ScheduledProcedureStepSequence"):  # fmt: skip
        answer[keyword] = entry[keyword]
    if not str(answer.PatientName).isascii():  # all else is ours, and ASCII
        answer.SpecificCharacterSet = "ISO_IR 192"
    return answer


def _encode(entry: Dataset, *, explicit: bool) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, not explicit
    write_dataset(buffer, entry)
    return bytes(buffer.getvalue())
