"""The worklist: others' programs ask it as an imaging device would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import UnreadableObject
from pacs_bridge.domain.query import FindRequest, UnfitIdentifier
from pacs_bridge.services.worklist import find_worklist
from tests.builders import a_case, a_passport
from tests.databases import TestDatabase
from tests.dcmtk import dcmtk
from tests.nodes import CALLER, EXPLICIT, IMPLICIT, encode
from tests.queries import data_set, events_of, keep, load, query_node

WORKLIST = "1.2.840.10008.5.1.4.31"


@pytest.fixture
def passport(database: TestDatabase, tmp_path: Path) -> Passport:
    passport = keep(LocalArchive(tmp_path / "archive"), 101, 102, 103)
    load(database, passport)
    return passport


def a_question(step: dict[str, str] | None = None, **keys: str) -> Dataset:
    ds = Dataset()
    for keyword, value in ({"AccessionNumber": "", "PatientName": ""} | keys).items():
        setattr(ds, keyword, value)
    item = Dataset()
    for keyword, value in ({"Modality": "", "ScheduledStationAETitle": ""} | (step or {})).items():
        setattr(item, keyword, value)
    ds.ScheduledProcedureStepSequence = [item]
    return ds


def ask(database: TestDatabase, question: Dataset, *, implicit: bool = False) -> list[Dataset]:
    syntax = IMPLICIT if implicit else EXPLICIT
    request = FindRequest(CALLER, WORKLIST, syntax, memoryview(encode(question, implicit=implicit)))
    answers = find_worklist(request, read=database.begin).identifiers
    return [data_set(each, implicit=implicit) for each in answers]


@pytest.fixture
def port(database: TestDatabase, passport: Passport, tmp_path: Path) -> Iterator[int]:
    with query_node(database, LocalArchive(tmp_path / "archive")) as port:
        yield port


def test_findscu_sees_every_study_that_comes_as_a_scheduled_procedure(
    port: int, database: TestDatabase, passport: Passport, tmp_path: Path
) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    keys = ("AccessionNumber", "PatientID", "StudyInstanceUID", "(0040,0100)[0].Modality=MG")
    asked = [word for key in keys for word in ("-k", key)]
    words = ("-W", "-aet", "HOSPITAL", "-X", "-od", str(folder), *asked)
    dcmtk("findscu", port, *words, called="PACSBRIDGE")
    answers = [dcmread(path) for path in folder.glob("rsp*.dcm")]
    assert sorted(str(a.AccessionNumber) for a in answers) == [c.accession for c in passport.cases]
    first = next(a for a in answers if a.AccessionNumber == passport.cases[0].accession)
    assert first.StudyInstanceUID == passport.cases[0].studies[0].study_instance_uid
    assert first.ScheduledProcedureStepSequence[0].Modality == "MG"
    [event] = events_of(database, "query")
    assert (event.detail["model"], event.detail["matches"]) == ("worklist", 3)


@pytest.mark.parametrize("implicit", [False, True])
def test_keys_narrow_the_answer_at_the_top_and_inside_the_step(
    database: TestDatabase, passport: Passport, implicit: bool
) -> None:
    case = passport.cases[1]
    date = case.studies[0].study_date
    for question, count in (
        (a_question(AccessionNumber=case.accession), 1),
        (a_question(PatientName=case.patient_name.lower()), 1),
        (a_question(AccessionNumber="PERFORMS*"), 3),
        (a_question(AccessionNumber="NOBODY"), 0),
        (a_question({"Modality": "MG"}), 3),
        (a_question({"Modality": "CT"}), 0),
        (a_question({"ScheduledProcedureStepStartDate": f"{date}-{date}"}), 3),
        (a_question({"ScheduledProcedureStepStartDate": "19000101-19001231"}), 0),
        (a_question({"ScheduledStationAETitle": CALLER.ae_title}), 3),
    ):
        assert len(ask(database, question, implicit=implicit)) == count, question


def test_what_was_asked_for_and_is_not_known_comes_back_empty(
    database: TestDatabase, passport: Passport
) -> None:
    [answer] = ask(
        database, a_question(AccessionNumber=passport.cases[0].accession, PatientWeight="")
    )
    assert "PatientWeight" in answer
    assert answer.PatientWeight is None
    assert answer.PatientName == passport.cases[0].patient_name


def test_a_pacs_sees_only_what_was_loaded_into_it(
    database: TestDatabase, passport: Passport
) -> None:
    stranger = replace(CALLER, pacs="another")
    request = FindRequest(stranger, WORKLIST, EXPLICIT, memoryview(encode(a_question())))
    assert find_worklist(request, read=database.begin).matches == 0


@pytest.mark.parametrize("damage", [b"\x08\x00", b"\x40\x00\x00\x01SQ\0\0\xff\xff\xff\xff"])
def test_a_damaged_question_is_refused_in_words(
    database: TestDatabase, passport: Passport, damage: bytes
) -> None:
    data: Any = memoryview(encode(a_question()) + damage)
    with pytest.raises(UnreadableObject):
        find_worklist(FindRequest(CALLER, WORKLIST, EXPLICIT, data), read=database.begin)


def test_a_key_that_is_none_is_named_by_its_tag(database: TestDatabase, passport: Passport) -> None:
    question = a_question({"ScheduledProcedureStepStartDate": "20250101\\20250102"})
    request = FindRequest(CALLER, WORKLIST, EXPLICIT, memoryview(encode(question)))
    with pytest.raises(UnfitIdentifier) as refused:
        find_worklist(request, read=database.begin)
    assert refused.value.offending == (0x00400002,)


def test_a_name_outside_ascii_is_answered_in_utf8(database: TestDatabase) -> None:
    load(database, replace(a_passport(), cases=(a_case(101, patient_name="Übung^Ä"),)))
    [answer] = ask(database, a_question(PatientName=""))
    assert (answer.SpecificCharacterSet, str(answer.PatientName)) == ("ISO_IR 192", "Übung^Ä")
