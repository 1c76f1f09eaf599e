"""Each quirk of the sandbox PACS, switched on and seen from outside."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pacs_bridge.cli.sandbox import app
from pacs_bridge.domain.errors import PeerUnavailable, RefusedInput
from pacs_bridge.sandbox import quirks_timing
from pacs_bridge.sandbox.pacs_quirks import NAMES, SWITCHES, Quirks, Stall
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


def test_a_quirk_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(RefusedInput) as refused:
        Quirks(["moody"])
    assert all(name in str(refused.value) for name in NAMES)


@pytest.mark.parametrize("switch", ["cap", "cap=x", "drop=-1", "nearline=1", "cap=inf"])
def test_a_quirk_with_a_wrong_value_is_refused_with_how_it_is_written(switch):
    with pytest.raises(RefusedInput, match=SWITCHES[switch.partition("=")[0]].usage):
        Quirks([switch])


def test_stall_keeps_one_sender_waiting_once(monkeypatch):
    waited, stored = [], []

    class Pause:
        def wait(self, seconds):
            waited.append((len(stored), seconds))

    monkeypatch.setattr(quirks_timing, "threading", SimpleNamespace(Event=Pause))
    pacs = Stall(2)
    for each in range(4):
        pacs.on_store()
        stored.append(each)
    assert waited == [(2, Stall.seconds)]


def listed(*options):
    answer = CliRunner().invoke(app, ["pacs", "--list-quirks", *options])
    assert answer.exit_code == 0
    return answer.stdout


def test_the_command_lists_every_quirk_with_what_it_does_and_where_it_was_seen():
    lines = listed().splitlines()
    for switch in SWITCHES.values():
        [line] = [each for each in lines if each.split()[:1] == [switch.usage]]
        assert switch.about in line
        assert switch.source in line


def test_the_list_of_quirks_comes_as_json_too():
    quirks = json.loads(listed("--json"))
    assert {each["quirk"] for each in quirks} == set(SWITCHES)
    assert len(quirks) >= 36


@pytest.mark.parametrize("status", ["refuse-store-a900", "cannot-understand-c000"])
def test_a_refusal_takes_every_nth_object_only(tmp_path, status):
    with a_hospital(quirks=(f"{status}=2",)) as pacs:
        answers = send(pacs, *images(4), folder=tmp_path)
    refused = 0xA900 if "a900" in status else 0xC000
    assert [answer.status for answer in answers] == [0, refused, 0, refused]


def test_a_warning_names_the_elements_it_is_about(tmp_path):
    with a_hospital(quirks=("warn-b006",)) as pacs:
        [answer] = send(pacs, *images(1), folder=tmp_path)
    assert (answer.status, answer.offending) == (0xB006, "00280120")


@pytest.mark.parametrize(("quirk", "kept"), [("abort-mid-set=2", 1), ("drops-link=2", 2)])
def test_a_conversation_that_is_cut_ends_with_what_was_kept_before(tmp_path, quirk, kept):
    with a_hospital(quirks=(quirk,)) as pacs:
        with pytest.raises(PeerUnavailable):
            send(pacs, *images(3), folder=tmp_path)
        assert len(pacs.held()) == kept


def test_associations_are_rejected_for_now_as_often_as_said(tmp_path):
    with a_hospital(quirks=("reject-transient=2",)) as pacs:
        for _ in range(2):
            with pytest.raises(PeerUnavailable, match="association"):
                send(pacs, *images(1), folder=tmp_path)
        assert send(pacs, *images(1), folder=tmp_path)[0].status == 0


@pytest.mark.parametrize(("quirk", "second"), [("rejects-duplicates", 0x0111), ("nearline", 0)])
def test_an_object_that_comes_again_is_refused_where_the_pacs_is_so(tmp_path, quirk, second):
    with a_hospital(quirks=(quirk,)) as pacs:
        answers = [send(pacs, *images(1), folder=tmp_path)[0].status for _ in range(2)]
    assert answers == [0, second]


@pytest.mark.parametrize("quirk", ["trusted-issuer-only", "nhs-number-check"])
def test_a_patient_who_is_not_known_is_refused_with_a777(tmp_path, quirk):
    with a_hospital(quirks=(quirk,)) as pacs:
        stranger = images(1)[0]
        stranger.PatientID = "PERFORMS121001"
        known = a_mammogram(study=2)
        known.PatientID, known.IssuerOfPatientID = "9990000018", "NHS"
        statuses = [answer.status for answer in send(pacs, stranger, known, folder=tmp_path)]
    assert statuses == [0xA777, 0]


def test_a_study_appears_when_its_order_comes(tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text("AccessionNumber\n", encoding="utf-8")
    with a_hospital(quirks=(f"needs-order={orders}",)) as pacs:
        send(pacs, *images(1), folder=tmp_path)
        assert found(tmp_path, pacs.port, "STUDY", STUDY) == []
        orders.write_text("AccessionNumber\nRVX0000001\n", encoding="utf-8")
        assert len(found(tmp_path, pacs.port, "STUDY", STUDY)) == 1


def test_a_router_says_success_and_delivers_later(tmp_path):
    with a_hospital(tmp_path / "viewed") as viewed:
        behind = {"router": ("HOSPITAL", "127.0.0.1", viewed.port)}
        with a_hospital(tmp_path / "router", **behind, quirks=("router-delay=3600",)) as router:
            answers = send(router, *images(2), folder=tmp_path)
            assert {answer.status for answer in answers} == {0}
            assert (router.waiting(), viewed.objects()) == (2, [])
        with a_hospital(tmp_path / "router", **behind, quirks=("router-delay=0.2",)) as router:
            wait_until(lambda: len(viewed.objects()) == 2, "what was left over")
            send(router, a_mammogram(study=2), folder=tmp_path)
            wait_until(lambda: len(viewed.objects()) == 3, "what came since")


def test_quirks_combine_and_the_order_of_switches_does_not_matter_for_what_is_refused(tmp_path):
    for quirks in (("no-jpeg", "accepts-only-implicit"), ("accepts-only-implicit", "no-jpeg")):
        with a_hospital(quirks=quirks) as pacs:
            assert send(pacs, *images(1), folder=tmp_path)[0].status == 0x0122
