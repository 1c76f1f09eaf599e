"""What a PACS contact is told: what is so, of what, what they do, and what comes after."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from pacs_bridge.domain.conflicts import Clash, Conflict, word_conflict
from pacs_bridge.domain.found import FoundImage, FoundStudy, PacsAnswer, Unasked, Unseen
from pacs_bridge.domain.intact import GRAVE, Change, word_changed, word_others_changed
from pacs_bridge.domain.loading import CaseVerdict, Completeness, Findable, Near, Readiness
from pacs_bridge.domain.refusals import word_refusal
from pacs_bridge.domain.sentences import (
    NEARLINE,
    OFFLINE,
    UNMATCHED,
    KnownAs,
    about,
    word_absent,
    word_lost,
    word_partial,
    word_person,
    word_rename,
    word_stranger,
    word_unasked,
    word_unmatched,
    word_unseen,
    word_unsure,
)
from pacs_bridge.domain.verdicts import judge_case
from tests.loads import MG, START, a_passport

CASE = a_passport(None, 1).cases[0]
STUDY = CASE.studies[0].study_instance_uid
IMAGES = list(CASE.instances())
UIDS = [image.sop_instance_uid for image in IMAGES]
KNOWN = KnownAs("ASKER", "SENDER", "THE SCHEME")
OF = about(CASE, known=KNOWN)
FOREIGN = FoundImage("1.2.3.4.99", MG, series_number=7, number=3)

REFUSALS = {
    "0xA777: Patient ID is not a valid NHS number.": ("NHS numbers", "begin with PERFORMS"),
    "0xA777: Issuer of Patient ID is not trusted.": ("“THE SCHEME”", "site pack"),
    "0xA777: no order": ("without an order", "site pack"),
    "0xA779": ("without an order",),
    "0x0122: The PACS takes no Breast Tomosynthesis Image Storage.": ("Breast Tomosynthesis",),
    "0x0122": ("does not take images of this kind",),
    "0x0124: not authorised": ("Allow SENDER to store",),
    "0xA700: Storage is full.": ("no room",),
    "0xA900: Data set does not match.": ("match their kind of object (status 0xA900", "log"),
    "0xC000: Cannot understand.": ("cannot understand them (status 0xC000)", "log"),
    "0x0110: {odd} (failed at: answer)": ("it says: 0x0110: (odd)", "supplier"),
}
CONFLICTS = [
    Conflict(Clash.SIZE, CASE.studies[0], FoundImage(UIDS[0], MG, 16, 12), IMAGES[0]),
    Conflict(Clash.KIND, CASE.studies[0], FoundImage(UIDS[0], "1.2"), IMAGES[0]),
    Conflict(Clash.NUMBER, CASE.studies[0]),
    Conflict(Clash.PATIENT, CASE.studies[0], FOREIGN, others=1),
    Conflict(Clash.IMAGE, CASE.studies[0], FOREIGN, others=1),
    Conflict(Clash.IMAGE, CASE.studies[0], FOREIGN, others=2),
]
UNSEEN = [
    Unseen(4, by_patient=True),
    Unseen(4, counted=5, by_patient=True),
    Unseen(4, is_refused=True),
    Unseen(4, limit=1),
    Unseen(4, counted=4, limit=1, in_series=16),
    Unseen(4, counted=5),
    Unseen(4, counted=5, limit=1),
    Unseen(4, counted=5, is_refused=True),
    Unseen(4, nameless=1),
    Unseen(4, shows_nothing=True),
]
EVERY = {
    **{why.name: word_unasked(why, OF) for why in Unasked},
    **{f"conflict {n}": word_conflict(each, OF) for n, each in enumerate(CONFLICTS)},
    **{f"unseen {n}": word_unseen(each, OF) for n, each in enumerate(UNSEEN)},
    **{change.name: word_changed(change, OF) for change in sorted(GRAVE)},
    **{f"others {change.name}": word_others_changed(change) for change in sorted(GRAVE)},
    **{said: word_refusal([said], OF) for said in REFUSALS if said != "0xA779"},
    "absent": word_absent(OF),
    "routed": word_absent(OF, routed=True),
    "partial": word_partial(OF, 3),
    "lost": word_lost(OF),
    "counted": word_unsure(Completeness.COUNTED, OF),
    "present": word_unsure(Completeness.PRESENT, OF),
    "nearline": NEARLINE,
    "offline": OFFLINE,
    "renamed": word_rename("accession number", CASE.accession, "RVX1", OF),
    "prefixed": word_rename("accession number", CASE.accession, f"X{CASE.accession}", OF),
    "cut off": word_rename("patient ID", CASE.accession, CASE.accession[:12], OF),
    "person": word_person("patient ID", CASE.patient_id, OF),
    "stranger": word_stranger(OF),
    "unmatched": word_unmatched(OF),
    "nameless": word_unmatched(OF, nameless=True),
}


@pytest.mark.parametrize(("said", "words"), REFUSALS.items(), ids=list(REFUSALS))
def test_a_refusal_is_told_by_what_the_pacs_said_of_it(said, words):
    sentence = word_refusal([said] * 4, OF)
    assert all(word in sentence for word in words), sentence
    assert "4 images of this case" in sentence
    assert "failed at" not in sentence


def test_no_two_things_that_are_wrong_read_alike():
    assert len(set(EVERY.values())) == len(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_each_says_what_is_so_first_and_which_button_comes_after(name):
    sentence = EVERY[name]
    first = re.split(r"[.:] ", sentence.removeprefix("Act today. "))[0]
    assert re.search(r"\b(PACS|images|case|not sent|refused)\b", first), first
    assert re.search(r"[Pp]ress (Check again|Start again|Accept the names)\b", sentence)
    assert len(sentence) < 1000  # what is kept of one


@pytest.mark.parametrize("name", EVERY)
def test_no_sentence_names_a_command_a_grade_or_a_phase_of_ours(name):
    assert not re.search(r"pacs-bridge|\(grade|failed at|`", EVERY[name])


@pytest.mark.parametrize("name", EVERY)
def test_steps_are_numbered_from_one_and_there_are_several(name):
    numbers = [int(n) for n in re.findall(r"^(\d)\. ", EVERY[name], re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) != 1


def test_our_ae_title_is_named_where_something_is_to_be_allowed():
    for name, sentence in EVERY.items():
        if re.search(r"AE title", sentence):
            assert "ASKER" in sentence or "SENDER" in sentence, name


@pytest.mark.parametrize("name", ["absent", "routed", "lost", "person", "stranger", "unmatched"])
def test_what_no_search_by_number_finds_is_named_by_its_uid(name):
    assert f"Study Instance UID {STUDY}" in EVERY[name]


def test_an_image_that_is_not_ours_is_named_by_its_numbers_and_nothing_of_its_patient():
    sentence = word_conflict(CONFLICTS[4], OF)
    assert "series 7, image 3, SOP Instance UID 1.2.3.4.99" in sentence
    assert "R CC" in sentence  # what belongs there
    assert "SOP Instance UID" in word_conflict(
        replace(CONFLICTS[4], image=FoundImage("1.2.3.4.99", MG)), OF
    )


def test_nobody_is_told_to_delete_what_may_be_a_real_patient_s():
    for conflict in CONFLICTS[2:]:
        assert "do not delete" in word_conflict(conflict, OF)


def test_where_images_of_ours_are_missing_too_a_conflict_ends_with_sending():
    assert word_conflict(CONFLICTS[4], OF).endswith("Press Check again.")
    assert "Press Start again" in word_conflict(CONFLICTS[4], OF, missing=True)


def test_both_sizes_are_named():
    assert "16 x 12 pixels, ours have 32 x 24" in word_conflict(CONFLICTS[0], OF)
    told = word_changed(Change.SIZE, OF, there="16 x 12", here="32 x 24")
    assert "16 x 12 pixels, ours have 32 x 24" in told
    assert "whether it stores them so" in told


def test_counts_that_contradict_each_other_are_both_told():
    told = word_unseen(UNSEEN[4], OF)
    assert "contradict each other (4 for the study, 16 for its series)" in told


def test_whatever_may_stay_hidden_in_a_study_somebody_opens_it_before_less_is_settled_for():
    for each in UNSEEN:
        told = word_unseen(each, OF)
        assert told.index("Does it show any image beside ours?") < told.index("settle for")
        assert "If nobody can tell whose it is" in told


def test_how_more_was_found_than_a_list_shows_is_told():
    by_uid = "we found ours one at a time, by their UIDs"
    assert by_uid in word_unseen(Unseen(4, counted=5, limit=1), OF)
    assert by_uid not in word_unseen(Unseen(4, counted=5, limit=4), OF)


@pytest.mark.parametrize("name", ["person", "stranger"])
def test_all_that_another_s_record_replaced_is_given_back_after_matching_is_off(name):
    told = EVERY[name]
    assert f"patient name {CASE.patient_name}" in told
    assert f"patient ID {CASE.patient_id}" in told.partition("2. ")[2]
    assert told.index("switched off") < told.index(" back.")


def test_nobody_reads_a_case_with_another_s_image_from_the_first_line_on():
    for conflict in CONFLICTS[3:]:
        told = word_conflict(conflict, OF)
        assert told.index("Nobody should read this case") < told.index("1. ")


def test_what_is_imported_again_and_what_is_linked_is_told_apart():
    for name in ("absent", "routed"):
        assert "failed imports, have it imported again; if it is unmatched" in EVERY[name]


def test_of_a_case_that_is_left_out_what_the_pacs_has_of_it_is_deleted():
    said = ["0x0122: The PACS takes no Tomography."]
    assert f"delete what your PACS has of this case, so that nobody reads a part ({OF.uid}" in (
        word_refusal(said, OF, skipped=True)
    )
    assert "delete" not in word_refusal(said * 4, OF, skipped=True)


def test_what_settling_for_less_would_lose_is_said():
    for each in UNSEEN:
        assert "Nobody would then notice another patient's image" in word_unseen(each, OF)


def test_the_words_of_unmatched_studies_stand_first():
    assert word_unmatched(OF).startswith(UNMATCHED)
    assert f"Enter accession number {CASE.accession}" in EVERY["nameless"]


def test_every_grave_change_says_how_the_load_comes_right_again():
    assert Change.LOSSY not in GRAVE
    for change in GRAVE:
        told = word_changed(change, OF)
        assert "press Start again: we send it anew" in told
        assert "for our AE title ASKER, press Check again" in told
        assert "tell the scheme" in told


def test_people_read_not_ready_and_not_online_where_the_kept_words_say_otherwise():
    assert (Readiness.INCOMPLETE.value, Readiness.INCOMPLETE.words) == ("incomplete", "not ready")
    assert (Near.NEARLINE.value, Near.NEARLINE.words) == ("nearline", "not online")
    assert Readiness.SENT.words == "sent"
    assert Near.ONLINE.words == "online"


def judge(found: FoundStudy | None, **how: object) -> CaseVerdict:
    answer = PacsAnswer({STUDY: found}, by_name=found is not None)
    given = {"last_sent_at": START - timedelta(seconds=5), "now": START, "known": KNOWN} | how
    return judge_case(CASE, answer, **given)  # type: ignore[arg-type]


def test_what_was_all_there_and_is_gone_is_lost_however_lately_it_was_sent():
    assert judge(None).complete is Completeness.WAITING
    verdict = judge(None, was_there=True)
    assert (verdict.complete, verdict.instruction) == (Completeness.MISSING, word_lost(OF))
    assert not verdict.waiting


def test_what_a_router_took_and_did_not_deliver_is_looked_for_at_the_router():
    late = {"last_sent_at": START - timedelta(hours=1)}
    assert judge(None, **late).instruction == word_absent(OF)
    assert judge(None, routed=True, **late).instruction == word_absent(OF, routed=True)


def test_an_image_that_was_not_even_sent_is_told_as_not_sent():
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS[:3])
    said = {UIDS[3]: "0x0122: The PACS takes no Tomography. (failed at: association)"}
    verdict = judge(FoundStudy(STUDY, CASE.accession, images=images), refused=said, skipped=said)
    assert verdict.evidence.endswith("; 1 not sent (The PACS takes no Tomography)")
    assert verdict.instruction.startswith("1 of 4 images of this case was not sent")


def test_all_of_ours_with_something_unseen_beside_it_is_counted_and_says_why():
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS)
    seen = FoundStudy(STUDY, CASE.accession, images=images, unseen=Unseen(4, 5, 1), seen=4)
    verdict = judge(seen)
    assert (verdict.complete, verdict.found) == (Completeness.COUNTED, 4)
    assert verdict.findable is Findable.AS_NAMED
    assert "5 objects counted, 4 named, answers stop after 1" in verdict.evidence
    assert "stops after 1 answer to a query" in verdict.instruction
    assert "counts 5 objects in this study and shows us 4" in verdict.instruction
    assert "leaves 1 object that we cannot see" in verdict.instruction
    assert judge(seen, grade=Completeness.COUNTED).instruction == ""


def test_what_readers_added_is_named_by_kind():
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS)
    beside = {"PR": 2, "SR": 1}
    verdict = judge(
        FoundStudy(STUDY, CASE.accession, images=images, count=7, seen=7, others=beside)
    )
    assert verdict.complete is Completeness.PROVEN
    told = "beside 3 other objects (2 presentation states, 1 report, no mammogram)"
    assert told in verdict.evidence
    assert verdict.near is Near.UNKNOWN
    assert verdict.evidence.endswith("; the PACS does not say whether our images are online")


@pytest.mark.parametrize(
    ("beside", "told"),
    [
        ({"": 3}, "3 other objects (no mammograms; the PACS does not say what else)"),
        ({"": 1}, "1 other object (no mammogram; the PACS does not say what else)"),
        ({"SEG": 2}, "2 other objects (2 of another kind, no mammogram)"),
        ({"SR": 1, "": 1}, "(1 report, 1 of a kind that the PACS does not say, no mammogram)"),
    ],
)
def test_what_others_are_is_told_as_far_as_the_pacs_tells_it(beside, told):
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS)
    found = FoundStudy(STUDY, CASE.accession, images=images, count=7, seen=7, others=beside)
    assert told in judge(found).evidence


def test_a_count_that_the_pacs_s_own_lists_disprove_is_said_to_be_wrong():
    images = tuple(FoundImage(uid, MG, 32, 24) for uid in UIDS)
    verdict = judge(FoundStudy(STUDY, CASE.accession, images=images, count=500, seen=4))
    assert "other object" not in verdict.evidence
    assert "the PACS counts 500 objects, which its own lists show to be wrong" in verdict.evidence
