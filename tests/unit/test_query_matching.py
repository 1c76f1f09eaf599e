"""Attribute matching: every kind of key, and none that takes for ever."""

from __future__ import annotations

import time

import pytest

from pacs_bridge.domain import query
from pacs_bridge.domain.matching import condition_of, fold_name, glob
from pacs_bridge.domain.query import ATTRIBUTES, UnfitIdentifier


def matches(tag: int, key: str, value: str) -> bool:
    condition = condition_of(ATTRIBUTES[tag], key)
    return condition is None or condition.test(value)


@pytest.mark.parametrize("key", ["", " ", "*", "***", "\0"])
def test_an_empty_key_and_an_asterisk_match_everything(key: str) -> None:
    assert condition_of(ATTRIBUTES[query.ACCESSION], key) is None
    assert condition_of(ATTRIBUTES[query.STUDY_UID], key) is None
    assert condition_of(ATTRIBUTES[query.STUDY_DATE], key) is None


def test_a_single_value_matches_whole_and_with_its_case() -> None:
    assert matches(query.ACCESSION, "PERFORMS121101 ", "PERFORMS121101")
    assert not matches(query.ACCESSION, "PERFORMS12110", "PERFORMS121101")
    assert not matches(query.ACCESSION, "performs121101", "PERFORMS121101")


def test_a_list_of_uids_matches_each_of_them() -> None:
    assert matches(query.STUDY_UID, "1.2.3\\1.2.4\0", "1.2.4")
    assert not matches(query.STUDY_UID, "1.2.3\\1.2.4", "1.2.5")
    assert not matches(query.STUDY_UID, "1.2.*", "1.2.4")  # wildcards mean nothing in a UID


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("PERFORMS121*", "PERFORMS121101", True),
        ("*101", "PERFORMS121101", True),
        ("PERF*101", "PERFORMS121101", True),
        ("PERF*102", "PERFORMS121101", False),
        ("*121*1", "PERFORMS121101", True),
        ("PERFORMS12110?", "PERFORMS121101", True),
        ("PERFORMS121101?", "PERFORMS121101", False),
        ("?*?", "ab", True),
        ("?*?", "a", False),
        ("a*a", "a", False),
        ("*", "", True),
        ("A.C", "ABC", False),
        ("[A]*", "A", False),
    ],
)  # fmt: skip
def test_wildcards(key: str, value: str, found: bool) -> None:
    assert glob(key)(value) is found
    assert matches(query.ACCESSION, key, value) is found


def test_no_pattern_takes_for_ever() -> None:
    started = time.thread_time()
    assert not glob("*a" * 500 + "b")("a" * 1000)
    assert not glob("?*" * 500 + "b")("a" * 1000)
    assert time.thread_time() - started < 5.0


def test_a_key_that_is_longer_than_any_value_is_refused() -> None:
    for tag in (query.PATIENT_NAME, query.ACCESSION, query.MODALITIES):
        with pytest.raises(UnfitIdentifier):
            condition_of(ATTRIBUTES[tag], "*?" * 200)
    assert condition_of(ATTRIBUTES[query.STUDY_UID], "\\".join(["1.2"] * 200)) is not None


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("20260101", True),
        ("2026.01.01", True),
        ("20251231-20260101", True),
        ("20260101-20260101", True),
        ("20260102-", False),
        ("20251231-", True),
        ("-20260101", True),
        ("-20251231", False),
        ("-", True),
        ("20260102-20251231", False),
    ],
)
def test_ranges_of_dates_include_both_ends(key: str, found: bool) -> None:
    assert matches(query.STUDY_DATE, key, "20260101") is found


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("091530", True),
        ("09", True),
        ("0915", True),
        ("09:15:30", True),
        ("0916", False),
        ("0900-0915", True),
        ("0900-0914", False),
        ("09-", True),
        ("-08", False),
        ("091530.25-091530.75", True),
        ("091530.6-", False),
    ],
)
def test_ranges_of_times_of_any_precision(key: str, found: bool) -> None:
    assert matches(query.STUDY_TIME, key, "091530.5") is found


def test_an_empty_date_is_in_no_range() -> None:
    assert not matches(query.STUDY_DATE, "-20260101", "")
    assert not matches(query.STUDY_TIME, "-10", "")


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        (query.STUDY_DATE, "2026*"),
        (query.STUDY_DATE, "1 Jan 2026"),
        (query.STUDY_DATE, "20260101-tomorrow"),
        (query.STUDY_TIME, "noon"),
        (query.SERIES_NUMBER, "eleven"),
        (query.SERIES_NUMBER, "1?"),
    ],
)
def test_what_is_no_date_time_or_number_is_refused_by_its_tag(tag: int, key: str) -> None:
    with pytest.raises(UnfitIdentifier) as refused:
        condition_of(ATTRIBUTES[tag], key)
    assert refused.value.offending == (tag,)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    "key", ["performs121^101", "PERFORMS121^101^^^", "Performs121*", "*^1?1", "PERFORMS121 ^101"]
)
def test_person_names_match_without_regard_to_case_and_empty_components(key: str) -> None:
    assert matches(query.PATIENT_NAME, key, "PERFORMS121^101")


def test_person_names_match_by_any_of_their_groups() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert matches(query.PATIENT_NAME, "yamada*", name)
    assert matches(query.PATIENT_NAME, "山田^太郎", name)
    assert matches(query.PATIENT_NAME, "*やまだ*", name)
    assert not matches(query.PATIENT_NAME, "suzuki*", name)


def test_accents_in_either_form_are_the_same_and_are_not_dropped() -> None:
    assert fold_name("Müller^Ä") == fold_name("mu\u0308ller^a\u0308")
    assert not matches(query.PATIENT_NAME, "Muller", "Müller")


def test_numbers_are_compared_as_numbers() -> None:
    assert matches(query.SERIES_NUMBER, "01", "1")
    assert not matches(query.SERIES_NUMBER, "1", "10")
    assert matches(query.ROWS, "512", "512")


def test_one_of_several_modalities_is_enough() -> None:
    assert matches(query.MODALITIES, "MG", "MG\\OT")
    assert matches(query.MODALITIES, "CT\\MG", "MG\\OT")
    assert matches(query.MODALITIES, "M*", "OT\\MG")
    assert not matches(query.MODALITIES, "CT", "MG\\OT")
    assert matches(query.SOP_CLASSES, "1.2", "1.1\\1.2")


def test_an_index_is_told_the_values_that_alone_can_match() -> None:
    def exact(tag: int, key: str) -> frozenset[str] | None:
        condition = condition_of(ATTRIBUTES[tag], key)
        assert condition is not None
        return condition.exact

    assert exact(query.STUDY_UID, "1.2\\1.3") == {"1.2", "1.3"}
    assert exact(query.PATIENT_ID, "P1") == {"P1"}
    assert exact(query.PATIENT_NAME, "p1") is None
    assert exact(query.PATIENT_ID, "P*") is None
    assert exact(query.MODALITIES, "MG") is None
