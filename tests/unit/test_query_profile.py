"""What is kept of how a PACS is best asked."""

from __future__ import annotations

from datetime import timedelta

from pacs_bridge.domain.profile import RELEARN, UNKNOWN, Outcome, QueryProfile, Rung
from tests.loads import START

LATER = START + timedelta(days=1)


def test_a_pacs_that_was_never_asked_may_be_asked_in_every_way():
    assert all(UNKNOWN.may(rung) for rung in Rung)
    assert UNKNOWN.lines() == []
    assert not UNKNOWN.one_at_a_time


def test_what_is_learned_lies_over_what_was_known_and_the_rest_stays():
    known = UNKNOWN.learn(QueryProfile({Rung.WILDCARD: Outcome.CAPPED}, cap=20, counts=True), START)
    both = known.learn(QueryProfile({Rung.UID_LIST: Outcome.WORKS}, counts=False), LATER)
    assert both.rungs == {Rung.WILDCARD: Outcome.CAPPED, Rung.UID_LIST: Outcome.WORKS}
    assert both.since == {Rung.WILDCARD: START, Rung.UID_LIST: LATER}
    assert (both.cap, both.counts) == (20, False)


def test_a_way_that_did_not_work_is_tried_again_after_a_week_and_one_that_does_stays():
    known = UNKNOWN.learn(
        QueryProfile({Rung.WILDCARD: Outcome.REFUSED, Rung.UID_LIST: Outcome.WORKS}), START
    )
    assert not known.fresh(START + RELEARN - timedelta(seconds=1)).may(Rung.WILDCARD)
    fresh = known.fresh(START + RELEARN)
    assert fresh.may(Rung.WILDCARD)
    assert fresh.rungs == {Rung.UID_LIST: Outcome.WORKS}


def test_a_profile_is_the_same_after_it_was_kept():
    profile = UNKNOWN.learn(
        QueryProfile({Rung.UID: Outcome.WORKS}, cap=7, image_level=False, patient_root=True), START
    )
    assert QueryProfile.of_dict(profile.as_dict()) == profile


def test_what_another_version_has_kept_is_left_out():
    kept = {"rungs": {"WILDCARD": "SOMETIMES", "TELEPATHY": "WORKS"}, "colour": "blue"}
    assert QueryProfile.of_dict(kept) == UNKNOWN


def test_a_profile_is_told_in_plain_words():
    refused = {Rung.WILDCARD: Outcome.REFUSED, Rung.UID_LIST: Outcome.BLIND}
    told = UNKNOWN.learn(QueryProfile(refused, cap=20, image_level=False), START).lines()
    assert "accession numbers by wildcard: refused (02 March 2026)" in [
        line.replace(f"{START:%d %B %Y}", "02 March 2026") for line in told
    ]
    assert "gives no more than 20 answers to a question" in told
    assert "refuses questions at IMAGE level" in told
    assert told[-1] == "has to be asked for one study at a time"
