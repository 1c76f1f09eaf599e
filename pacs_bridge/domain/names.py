"""Whether a reader who searches for a case's name finds it, and else under which name.

References
----------
QUIRKS.md C5.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pacs_bridge.domain.caseset import Case
from pacs_bridge.domain.found import FoundStudy, PacsAnswer
from pacs_bridge.domain.loading import Findable
from pacs_bridge.domain.sentences import (
    About,
    KnownAs,
    about,
    word_person,
    word_rename,
    word_stranger,
    word_unmatched,
)

_NHS_NUMBER = re.compile(r"\d{3}[ -]?\d{3}[ -]?\d{4}")
_SET_ASIDE = re.compile(
    r"un-?(match|verif|link|assign|identif|reconcil|known|ordered)|no-?\s?(order|match)|"
    r"quarantine|orphan|exception|failed.?import|reject",
    re.IGNORECASE,
)
"""Names under which PACS file what they could not match to an order or patient."""


@dataclass(frozen=True)
class Named:
    """How a case is found by its name, with what to do and what to search for instead."""

    findable: Findable
    instruction: str = ""
    search_for: str = ""


def judge_name(case: Case, answer: PacsAnswer, known: KnownAs | None = None) -> Named:
    """Compare names; an attribute that the PACS leaves out or empties changes nothing.

    Patient names are not compared: PACS reformat them, and nobody searches by ours.
    """
    current = [
        (study, found)
        for study in case.studies
        if not study.prior and (found := answer.studies.get(study.study_instance_uid)) is not None
    ]
    if not current:
        return Named(Findable.NOT_BY_NAME)
    for study, found in current:
        if (renamed := _renamed(case, found, about(case, study, known))) is not None:
            return renamed
    returned = all((found.accession_number or "").strip() for _, found in current)
    if answer.by_name or (answer.by_name is None and returned):
        return Named(Findable.AS_NAMED)
    of = about(case, current[0][0], known)
    return Named(Findable.NOT_BY_NAME, word_unmatched(of, nameless=not returned))


def _is_strangers(case: Case, study: FoundStudy) -> bool:
    """Whether number, patient ID and name are all another's: the order of a real person.

    A name that cannot be read, or is still ours in another form, says nothing.
    """
    family = re.sub(r"[^A-Z]", "", case.patient_name.partition("^")[0].upper())
    theirs = re.sub(r"[^A-Z?]", "", (study.patient_name or "").upper())
    renamed = all(
        said and said != ours
        for said, ours in (
            ((study.accession_number or "").strip(), case.accession),
            ((study.patient_id or "").strip(), case.patient_id),
        )
    )
    return renamed and bool(family and theirs) and "?" not in theirs and family not in theirs


def _renamed(case: Case, study: FoundStudy, of: About) -> Named | None:
    if any(_SET_ASIDE.search(text or "") for text in (study.patient_name, study.patient_id)):
        return Named(Findable.NOT_BY_NAME, word_unmatched(of))
    if _is_strangers(case, study):
        return Named(Findable.BY_OTHER_NAME, word_stranger(of))
    for label, ours, theirs in (
        ("accession number", case.accession, (study.accession_number or "").strip()),
        ("patient ID", case.patient_id, (study.patient_id or "").strip()),
    ):
        if not theirs or theirs == ours:
            continue
        if _SET_ASIDE.search(theirs):
            return Named(Findable.NOT_BY_NAME, word_unmatched(of))
        if label == "patient ID" and _NHS_NUMBER.fullmatch(theirs):  # shown to nobody
            return Named(Findable.BY_OTHER_NAME, word_person(label, ours, of))
        return Named(Findable.BY_OTHER_NAME, word_rename(label, ours, theirs, of), theirs)
    return None
