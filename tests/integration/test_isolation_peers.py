"""Keeping readers apart at PACS of others: asked by C-FIND and C-GET as a workstation asks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.deid.part10 import write_part10
from pacs_bridge.domain.isolation import Step
from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Isolation
from pacs_bridge.domain.people import Enrolment, Round
from pacs_bridge.domain.reader_copies import CopyNaming
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.services.exposure import watch_exposure
from pacs_bridge.services.isolation import IsolationNow
from pacs_bridge.sr.rejection import write_mark_rejection
from pacs_bridge.wiring.isolation import build_ask
from pacs_bridge.wiring.peers import build_finder
from tests.builders import a_case, a_passport
from tests.homes import a_home
from tests.hospital import a_hospital
from tests.loads import START
from tests.orthanc import running_orthanc
from tests.peers import need
from tests.pulling import World, a_mark, at_pacs

SET, PLAIN = "PERFORMS121", "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home once, for every test to have a copy of."""
    folder = tmp_path_factory.mktemp("empty") / "home"
    a_home(folder).engine.dispose()
    return folder


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, empty: Path, orthanc: Orthanc) -> World:
    for study in orthanc.get("/studies"):
        orthanc.delete(f"/studies/{study}")
    return World(empty, tmp_path, orthanc.dicom_port)


def claim(world: World, mode: Isolation) -> None:
    with world.home.begin() as uow:
        uow.pacs.put(replace(world.pacs, isolation=mode), world.home.now())


def drawn(world: World, *objects: Dataset) -> None:
    """Let a reader save at the PACS, and what was saved come to us."""
    world.save(*objects)
    world.pull()
    assert set(world.work()) == {"read"}


def ask(world: World) -> IsolationNow:
    return build_ask(world.home)("hospital")


def told(found: IsolationNow) -> list[bool | None]:
    return [fact.works for fact in found.facts]


@pytest.mark.parametrize("peer", ["Orthanc", "sandbox"])
def test_a_pacs_that_shows_marks_to_all_is_private_only_by_what_people_see(
    peer: str, tmp_path: Path, empty: Path, request: pytest.FixtureRequest
) -> None:
    if peer == "Orthanc":
        asked = _ask_private(request.getfixturevalue("world"))
    else:
        with a_hospital(tmp_path / "pacs") as pacs:
            asked = _ask_private(World(empty, tmp_path, pacs.port))
    assert told(asked) == [True, True, True]
    assert asked.standing.effective is Isolation.SHEET
    assert asked.standing.marked is not None
    assert asked.standing.marked.body["given"] == 1


def _ask_private(world: World) -> IsolationNow:
    claim(world, Isolation.PRIVATE)
    drawn(world, a_mark())
    return ask(world)


def test_marks_that_the_manager_removed_are_gone_by_c_find(world: World, orthanc: Orthanc) -> None:
    claim(world, Isolation.SEQUENTIAL)
    drawn(world, a_mark())
    assert told(ask(world)) == [True, False]
    [held] = orthanc.find("Instance", SOPInstanceUID="1.2.3.9.1")
    orthanc.delete(f"/instances/{held['ID']}")
    cleared = ask(world)
    assert cleared.standing.effective is Isolation.SEQUENTIAL
    assert cleared.standing.cleared is not None
    assert cleared.standing.cleared.step is Step.CLEARED


def test_a_mark_on_one_copy_is_on_no_other(world: World) -> None:
    claim(world, Isolation.COPIES)
    master = a_passport(101, 102)
    now = world.home.now()
    names = [CopyNaming(b"k" * 32, SET, number) for number in (1, 2)]
    with world.home.begin() as uow:
        uow.enrolments.put(Enrolment(SET, "R001", "north", copy=1, consent=True))
        for naming in names:
            copy = replace(master, copy=naming.copy, cases=tuple(map(naming.case, master.cases)))
            uow.case_sets.add(copy)
            load = uow.loads.plan(copy, "hospital", now)
            uow.loads.set_readiness(load.load_id, Readiness.READY)
    own = names[0].case(a_case(101))
    image = own.studies[0].series[0].instances[0].sop_instance_uid
    mark = _on(a_mark("1.2.3.9.5"), own.studies[0].study_instance_uid, image)
    at_pacs(mark, "PR", PatientID=own.patient_id, AccessionNumber=own.accession,
            PatientName=own.patient_name)  # fmt: skip
    drawn(world, mark)
    assert told(ask(world)) == [True, True, True, True]
    assert ask(world).standing.effective is Isolation.COPIES


def _on(ds: Dataset, study: str, image: str) -> Dataset:
    """Put a state onto another study's image."""
    ds.StudyInstanceUID = study
    for series in ds.ReferencedSeriesSequence:
        for item in series.ReferencedImageSequence:
            item.ReferencedSOPInstanceUID = image
    for annotation in ds.GraphicAnnotationSequence:
        for item in annotation.get("ReferencedImageSequence", ()):
            item.ReferencedSOPInstanceUID = image
    return ds


def test_a_capture_of_an_ai_beside_our_images_is_seen_and_flags(world: World) -> None:
    now = world.home.now()
    with world.home.begin() as uow:
        begun = now - timedelta(days=1)
        uow.rounds.put(Round(SET, begun, now + timedelta(days=9)))
    capture = a_mark("1.2.3.9.8")
    del capture.GraphicAnnotationSequence
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    world.save(at_pacs(capture, "OT", 31))
    guarded = watch_exposure(
        "hospital", SET, begin=world.home.begin, finder=build_finder(world.home),
        now=world.home.now,
    )  # fmt: skip
    assert guarded.flagged == (f"{SET}101-R001",)
    assert (guarded.seen, guarded.unasked) == (1, 0)


def test_others_judge_the_note_that_removes_marks_valid(tmp_path: Path) -> None:
    case = a_case(101)
    marks = [("1.2.101.7", f"1.2.3.9.{n}", "1.2.840.10008.5.1.4.1.1.11.1") for n in (1, 2)]
    ds = write_mark_rejection(case, case.studies[0], marks, when=START)
    path = tmp_path / "note.dcm"
    path.write_bytes(write_part10(ds, PLAIN))
    judged = subprocess.run(
        [need("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    assert "Error" not in judged.stderr
    dump = subprocess.run(
        [need("dsrdump", "dcmtk"), str(path)], capture_output=True, text=True, check=False
    )
    assert dump.returncode == 0, dump.stderr
    assert dump.stdout.count("1.2.840.10008.5.1.4.1.1.11.1") or "GrayscaleSoftcopy" in dump.stdout
    again = write_mark_rejection(case, case.studies[0], marks, when=START + timedelta(days=1))
    assert again.SOPInstanceUID == ds.SOPInstanceUID
