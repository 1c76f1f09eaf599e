"""Quirks of a PACS whose holdings change: archives, lost indexes, additions (QUIRKS.md C6)."""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_quirk import Counter, Quirk, Row, Switch
from pacs_bridge.sandbox.pacs_store import Entry

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_MARKS = {"PR": f"{_STORAGE}11.1", "SR": f"{_STORAGE}88.33", "KO": f"{_STORAGE}88.59"}
_ALWAYS = (
    "QueryRetrieveLevel", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID",
)  # fmt: skip


class Availability(Quirk):
    """Says where it keeps things, from the Nth question on."""

    def __init__(self, where: str, after: float = 0) -> None:
        self._where, self._after, self._asked = where, int(after), Counter()
        self._is_so = not self._after

    def on_find(self, question: Question) -> Question:
        """Count questions."""
        self._is_so = self._asked.next() > self._after
        return question

    def answer(self, row: Row) -> Row:
        """Say so where it is asked."""
        if not self._is_so or "InstanceAvailability" not in row:
            return row
        return {**row, "InstanceAvailability": self._where}


class FewerKeys(Quirk):
    """Returns the unique keys alone, as of a study in the archive."""

    def answer(self, row: Row) -> Row:
        """Leave out the others."""
        return {keyword: value for keyword, value in row.items() if keyword in _ALWAYS}


class LosesIndex(Quirk):
    """Finds nothing after the Nth question."""

    def __init__(self, after: float) -> None:
        self._after, self._asked = int(after), Counter()
        self._is_lost = not self._after

    def on_find(self, question: Question) -> Question:
        """Count questions."""
        self._is_lost = self._asked.next() > self._after
        return question

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Find nothing any more."""
        del question
        return [] if self._is_lost else entries


class LosesStudies(Quirk):
    """Does not find one study in N; it has been cleaned away."""

    def __init__(self, every: float) -> None:
        self._every = max(1, int(every))

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Leave out every Nth in the order in which they came."""
        del question
        studies = list(dict.fromkeys(entry["StudyInstanceUID"] for entry in entries))
        gone = set(studies[self._every - 1 :: self._every])
        return [entry for entry in entries if entry["StudyInstanceUID"] not in gone]


class ExtraObjects(Quirk):
    """Has a presentation state, a report and a key object in every study, as readers save them."""

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Add them to what is found."""
        del question
        added = []
        for first in _firsts(entries):
            for number, (modality, sop_class) in enumerate(_MARKS.items(), 1):
                series = f"{first['StudyInstanceUID']}.88.{number}"
                added.append(_like(first, sop_class, series, f"{series}.1", modality))
        return [*entries, *added]


class ForeignImage(Quirk):
    """Has an image of its own in one series of every study, of another patient on request."""

    def __init__(self, patient: str = "") -> None:
        self._patient = patient

    def shows(self, entries: list[Entry], question: Question) -> list[Entry]:
        """Add it to what is found."""
        del question
        added = []
        for first in _firsts(entries):
            series = first["SeriesInstanceUID"]
            image = _like(first, first.sop_class_uid, series, f"{series}.99", first["Modality"])
            attributes = dict(image.attributes)
            if self._patient:
                attributes["PatientID"] = self._patient
            added.append(replace(image, attributes=attributes))
        return [*entries, *added]


def _firsts(entries: list[Entry]) -> list[Entry]:
    """Give one image of every study."""
    firsts: dict[str, Entry] = {}
    for entry in entries:
        if entry.sop_class_uid not in _MARKS.values():
            firsts.setdefault(entry["StudyInstanceUID"], entry)
    return list(firsts.values())


def _like(entry: Entry, sop_class: str, series: str, instance: str, modality: str) -> Entry:
    changed = {
        "SOPClassUID": sop_class,
        "SeriesInstanceUID": series[:64],
        "SOPInstanceUID": instance[:64],
        "Modality": modality,
    }
    return replace(entry, attributes={**entry.attributes, **changed})


SWITCHES = (
    Switch(
        "nearline", "Has everything on tape.", "C6 (dcm4chee-arc-light 3008)",
        lambda: Availability("NEARLINE"),
    ),
    Switch(
        "offline-after", "Has everything off line after N questions.",
        "C6 (dcm4chee-arc-light 3025)", lambda after: Availability("OFFLINE", after), "N", "0",
    ),
    Switch(
        "fewer-keys-when-archived", "Returns the unique keys alone.", "C4 (pynetdicom 390)",
        FewerKeys,
    ),
    Switch("loses-index", "Finds nothing after N questions.", "C6", LosesIndex, "N", "0"),
    Switch("loses-studies", "Does not find every Nth study.", "C6", LosesStudies, "N", "2"),
    Switch(
        "extra-objects", "Has a state, a report and a key object of readers in every study.",
        "C3 (dcm4chee-arc-light 3129)", ExtraObjects,
    ),
    Switch(
        "foreign-image-in-study", "Has a mammogram that is not ours in every study.",
        "DESIGN 5: conflict", ForeignImage,
    ),
    Switch(
        "foreign-patient-in-study", "Has another patient's image in every study.",
        "DESIGN 5: conflict", lambda: ForeignImage("RVX4711"),
    ),
)  # fmt: skip
