"""What a PACS said about a case, and what that means for the case and for the load."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pacs_bridge.domain.caseset import Case, Study
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer
from pacs_bridge.domain.loading import (
    LEAVING,
    CaseVerdict,
    Completeness,
    Findable,
    Near,
    Readiness,
    is_good,
    judge_load,
)
from pacs_bridge.domain.verdicts import judge_case
from tests.loads import MG, START, a_passport

CASE = a_passport(None, 1).cases[0]
STUDY = CASE.studies[0]
UIDS = [image.sop_instance_uid for image in CASE.instances()]
SR = "1.2.840.10008.5.1.4.1.1.88.33"


def images(*uids: str, **changes: Any) -> tuple[FoundImage, ...]:
    return tuple(replace(FoundImage(uid, MG, 32, 24, "ONLINE"), **changes) for uid in uids)


def a_study(*uids: str, **changes: Any) -> FoundStudy:
    whole = FoundStudy(
        STUDY.study_instance_uid,
        accession_number=CASE.accession,
        patient_id=CASE.patient_id,
        images=images(*uids),
        patient_ids=(CASE.patient_id,),
    )
    return replace(whole, **changes)


def judge(
    study: FoundStudy | None,
    *,
    by_name: bool | None = True,
    sent_ago: float | None = 3600,
    case: Case = CASE,
    **more: Any,
) -> CaseVerdict:
    return judge_case(
        case,
        PacsAnswer({STUDY.study_instance_uid: study}, by_name),
        last_sent_at=None if sent_ago is None else START - timedelta(seconds=sent_ago),
        now=START,
        grace=timedelta(seconds=900),
        **more,
    )


# How much of it is there


def test_a_case_of_which_every_uid_is_found_is_proven():
    verdict = judge(a_study(*UIDS))
    assert verdict.complete is Completeness.PROVEN
    assert (verdict.findable, verdict.near) == (Findable.AS_NAMED, Near.ONLINE)
    assert (verdict.wanted, verdict.found, verdict.missing) == (4, 4, ())
    assert verdict.evidence == "4 of 4 images found by UID"
    assert verdict.instruction == ""
    assert not verdict.waiting


def test_objects_that_were_added_break_nothing_and_are_told():
    marks = FoundImage("1.2.3.4", SR)
    verdict = judge(a_study(images=(*images(*UIDS), marks), count=7))
    assert verdict.complete is Completeness.PROVEN
    assert verdict.evidence.endswith("beside 3 other objects")


def test_a_count_that_says_nothing_changes_nothing():
    assert judge(a_study(*UIDS, count=None)).complete is Completeness.PROVEN
    assert judge(a_study(*UIDS, count=2)).complete is Completeness.PROVEN


def test_a_case_of_which_some_images_came_is_partial_and_names_what_is_missing():
    verdict = judge(a_study(*UIDS[:3]))
    assert verdict.complete is Completeness.PARTIAL
    assert (verdict.found, verdict.missing) == (3, (UIDS[3],))
    assert "Press Start again" in verdict.instruction


@pytest.mark.parametrize("study", [None, a_study(images=())])
def test_a_case_of_which_nothing_came_is_missing(study):
    verdict = judge(study)
    assert verdict.complete is Completeness.MISSING
    assert verdict.missing == tuple(sorted(UIDS))


@pytest.mark.parametrize("uids", [(), UIDS[:2]])
def test_within_the_grace_an_absent_image_is_waited_for(uids):
    verdict = judge(a_study(*uids), sent_ago=899)
    assert verdict.complete is Completeness.WAITING
    assert verdict.waiting
    assert verdict.instruction.startswith("Nothing to do")
    assert judge(a_study(*uids), sent_ago=900).complete is not Completeness.WAITING
    assert judge(a_study(*uids), sent_ago=None).complete is not Completeness.WAITING


def test_an_image_that_was_not_sent_yet_is_waited_for_without_end():
    verdict = judge(a_study(*UIDS[:2]), unsent={UIDS[2], "1.2.3"})
    assert verdict.complete is Completeness.WAITING
    assert "1 not sent yet" in verdict.evidence


def test_an_image_that_the_pacs_refused_is_not_waited_for():
    verdict = judge(a_study(*UIDS[:3]), sent_ago=1, refused={UIDS[3]: "0xA900: no", "1.2": "x"})
    assert verdict.complete is Completeness.PARTIAL
    assert not verdict.waiting
    assert "1 refused by the PACS (0xA900: no)" in verdict.evidence
    assert "do not match their kind" in verdict.instruction


def test_a_refused_image_beside_one_that_may_still_come_leaves_the_case_waiting():
    verdict = judge(a_study(*UIDS[:2]), sent_ago=1, refused={UIDS[3]: "0xA900"})
    assert verdict.complete is Completeness.WAITING


def test_an_image_that_was_refused_and_is_there_all_the_same_is_proven():
    assert judge(a_study(*UIDS), refused={UIDS[3]: "lost"}).complete is Completeness.PROVEN


# A PACS that does not list images


def test_counts_suffice_where_the_image_level_is_refused():
    verdict = judge(a_study(images=None, count=4))
    assert verdict.complete is Completeness.COUNTED
    assert (verdict.found, verdict.missing) == (4, ())


def test_a_case_that_is_less_sure_than_the_site_wants_says_what_to_do():
    assert "IMAGE level" in judge(a_study(images=None, count=4)).instruction
    content = judge(a_study(images=None, count=4), grade=Completeness.COUNTED)
    assert content.instruction == ""


def test_a_count_that_is_too_small_is_partial_and_the_whole_study_is_missing():
    verdict = judge(a_study(images=None, count=3))
    assert verdict.complete is Completeness.PARTIAL
    assert (verdict.found, set(verdict.missing)) == (3, set(UIDS))


def test_a_study_without_images_and_count_is_present():
    verdict = judge(a_study(images=None))
    assert verdict.complete is Completeness.PRESENT
    assert verdict.missing == ()


def test_an_absent_study_is_missing_though_another_is_only_counted():
    prior = replace(STUDY, study_instance_uid="1.2.3.9", prior=True)
    case = replace(CASE, studies=(STUDY, prior))
    both = {STUDY.study_instance_uid: a_study(images=None), "1.2.3.9": None}
    verdict = judge_case(case, PacsAnswer(both, by_name=True), last_sent_at=None, now=START)
    assert verdict.complete is Completeness.MISSING


def test_marks_do_not_pass_for_images_where_series_are_counted():
    counts = {series.series_instance_uid: 1 for series in STUDY.series}
    counts[STUDY.series[0].series_instance_uid] = 0
    verdict = judge(a_study(images=None, count=5, series_counts={**counts, "1.2.3": 2}))
    assert verdict.complete is Completeness.PARTIAL
    assert verdict.found == 3


def test_a_series_that_is_counted_twice_counts_no_more_than_it_has():
    counts = {series.series_instance_uid: 9 for series in STUDY.series}
    assert judge(a_study(images=None, series_counts=counts)).found == 4


def test_a_series_without_a_count_leaves_it_to_the_study():
    counts = {series.series_instance_uid: None for series in STUDY.series}
    verdict = judge(a_study(images=None, count=9, series_counts=counts))
    assert verdict.complete is Completeness.COUNTED
    assert verdict.found == 4


def test_a_pacs_that_counts_images_and_lists_none_is_taken_by_its_count():
    assert judge(a_study(images=(), count=4)).complete is Completeness.COUNTED


def test_a_study_that_is_listed_counts_by_its_uids_beside_one_that_is_not():
    other = Study("1.2.3.9", "P", "20200101", STUDY.series, prior=True)
    case = replace(CASE, studies=(STUDY, other))
    both = {
        STUDY.study_instance_uid: a_study(*UIDS[:3]),
        "1.2.3.9": FoundStudy("1.2.3.9", images=None, count=4),
    }
    verdict = judge_case(case, PacsAnswer(both, by_name=True), last_sent_at=None, now=START)
    assert verdict.complete is Completeness.PARTIAL
    assert verdict.found == 7


# Something else under our number


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rows": 33}, "33 x 24 pixels there and 32 x 24 here"),
        ({"columns": 12, "rows": None}, "12 pixels"),
        ({"sop_class_uid": SR}, "another kind"),
    ],
)
def test_an_image_of_ours_that_was_changed_is_a_conflict(changes, told):
    study = a_study(images=(*images(*UIDS[:3]), *images(UIDS[3], **changes)))
    verdict = judge(study)
    assert verdict.complete is Completeness.CONFLICT
    assert told in verdict.evidence
    assert "Delete this study" in verdict.instruction
    assert "None" not in verdict.evidence


def test_a_mammogram_that_is_not_ours_is_a_conflict():
    study = a_study(images=images(*UIDS, "1.2.3.4"))
    assert judge(study).complete is Completeness.CONFLICT


def test_another_patients_study_under_our_uid_is_a_conflict():
    study = a_study(*UIDS, patient_ids=(CASE.patient_id, "OTHER"))
    verdict = judge(study)
    assert verdict.complete is Completeness.CONFLICT
    assert "another patient" in verdict.evidence


def test_a_conflict_is_not_waited_for_and_what_is_missing_is_named():
    study = a_study(images=images(UIDS[0], rows=33))
    verdict = judge(study, sent_ago=1)
    assert verdict.complete is Completeness.CONFLICT
    assert set(verdict.missing) == set(UIDS[1:])


# The names


@pytest.mark.parametrize("changes", [{"accession_number": None}, {"patient_id": ""}])
def test_an_attribute_that_the_pacs_leaves_out_changes_nothing(changes):
    assert judge(a_study(*UIDS, **changes)).findable is Findable.AS_NAMED


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"accession_number": "X100"}, "accession number X100"),
        ({"patient_id": "X100"}, "patient ID X100"),
    ],
)
def test_a_case_filed_under_another_number_says_what_to_search_for(changes, label):
    verdict = judge(a_study(*UIDS, **changes), by_name=False)
    assert verdict.complete is Completeness.PROVEN
    assert verdict.findable is Findable.BY_OTHER_NAME
    assert label in verdict.instruction
    assert "search for X100" in verdict.instruction
    assert CASE.accession in verdict.instruction


@pytest.mark.parametrize("number", ["9434765919", "943 476 5919"])
def test_a_number_that_may_be_a_persons_is_shown_to_nobody(number):
    verdict = judge(a_study(*UIDS, patient_id=number))
    assert verdict.findable is Findable.BY_OTHER_NAME
    assert number not in verdict.instruction + verdict.evidence
    assert "real person" in verdict.instruction


def test_a_case_that_a_search_does_not_find_is_not_by_name():
    verdict = judge(a_study(*UIDS), by_name=False)
    assert verdict.findable is Findable.NOT_BY_NAME
    assert not verdict.waiting
    assert CASE.accession in verdict.instruction


def test_within_the_grace_the_search_may_still_be_late():
    assert judge(a_study(*UIDS), by_name=False, sent_ago=1).waiting


def test_where_a_search_is_refused_the_returned_number_decides():
    assert judge(a_study(*UIDS), by_name=None).findable is Findable.AS_NAMED
    silent = a_study(*UIDS, accession_number="")
    assert judge(silent, by_name=None).findable is Findable.NOT_BY_NAME


def test_a_case_that_is_not_there_is_not_found_by_name():
    assert judge(None, by_name=True).findable is Findable.NOT_BY_NAME


# At hand


@pytest.mark.parametrize("said", ["NEARLINE", "OFFLINE", "UNAVAILABLE"])
def test_one_image_in_the_slow_archive_makes_the_case_nearline(said):
    study = a_study(images=(*images(*UIDS[:3]), *images(UIDS[3], availability=said)))
    verdict = judge(study)
    assert verdict.near is Near.NEARLINE
    assert ("slow archive" if said == "NEARLINE" else "off line") in verdict.instruction


def test_a_pacs_that_says_nothing_of_availability_is_unknown():
    study = a_study(images=images(*UIDS, availability=""))
    assert judge(study).near is Near.UNKNOWN
    assert judge(replace(study, availability="OFFLINE")).near is Near.NEARLINE


# Not asked


def test_a_case_that_could_not_be_asked_is_unknown_and_never_missing():
    verdict = judge_case(CASE, PacsAnswer(error="it broke off"), last_sent_at=None, now=START)
    assert verdict.complete is Completeness.UNKNOWN
    assert verdict.waiting
    assert verdict.evidence == "could not be asked: it broke off"
    assert verdict.missing == ()


# The load

GOOD = judge(a_study(*UIDS))
MISSING = judge(None)
WAITING = judge(None, sent_ago=1)
UNKNOWN = replace(GOOD, complete=Completeness.UNKNOWN, waiting=True)
COUNTED = judge(a_study(images=None, count=4))
NEARLINE = replace(GOOD, near=Near.NEARLINE)
RENAMED = replace(GOOD, findable=Findable.BY_OTHER_NAME)
WITHOUT_NEAR = replace(GOOD, near=Near.UNKNOWN)


def sweep(
    *verdicts: CaseVerdict, before: Readiness = Readiness.SENT, misses: int = 0, **more: Any
) -> tuple[Readiness, int]:
    return judge_load(verdicts, before=before, misses_before=misses, **more)


@pytest.mark.parametrize("before", [each for each in Readiness if each not in LEAVING])
def test_a_load_is_ready_when_one_sweep_finds_every_case_good(before):
    assert sweep(GOOD, WITHOUT_NEAR, before=before, misses=1) == (Readiness.READY, 0)


@pytest.mark.parametrize("before", LEAVING)
@pytest.mark.parametrize("found", [GOOD, MISSING, UNKNOWN])
def test_a_load_that_leaves_is_not_brought_back_by_a_sweep(before, found):
    assert sweep(found, before=before, misses=1) == (before, 1)


@pytest.mark.parametrize("bad", [MISSING, COUNTED, NEARLINE, RENAMED])
def test_one_case_that_is_not_good_keeps_a_load_from_being_ready(bad):
    assert sweep(GOOD, bad) == (Readiness.INCOMPLETE, 0)


def test_a_site_may_be_content_with_counts():
    assert sweep(GOOD, COUNTED, grade=Completeness.COUNTED)[0] is Readiness.READY
    assert sweep(GOOD, COUNTED, grade=Completeness.PRESENT)[0] is Readiness.READY
    assert not is_good(COUNTED, Completeness.PROVEN)


def test_while_time_may_mend_everything_a_load_stays_sent():
    assert sweep(GOOD, WAITING, UNKNOWN)[0] is Readiness.SENT
    assert sweep(GOOD, WAITING, MISSING)[0] is Readiness.INCOMPLETE


@pytest.mark.parametrize("before", list(Readiness))
def test_a_pacs_that_does_not_answer_proves_nothing_either_way(before):
    assert sweep(UNKNOWN, UNKNOWN, before=before, misses=1) == (before, 1)


def test_a_ready_load_falls_back_after_two_misses_in_a_row():
    first = sweep(GOOD, MISSING, before=Readiness.READY)
    assert first == (Readiness.READY, 1)
    between = sweep(GOOD, UNKNOWN, before=first[0], misses=first[1])
    assert between == (Readiness.READY, 1)
    second = sweep(GOOD, MISSING, before=between[0], misses=between[1])
    assert second == (Readiness.INCOMPLETE, 2)


def test_a_good_sweep_between_two_misses_keeps_a_load_ready():
    ready = sweep(GOOD, before=Readiness.READY, misses=1)
    assert sweep(MISSING, before=ready[0], misses=ready[1]) == (Readiness.READY, 1)


@pytest.mark.parametrize("before", [Readiness.PLANNED, Readiness.SENDING])
def test_a_sweep_while_images_are_being_sent_judges_nothing_but_ready(before):
    assert sweep(GOOD, MISSING, before=before) == (before, 0)


def test_a_load_without_cases_is_never_ready():
    assert sweep(before=Readiness.SENT) == (Readiness.SENT, 0)
