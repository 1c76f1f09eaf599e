"""Our side against real PACS software: Orthanc and DCMTK."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import JPEGLosslessSV1
from pynetdicom.dsutils import split_dataset

from pacs_bridge.archive.local import LocalArchive
from pacs_bridge.domain.caseset import Passport
from pacs_bridge.domain.errors import PeerUnavailable
from pacs_bridge.domain.loading import Completeness, Findable
from pacs_bridge.domain.pacs import Pacs
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.domain.profile import Outcome, Rung
from pacs_bridge.domain.verdicts import judge_case
from pacs_bridge.scu.peer import DimsePeer
from tests.failing_peers import sendables
from tests.loads import START, a_pacs, a_passport
from tests.orthanc import running_orthanc
from tests.peers import free_port, need, need_data
from tests.waiting import wait_until

PEER = DimsePeer()


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path / "archive")


@contextmanager
def dcmtk_server(folder: Path, *command: str) -> Iterator[int]:
    """Run `storescp` or `dcmqrscp` in a folder; `{port}` in its arguments is filled in.

    Without TCP_NODELAY, as Debian ships it: the case that needs our TCP_QUICKACK.
    """
    port = free_port()
    folder.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if k != "TCP_NODELAY"}
    process = subprocess.Popen(
        [part.format(port=port) for part in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: answers(port), f"{command[0]} to answer")
        yield port
    finally:
        process.terminate()
        process.wait(60)


def answers(port: int) -> bool:
    try:
        PEER.echo(a_pacs(port))
    except PeerUnavailable:
        return False
    return True


def verdicts(port: int, passport: Passport, ae_title: str = "HOSPITAL"):
    found = PEER.find_cases(a_pacs(port, ae_title), passport.cases)
    return [
        judge_case(case, answer, last_sent_at=None, now=START)
        for case, answer in zip(passport.cases, found, strict=True)
    ]


def rungs(pacs: Pacs, passport: Passport) -> dict[Rung, Outcome]:
    """What a sweep teaches of how a PACS may be asked."""
    *_, last = PEER.find_cases(pacs, passport.cases)
    return dict(last.learned.rungs)


# Orthanc


def test_orthanc_takes_a_set_and_every_case_is_proven(tmp_path, archive):
    passport = a_passport(archive, 3)
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        pacs = a_pacs(orthanc.dicom_port)
        PEER.echo(pacs)
        assert [v.complete for v in verdicts(pacs.endpoints[0].port, passport)] == [
            Completeness.MISSING
        ] * 3
        stored = list(PEER.store(pacs, sendables(archive, passport)))
        assert all(answer.status == 0 for answer in stored)
        judged = verdicts(orthanc.dicom_port, passport)
        assert [v.complete for v in judged] == [Completeness.PROVEN] * 3
        assert {v.findable for v in judged} == {Findable.AS_NAMED}
        assert rungs(pacs, passport) == {
            Rung.WILDCARD: Outcome.WORKS,
            Rung.UID_LIST: Outcome.WORKS,
        }
        # Sent again: the same objects, nothing twice.
        assert all(a.stored for a in PEER.store(pacs, sendables(archive, passport)))
        assert orthanc.count()["instances"] == 12


def test_orthanc_loses_an_image_and_we_name_it(tmp_path, archive):
    passport = a_passport(archive, 2)
    lost = passport.cases[1].studies[0].series[2].instances[0].sop_instance_uid
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        list(PEER.store(a_pacs(orthanc.dicom_port), sendables(archive, passport)))
        (instance,) = orthanc.find("Instance", SOPInstanceUID=lost)
        orthanc.delete(f"/instances/{instance['ID']}")
        first, second = verdicts(orthanc.dicom_port, passport)
    assert first.complete is Completeness.PROVEN
    assert (second.complete, second.missing) == (Completeness.PARTIAL, (lost,))


def test_an_image_of_another_patient_in_orthanc_is_a_conflict(tmp_path, archive):
    passport = a_passport(archive, 1)
    other = dcmread(archive.path(next(passport.instances())[3].content_hash))
    other.PatientID, other.SOPInstanceUID = "SOMEBODY", "1.2.3.4.5"
    other.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    path = tmp_path / "other.dcm"
    other.save_as(path)
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        pacs = a_pacs(orthanc.dicom_port)
        list(PEER.store(pacs, sendables(archive, passport)))
        syntax = str(other.file_meta.TransferSyntaxUID)
        list(PEER.store(pacs, [Sendable(path, other.SOPClassUID, "1.2.3.4.5", syntax)]))
        (verdict,) = verdicts(orthanc.dicom_port, passport)
    assert verdict.complete is Completeness.CONFLICT


def test_an_orthanc_that_is_not_called_by_its_title_rejects_us(tmp_path):
    with running_orthanc(tmp_path / "orthanc", DicomCheckCalledAet=True) as orthanc:
        PEER.echo(a_pacs(orthanc.dicom_port))
        with pytest.raises(PeerUnavailable, match=r"failed at: association.*Called AE title"):
            PEER.echo(a_pacs(orthanc.dicom_port, "SOMEBODY"))


def test_a_real_compressed_mammogram_arrives_in_orthanc_byte_for_byte(tmp_path):
    path = need_data("dicom/fo_dicom/GH133.dcm")
    ds = dcmread(path, stop_before_pixels=True)
    assert ds.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    sendable = Sendable(path, ds.SOPClassUID, ds.SOPInstanceUID, str(JPEGLosslessSV1))
    with running_orthanc(tmp_path / "orthanc") as orthanc:
        (answer,) = PEER.store(a_pacs(orthanc.dicom_port), [sendable])
        assert answer.status == 0
        (instance,) = orthanc.find("Instance", SOPInstanceUID=str(ds.SOPInstanceUID))
        stored = next((tmp_path / "orthanc").glob(f"??/??/{_attachment(orthanc, instance)}"))
        kept = stored.read_bytes()
    sent_from, kept_from = split_dataset(path)[1], split_dataset(stored)[1]
    assert kept[kept_from:] == path.read_bytes()[sent_from:]


def _attachment(orthanc, instance) -> str:
    return str(orthanc.get(f"/instances/{instance['ID']}/attachments/dicom/info")["Uuid"])


# DCMTK, as Debian ships it


def test_storescp_takes_a_set_and_keeps_the_data_sets_as_they_are(tmp_path, archive):
    program = need("storescp", "dcmtk")
    passport = a_passport(archive, 2)
    with dcmtk_server(tmp_path / "in", program, "{port}") as port:
        assert all(a.status == 0 for a in PEER.store(a_pacs(port), sendables(archive, passport)))
    for *_, image in passport.instances():
        (kept,) = (tmp_path / "in").glob(f"*{image.sop_instance_uid}")
        assert dcmread(kept) == dcmread(archive.path(image.content_hash))


def test_a_peer_that_holds_its_answers_back_does_not_slow_us_down(tmp_path, archive):
    """Stock DCMTK costs its own sender 40 ms and more an object (PERFORMANCE.md 1)."""
    program = need("storescp", "dcmtk")
    objects = sendables(archive, a_passport(archive, 15))
    with dcmtk_server(tmp_path / "in", program, "--ignore", "{port}") as port:
        answered = [time.monotonic()]
        for answer in PEER.store(a_pacs(port), objects):
            assert answer.stored
            answered.append(time.monotonic())
    took = sorted(later - sooner for sooner, later in pairwise(answered))
    assert len(took) == 60
    assert took[5] < 0.035  # held back, not one would be; a busy machine delays many


def test_a_storescp_that_takes_no_compressed_images_says_which(tmp_path):
    program = need("storescp", "dcmtk")
    path = need_data("dicom/fo_dicom/GH133.dcm")
    ds = dcmread(path, stop_before_pixels=True)
    sendable = Sendable(path, ds.SOPClassUID, ds.SOPInstanceUID, str(JPEGLosslessSV1))
    with dcmtk_server(tmp_path / "in", program, "+x=", "{port}") as port:
        (answer,) = PEER.store(a_pacs(port), [sendable])
    assert answer.status == 0x0122
    assert "JPEG Lossless" in answer.comment


def test_dcmqrscp_takes_a_set_and_every_case_is_proven(tmp_path, archive):
    program = need("dcmqrscp", "dcmtk")
    passport = a_passport(archive, 2)
    folder = tmp_path / "qr"
    (folder / "store").mkdir(parents=True)
    with _dcmqrscp(program, folder) as port:
        pacs = a_pacs(port)
        assert all(a.status == 0 for a in PEER.store(pacs, sendables(archive, passport)))
        judged = verdicts(port, passport)
        assert [v.complete for v in judged] == [Completeness.PROVEN] * 2
        assert rungs(pacs, passport) == {
            Rung.WILDCARD: Outcome.WORKS,
            Rung.UID_LIST: Outcome.WORKS,
        }
        absent = a_passport(None, 3).cases[2]
        answer = PEER.find_case(pacs, absent)
    assert answer.error is None
    assert answer.studies == {absent.studies[0].study_instance_uid: None}


@contextmanager
def _dcmqrscp(program: str, folder: Path) -> Iterator[int]:
    (folder / "qr.cfg").write_text(
        "NetworkTCPPort = 0\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nHOSPITAL {folder}/store RW (200, 1024mb) ANY\nAETable END\n"
    )
    with dcmtk_server(folder, program, "-c", str(folder / "qr.cfg"), "{port}") as port:
        yield port


def test_a_set_in_two_places_is_sent_to_the_one_and_asked_for_at_the_other(tmp_path, archive):
    passport = a_passport(archive, 1)
    with running_orthanc(tmp_path / "a") as store, running_orthanc(tmp_path / "b") as query:
        pacs = a_pacs(store.dicom_port)
        (main,) = pacs.endpoints
        split = replace(
            pacs,
            endpoints=(
                replace(main, roles=("store",)),
                replace(main, port=query.dicom_port, roles=("query",)),
            ),
        )
        assert all(a.stored for a in PEER.store(split, sendables(archive, passport)))
        answer = PEER.find_case(split, passport.cases[0])
        assert answer.studies == {passport.cases[0].studies[0].study_instance_uid: None}
        assert store.count()["instances"] == 4
