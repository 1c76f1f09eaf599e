"""Quirks of a PACS that is asked: dialects of C-FIND (QUIRKS.md C3, C4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs_bridge.sandbox.pacs_query import Question
from pacs_bridge.sandbox.pacs_quirk import (
    CANNOT,
    OUT_OF_RESOURCES,
    PENDING_WITHOUT_SOME_KEYS,
    Counter,
    Quirk,
    Row,
    Switch,
)
from pacs_bridge.sandbox.pacs_store import Refused

_ODD_NAME = "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller^Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"


class RefuseLevel(Quirk):
    """Refuses every question at one level."""

    def __init__(self, level: str) -> None:
        self._level = level

    def on_find(self, question: Question) -> Question:
        """Refuse it as no identifier of this SOP class."""
        if question.level == self._level:
            raise Refused(CANNOT, f"{self._level} level queries are not supported.")
        return question


class RefuseWildcards(Quirk):
    """Refuses every question with a wildcard."""

    def on_find(self, question: Question) -> Question:
        """Refuse it as no identifier of this SOP class."""
        if any(set("*?") & set(value) for value in question.keys.values()):
            raise Refused(CANNOT, "Wildcards are not supported.")
        return question


class WildcardWrongText(Quirk):
    """Takes any text for a match of a wildcard."""

    def on_find(self, question: Question) -> Question:
        """Match everything."""
        keys = {k: "*" if set("*?") & set(v) else v for k, v in question.keys.items()}
        return replace(question, keys=keys)


class FirstOfList(Quirk):
    """Knows no lists of UIDs: looks at the first."""

    def on_find(self, question: Question) -> Question:
        """Forget the others."""
        return replace(question, keys={k: v.split("\\")[0] for k, v in question.keys.items()})


class Conditions(Quirk):
    """Takes a key that is to be returned for a condition that nothing meets."""

    def on_find(self, question: Question) -> Question:
        """Look for no study where optional keys are asked for."""
        if "InstanceAvailability" not in question.keys:
            return question
        return replace(question, keys={**question.keys, "StudyInstanceUID": "0.0"})


class NearMisses(Quirk):
    """Takes accession numbers that begin alike, or lack the last digit, for the one asked for."""

    def on_find(self, question: Question) -> Question:
        """Match what begins so."""
        wanted = question.keys.get("AccessionNumber", "")
        if not wanted or set("*?") & set(wanted):
            return question
        return replace(question, keys={**question.keys, "AccessionNumber": f"{wanted[:-1]}*"})


class EmptySuccess(Quirk):
    """Breaks off the first question, and finds nothing on the next twelve."""

    def __init__(self) -> None:
        self._asked, self._answered = Counter(), Counter()

    def breaks_off(self) -> bool:
        """Only the first time."""
        return self._asked.next() == 1

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Find nothing for a while."""
        return iter(()) if self._answered.next() <= 12 else rows


class Cap(Quirk):
    """Stops after N answers as if there were no more."""

    def __init__(self, most: float) -> None:
        self._most = int(most)

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Keep the first ones."""
        return islice(rows, self._most)


class CapRefuses(Quirk):
    """Refuses a question that has more than N answers."""

    def __init__(self, most: float) -> None:
        self._most = int(most)

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Count them first."""
        some = list(islice(rows, self._most + 1))
        if len(some) > self._most:
            raise Refused(OUT_OF_RESOURCES, "Too many matches; narrow the query.")
        return iter(some)


