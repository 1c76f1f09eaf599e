"""Whether all that a study holds was seen, by lists that were not cut off or by counts."""

from __future__ import annotations

from pacs_bridge.domain.found import Unseen
from pacs_bridge.scu.account import Account, Limits

SERIES = ("1", "2", "3", "4")


def an_account(limits: Limits, counted: int, *, rows: int = 1) -> Account:
    """Four series of ours, one image listed in each."""
    account = Account(limits, counted)
    for series in SERIES:
        limits.note(rows)
        account.list_images(series, [f"{series}.1"], rows)
    return account


def listed(limits: Limits, counted: int, *series: str) -> Account:
    account = an_account(limits, counted)
    limits.note(len(series))
    account.list_series(series, len(series))
    return account


def test_what_the_pacs_counts_and_names_alike_hides_nothing():
    assert an_account(Limits(), 4).unseen() is None


def test_lists_that_are_shorter_than_another_hide_nothing_whatever_is_counted():
    limits = Limits()
    limits.note(64)
    for counted in (0, 4, 500):
        assert listed(limits, counted, *SERIES).unseen() is None


def test_an_object_that_is_counted_and_not_named_may_be_anything():
    unseen = listed(Limits(), 5, *SERIES).unseen()
    assert unseen == Unseen(4, 5, None)


def test_a_list_without_what_is_there_was_cut_off_and_so_may_be_the_others():
    limits = Limits()
    assert listed(limits, 0, "1").unseen() == Unseen(4, None, 1)
    assert limits.surely_cut_at == 1


def test_a_longer_list_tells_that_another_was_short_for_some_other_reason():
    limits = Limits()
    listed(limits, 0, "1")
    limits.note(64)
    assert limits.cut_at is None
    assert listed(limits, 0, *SERIES).unseen() is None


def test_a_list_that_is_refused_as_too_long_may_name_anything_else():
    limits = Limits()
    account = listed(limits, 0, *SERIES)
    account.list_images("1", (), None, cut_after=4)
    account.find_image("1", "1.1")
    assert account.unseen() == Unseen(4, None, 4)


def test_a_pacs_that_neither_counts_nor_answers_for_many_at_once_shows_nothing():
    limits = Limits(hoped=5)
    assert listed(limits, 0, *SERIES).unseen() == Unseen(4, shows_nothing=True)
    assert listed(limits, 4, *SERIES).unseen() is None
    limits.note(5)
    assert listed(limits, 0, *SERIES).unseen() is None


def test_one_answer_is_no_proof_that_there_could_be_two():
    account = Account(Limits(), 0)
    account.list_images("1", ["1.1"], 1)
    account.list_series(["1"], 1)
    assert account.unseen() == Unseen(1, None, 1)


def test_a_limit_that_is_remembered_proves_lists_that_stay_below_it():
    assert listed(Limits(remembered=20), 0, *SERIES).unseen() is None
    assert listed(Limits(remembered=4), 0, *SERIES).unseen() == Unseen(4, None, 4)


def test_a_limit_that_is_remembered_proves_nothing_once_answers_are_cut_off_sooner():
    limits = Limits(remembered=20)
    assert listed(limits, 0, "1", "2").unseen() == Unseen(4, None, 2)
    assert limits.surely_cut_at == 2


def test_a_limit_that_was_raised_is_forgotten():
    limits = Limits(remembered=1)
    assert listed(limits, 0, *SERIES).unseen() is None
    assert limits.cut_at is None


def test_a_count_that_a_whole_list_contradicts_is_believed_nowhere():
    limits = Limits()
    account = listed(limits, 500, *SERIES)
    for series in SERIES:
        account.count_series(series, 500, has_images=True)
    assert account.unseen() is None


def test_counts_a_series_must_agree_where_answers_are_cut_off():
    limits = Limits()
    account = listed(limits, 4, "1")
    account.count_series("1", 4, has_images=True)
    assert account.unseen() == Unseen(4, 4, 1, in_series=7)


def test_what_readers_add_is_accounted_for_by_its_own_count():
    account = listed(Limits(), 6, "1")
    assert account.unseen() is not None
    account.count_series("9", 2, has_images=False)
    assert account.unseen() is None


def test_a_study_whose_series_are_not_listed_is_whole_by_its_count_alone():
    account = an_account(Limits(), 5)
    account.refuse_series()
    assert account.unseen() == Unseen(4, 5, None, is_refused=True)
    account = an_account(Limits(), 4)
    account.refuse_series()
    assert account.unseen() is None


def test_an_object_of_which_nothing_is_known_keeps_a_study_from_being_whole():
    account = an_account(Limits(), 4)
    account.nameless += 1
    assert account.unseen() == Unseen(4, nameless=1)
