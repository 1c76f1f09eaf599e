"""Cases that are told the same are told once, and every one of them is named."""

from __future__ import annotations

from dataclasses import replace

from pacs_bridge.domain.alike import alike, tell
from pacs_bridge.domain.loading import CaseVerdict, Completeness, Findable, Near
from pacs_bridge.domain.sentences import OFFLINE, about, word_absent, word_stranger, word_unmatched
from tests.loads import a_passport

CASES = a_passport(None, 20).cases


def a_verdict(number: int) -> CaseVerdict:
    case = CASES[number]
    told = word_absent(about(case))
    return CaseVerdict(
        case.accession, Completeness.MISSING, Findable.NOT_BY_NAME, Near.UNKNOWN, "", told
    )


def test_cases_that_differ_by_their_own_names_and_uids_alone_are_told_once():
    verdicts = [a_verdict(number) for number in range(3)]
    assert [len(each) for each in alike(verdicts)] == [3]
    (told,) = tell(verdicts)
    assert told.startswith(f"{CASES[0].accession}: This case did not arrive")
    assert told.endswith(
        f"The same, each with its own numbers: {CASES[1].accession}, {CASES[2].accession}."
    )


def test_cases_whose_patients_are_to_get_their_names_back_are_told_once():
    told = [replace(a_verdict(n), instruction=word_stranger(about(CASES[n]))) for n in range(3)]
    assert len(alike(told)) == 1


def test_a_case_that_asks_for_something_else_is_told_by_itself():
    other = replace(a_verdict(1), instruction=word_unmatched(about(CASES[1])))
    far = replace(a_verdict(2), instruction=OFFLINE)
    assert len(tell([a_verdict(0), other, far])) == 3


def test_a_case_that_asks_for_nothing_is_not_told():
    assert tell([replace(a_verdict(0), instruction="")]) == []


def test_of_very_many_cases_some_are_named_and_the_rest_is_counted():
    (told,) = tell([a_verdict(number) for number in range(20)])
    assert told.endswith(f"{CASES[12].accession} and 7 more.")
