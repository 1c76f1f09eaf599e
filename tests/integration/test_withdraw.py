"""A set leaves a PACS by the promised date, and that it has gone is proven."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.objects import Caller, ReceivedObject
from pacs_bridge.domain.people import Role, Round, Site
from pacs_bridge.domain.withdrawal import WithdrawalState
from pacs_bridge.scu.peer import DimsePeer
from pacs_bridge.services.plan import start_load
from pacs_bridge.services.verify import verify_load
from pacs_bridge.services.withdraw import (
    REJECTION,
    check_withdrawal,
    withdraw_load,
    withdrawals_due,
)
from pacs_bridge.sr.rejection import KEY_OBJECT, write_rejection
from pacs_bridge.wiring.checks import check_jobs
from pacs_bridge.wiring.installation import Installation
from tests.homes import a_home
from tests.intact import SET, a_load, send
from tests.load_desk import FakePeer
from tests.loads import START, House, a_house, a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import need


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with a_house(tmp_path) as house:
        yield house


@pytest.fixture
def peer(house: House) -> FakePeer:
    """A PACS in which a set is ready, with a contact."""
    peer = FakePeer()
    a_load(house, a_pacs(104))
    with house.begin() as uow:
        uow.sites.put(Site("unit", "hospital"))
        uow.accounts.put("pacs@hospital.example", "x", [Role.CONTACT], START, sites=["unit"])
    send(house, peer)
    verify_load(1, begin=house.begin, peer=peer, now=house.now)
    assert readiness(house) == "ready"
    return peer


def withdraw(house: House, peer: Any, **how: Any) -> Any:
    return withdraw_load(1, begin=house.begin, peer=peer, now=house.now, **how)


def readiness(house: House) -> str:
    with house.begin() as uow:
        return uow.loads.get(1).readiness.value


def a_passport_in(ours: Installation) -> None:
    """Have a load that was sent, of a round that ended eight days ago."""
    now, passport = ours.now(), a_passport(None, 1)
    with ours.begin() as uow:
        uow.case_sets.add(passport)
        uow.pacs.put(a_pacs(104), now)
        load = uow.loads.plan(passport, "hospital", now)
        uow.loads.set_readiness(load.load_id, Readiness.READY)
        uow.rounds.put(Round(SET, now - timedelta(days=38), now - timedelta(days=8)))


def subjects(house: House) -> list[str]:
    with house.begin() as uow:
        told = [line.message for line in reversed(uow.mails.newest())]
    return [m.subject for m in told if m.key.startswith("withdrawal")]


def due(house: House) -> int:
    return withdrawals_due(begin=house.begin, now=house.now)


def test_others_judge_the_rejection_note_valid_and_read_its_title(tmp_path):
    (case,) = a_passport(None, 1).cases
    ds = write_rejection(case, case.studies[0], when=START)
    path = tmp_path / "note.dcm"
    path.write_bytes(write_part10(ds, "1.2.840.10008.1.2.1"))
    said = subprocess.run(
        [need("dciodvfy", "dicom3tools"), path], capture_output=True, text=True, timeout=180
    )
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []
    assert "KeyObjectSelectionDocument" in said.stderr
    dump = subprocess.run(
        [need("dsrdump", "dcmtk"), path], capture_output=True, text=True, timeout=180
    )
    assert dump.returncode == 0, dump.stderr
    assert "113039" in dump.stdout or "Data Retention Policy Expired" in dump.stdout
    assert dump.stdout.count("contains IMAGE") == 4
    named = dcmread(path).CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    images = {str(i.ReferencedSOPInstanceUID) for s in named for i in s.ReferencedSOPSequence}
    assert images == {image.sop_instance_uid for image in case.instances()}
    again = write_rejection(case, case.studies[0], when=START + timedelta(days=1))
    assert again.SOPInstanceUID == ds.SOPInstanceUID


def test_orthanc_is_rid_of_a_set_only_when_it_has_none_of_its_studies(house, tmp_path):
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        a_load(house, a_pacs(orthanc.dicom_port))
        peer = DimsePeer()
        send(house, peer)
        verify_load(1, begin=house.begin, peer=peer, now=house.now)
        first = withdraw(house, peer)
        studies = orthanc.get("/studies")
        orthanc.delete(f"/studies/{studies[0]}")
        second = withdraw(house, peer)
        orthanc.delete(f"/studies/{studies[1]}")
        third = withdraw(house, peer)
    assert len(first.withdrawal.left) == 2
    assert set(first.withdrawal.left.values()) == {"4 objects still there"}
    assert len(second.withdrawal.left) == 1
    assert third.withdrawal.left == {}
    assert third.withdrawal.state(house.now()) is WithdrawalState.GONE
    assert readiness(house) == "withdrawn"


def test_the_list_names_every_study_and_its_contact_gets_it_once(house, peer):
    done = withdraw(house, peer)
    withdraw(house, peer)
    rows = list(csv.DictReader(io.StringIO(done.csv)))
    assert [row["accession"] for row in rows] == [f"{SET}101", f"{SET}102"]
    assert {row["images"] for row in rows} == {"4"}
    assert subjects(house) == [f"{SET} in hospital: please remove it"]
    assert "still has 2 of these cases" in done.withdrawal.sentence(house.now())


def test_the_list_counts_what_readers_saved_there_by_kind(house, peer):
    saved = ("11.1", "11.1", "88.33", "88.50", "88.59", "7")
    with house.begin() as uow:
        for number, sop_class in enumerate(saved):
            uow.objects.add(
                ReceivedObject(
                    f"1.2.3.{number}",
                    f"1.2.840.10008.5.1.4.1.1.{sop_class}",
                    "1.2.840.10008.1.2.1",
                    "0" * 64,
                    "0" * 64,
                    8,
                    Caller("HOSPITAL", "PACSBRIDGE", "127.0.0.1", "hospital"),
                    f"{SET}101",
                    START,
                )
            )
    first, second = csv.DictReader(io.StringIO(withdraw(house, peer).csv))
    kinds = ("presentation_states", "key_objects", "cad_results", "reports", "captures_and_others")
    assert [first[kind] for kind in kinds] == ["2", "1", "1", "1", "1"]
    assert [second[kind] for kind in kinds] == ["0"] * 5


def test_how_long_after_its_round_a_set_may_stay_is_a_setting(tmp_path):
    home = tmp_path / "home"
    a_home(home)
    settings = home / "config.toml"
    settings.write_text(settings.read_text().replace("# withdraw_days = 28.0", "withdraw_days = 7"))
    ours = Installation.open(home)
    a_passport_in(ours)
    due = check_jobs(ours)["checks_due"]
    due()
    with ours.read() as uow:
        assert uow.withdrawals.find(1) is not None  # its round ended eight days ago


def test_notes_are_sent_only_where_they_were_seen_to_work(house, peer):
    sent = list(peer.sent)
    assert withdraw(house, peer).withdrawal.notes == {}
    assert peer.sent == sent
    with house.begin() as uow:
        uow.proofs.put("hospital", REJECTION, {"works": True}, house.now())
    said = withdraw(house, peer).withdrawal.notes
    assert list(said.values()) == ["taken", "taken"]
    assert len(peer.sent) == len(sent) + 2


def test_a_note_that_is_refused_or_not_sent_is_said(house, peer):
    peer.answer = lambda _uid: 0x0122
    assert set(withdraw(house, peer, notes=True).withdrawal.notes.values()) == {
        "refused with 0x0122"
    }
    peer.down = True
    told = withdraw(house, peer, notes=True).withdrawal
    assert all(words.startswith("not sent") for words in told.notes.values())
    assert KEY_OBJECT


def test_silence_is_not_absence(house, peer):
    peer.down = True
    done = withdraw(house, peer)
    assert set(done.withdrawal.left.values()) == {"could not be asked"}
    assert readiness(house) == "withdrawing"
    assert subjects(house) == []


def test_absence_at_a_pacs_that_never_found_it_proves_nothing(house):
    a_load(house, a_pacs(104))
    done = withdraw(house, FakePeer())
    assert len(done.withdrawal.left) == 2
    assert "never found" in done.withdrawal.left[f"{SET}101"]


def test_a_set_on_its_way_out_is_not_made_ready_again_nor_answered_for(house, peer):
    withdraw(house, peer)
    verify_load(1, begin=house.begin, peer=peer, now=house.now)
    assert readiness(house) == "withdrawing"
    with house.begin() as uow:
        assert uow.visible.sets("hospital") == []
    peer.has.clear()
    check_withdrawal(1, begin=house.begin, peer=peer, now=house.now)
    sweep = verify_load(1, begin=house.begin, peer=peer, now=house.now)
    assert (sweep.missing, sweep.waiting) == ((), False)  # nothing is sent there again
    assert readiness(house) == "withdrawn"
    assert f"{SET} in hospital: it has gone" in subjects(house)


def test_starting_it_again_sends_every_image_anew(house, peer):
    peer.has.clear()
    withdraw(house, peer)
    assert readiness(house) == "withdrawn"
    start_load(SET, "hospital", begin=house.begin, now=house.now)
    send(house, peer)
    verify_load(1, begin=house.begin, peer=peer, now=house.now)
    assert readiness(house) == "ready"
    with house.begin() as uow:
        assert uow.withdrawals.find(1) is None
        assert len(uow.visible.sets("hospital")) == 1


def test_it_is_asked_for_each_night_until_it_has_gone(house, peer):
    withdraw(house, peer)
    assert due(house) == 0
    house.pass_time(timedelta(hours=24).total_seconds())
    assert (due(house), due(house)) == (1, 1)
    keys = {key for name, _, key, _ in house.queued.jobs if name == "check_withdrawal"}
    assert len(keys) == 1
    peer.has.clear()
    check_withdrawal(1, begin=house.begin, peer=peer, now=house.now)
    house.pass_time(timedelta(days=3).total_seconds())
    assert due(house) == 0


def test_nobody_who_forgets_is_let_off_on_the_promised_date(house, peer):
    with house.begin() as uow:
        uow.rounds.put(Round(SET, START - timedelta(days=30), START))
    assert (due(house), due(house)) == (0, 0)
    assert subjects(house) == [f"{SET} in hospital: the round has ended"]
    house.pass_time(timedelta(days=28).total_seconds())
    assert due(house) == 1
    done = check_withdrawal(1, begin=house.begin, peer=peer, now=house.now)
    house.pass_time(timedelta(days=1).total_seconds())
    check_withdrawal(1, begin=house.begin, peer=peer, now=house.now)
    assert done.withdrawal.state(house.now()) is WithdrawalState.LATE
    assert subjects(house)[1:] == [f"{SET} in hospital: it should have gone by now"]
