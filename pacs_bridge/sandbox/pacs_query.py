"""What a question to the sandbox PACS matches, in the Patient Root and Study Root models.

References
----------
PS3.4 C.2.2.2 (attribute matching), C.4.1.1.3.2 (identifiers of answers), C.6.1, C.6.2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom import config
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs_bridge.sandbox.pacs_store import Entry, Refused
from pacs_bridge.sr import elements

PATIENT_ROOT = ("PATIENT", "STUDY", "SERIES", "IMAGE")
STUDY_ROOT = PATIENT_ROOT[1:]
"""The levels of each model, top down."""

MISMATCH = 0xA900
"""Refused: the identifier does not match the SOP class (PS3.4 table C.4-1)."""

_UNIQUE = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_OF_LEVEL = {
    "PATIENT": _PATIENT,
    "STUDY": (
        "StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "StudyID",
        "StudyDescription", "ReferringPhysicianName",
    ),
    "SERIES": (
        "SeriesInstanceUID", "SeriesDate", "SeriesTime", "Modality", "SeriesNumber",
        "SeriesDescription", "BodyPartExamined", "Laterality", "InstitutionName",
    ),
    "IMAGE": (
        "SOPInstanceUID", "SOPClassUID", "InstanceNumber", "ContentDate", "ContentTime", "Rows",
        "Columns", "NumberOfFrames", "ImageLaterality", "ViewPosition",
    ),
}  # fmt: skip
_MOMENTS = ("DA", "TM", "DT")
_NO_WILDCARDS = ("UI", "DA", "TM", "DT", "IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "AT")


@dataclass(frozen=True)
class Question:
    """What is asked: the level, and text by keyword of every key in the identifier.

    Several values of one key are separated by backslashes.
    """

    levels: tuple[str, ...]
    level: str
    keys: dict[str, str]
    asks_character_set: bool = False

    @classmethod
    def read(cls, identifier: Dataset, levels: tuple[str, ...]) -> Question:
        """Read an identifier.

        Raises
        ------
        Refused
            When the level is none of the model's, or a key of a level above is missing.
        """
        level = elements.text(identifier, "QueryRetrieveLevel")
        if level not in levels:
            raise Refused(MISMATCH, "The query level is none of this model.")
        keys = dict(_keys(identifier))
        question = cls(levels, level, keys, "SpecificCharacterSet" in identifier)
        for above in levels[: levels.index(level)]:
            value = keys.get(_UNIQUE[above], "")
            if not value or _has_wildcard(value) or "\\" in value:
                raise Refused(MISMATCH, f"One {_UNIQUE[above]} is needed at this level.")
        return question

    @property
    def unique(self) -> str:
        """The keyword of the level's unique key."""
        return _UNIQUE[self.level]

    def above(self) -> list[str]:
        """List the unique keys of the levels above."""
        return [_UNIQUE[level] for level in self.levels[: self.levels.index(self.level)]]

    def supported(self) -> list[str]:
        """List the keywords that objects of this level, or above it, have."""
        names = list(_PATIENT) if self.levels == STUDY_ROOT else []
        for level in self.levels[: self.levels.index(self.level) + 1]:
            names += _OF_LEVEL[level]
        return names


def rows(question: Question, entries: Iterable[Entry], ae_title: str) -> Iterator[dict[str, str]]:
    """Give one answer for each patient, study, series or image that matches.

    Yields
    ------
    dict of str to str
        Text by keyword for every key that was asked for and is supported.
    """
    supported = question.supported()
    wanted = {keyword: question.keys[keyword] for keyword in supported if keyword in question.keys}
    held = list(entries)
    of_study = Counter(entry["StudyInstanceUID"] for entry in held)
    for group in _groups(question, held):
        computed = _computed(question.level, group)
        if question.level == "STUDY":  # kept with the study, whoever's its objects are
            total = of_study[group[0]["StudyInstanceUID"]]
            computed["NumberOfStudyRelatedInstances"] = str(total)
        keywords = {*wanted, *question.above(), question.unique}
        said = {keyword: _said(group, keyword) for keyword in keywords}
        if not all(matches(said[keyword], value, keyword) for keyword, value in wanted.items()):
            continue
        if not _has_modality(computed, question.keys.get("ModalitiesInStudy", "")):
            continue
        row = {"QueryRetrieveLevel": question.level, "RetrieveAETitle": ae_title}
        row |= {keyword: said[keyword] for keyword in [*question.above(), question.unique]}
        row |= {keyword: said[keyword] for keyword in wanted}
        yield row | {k: v for k, v in computed.items() if k in question.keys}


