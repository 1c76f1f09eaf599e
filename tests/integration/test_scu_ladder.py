"""A whole set by few questions where a PACS can, by many where not, and never a case less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.found import PacsAnswer, Unasked
from pacs_bridge.domain.loading import Completeness, Findable
from pacs_bridge.domain.profile import Outcome, QueryProfile, Rung
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.scu.peer import DimsePeer
from tests.loads import MG, START, a_pacs, a_passport
from tests.scripted_pacs import STUDY_ROOT_FIND, Script, a_row, scripted_pacs

PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PEER = DimsePeer()
CASES = a_passport(None, 5).cases
BY_UID = {case.studies[0].study_instance_uid: case for case in CASES}
IMAGES = {s.series_instance_uid: s.instances[0] for c in CASES for s in c.studies[0].series}

Rows = list[tuple[int, Dataset | None]]
Find = Callable[[Dataset], Rows | None]


def row_of(uid: str, **changes: Any) -> Dataset:
    case = BY_UID[uid]
    elements = {
        "StudyInstanceUID": uid,
        "AccessionNumber": case.accession,
        "PatientID": case.patient_id,
        "NumberOfStudyRelatedInstances": "4",
    }
    return a_row(**(elements | changes))


def a_pacs_with(query: Dataset, *uids: str) -> list[Dataset]:
    """Answer as the standard has it, as a PACS that holds these studies, or all of them."""
    held = uids or tuple(BY_UID)
    if query.QueryRetrieveLevel == "IMAGE":
        image = IMAGES.get(query.SeriesInstanceUID)
        if image is None or query.StudyInstanceUID not in held:
            return []
        wanted = query.get("SOPInstanceUID") or image.sop_instance_uid
        rows = [a_row(SOPInstanceUID=image.sop_instance_uid, SOPClassUID=MG)]
        return rows if wanted == image.sop_instance_uid else []
    if query.QueryRetrieveLevel == "SERIES":
        return []
    name, asked, patient = (
        query.get(key) for key in ("AccessionNumber", "StudyInstanceUID", "PatientID")
    )
    listed = [asked] if isinstance(asked, str) else list(asked or [])
    return [
        row_of(uid)
        for uid in held
        if (not any(listed) or uid in listed)
        and (not patient or patient == BY_UID[uid].patient_id)
        and (
            not name
            or (BY_UID[uid].accession.startswith(name[:-1]) if name[-1] == "*" else False)
            or name == BY_UID[uid].accession
        )
    ]


def answer(rows: list[Dataset]) -> Rows:
    return [*((0xFF00, row) for row in rows), (0x0000, None)]


def well(query: Dataset) -> Rows:
    return answer(a_pacs_with(query))


def is_wildcard(query: Dataset) -> bool:
    return "*" in str(query.get("AccessionNumber", ""))


def is_list(query: Dataset) -> bool:
    return not isinstance(query.get("StudyInstanceUID", ""), str)


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with scripted_pacs(Script()) as script:
        yield script


@pytest.fixture
def sweep(server: Script) -> Callable[..., list[PacsAnswer]]:
    def swept(find: Find, known: QueryProfile | None = None) -> list[PacsAnswer]:
        server.find, server.asked = find, []
        pacs = a_pacs(server.port)
        return list(PEER.find_cases(replace(pacs, profile=known or pacs.profile), CASES))

    return swept


def studies_asked(server: Script) -> int:
    return sum(query.QueryRetrieveLevel == "STUDY" for query in server.asked)


def judged(answers: list[PacsAnswer]) -> list[tuple[Completeness, Findable]]:
    verdicts = [
        judge_case(case, each, last_sent_at=None, now=START)
        for case, each in zip(CASES, answers, strict=True)
    ]
    return [(verdict.complete, verdict.findable) for verdict in verdicts]


GOOD = [(Completeness.PROVEN, Findable.AS_NAMED)] * 5


def test_a_set_is_found_by_one_wildcard_and_one_list(sweep, server):
    answers = sweep(well)
    assert judged(answers) == GOOD
    assert studies_asked(server) == 2
    assert answers[-1].learned.rungs == {
        Rung.WILDCARD: Outcome.WORKS,
        Rung.UID_LIST: Outcome.WORKS,
    }


def refused(is_wide: Callable[[Dataset], bool], status: int) -> Find:
    return lambda query: [(status, None)] if is_wide(query) else well(query)


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC000, 0x0122])
def test_where_wildcards_are_refused_each_number_is_searched_for_and_that_is_learned(
    sweep, server, status
):
    answers = sweep(refused(is_wildcard, status))
    assert judged(answers) == GOOD
    assert studies_asked(server) == 1 + 1 + 5
    learned = answers[-1].learned
    assert learned.rungs[Rung.WILDCARD] is Outcome.REFUSED
    assert learned.rungs[Rung.ACCESSION] is Outcome.WORKS
    assert judged(sweep(refused(is_wildcard, status), learned)) == GOOD
    assert not any(is_wildcard(query) for query in server.asked)


def test_where_lists_are_refused_studies_are_asked_for_one_by_one(sweep, server):
    answers = sweep(refused(is_list, 0xA900))
    assert judged(answers) == GOOD
    assert answers[-1].learned.rungs[Rung.UID_LIST] is Outcome.REFUSED
    assert answers[-1].learned.rungs[Rung.UID] is Outcome.WORKS


def test_where_wildcards_break_off_the_rest_is_asked_over_a_new_association(sweep, server):
    before = server.associations
    answers = sweep(lambda query: None if is_wildcard(query) else well(query))
    assert judged(answers) == GOOD
    assert server.associations == before + 2
    assert answers[-1].learned.rungs[Rung.WILDCARD] is Outcome.BROKE


def test_a_wildcard_that_is_taken_by_its_letter_is_learned_to_find_nothing(sweep):
    answers = sweep(lambda query: answer([]) if is_wildcard(query) else well(query))
    assert judged(answers) == GOOD
    assert answers[-1].learned.rungs[Rung.WILDCARD] is Outcome.BLIND


def test_answers_that_are_cut_off_cost_questions_and_no_case(sweep, server):
    def capped(query: Dataset) -> Rows:
        return answer(a_pacs_with(query)[:2])

    answers = sweep(capped)
    assert judged(answers) == GOOD
    learned = answers[-1].learned
    assert learned.rungs[Rung.WILDCARD] is Outcome.CAPPED
    assert learned.rungs[Rung.UID_LIST] is Outcome.CAPPED
    assert learned.cap == 2
    assert learned.one_at_a_time
    assert judged(sweep(capped, learned)) == GOOD
    assert not any(is_wildcard(query) or is_list(query) for query in server.asked)


def test_a_profile_that_has_become_wrong_is_learned_anew(sweep):
    known = QueryProfile({Rung.WILDCARD: Outcome.WORKS, Rung.UID_LIST: Outcome.WORKS})
    answers = sweep(refused(is_wildcard, 0xA900), known)
    assert judged(answers) == GOOD
    assert known.learn(answers[-1].learned, START).rungs[Rung.WILDCARD] is Outcome.REFUSED


def test_a_case_that_a_list_leaves_out_is_asked_for_alone_before_it_is_missing(sweep, server):
    gone, *held = BY_UID
    answers = sweep(lambda query: answer(a_pacs_with(query, *held)))
    assert judged(answers) == [(Completeness.MISSING, Findable.NOT_BY_NAME), *GOOD[1:]]
    alone = [q for q in server.asked if q.get("StudyInstanceUID") == gone]
    assert len(alone) >= 2  # with all keys, and with nothing but its UID
    assert answers[-1].learned.rungs[Rung.WILDCARD] is Outcome.WORKS


def test_a_near_miss_in_a_wildcards_answers_is_nobodys_case(sweep):
    first = next(iter(BY_UID))

    def near(query: Dataset) -> Rows:
        rows = a_pacs_with(query)
        if query.get("AccessionNumber"):
            rows = [row for row in rows if row.StudyInstanceUID != first]
            rows.append(row_of(first, AccessionNumber=CASES[0].accession + "1"))
        return answer(rows)

    answers = sweep(near)
    assert judged(answers) == [(Completeness.PROVEN, Findable.NOT_BY_NAME), *GOOD[1:]]


def test_a_study_that_its_uid_does_not_find_is_looked_for_among_its_patients(sweep):
    def blind(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel == "STUDY" and not query.get("PatientID"):
            return answer([])
        return well(query)

    answers = sweep(blind)
    assert [complete for complete, _ in judged(answers)] == [Completeness.PROVEN] * 5
    assert answers[-1].learned.rungs[Rung.PATIENT] is Outcome.WORKS
    assert answers[-1].learned.rungs[Rung.UID] is Outcome.BLIND


def test_a_study_level_that_refuses_uids_is_asked_by_name_before_it_is_unknown(sweep):
    def by_name_only(query: Dataset) -> Rows:
        level, uid = query.QueryRetrieveLevel, query.get("StudyInstanceUID")
        return [(0xA900, None)] if level == "STUDY" and uid else well(query)

    found = sweep(by_name_only)
    assert [complete for complete, _ in judged(found)] == [Completeness.PROVEN] * 5
    nothing = sweep(lambda query: [(0xA900, None)])
    assert {each.why for each in nothing} == {Unasked.REFUSED}


def test_an_image_level_that_is_refused_is_not_asked_for_every_study(sweep, server):
    def no_images(query: Dataset) -> Rows:
        return [(0xA900, None)] if query.QueryRetrieveLevel == "IMAGE" else well(query)

    answers = sweep(no_images)
    assert [complete for complete, _ in judged(answers)] == [Completeness.COUNTED] * 5
    assert sum(query.QueryRetrieveLevel == "IMAGE" for query in server.asked) == 2
    assert answers[-1].learned.image_level is False
    assert judged(sweep(well, answers[-1].learned)) == GOOD  # one question finds it out


def test_a_list_of_images_that_is_cut_off_is_made_whole_image_by_image(server):
    passport = a_passport(None, 1)
    case, study = passport.cases[0], passport.cases[0].studies[0]
    images = tuple(series.instances[0] for series in study.series)
    one = replace(study.series[0], instances=images)
    case = replace(case, studies=(replace(study, series=(one,)),))

    def capped(query: Dataset) -> Rows:
        if query.QueryRetrieveLevel != "IMAGE":
            return well(query)
        wanted = query.get("SOPInstanceUID")
        rows = [a_row(SOPInstanceUID=i.sop_instance_uid, SOPClassUID=MG) for i in images]
        return answer([r for r in rows if not wanted or r.SOPInstanceUID == wanted][:2])

    server.find = capped
    verdict = judge_case(
        case, PEER.find_case(a_pacs(server.port), case), last_sent_at=None, now=START
    )
    assert verdict.complete is Completeness.PROVEN


def test_another_study_under_our_number_is_a_conflict_where_ours_is_not(server):
    def stranger(query: Dataset) -> Rows:
        if query.get("AccessionNumber"):
            return answer([row_of(next(iter(BY_UID)), StudyInstanceUID="1.2.3.4")])
        return answer([])

    server.find = stranger
    found = PEER.find_case(a_pacs(server.port), CASES[0])
    verdict = judge_case(CASES[0], found, last_sent_at=None, now=START)
    assert verdict.complete is Completeness.CONFLICT
    assert "another study stands under our accession number" in verdict.evidence
    assert CASES[0].accession in verdict.instruction


def test_a_proxy_that_empties_the_study_uid_hides_no_case(sweep):
    def emptied(query: Dataset) -> Rows:
        rows = a_pacs_with(query)
        for row in rows:
            if "StudyInstanceUID" in row:
                row.StudyInstanceUID = ""
        return answer(rows)

    assert judged(sweep(emptied)) == GOOD


@pytest.mark.parametrize("study_root", [True, False])
def test_patient_root_is_asked_where_study_root_is_not_offered(study_root):
    classes = [PATIENT_ROOT_FIND, STUDY_ROOT_FIND] if study_root else [PATIENT_ROOT_FIND]

    def strict(query: Dataset) -> Rows:
        if not study_root and not query.get("PatientID"):
            return [(0xA900, None)]
        return well(query)

    with scripted_pacs(Script(find=strict), sop_classes=classes) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), CASES))
    assert judged(answers) == GOOD
    assert answers[-1].learned.patient_root is not study_root


def test_a_patient_root_that_shows_one_patient_and_counts_nothing_proves_nothing():
    def strict(query: Dataset) -> Rows:
        if not query.get("PatientID"):
            return [(0xA900, None)]
        rows = well(query)
        for _, row in rows:
            if row is not None and "NumberOfStudyRelatedInstances" in row:
                del row.NumberOfStudyRelatedInstances
        return rows

    with scripted_pacs(Script(find=strict), sop_classes=[PATIENT_ROOT_FIND]) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), CASES))
    assert judged(answers) == [(Completeness.COUNTED, Findable.AS_NAMED)] * len(CASES)


def test_a_patient_root_that_answers_for_all_patients_hides_nobody():
    with scripted_pacs(Script(find=well), sop_classes=[PATIENT_ROOT_FIND]) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), CASES))
    assert judged(answers) == GOOD


def test_another_patient_s_image_that_a_patient_root_keeps_apart_is_a_conflict():
    def lenient(query: Dataset) -> Rows:
        if query.get("PatientID") or query.QueryRetrieveLevel != "STUDY":
            return well(query)
        rows = a_pacs_with(query)
        return answer([*rows, *(row_of(row.StudyInstanceUID, PatientID="RVX1") for row in rows)])

    with scripted_pacs(Script(find=lenient), sop_classes=[PATIENT_ROOT_FIND]) as script:
        answers = list(PEER.find_cases(a_pacs(script.port), CASES))
    assert {complete for complete, _ in judged(answers)} == {Completeness.CONFLICT}


def test_whether_answers_name_their_character_set_is_learned(sweep):
    def named(query: Dataset) -> Rows:
        rows = a_pacs_with(query)
        for row in rows:
            row.SpecificCharacterSet = "ISO_IR 100"
        return answer(rows)

    assert sweep(well)[-1].learned.charset is False
    assert sweep(named)[-1].learned.charset is True
