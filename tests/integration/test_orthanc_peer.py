"""Orthanc as the hospital's PACS: starts alone, forwards what is saved, and loses nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    ComprehensiveSRStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    generate_uid,
)
from pynetdicom import AE, evt

from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.sandbox import orthanc as orthanc_module
from pacs_bridge.sandbox.orthanc import Modality, Orthanc, OrthancConfig
from tests.orthanc import running_orthanc
from tests.peers import free_port, need
from tests.waiting import wait_until

MARK_CLASSES = (
    GrayscaleSoftcopyPresentationStateStorage,
    ComprehensiveSRStorage,
    KeyObjectSelectionDocumentStorage,
)

# DCMTK's own switch against 40 ms of waiting a message (Nagle's algorithm).
NO_DELAY = {**os.environ, "TCP_NODELAY": "1"}


def an_object(folder: Path, number: int, sop_class: str | None = None) -> str:
    """Write a small object of case `number` to `folder`; gives its SOP Instance UID."""
    ds = Dataset()
    ds.SOPClassUID = sop_class or MARK_CLASSES[number % len(MARK_CLASSES)]
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.{number + 1}"
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientID = ds.AccessionNumber = f"PERFORMS121{101 + number % 60}"
    ds.PatientName = "PERFORMS121^101"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    folder.mkdir(exist_ok=True)
    ds.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
    return str(ds.SOPInstanceUID)


def some_objects(folder: Path, count: int) -> set[str]:
    return {an_object(folder, number) for number in range(count)}


def save_to(pacs: Orthanc, folder: Path) -> None:
    """Save a folder's objects to the PACS, as a viewer does."""
    storescu = need("storescu", "dcmtk")
    command = [storescu, "-aec", pacs.ae_title, "+sd", pacs.host, str(pacs.dicom_port), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=NO_DELAY)
    assert done.returncode == 0, done.stderr


@contextmanager
def a_storescp(folder: Path, port: int) -> Iterator[Path]:
    """DCMTK's storescp as the node, receiving into `folder`."""
    folder.mkdir(exist_ok=True)
    program = need("storescp", "dcmtk")
    command = [program, "--fork", "-od", str(folder), "-aet", "NODE", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=NO_DELAY, stdout=quiet, stderr=quiet) as process:
        try:
            yield folder
        finally:
            process.terminate()


def received(folder: Path) -> set[str]:
    """The SOP Instance UIDs that storescp holds whole."""
    uids = set()
    for path in folder.iterdir():
        try:
            uids.add(str(dcmread(path).SOPInstanceUID))
        except (InvalidDicomError, EOFError, AttributeError, OSError):
            continue  # still being written
    return uids


def test_it_starts_on_free_ports_and_stops_without_a_trace_of_itself(tmp_path):
    need("Orthanc", "orthanc")
    with Orthanc(OrthancConfig(folder=tmp_path, ae_title="NORTHSIDE")) as pacs:
        system = pacs.get("/system")
        pid = pacs.pid
    assert (system["DicomAet"], system["DicomPort"]) == ("NORTHSIDE", pacs.dicom_port)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_machine_without_orthanc_is_told_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(orthanc_module, "find_orthanc", lambda: None)
    with pytest.raises(RefusedInput, match="sudo apt-get install orthanc"):
        Orthanc(OrthancConfig(folder=tmp_path)).start()


def test_it_holds_what_it_was_sent_and_finds_it_by_accession_number(tmp_path):
    uid = an_object(tmp_path / "in", 0)
    with running_orthanc(tmp_path / "pacs") as pacs:
        save_to(pacs, tmp_path / "in")
        found = pacs.find("Instance", AccessionNumber="PERFORMS121101")
        counted = pacs.count()
    assert [each["MainDicomTags"]["SOPInstanceUID"] for each in found] == [uid]
    assert counted["instances"] == 1


def test_every_mark_object_is_forwarded_and_no_image(tmp_path):
    port = free_port()
    marks = some_objects(tmp_path / "in", 9)
    image = an_object(tmp_path / "in", 99, DigitalMammographyXRayImageStorageForPresentation)
    node = Modality("node", "NODE", port)
    with (
        a_storescp(tmp_path / "node", port) as arrived,
        running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs,
    ):
        save_to(pacs, tmp_path / "in")
        wait_until(pacs.forward.is_idle, "the forward to end")
        assert received(arrived) == marks
        assert image not in received(arrived)
        assert pacs.count()["instances"] == 10


def test_250_marks_reach_the_node(tmp_path):
    port = free_port()
    marks = some_objects(tmp_path / "in", 250)
    node = Modality("node", "NODE", port)
    with (
        a_storescp(tmp_path / "node", port) as arrived,
        running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs,
    ):
        save_to(pacs, tmp_path / "in")
        wait_until(pacs.forward.is_idle, "250 marks at the node", seconds=120)
        assert received(arrived) == marks


def test_a_node_that_is_down_for_a_while_misses_nothing(tmp_path):
    port = free_port()
    marks = some_objects(tmp_path / "in", 60)
    node = Modality("node", "NODE", port)
    with running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs:
        save_to(pacs, tmp_path / "in")
        wait_until(lambda: pacs.forward.waiting == 60, "the forward to see all")
        assert not pacs.forward.is_idle()
        with a_storescp(tmp_path / "node", port) as arrived:
            wait_until(pacs.forward.is_idle, "the node to be tried again")
            assert received(arrived) == marks


def test_a_kill_of_the_pacs_loses_no_forward(tmp_path):
    port = free_port()
    marks = some_objects(tmp_path / "in", 20)
    node = Modality("node", "NODE", port)
    with running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs:
        ports = pacs.dicom_port, pacs.http_port
        save_to(pacs, tmp_path / "in")
        os.kill(pacs.pid, signal.SIGKILL)
    with (
        running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs,
        a_storescp(tmp_path / "node", port) as arrived,
    ):
        assert (pacs.dicom_port, pacs.http_port) == ports
        wait_until(pacs.forward.is_idle, "the forward of what was stored before the kill")
        assert received(arrived) == marks


def test_one_that_still_runs_in_the_folder_is_taken_over(tmp_path):
    with running_orthanc(tmp_path) as first:
        second = Orthanc(OrthancConfig(folder=tmp_path)).start()
        assert (second.pid, second.dicom_port) == (first.pid, first.dicom_port)


def test_an_object_that_the_node_refuses_holds_up_no_other(tmp_path):
    marks = some_objects(tmp_path / "in", 12)
    refused = min(marks)
    taken: set[str] = set()
    lock = threading.Lock()

    def on_c_store(event: evt.Event) -> int:
        uid = str(event.request.AffectedSOPInstanceUID)
        if uid == refused:
            return 0x0124
        with lock:
            taken.add(uid)
        return 0x0000

    ae = AE("NODE")
    ae.add_supported_context("1.2.840.10008.1.1")
    for sop_class in MARK_CLASSES:
        ae.add_supported_context(sop_class)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, on_c_store)]
    )
    try:
        node = Modality("node", "NODE", server.server_address[1])
        with running_orthanc(tmp_path / "pacs", node, forward_to="node") as pacs:
            save_to(pacs, tmp_path / "in")
            wait_until(pacs.forward.is_idle, "the forward to leave the one it refuses", seconds=60)
            assert taken == marks - {refused}
            assert len(pacs.forward.left) == 1
    finally:
        server.shutdown()
