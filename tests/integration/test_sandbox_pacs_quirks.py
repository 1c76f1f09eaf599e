"""Each quirk of the sandbox PACS, switched on and seen from outside."""

from __future__ import annotations

import time

import pytest

from pacs_bridge.cli import sandbox
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox.pacs_quirks import NAMES, Quirks, Stall
from tests.dcmtk import found
from tests.hospital import a_hospital, a_mark, send, status_of
from tests.mammograms import ROOT, a_mammogram
from tests.waiting import wait_until

STUDY = f"StudyInstanceUID={ROOT}.1"


def images(count, *, study=1):
    return [a_mammogram(study=study, image=number) for number in range(1, count + 1)]


def test_refuse_image_level_answers_the_levels_above(tmp_path):
    below = {"StudyInstanceUID": f"{ROOT}.1", "SeriesInstanceUID": f"{ROOT}.1.1"}
    with a_hospital(quirks=("refuse-image-level",)) as pacs:
        send(pacs, *images(1), folder=tmp_path)
        assert status_of(pacs, "1", "IMAGE", **below) == 0xA900
        assert len(found(tmp_path, pacs.port, "SERIES", STUDY)) == 1


def test_no_counts_says_nothing_of_how_many(tmp_path):
    with a_hospital(quirks=("no-counts",)) as pacs:
        send(pacs, *images(1), folder=tmp_path)
        [answer] = found(tmp_path, pacs.port, "STUDY", STUDY, "NumberOfStudyRelatedInstances")
    assert "NumberOfStudyRelatedInstances" not in answer


def test_slow_index_takes_an_object_and_does_not_find_it_yet(tmp_path):
    with a_hospital(quirks=("slow-index=3600",)) as pacs:
        [answer] = send(pacs, *images(1), folder=tmp_path)
        assert answer.status == 0
        assert found(tmp_path, pacs.port, "STUDY", STUDY) == []


def test_slow_index_finds_an_object_when_the_time_is_over(tmp_path):
    with a_hospital(quirks=("slow-index=0.4",)) as pacs:
        started = time.monotonic()
        send(pacs, *images(1), folder=tmp_path)
        wait_until(lambda: found(tmp_path, pacs.port, "STUDY", STUDY), "the study to be found")
        assert time.monotonic() - started >= 0.4


def test_drop_loses_every_third_image_and_says_success(tmp_path):
    with a_hospital(quirks=("drop=3",)) as pacs:
        answers = send(pacs, *images(6), a_mark(1), folder=tmp_path)
        assert {answer.status for answer in answers} == {0}
        there = {entry.sop_instance_uid for entry in pacs.objects()}
    lost = {f"{ROOT}.1.3.1", f"{ROOT}.1.6.1"}
    assert {answer.sop_instance_uid for answer in answers} - there == lost


def test_refuse_first_has_no_room_for_the_first_two(tmp_path):
    with a_hospital(quirks=("refuse-first=2",)) as pacs:
        answers = send(pacs, *images(4), folder=tmp_path)
        assert [answer.status for answer in answers] == [0xA700, 0xA700, 0, 0]
        assert len(pacs.objects()) == 2


def test_warn_coercion_keeps_what_it_warns_about(tmp_path):
    with a_hospital(quirks=("warn-coercion",)) as pacs:
        [answer] = send(pacs, *images(1), folder=tmp_path)
        assert (answer.status, len(pacs.objects())) == (0xB000, 1)


def test_abort_find_breaks_off_the_first_question_only():
    with a_hospital(quirks=("abort-find",)) as pacs:
        first = status_of(pacs, "1", "STUDY", StudyInstanceUID=f"{ROOT}.1")
        second = status_of(pacs, "1", "STUDY", StudyInstanceUID=f"{ROOT}.1")
    assert (first, second) == (None, 0)


def test_rename_accession_finds_a_study_under_a_number_of_its_own(tmp_path):
    with a_hospital(tmp_path / "pacs", quirks=("rename-accession",)) as pacs:
        send(pacs, *images(2), folder=tmp_path / "in")
        [answer] = found(tmp_path, pacs.port, "STUDY", STUDY, "AccessionNumber")
        assert not found(tmp_path, pacs.port, "STUDY", "AccessionNumber=RVX0000001")
        [same] = found(tmp_path, pacs.port, "STUDY", f"AccessionNumber={answer.AccessionNumber}")
    assert same.StudyInstanceUID == f"{ROOT}.1"
    with a_hospital(tmp_path / "pacs", quirks=("rename-accession",)) as pacs:
        assert {entry["AccessionNumber"] for entry in pacs.objects()} == {answer.AccessionNumber}


def test_cap_stops_after_so_many_answers_without_a_word(tmp_path):
    with a_hospital(quirks=("cap=2",)) as pacs:
        send(pacs, *(a_mammogram(study=n) for n in (1, 2, 3)), folder=tmp_path)
        assert len(found(tmp_path, pacs.port, "STUDY", "AccessionNumber=RVX*")) == 2
        assert status_of(pacs, "1", "STUDY", AccessionNumber="RVX*") == 0


def test_nearline_says_so_where_it_is_asked(tmp_path):
    with a_hospital(quirks=("nearline",)) as pacs:
        send(pacs, *images(1), folder=tmp_path)
        [asked] = found(tmp_path, pacs.port, "STUDY", STUDY, "InstanceAvailability")
        [not_asked] = found(tmp_path, pacs.port, "STUDY", STUDY)
    assert asked.InstanceAvailability == "NEARLINE"
    assert "InstanceAvailability" not in not_asked


def test_quirks_work_together(tmp_path):
    with a_hospital(quirks=("refuse-first=1", "warn-coercion", "nearline", "cap=1")) as pacs:
        answers = send(pacs, *images(2), a_mammogram(study=2), folder=tmp_path)
        assert [answer.status for answer in answers] == [0xA700, 0xB000, 0xB000]
        [answer] = found(tmp_path, pacs.port, "STUDY", "InstanceAvailability")
    assert answer.InstanceAvailability == "NEARLINE"


@pytest.mark.parametrize("switch", ["moody", "cap", "cap=x", "drop=-1", "nearline=1", "cap=inf"])
def test_a_quirk_that_does_not_exist_is_refused_with_those_that_do(switch):
    with pytest.raises(RefusedInput, match="refuse-image-level"):
        Quirks([switch])


def test_the_help_of_the_command_names_every_quirk():
    text = sandbox.pacs.__annotations__["quirk"]
    for name in NAMES:
        assert name.removesuffix("=N") in text


def test_stall_keeps_one_sender_waiting_once():
    pacs = Stall(2)
    pacs.seconds = 0.3
    waited = []
    for _ in range(4):
        begun = time.monotonic()
        pacs.on_store()
        waited.append(time.monotonic() - begun >= 0.3)
    assert waited == [False, False, True, False]