def _said(group: list[Entry], keyword: str) -> str:
    """What the first object says that says anything: a state need not repeat its images' date."""
    return next((entry[keyword] for entry in group if entry[keyword]), "")


def select(question: Question, entries: Iterable[Entry]) -> list[Entry]:
    """List what a retrieval is about: unique keys alone count (PS3.4 C.4.2.2.1)."""
    wanted = question.keys.get(question.unique, "")
    if not wanted or _has_wildcard(wanted):
        raise Refused(MISMATCH, f"{question.unique} is needed for a retrieval at this level.")
    keys = [*question.above(), question.unique]
    return [e for e in entries if all(matches(e[k], question.keys[k], k) for k in keys)]


def encode(row: dict[str, str]) -> Dataset:
    """Make the identifier of an answer."""
    identifier = Dataset()
    if not all(value.isascii() for value in row.values()):
        identifier.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in row.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        vr = dictionary_VR(tag)
        try:
            held: str | int | None = int(value) if vr in ("US", "IS") and value else value
        except ValueError:
            held = ""  # a number that is none
        element = DataElement(tag, vr, held, validation_mode=config.IGNORE)
        identifier.add(element)
    return identifier


def matches(value: str, wanted: str, keyword: str) -> bool:
    """Tell whether an object's value matches a key's (PS3.4 C.2.2.2.1 to C.2.2.2.5)."""
    vr = dictionary_VR(keyword)
    if not wanted:
        return True
    if vr == "UI":
        return value in wanted.split("\\")
    if vr in _MOMENTS and "-" in wanted:
        first, _, last = wanted.partition("-")
        return bool(value) and first <= value and (not last or value[: len(last)] <= last)
    if vr == "PN":
        value, wanted = value.casefold().rstrip("^"), wanted.casefold().rstrip("^")
    if vr not in _NO_WILDCARDS and _has_wildcard(wanted):
        pattern = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in wanted)
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    return value == wanted


def _keys(identifier: Dataset) -> Iterator[tuple[str, str]]:
    for tag in list(identifier.keys()):
        keyword = keyword_for_tag(tag)
        if not keyword or keyword in ("QueryRetrieveLevel", "SpecificCharacterSet"):
            continue
        vr = dictionary_VR(tag)
        if vr == "SQ":
            continue
        several = vr in ("UI", "CS")
        yield (
            keyword,
            "\\".join(elements.words(identifier, keyword))
            if several
            else elements.text(identifier, keyword),
        )


def _has_wildcard(value: str) -> bool:
    return "*" in value or "?" in value


def _groups(question: Question, entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Put the objects below the keys of the levels above together, by the level's own key."""
    groups: dict[str, list[Entry]] = {}
    fixed = {keyword: question.keys[keyword] for keyword in question.above()}
    for entry in entries:
        if all(matches(entry[keyword], value, keyword) for keyword, value in fixed.items()):
            groups.setdefault(entry[question.unique], []).append(entry)
    yield from groups.values()


def _computed(level: str, group: list[Entry]) -> dict[str, str]:
    """Give what is true of a whole patient, study or series, by keyword."""
    said = {"InstanceAvailability": "ONLINE"}
    if level == "IMAGE":
        return said
    name = level.capitalize()
    said[f"NumberOf{name}RelatedInstances"] = str(len(group))
    if level != "SERIES":
        said[f"NumberOf{name}RelatedSeries"] = _count(group, "SeriesInstanceUID")
    if level == "PATIENT":
        said["NumberOfPatientRelatedStudies"] = _count(group, "StudyInstanceUID")
    if level == "STUDY":
        said["ModalitiesInStudy"] = _distinct(group, "Modality")
        said["SOPClassesInStudy"] = _distinct(group, "SOPClassUID")
    return said


def _count(group: list[Entry], keyword: str) -> str:
    return str(len({entry[keyword] for entry in group}))


def _distinct(group: list[Entry], keyword: str) -> str:
    return "\\".join(dict.fromkeys(entry[keyword] for entry in group if entry[keyword]))


def _has_modality(computed: dict[str, str], wanted: str) -> bool:
    """Tell whether a study has any of the modalities asked for (PS3.4 C.2.2.2.1)."""
    present = computed.get("ModalitiesInStudy")
    if not wanted or present is None:
        return True
    return not set(wanted.split("\\")).isdisjoint(present.split("\\"))
