"""What a PACS is answered about the sets that were loaded into it, straight from the handlers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from pacs_bridge.domain.objects import Caller
from pacs_bridge.domain.query import FIND, FindAnswer, FindRequest, Root
from pacs_bridge.scp.query import QueryServices, on_c_find
from pacs_bridge.services.query_identifier import LONGEST_IDENTIFIER
from tests.builders import a_case, a_passport
from tests.databases import TestDatabase
from tests.nodes import CALLER, EXPLICIT, IMPLICIT, encode, register
from tests.queries import (
    PATIENT_ROOT,
    STUDY_ROOT,
    a_question,
    data_set,
    events_of,
    load,
    services_of,
)

Ask = Callable[..., list[FindAnswer]]


@pytest.fixture
def ask(database: TestDatabase) -> Ask:
    """Ask the set with cases 1, 101 and 102, loaded into the PACS that calls."""
    register(database)
    with database.begin() as uow:
        uow.case_sets.remove("PERFORMS121")
    load(database, a_passport(1, 101, 102))
    services = services_of(database)

    def asking(
        level: str, model: str = STUDY_ROOT, *, implicit: bool = False, raw: bytes | None = None,
        caller: Caller = CALLER, cancelled: Callable[[], bool] = lambda: False, **keys: Any,
    ) -> list[FindAnswer]:  # fmt: skip
        data = encode(a_question(level, **keys), implicit=implicit) if raw is None else raw
        request = FindRequest(
            caller, model, IMPLICIT if implicit else EXPLICIT, memoryview(data), cancelled
        )
        return list(on_c_find(request, services))

    return asking


def found(answers: list[FindAnswer], keyword: str, **encoding: Any) -> list[str]:
    assert answers[-1].status == 0x0000, answers[-1]
    return [str(data_set(a.identifier, **encoding)[keyword].value) for a in answers[:-1]]


def test_a_study_is_found_by_accession_number_and_only_whole(ask: Ask) -> None:
    assert found(ask("STUDY", AccessionNumber="PERFORMS121101"), "StudyInstanceUID") == [
        "1.2.101.1"
    ]
    assert ask("STUDY", AccessionNumber="PERFORMS12110")[0].status == 0x0000


@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
def test_an_answer_has_what_was_asked_for_and_no_more(ask: Ask, implicit: bool) -> None:
    [match, end] = ask(
        "STUDY", implicit=implicit, StudyInstanceUID="1.2.101.1", PatientName="", PatientID="",
        StudyDate="", ModalitiesInStudy="", NumberOfStudyRelatedInstances=None,
        InstanceAvailability="",
    )  # fmt: skip
    assert (match.status, end.status) == (0xFF00, 0x0000)
    ds = data_set(match.identifier, implicit=implicit)
    assert {e.keyword: str(e.value) for e in ds} == {
        "StudyDate": "20260101", "QueryRetrieveLevel": "STUDY", "RetrieveAETitle": "PACSBRIDGE",
        "InstanceAvailability": "ONLINE", "ModalitiesInStudy": "MG",
        "PatientName": "PERFORMS121^101", "PatientID": "PERFORMS121101",
        "StudyInstanceUID": "1.2.101.1", "NumberOfStudyRelatedInstances": "4",
    }  # fmt: skip
    assert [e.tag for e in ds] == sorted(e.tag for e in ds)
    assert len(match.identifier) % 2 == 0


def test_every_level_of_both_models_is_answered(ask: Ask) -> None:
    patient = {"PatientID": "PERFORMS121101"}
    study = {"StudyInstanceUID": "1.2.101.1"}
    series = {**study, "SeriesInstanceUID": "1.2.101.2"}
    images = [f"1.2.101.4.{n}" for n in (1, 2, 3, 4)]
    assert len(ask("PATIENT", PATIENT_ROOT, PatientID="")) == 4
    assert found(ask("STUDY", PATIENT_ROOT, **patient), "StudyInstanceUID") == ["1.2.101.1"]
    assert found(ask("SERIES", PATIENT_ROOT, **patient, **study), "SeriesInstanceUID") == [
        "1.2.101.2"
    ]
    assert found(ask("IMAGE", PATIENT_ROOT, **patient, **series), "SOPInstanceUID") == images
    assert len(ask("STUDY")) == 4
    assert found(ask("SERIES", **study, Modality="MG"), "SeriesInstanceUID") == ["1.2.101.2"]
    assert found(ask("IMAGE", **series, Rows=512), "SOPInstanceUID") == images
    assert found(ask("IMAGE", **series, ImageLaterality="R", InstanceNumber="3"),
                 "SOPInstanceUID") == images[2:3]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_question_that_does_not_fit_its_model_is_a900(ask: Ask) -> None:
    both = ["1.2.101.1", "1.2.102.1"]
    for level, model, keys, offending in (
        ("PATIENT", STUDY_ROOT, {}, 0x00080052),
        ("FRAME", STUDY_ROOT, {}, 0x00080052),
        ("", STUDY_ROOT, {}, 0x00080052),
        ("STUDY", PATIENT_ROOT, {}, 0x00100020),
        ("STUDY", PATIENT_ROOT, {"PatientID": "PERFORMS*"}, 0x00100020),
        ("SERIES", STUDY_ROOT, {}, 0x0020000D),
        ("SERIES", STUDY_ROOT, {"StudyInstanceUID": "*"}, 0x0020000D),
        ("SERIES", STUDY_ROOT, {"StudyInstanceUID": both}, 0x0020000D),
        ("IMAGE", STUDY_ROOT, {"StudyInstanceUID": "1.2.101.1"}, 0x0020000E),
        ("IMAGE", PATIENT_ROOT, {"PatientID": "PERFORMS121101"}, 0x0020000D),
    ):
        [refused] = ask(level, model, **keys)
        assert (refused.status, refused.offending) == (0xA900, (offending,)), (level, keys)
        assert refused.comment


def test_unknown_keys_are_left_out_and_said_to_be_by_the_status(ask: Ask) -> None:
    item = Dataset()
    item.CodeValue = ""
    for keys in (
        {"InstitutionName": "X"}, {"Modality": "CT"}, {"ProcedureCodeSequence": Sequence([item])},
    ):  # fmt: skip
        answers = ask("STUDY", StudyInstanceUID="1.2.101.1", **keys)
        assert [a.status for a in answers] == [0xFF01, 0x0000]
        assert next(iter(keys)) not in data_set(answers[0].identifier)
    plain = ask("STUDY", StudyInstanceUID="1.2.101.1", SpecificCharacterSet="ISO_IR 100",
                TimezoneOffsetFromUTC="+0100")  # fmt: skip
    assert plain[0].status == 0xFF00


def test_sequences_of_undefined_length_are_stepped_over(ask: Ask) -> None:
    inner = Dataset()
    inner.CodeValue = "X"
    outer = Dataset()
    outer.ProcedureCodeSequence = Sequence([inner])
    ds = a_question("STUDY", StudyInstanceUID="1.2.101.1",
                    ReferencedStudySequence=Sequence([outer]))  # fmt: skip
    for implicit in (False, True):
        raw = encode(ds, implicit=implicit, undefined=True)
        assert [a.status for a in ask("", raw=raw, implicit=implicit)] == [0xFF01, 0x0000]


def test_a_pacs_sees_only_the_sets_and_copies_that_were_loaded_into_it(
    ask: Ask, database: TestDatabase
) -> None:
    other = replace(a_passport(103), set_name="PERFORMS122")
    copy = replace(
        a_passport(101), copy=7,
        cases=(a_case(104, accession="PERFORMS12110107", patient_id="PERFORMS12110107"),),
    )  # fmt: skip
    with database.begin() as uow:
        uow.case_sets.add(other)
        uow.case_sets.add(copy)
    assert len(ask("STUDY")) == 4
    assert found(ask("STUDY", AccessionNumber="PERFORMS12110107", PatientID=""), "PatientID") == []
    elsewhere = replace(CALLER, pacs="elsewhere")
    assert [a.status for a in ask("STUDY", caller=elsewhere)] == [0x0000]
    assert [a.status for a in ask("STUDY", caller=replace(CALLER, pacs=None))] == [0x0000]
    load(database, copy)
    assert found(ask("STUDY", AccessionNumber="PERFORMS12110107", PatientID=""), "PatientID") == [
        "PERFORMS12110107"
    ]


def test_a_set_that_is_gone_is_no_longer_found(ask: Ask, database: TestDatabase) -> None:
    assert len(ask("STUDY")) == 4
    with database.begin() as uow:
        uow.case_sets.remove("PERFORMS121")
    assert [a.status for a in ask("STUDY")] == [0x0000]
    load(database, a_passport(101))  # the same number in the database, perhaps; other content
    assert found(ask("STUDY"), "StudyInstanceUID") == ["1.2.101.1"]


def test_a_prior_study_has_no_accession_number(database: TestDatabase) -> None:
    case = a_case(101)
    [study] = case.studies
    [earlier] = a_case(109).studies
    prior = replace(earlier, prior=True, study_date="20230101")
    load(database, replace(a_passport(), cases=(replace(case, studies=(study, prior)),)))
    raw = encode(a_question("STUDY", PatientID="PERFORMS121101", AccessionNumber="",
                            StudyDate="-20251231"))  # fmt: skip
    request = FindRequest(CALLER, STUDY_ROOT, EXPLICIT, memoryview(raw))
    [match, _] = on_c_find(request, services_of(database))
    assert data_set(match.identifier).AccessionNumber == ""
    assert data_set(match.identifier).StudyInstanceUID == "1.2.109.1"


def test_a_name_outside_ascii_is_asked_in_its_set_and_answered_in_utf8(
    database: TestDatabase,
) -> None:
    cases = (a_case(101, patient_name="Übung^Ä"), a_case(102))
    load(database, replace(a_passport(), cases=cases))
    services = services_of(database)

    def ask_by_name(name: str, character_set: str, codec: str) -> list[Dataset]:
        head = encode(a_question("STUDY", SpecificCharacterSet=character_set))
        raw = name.encode(codec)
        raw += b" " * (len(raw) % 2)
        name_element = struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", len(raw)) + raw
        request = FindRequest(CALLER, STUDY_ROOT, EXPLICIT, memoryview(head + name_element))
        *matches, last = on_c_find(request, services)
        assert last.status == 0x0000
        return [data_set(each.identifier) for each in matches]

    for asked_in in (
        ("ISO_IR 192", "utf-8"),
        ("ISO_IR 100", "latin-1"),
        ("ISO 2022 IR 100\\ISO 2022 IR 126", "latin-1"),
        ("GB18030", "gb18030"),
    ):
        [ds] = ask_by_name("übung*", *asked_in)
        assert (ds.SpecificCharacterSet, str(ds.PatientName)) == ("ISO_IR 192", "Übung^Ä")
        [ds] = ask_by_name("PERFORMS*", *asked_in)
        assert "SpecificCharacterSet" not in ds


def test_a_text_that_is_not_in_its_character_set_is_refused(ask: Ask) -> None:
    raw = encode(a_question("STUDY")) + struct.pack("<HH2sH", 0x10, 0x10, b"PN", 2) + b"\xc4*"
    [refused] = ask("", raw=raw)
    assert (refused.status, refused.offending) == (0xA900, (0x00100010,))


def test_a_damaged_or_oversized_identifier_is_answered_and_nothing_is_looked_up(ask: Ask) -> None:
    open_sequence = b"\x08\0\x05\0SQ\0\0\xff\xff\xff\xff"
    for raw in (
        b"\x08",
        b"\x08\0\x52\0CS\xff\xff",
        open_sequence,
        open_sequence + b"\xfe\xff\0\xe0\xff\xff\xff\xff" * 3,
        bytes(LONGEST_IDENTIFIER + 2),
        b"".join(struct.pack("<HH2sH", 9, n, b"LO", 0) for n in range(1, 700)),
    ):
        [refused] = ask("", raw=raw)
        assert refused.status == 0xC000, raw[:20]


def test_an_empty_identifier_names_no_level(ask: Ask) -> None:
    assert ask("", raw=b"")[0].status == 0xA900


def test_more_than_is_given_at_once_is_refused_whole(ask: Ask, database: TestDatabase) -> None:
    raw = encode(a_question("STUDY"))
    request = FindRequest(CALLER, STUDY_ROOT, EXPLICIT, memoryview(raw))
    [refused] = on_c_find(request, services_of(database, most=2))
    assert refused.status == 0xA700
    assert len(list(on_c_find(request, services_of(database, most=3)))) == 4


def test_a_cancelled_question_ends_with_fe00_and_no_further_match(ask: Ask) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert [a.status for a in ask("STUDY", cancelled=cancelled)] == [0xFF00, 0xFE00]


def test_each_question_leaves_one_event_without_a_word_of_it(
    ask: Ask, database: TestDatabase
) -> None:
    ask("STUDY", PatientName="PLANTED*", PatientID="")
    ask("STUDY", PATIENT_ROOT)
    ask("SERIES", PATIENT_ROOT)
    events = events_of(database, "query", 3)
    shown = [(e.subject, e.detail["model"], e.detail["level"], e.detail["status"]) for e in events]
    assert shown == [
        ("hospital", "patient", "", "A900"),
        ("hospital", "patient", "", "A900"),
        ("hospital", "study", "STUDY", "0000"),
    ]
    assert events[-1].detail["matches"] == 0
    assert "PLANTED" not in str(events)


def test_a_question_whose_asker_is_gone_leaves_its_event_too(
    ask: Ask, database: TestDatabase
) -> None:
    raw = encode(a_question("STUDY"))
    answers = on_c_find(
        FindRequest(CALLER, STUDY_ROOT, EXPLICIT, memoryview(raw)), services_of(database)
    )
    assert next(answers).status == 0xFF00
    answers.close()
    [event] = events_of(database, "query")
    assert (event.detail["matches"], event.detail["status"]) == (1, "FE00")


def test_a_failure_of_our_own_is_answered_and_says_nothing(database: TestDatabase) -> None:
    def broken(_request: FindRequest, _root: Root) -> Any:
        raise RuntimeError("PLANTED")

    noted: list[Any] = []
    services = QueryServices(broken, pytest.fail, lambda *what: noted.append(what))
    request = FindRequest(CALLER, STUDY_ROOT, EXPLICIT, memoryview(b""))
    [answer] = on_c_find(request, services)
    assert answer.status == 0xC000
    assert "PLANTED" not in answer.comment
    assert len(noted) == 1
    assert on_c_find(replace(request, sop_class_uid="1.2"), services).__next__().status == 0x0122
    assert set(FIND) == {STUDY_ROOT, PATIENT_ROOT}
