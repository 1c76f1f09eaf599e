"""How PACS answer C-FIND, each in its own way, and what we make of it (QUIRKS.md C3 to C6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.found import FoundImage, PacsAnswer, Unasked
from pacs_bridge.domain.loading import CaseVerdict, Completeness, Findable, Near
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.scu.peer import DimsePeer
from tests.loads import MG, START, a_pacs, a_passport
from tests.scripted_pacs import Script, a_row, scripted_pacs

PEER = DimsePeer()
CASE = a_passport(None, 1).cases[0]
STUDY = CASE.studies[0]
IMAGES = {series.series_instance_uid: series.instances[0] for series in STUDY.series}
SR_SERIES, SR = "1.2.3.88", "1.2.840.10008.5.1.4.1.1.88.33"

Rows = list[tuple[int, Dataset | None]]


def study_row(**changes: Any) -> Dataset:
    elements = {
        "StudyInstanceUID": STUDY.study_instance_uid,
        "AccessionNumber": CASE.accession,
        "PatientID": CASE.patient_id,
        "PatientName": CASE.patient_name,
        "NumberOfStudyRelatedInstances": "4",
        "InstanceAvailability": "ONLINE",
    }
    return a_row(**{k: v for k, v in (elements | changes).items() if v is not None})


def a_good_pacs(query: Dataset, *, pending: int = 0xFF00, **study: Any) -> Rows:
    """Answers strictly by unique keys, all four images and an SR series there."""
    match query.QueryRetrieveLevel:
        case "STUDY":
            by_uid = query.get("StudyInstanceUID") == STUDY.study_instance_uid
            by_name = query.get("AccessionNumber") == CASE.accession
            rows = [study_row(**study)] if by_uid or by_name else []
        case "SERIES":
            assert query.StudyInstanceUID == STUDY.study_instance_uid
            rows = [
                a_row(SeriesInstanceUID=uid, Modality="MG", NumberOfSeriesRelatedInstances="1")
                for uid in IMAGES
            ]
            rows.append(a_row(SeriesInstanceUID=SR_SERIES, Modality="SR"))
        case _:
            assert query.StudyInstanceUID == STUDY.study_instance_uid
            image = IMAGES.get(query.SeriesInstanceUID)
            rows = [] if image is None else [image_row(image.sop_instance_uid)]
    return [*((pending, row) for row in rows), (0x0000, None)]


def image_row(uid: str, **changes: Any) -> Dataset:
    return a_row(
        **({"SOPInstanceUID": uid, "SOPClassUID": MG, "Rows": 32, "Columns": 24} | changes)
    )


Ask = Callable[[Callable[[Dataset], Rows | None]], tuple[PacsAnswer, list[Dataset]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with scripted_pacs(Script()) as script:
        yield script


@pytest.fixture
def ask(server: Script) -> Ask:
    """Ask for the case at a PACS that answers so; gives the answer and what it was asked."""

    def asked(find: Callable[[Dataset], Rows | None]) -> tuple[PacsAnswer, list[Dataset]]:
        server.find, server.asked = find, []
        return PEER.find_case(a_pacs(server.port), CASE), server.asked

    return asked


def judge(answer: PacsAnswer) -> CaseVerdict:
    return judge_case(CASE, answer, last_sent_at=None, now=START)


def levels(asked: list[Dataset]) -> list[str]:
    return [query.QueryRetrieveLevel for query in asked]


def test_a_good_pacs_proves_a_case_in_one_question_a_series_and_two_a_study(ask):
    answer, asked = ask(a_good_pacs)
    assert levels(asked) == ["STUDY", "IMAGE", "IMAGE", "IMAGE", "IMAGE", "STUDY"]
    verdict = judge(answer)
    assert verdict.complete is Completeness.PROVEN
    assert verdict.findable is Findable.AS_NAMED
    assert verdict.near is Near.ONLINE


def test_questions_are_hierarchical_exact_and_ask_for_the_character_set(ask):
    _, asked = ask(a_good_pacs)
    for query in asked:
        assert "SpecificCharacterSet" in query
        keys = [query.get("StudyInstanceUID"), query.get("AccessionNumber")]
        assert any(keys)
        assert not any("*" in str(element.value) for element in query)
        if query.QueryRetrieveLevel == "IMAGE":
            assert query.SeriesInstanceUID in IMAGES


def test_images_carry_what_the_pacs_says_of_them(ask):
    answer, _ = ask(a_good_pacs)
    study = answer.studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.images is not None
    series = STUDY.series[0]
    first = series.instances[0].sop_instance_uid
    where = (series.series_instance_uid, series.series_number)
    assert study.images[0] == FoundImage(first, MG, 32, 24, "", *where)
    assert (study.count, study.patient_ids) == (4, (CASE.patient_id,))


def test_pending_with_unsupported_keys_is_an_answer_and_an_absent_count_is_no_zero(ask):
    def find(query: Dataset) -> Rows:
        return a_good_pacs(query, pending=0xFF01, NumberOfStudyRelatedInstances=None)

    answer, asked = ask(find)
    assert judge(answer).complete is Completeness.PROVEN
    assert "SERIES" in levels(asked)  # no count: what else stands there is looked for


@pytest.mark.parametrize("count", ["", "0", "abc", "-1", "4.0", "99999999999"])
def test_a_bad_count_never_breaks_a_sweep(ask, count):
    def find(query: Dataset) -> Rows:
        row = study_row()
        row.add_new(0x00201208, "LO", count)  # an IS would not let us send it
        return [(0xFF00, row), (0, None)] if query.QueryRetrieveLevel == "STUDY" else good(query)

    good = a_good_pacs
    answer, _ = ask(find)
    study = answer.studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.count is None
    assert judge(answer).complete is Completeness.PROVEN


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122])
def test_where_the_image_level_is_refused_series_are_counted(ask, status):
    def find(query: Dataset) -> Rows:
        return [(status, None)] if query.QueryRetrieveLevel == "IMAGE" else a_good_pacs(query)

    answer, _ = ask(find)
    study = answer.studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.images is None
    assert study.series_counts == {**dict.fromkeys(IMAGES, 1), SR_SERIES: None}
    assert judge(answer).complete is Completeness.COUNTED


def test_where_only_the_study_level_is_known_its_count_is_all_there_is(ask):
    def find(query: Dataset) -> Rows:
        return a_good_pacs(query) if query.QueryRetrieveLevel == "STUDY" else [(0xA900, None)]

    answer, _ = ask(find)
    assert judge(answer).complete is Completeness.COUNTED


def test_a_refusal_for_want_of_resources_is_no_refusal_of_the_level(ask):
    def find(query: Dataset) -> Rows:
        return [(0xA700, None)] if query.QueryRetrieveLevel == "IMAGE" else a_good_pacs(query)

    answer, _ = ask(find)
    assert answer.error is not None
    assert "0xA700" in answer.error
    assert judge(answer).complete is Completeness.UNKNOWN


def test_a_refused_search_by_number_is_told_from_one_that_finds_nothing(ask):
    def refuse(query: Dataset) -> Rows:
        return [(0xA900, None)] if query.get("AccessionNumber") else a_good_pacs(query)

    def miss(query: Dataset) -> Rows:
        return [(0x0000, None)] if query.get("AccessionNumber") else a_good_pacs(query)

    assert ask(refuse)[0].by_name is None
    missed = ask(miss)[0]
    assert missed.by_name is False
    assert judge(missed).findable is Findable.NOT_BY_NAME


def test_only_exact_matches_are_taken(ask):
    """PERFORMS12110 must not match PERFORMS121101, nor another study our UID."""

    def find(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel != "STUDY":
            return a_good_pacs(query)
        others = [
            study_row(AccessionNumber=CASE.accession[:-1], StudyInstanceUID="1.2.3"),
            study_row(AccessionNumber=CASE.accession + "1", StudyInstanceUID="1.2.4"),
        ]
        return [*((0xFF00, row) for row in others), (0, None)]

    answer, _ = ask(find)
    assert answer.studies == {STUDY.study_instance_uid: None}
    assert answer.by_name is False


def test_a_row_a_series_is_one_study(ask):
    def find(query: Dataset) -> Rows:
        rows = a_good_pacs(query)
        return [*rows[:-1] * 4, rows[-1]] if len(rows) == 2 else rows

    answer, _ = ask(find)
    study = answer.studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.images is not None
    assert len(study.images) == 4
    assert study.patient_ids == (CASE.patient_id,)


def test_two_patients_under_one_study_uid_are_a_conflict(ask):
    def find(query: Dataset) -> Rows:
        rows = a_good_pacs(query)
        if query.get("StudyInstanceUID") and query.QueryRetrieveLevel == "STUDY":
            return [(0xFF00, study_row(PatientID="SOMEBODY")), *rows]
        return rows

    assert judge(ask(find)[0]).complete is Completeness.CONFLICT


def test_a_coerced_case_is_found_by_its_uid_and_says_its_new_name(ask):
    def find(query: Dataset) -> Rows:
        if query.get("AccessionNumber"):
            return [(0, None)]
        return a_good_pacs(query, AccessionNumber="RBH-7", PatientID="X1")

    verdict = judge(ask(find)[0])
    assert verdict.complete is Completeness.PROVEN
    assert verdict.findable is Findable.BY_OTHER_NAME
    assert "RBH-7" in verdict.instruction


def test_an_answer_without_its_unique_key_is_said_so(ask):
    def find(query: Dataset) -> Rows:
        return [(0xFF00, study_row(StudyInstanceUID="")), (0, None)]

    answer, _ = ask(find)
    assert answer.error is not None
    assert answer.error.startswith("the PACS answers without naming the Study Instance UID")
    assert answer.why is Unasked.NAMELESS


def test_a_study_that_only_a_bare_question_finds_is_found(ask):
    def find(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "STUDY" and "PatientName" in query:
            return [(0, None)]
        return a_good_pacs(query)

    answer, _ = ask(find)
    assert answer.studies[STUDY.study_instance_uid] is not None
    assert judge(answer).complete is Completeness.PROVEN


def test_series_that_the_pacs_made_itself_are_looked_into(ask):
    """A PACS that files our images under its own series UIDs has them all the same."""

    def find(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "SERIES":
            return [(0xFF00, a_row(SeriesInstanceUID="1.2.3.5", Modality="MG")), (0, None)]
        if query.QueryRetrieveLevel == "IMAGE":
            if query.SeriesInstanceUID != "1.2.3.5":
                return [(0, None)]
            rows = [image_row(image.sop_instance_uid) for image in IMAGES.values()]
            return [*((0xFF00, row) for row in rows), (0, None)]
        return a_good_pacs(query)

    assert judge(ask(find)[0]).complete is Completeness.PROVEN


def test_what_was_added_is_looked_for_where_the_count_says_so(ask):
    def find(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "IMAGE" and query.SeriesInstanceUID == "1.2.3.7":
            return [(0xFF00, image_row("1.2.3.7.1")), (0, None)]
        rows = a_good_pacs(query, NumberOfStudyRelatedInstances="6")
        if query.QueryRetrieveLevel == "SERIES":
            rows.insert(0, (0xFF00, a_row(SeriesInstanceUID="1.2.3.7", Modality="MG")))
        return rows

    answer, asked = ask(find)
    assert judge(answer).complete is Completeness.CONFLICT
    series = [query.get("SeriesInstanceUID") for query in asked]
    assert SR_SERIES not in series  # marks of readers hold no images


@pytest.mark.parametrize("counted", ["4", "9"])
def test_a_pacs_that_refuses_the_series_level_proves_what_its_count_accounts_for(ask, counted):
    def find(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "SERIES":
            return [(0xA900, None)]
        return a_good_pacs(query, NumberOfStudyRelatedInstances=counted)

    verdict = judge(ask(find)[0])
    assert verdict.found == 4
    if counted == "4":
        assert verdict.complete is Completeness.PROVEN
        return
    assert verdict.complete is Completeness.COUNTED
    assert "9 objects counted, 4 named" in verdict.evidence
    assert "SERIES level" in verdict.instruction


def test_values_in_a_strange_character_set_never_break_a_sweep(ask):
    def find(query: Dataset) -> Rows:
        row = study_row()
        row.add_new(0x00100010, "OB", "Müller^Änne".encode("latin-1"))
        return [(0xFF00, row), (0, None)] if query.get("PatientName", None) == "" else good(query)

    good = a_good_pacs
    answer, _ = ask(find)
    assert answer.error is None
    study = answer.studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.patient_name is not None
    assert study.patient_name.isascii()


def test_markup_and_escapes_in_an_answer_come_through_as_plain_text(ask):
    nasty = "\x1b[31m<script>"

    def find(query: Dataset) -> Rows:
        row = study_row()
        row.add_new(0x00080050, "OB", nasty.encode())
        return [(0xFF00, row), (0, None)] if query.QueryRetrieveLevel == "STUDY" else good(query)

    good = a_good_pacs
    verdict = judge(ask(find)[0])
    assert "\x1b" not in verdict.instruction
    assert verdict.findable is Findable.BY_OTHER_NAME


def test_a_uid_that_is_none_is_left_out(ask):
    def find(query: Dataset) -> Rows:
        rows = a_good_pacs(query)
        if query.QueryRetrieveLevel == "IMAGE":
            evil = image_row("1.2.3")
            evil.add_new(0x00080018, "OB", b"../../evil")
            rows.insert(0, (0xFF00, evil))
        return rows

    study = ask(find)[0].studies[STUDY.study_instance_uid]
    assert study is not None
    assert study.images is not None
    assert len(study.images) == 4


def test_an_image_in_the_slow_archive_is_told(ask):
    def find(query: Dataset) -> Rows:
        return a_good_pacs(query, InstanceAvailability="NEARLINE")

    assert judge(ask(find)[0]).near is Near.NEARLINE
