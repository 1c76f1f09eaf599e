"""What a PACS contact is told: another sentence for each thing that asks for something else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer, Unseen
from pacs_bridge.domain.intact import GRAVE, Change, word_changed
from pacs_bridge.domain.loading import CaseVerdict, Completeness, Findable
from pacs_bridge.domain.sentences import (
    ABSENT,
    LOST,
    ROUTED,
    UNASKED,
    word_conflict,
    word_refusal,
    word_unseen,
)
from pacs_bridge.domain.verdicts import judge_case
from tests.loads import MG, START, a_passport

CASE = a_passport(None, 1).cases[0]
STUDY = CASE.studies[0].study_instance_uid
UIDS = [image.sop_instance_uid for image in CASE.instances()]

REFUSALS = {
    "0xA777: Patient ID is not a valid NHS number.": "NHS numbers",
    "0xA777: Issuer of Patient ID is not trusted.": "issuer",
    "0xA777: no order": "orders of this set",
    "0xA779": "orders of this set",
    "0x0122: The PACS takes no Breast Tomosynthesis Image Storage.": "Breast Tomosynthesis",
    "0x0122": "images of this kind",
    "0x0124: not authorised": "allow our AE title",
    "0xA700: Storage is full.": "no room",
    "0xA900: Data set does not match.": "match their kind of object (status 0xA900)",
    "0xC000: Cannot understand.": "cannot understand them (status 0xC000)",
    "0x0110": "mend the reason",
}


@pytest.mark.parametrize(("said", "word"), REFUSALS.items(), ids=list(REFUSALS))
def test_a_refusal_is_told_by_what_the_pacs_said_of_it(said, word):
    sentence = word_refusal([said])
    assert word in sentence
    assert sentence.endswith("start the load again.")


def test_no_two_things_that_are_wrong_read_alike():
    conflicts = (
        "an image has 16 x 12 pixels there and 32 x 24 here",
        "an image of ours is an object of another kind there",
        "another study stands under PERFORMS121101",
        "the study holds images of another patient",
        "the study holds a mammogram that is not ours",
    )
    unseen = (
        Unseen(4, by_patient=True),
        Unseen(4, is_refused=True),
        Unseen(4, limit=1),
        Unseen(4, counted=5),
        Unseen(4, counted=5, limit=1),
        Unseen(4, counted=5, is_refused=True),
        Unseen(4, nameless=1),
    )
    told = [
        *UNASKED.values(),
        *map(word_conflict, conflicts),
        *map(word_unseen, unseen),
        *map(word_changed, GRAVE),
        *(word_refusal([said]) for said in REFUSALS if said != "0xA779"),
        ABSENT,
        ROUTED,
        LOST,
    ]
    assert len(set(told)) == len(told)
    assert max(map(len, told)) < 500  # what is kept of one


def test_nobody_is_told_to_delete_what_may_be_a_real_patient_s():
    for conflict in (
        "another study stands under PERFORMS121101",
        "the study holds images of another patient",
        "the study holds a mammogram that is not ours",
    ):
        assert "do not delete it" in word_conflict(conflict)


def test_every_grave_change_says_how_the_load_comes_right_again():
    assert Change.LOSSY not in GRAVE
    for change in GRAVE:
        assert word_changed(change).endswith("and start the load again.")


def judge(found: FoundStudy | None, **how: object) -> CaseVerdict:
    answer = PacsAnswer({STUDY: found}, by_name=found is not None)
    given = {"last_sent_at": START - timedelta(seconds=5), "now": START} | how
    return judge_case(CASE, answer, **given)  # type: ignore[arg-type]


def test_what_was_all_there_and_is_gone_is_lost_however_lately_it_was_sent():
    assert judge(None).complete is Completeness.WAITING
    verdict = judge(None, was_there=True)
    assert (verdict.complete, verdict.instruction) == (Completeness.MISSING, LOST)
    assert not verdict.waiting


def test_what_a_router_took_and_did_not_deliver_is_looked_for_at_the_router():
    late = {"last_sent_at": START - timedelta(hours=1)}
    assert judge(None, **late).instruction == ABSENT
    assert judge(None, routed=True, **late).instruction == ROUTED


def test_all_of_ours_with_something_unseen_beside_it_is_counted_and_says_why():
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS)
    seen = FoundStudy(STUDY, CASE.accession, images=images, unseen=Unseen(4, 5, 1))
    verdict = judge(seen)
    assert (verdict.complete, verdict.found) == (Completeness.COUNTED, 4)
    assert verdict.findable is Findable.AS_NAMED
    assert "5 objects counted, 4 named, answers stop after 1" in verdict.evidence
    assert "stops after 1 answer to a query" in verdict.instruction
    assert "counts 1 object in this study that we are not shown" in verdict.instruction
    assert judge(seen, grade=Completeness.COUNTED).instruction == ""
