"""The last gate: nothing that names the person or place may stand in the result.

Collects every identifying value of a source, at any depth and in private parts, and looks
for each in every value of the new data set. It finds what a kept free text says, which no
table of elements can.

References
----------
PS3.15 section E.3.3, Clean Descriptors; STANDARDS.md 6.4 (the third gate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from pacs_bridge.deid.clock import parse_date
from pacs_bridge.deid.uids import is_registered
from pacs_bridge.deid.values import readable, tolerant_reading
from pacs_bridge.deid.vocabulary import ORDINARY_WORDS

SHORTEST = 4
"""A shorter text is in half of all words and names nobody."""

_SAFE_IN_BYTES = 6
"""In pixels and tables, fewer characters than this turn up by chance."""

_SAFE_SQUEEZED = 8
"""So many letters and digits in a row, blanks and signs left aside, are no accident either."""

_PERSON_WORDS = """
    PatientID OtherPatientIDs PatientAddress PatientTelephoneNumbers PatientTelecomInformation
    MedicalRecordLocator MilitaryRank InsurancePlanIdentification AccessionNumber StudyID
    AdmissionID RequestedProcedureID ScheduledProcedureStepID PerformedProcedureStepID
    PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest
    ServiceEpisodeID IssuerOfPatientID ClinicalTrialSubjectID ClinicalTrialSubjectReadingID
    PersonAddress PersonTelephoneNumbers UserID
"""
_PLACE_WORDS = """
    InstitutionName InstitutionAddress InstitutionalDepartmentName StationName
    RequestingService ScheduledStationName PerformedStationName PerformedLocation
    ScheduledStationAETitle PerformedStationAETitle ClinicalTrialSiteName ClinicalTrialSiteID
    CurrentPatientLocation PatientInstitutionResidence
"""
_BIRTH = frozenset({"PatientBirthDate"})
_MAKER_WORDS = """
    Manufacturer ManufacturerModelName SoftwareVersions DetectorManufacturerName
    DetectorManufacturerModelName ApplicationName ApplicationVersion
    ApplicationManufacturer
"""
_PERSON, _PLACE = frozenset(_PERSON_WORDS.split()), frozenset(_PLACE_WORDS.split())
_NAMES_THE_MAKER = frozenset(_MAKER_WORDS.split())
_NUMBERS = frozenset({"DS", "IS", "AS"})


@dataclass
class Identifiers:
    """What would tell whose image this is, folded to small letters.

    Parameters
    ----------
    persons, places : set of str
        Texts of at least `SHORTEST` characters that name a person, or where she was.
    uids : set of str
        The source's own UIDs.
    """

    persons: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)


def collect_identifiers(source: Dataset) -> Identifiers:
    """Gather the identifying values of a data set, at every depth."""
    found = Identifiers()
    with tolerant_reading():
        for element in _elements(source):
            for text in _texts(element):
                _collect(element, text, found)
    for known in (found.persons, found.places):
        known.difference_update(ORDINARY_WORDS)
    return found


def _collect(element: DataElement, text: str, found: Identifiers) -> None:
    folded = _folded(text)
    if element.VR == "PN":
        found.persons.update(_name_parts(folded))
    elif element.VR == "UI":
        if not is_registered(text) and len(text) > 4:
            found.uids.add(text)
    elif element.keyword in _BIRTH:
        found.persons.update(_written_dates(text))
    elif element.keyword in _PERSON and len(folded) >= SHORTEST:
        found.persons.add(folded)
    elif element.keyword in _PLACE:
        parts = {folded, *(part.strip() for part in re.split(r"[,;/]", folded))}
        found.places.update(part for part in parts if len(part) >= SHORTEST)


def find_leaks(identifiers: Identifiers, clean: Dataset) -> list[str]:
    """Name the elements of a de-identified data set in which an identifying value stands."""
    leaks = []
    for element in _elements(clean):
        maker = element.keyword in _NAMES_THE_MAKER
        known = identifiers.persons if maker else identifiers.persons | identifiers.places
        if any(_leaks(element, text, known, identifiers.uids) for text in _texts(element)) or (
            isinstance(element.value, bytes) and in_bytes(identifiers, element.value)
        ):
            leaks.append(element.keyword or str(element.tag))
    return leaks


def in_bytes(identifiers: Identifiers, data: bytes) -> bool:
    """Whether an identifying text stands in binary data, such as a comment inside a JPEG."""
    folded = data.lower()
    for text in identifiers.persons | identifiers.places | identifiers.uids:
        if len(text) < _SAFE_IN_BYTES or len(set(text)) < 3:  # 00000000 is in half of all pixels
            continue
        forms = {text.encode("utf-8"), text.encode("utf-16-le"), text.encode("latin-1", "replace")}
        if any(form in folded for form in forms):
            return True
    return False


def _leaks(element: DataElement, text: str, known: set[str], uids: set[str]) -> bool:
    if element.VR == "UI":
        return text in uids
    folded = _folded(text)
    if len(folded) < SHORTEST:
        return False
    if element.VR in _NUMBERS:
        return len(folded) >= _SAFE_IN_BYTES and folded in known
    squeezed = _squeezed(folded)
    return any(_stands_in(each, folded, squeezed) for each in known) or any(
        uid in text for uid in uids
    )


def _stands_in(known: str, text: str, squeezed: str) -> bool:
    """Whether a known text is the whole of another, or a whole word or phrase in it."""
    if known == text:
        return True
    if known.isdigit() and len(known) < _SAFE_IN_BYTES:
        return False  # a short number in a text is a size, a dose, a version
    if known in text and re.search(rf"(?<![^\W_]){re.escape(known)}(?![^\W_])", text):
        return True
    core = _squeezed(known)
    return len(core) >= _SAFE_SQUEEZED and core in squeezed


def _elements(ds: Dataset) -> Iterator[DataElement]:
    """Every element at every depth that can be read."""
    for tag in list(ds.keys()):
        element = readable(ds, tag)
        if element is None:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _texts(element: DataElement) -> Iterator[str]:
    """The values of an element as texts; numbers in binary form and bytes are none."""
    value = element.value
    if value is None or (isinstance(value, bytes | int | float) and element.VR not in _NUMBERS):
        return
    for each in value if isinstance(value, MultiValue | list | tuple) else [value]:
        written = getattr(each, "original_string", None)
        if isinstance(each, str | PersonName) or element.VR in _NUMBERS:
            yield str(written if isinstance(written, str) else each).strip(" \0")


def _name_parts(name: str) -> Iterator[str]:
    """The name as written, its parts, and the words of double names, as far as long enough."""
    parts = {name, name.replace("^", " ").strip(), *re.split(r"[\^=,\s]+", name)}
    parts |= {word for word in re.split(r"[\W_]+", name) if word.isalpha()}
    family, *given = [part for part in re.split(r"[\^=,\s]+", name) if part] or [""]
    parts.add(" ".join([*given, family]))
    return (part for part in parts if len(part) >= SHORTEST)


def _written_dates(text: str) -> Iterator[str]:
    """The ways a birth date is written."""
    day = parse_date(text)
    if day is not None:
        for form in ("%Y%m%d", "%Y-%m-%d", "%Y.%m.%d", "%Y/%m/%d", "%d%m%Y", "%d-%m-%Y"):
            yield day.strftime(form)
        for form in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d %b %Y", "%d %B %Y"):
            yield day.strftime(form).lower()


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" ^=")


@lru_cache(maxsize=4096)
def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