class DuplicateRows(Quirk):
    """Gives every answer twice."""

    def answers(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Repeat each."""
        return (row for each in rows for row in (each, each))


class Counts(Quirk):
    """Says something of its own about how many objects there are.

    Parameters
    ----------
    said : float or None
        None to say nothing.
    """

    def __init__(self, said: float | None) -> None:
        self._said = said

    def answer(self, row: Row) -> Row:
        """Change or leave out the counts."""
        counts = [k for k in row if k.startswith("NumberOf") and "Related" in k]
        kept = {k: v for k, v in row.items() if k not in counts}
        return kept if self._said is None else kept | dict.fromkeys(counts, str(int(self._said)))


class Ff01(Counts):
    """Answers FF01, some optional keys are not supported, and gives no counts."""

    pending = PENDING_WITHOUT_SOME_KEYS

    def __init__(self) -> None:
        super().__init__(None)


class WithoutRoot(Quirk):
    """Offers one query model only."""

    def __init__(self, root: str) -> None:
        self.hidden_roots = frozenset([root])


class EmptyStudyUid(Quirk):
    """Answers without the Study Instance UID, as some proxies do."""

    def answer(self, row: Row) -> Row:
        """Leave it empty."""
        return {**row, "StudyInstanceUID": ""}


class BadVr(Quirk):
    """Puts words where numbers belong."""

    def encoded(self, identifier: Dataset, question: Question) -> Dataset:
        """Change every integer string that has a value."""
        del question
        for element in list(identifier):
            if dictionary_VR(element.tag) == "IS":
                identifier[element.tag] = DataElement(element.tag, "LO", "a few")
        return identifier


class CharacterSet(Quirk):
    """Has names in Latin-1 and leaves out that it does, or says so only when asked."""

    def __init__(self, *, if_asked: bool) -> None:
        self._if_asked = if_asked

    def encoded(self, identifier: Dataset, question: Question) -> Dataset:
        """Write the patient's name as bytes of that character set."""
        if "PatientName" in identifier:
            tag = identifier["PatientName"].tag
            identifier[tag] = DataElement(tag, "OB", _ODD_NAME.encode("latin-1") + b" ")
        identifier.pop("SpecificCharacterSet", None)
        if self._if_asked and question.asks_character_set:
            identifier.SpecificCharacterSet = "ISO_IR 100"
        return identifier


SWITCHES = (
    Switch(
        "refuse-image-level", "Refuses questions at IMAGE level.", "C3, C4",
        lambda: RefuseLevel("IMAGE"),
    ),
    Switch(
        "refuse-series-level", "Refuses questions at SERIES level.", "C4",
        lambda: RefuseLevel("SERIES"),
    ),
    Switch(
        "refuse-wildcards", "Refuses questions with a wildcard (A900).",
        "C4 (dcm4chee-arc-light 4252)", RefuseWildcards,
    ),
    Switch(
        "wildcard-wrong-text", "A wildcard matches any text.", "C4 (DICOMcloud 101)",
        WildcardWrongText,
    ),
    Switch(
        "first-of-list", "Of a list of UIDs, looks at the first.", "C4", FirstOfList,
    ),
    Switch(
        "keys-are-conditions", "Finds nothing where InstanceAvailability is to be returned.",
        "C3 (dcm4chee-arc-light 1552)", Conditions,
    ),
    Switch(
        "near-miss-accessions", "Answers for accession numbers that are alike, too.",
        "C3 (FLIP 1124)", NearMisses,
    ),
    Switch(
        "empty-success-after-abort", "Breaks off once, then says Success and finds nothing.",
        "C3 (dcm4chee-arc-light 1306)", EmptySuccess,
    ),
    Switch(
        "cap", "Stops after N answers as if there were no more.", "C4 (pynetdicom 467)", Cap, "N",
    ),
    Switch(
        "cap-refuses", "Refuses a question that has more than N answers (A700).",
        "C4 (dcm4chee-arc-light 1446)", CapRefuses, "N",
    ),
    Switch("duplicate-rows", "Gives every answer twice.", "C3 (FLIP 1124)", DuplicateRows),
    Switch(
        "no-counts", "Never says how many objects there are.", "C3 (shanoir-ng 2746)",
        lambda: Counts(None),
    ),
    Switch("zero-counts", "Says that there are 0 objects.", "C3", lambda: Counts(0)),
    Switch(
        "wrong-counts", "Says that there are N objects, whatever there is.",
        "C3 (dcm4chee-arc-light 3129)", Counts, "N", "500",
    ),
    Switch("ff01", "Answers with FF01 and no counts.", "C3, STANDARDS 5.1", Ff01),
    Switch(
        "no-study-root", "Offers the Patient Root model alone.", "C4", lambda: WithoutRoot("2"),
    ),
    Switch(
        "patient-root-only", "The same as no-study-root.", "C4", lambda: WithoutRoot("2"),
    ),
    Switch(
        "no-patient-root", "Offers the Study Root model alone.", "C4 (pynetdicom 898)",
        lambda: WithoutRoot("1"),
    ),
    Switch(
        "empty-study-uid", "Answers without the Study Instance UID.",
        "C3 (dcm4chee-arc-light 1263)", EmptyStudyUid,
    ),
    Switch("bad-vr", "Puts words where numbers belong.", "C3 (dicoogle 378)", BadVr),
    Switch(
        "no-charset", "Answers in Latin-1 and does not say so.", "C4 (fo-dicom 659)",
        lambda: CharacterSet(if_asked=False),
    ),
    Switch(
        "charset-only-if-asked", "Says its character set only where that is asked for.",
        "C4 (Weasis 627)", lambda: CharacterSet(if_asked=True),
    ),
)  # fmt: skip
