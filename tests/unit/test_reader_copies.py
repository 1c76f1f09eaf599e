"""Copies of a case set: what they are called is stable, never shared, and leads back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.domain.identifiers import CaseName, parse_uid
from pacs_bridge.domain.reader_copies import (
    CopyNaming,
    ReaderCopy,
    copy_named_by,
    derive_uid,
    free_number,
    name_in_copy,
    pair_images,
    plan_numbers,
    told_size,
)
from tests.builders import a_case, a_passport

KEY = b"k" * 32
RUNS = settings(deadline=None, derandomize=True, max_examples=60)
COPIES = st.integers(1, 99)
SETS = st.builds("PERFORMS{:02d}{:d}".format, st.integers(1, 99), st.integers(1, 9))
UIDS = st.builds("2.25.{:d}".format, st.integers(1, 2**128 - 1))
NUMBERS = st.sampled_from([1, 2, 3, 4, *range(101, 161)])


@RUNS
@given(st.sets(st.tuples(st.binary(min_size=32, max_size=32), SETS, COPIES, UIDS), min_size=2))
def test_no_two_images_sets_copies_or_installations_share_a_uid(
    places: set[tuple[bytes, str, int, str]],
) -> None:
    """Whatever differs, the key included, the derived UID does; each is one of the standard."""
    derived = [derive_uid(*place) for place in places]
    assert len(set(derived)) == len(places)
    assert not set(derived) & {uid for *_, uid in places}
    assert all(parse_uid(uid) == uid and len(uid) <= 64 for uid in derived)
    assert [derive_uid(*place) for place in places] == derived


@RUNS
@given(NUMBERS, COPIES)
def test_an_accession_number_says_set_case_and_copy_and_leads_back(number: int, copy: int) -> None:
    """``PERFORMS12110107``: sixteen characters at most, and the master's without the last two."""
    master = f"PERFORMS121{number:03d}"
    name = name_in_copy(master, copy)
    assert name == f"{master}{copy:02d}"
    assert len(name) == 16
    assert [copy_named_by(name), copy_named_by(master)] == [copy, 0]
    parsed = CaseName.parse(name)
    assert str(replace(parsed, copy=0)) == master


@RUNS
@given(st.sets(NUMBERS, min_size=1, max_size=6), st.sets(COPIES, min_size=2, max_size=6))
def test_copies_of_a_set_share_nothing_that_names_them_and_all_map_back(
    numbers: set[int], copies: set[int]
) -> None:
    """No study, series, image, accession or patient is in two copies; pixels are the master's."""
    master = a_passport(*sorted(numbers))
    names: list[str] = [*_names(master)]
    for copy in copies:
        naming = CopyNaming(KEY, master.set_name, copy)
        copied = replace(master, copy=copy, cases=tuple(map(naming.case, master.cases)))
        names += _names(copied)
        pairs = pair_images(master, copied)
        assert list(pairs.values()) == [i.sop_instance_uid for *_, i in master.instances()]
        assert [i.pixel_hash for *_, i in copied.instances()] == [
            i.pixel_hash for *_, i in master.instances()
        ]
    # accession and patient ID of a case are one word
    assert len(set(names)) == len(names)


def _names(passport: object) -> list[str]:
    uids = {
        uid
        for _, study, series, image in passport.instances()  # type: ignore[attr-defined]
        for uid in (study.study_instance_uid, series.series_instance_uid, image.sop_instance_uid)
    }
    words = {
        word
        for case in passport.cases  # type: ignore[attr-defined]
        for word in (case.accession, case.patient_id, case.patient_name)
    }
    return [*uids, *words]


def test_uids_of_the_standard_and_empty_ones_stay_what_they_are() -> None:
    """A transfer syntax or well-known frame of reference is the same in every copy."""
    naming = CopyNaming(KEY, "PERFORMS121", 7)
    assert naming.uid("1.2.840.10008.1.4.1.1") == "1.2.840.10008.1.4.1.1"
    assert naming.uid("") == ""
    assert naming.uid("2.25.7") != "2.25.7"


def test_a_prior_study_has_no_accession_number_in_a_copy_either() -> None:
    """The one of the case finds the study that is to be read."""
    naming = CopyNaming(KEY, "PERFORMS121", 7)
    assert naming.accession("") == ""
    assert naming.accession("PERFORMS121101") == "PERFORMS12110107"


def test_a_copy_is_a_patient_of_its_own_by_number_and_by_name() -> None:
    """A PACS that joins patients of one name and birth date shows nobody another's copy."""
    naming = CopyNaming(KEY, "PERFORMS121", 7)
    case = a_case(101)
    assert naming.case(case).patient_id == "PERFORMS12110107"
    assert naming.case(case).patient_name == "PERFORMS121^101-07"
    named = replace(case, patient_name="PERFORMS121101^TEST")
    assert naming.case(named).patient_name == "PERFORMS12110107^TEST"


@pytest.mark.parametrize("copy", [0, 100, -1])
def test_the_master_and_what_has_no_two_digits_is_no_readers_copy(copy: int) -> None:
    """Copy 00 is the master."""
    with pytest.raises(RefusedInput, match="1 to 99"):
        CopyNaming(KEY, "PERFORMS121", copy)


def test_another_order_or_another_picture_is_not_taken_for_a_copy() -> None:
    """A mark must never land on the other breast because two lists fell out of step."""
    master = a_passport(101)
    naming = CopyNaming(KEY, master.set_name, 3)
    case = naming.case(master.cases[0])
    series = case.studies[0].series[0]
    turned = replace(series, instances=tuple(reversed(series.instances)))
    wrong = replace(case, studies=(replace(case.studies[0], series=(turned,)),))
    with pytest.raises(RefusedInput, match="Copy 03"):
        pair_images(master, replace(master, copy=3, cases=(wrong,)))


@RUNS
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), max_size=8))
def test_a_number_once_given_is_never_given_to_another_reader(rounds: list[list[str]]) -> None:
    """Readers come and go in any order; each keeps their number, and nobody inherits one."""
    given: list[ReaderCopy] = []
    for readers in rounds:
        numbers = plan_numbers(readers, given)
        known = {each.reader for each in given}
        given += [
            ReaderCopy("PERFORMS121", "p", copy, reader)
            for reader, copy in numbers.items()
            if reader not in known
        ]
        assert numbers == {each.reader: each.copy for each in given if each.reader in readers}
    assert len({each.copy for each in given}) == len(given)


def test_there_are_ninety_nine_copies_and_the_hundredth_is_refused() -> None:
    """Two digits, of which 00 is the master's."""
    assert free_number(range(1, 99)) == 99
    with pytest.raises(RefusedInput, match="given out"):
        free_number(range(1, 100))


def test_sizes_are_said_as_people_say_them() -> None:
    """Decimal units, as disks are sold."""
    assert [told_size(n) for n in (0, 999, 426_000, 31_000_000, 7_400_000_000, 3 * 10**12)] == [
        "0 kB", "1 kB", "426 kB", "31.0 MB", "7.4 GB", "3.0 TB",
    ]  # fmt: skip
