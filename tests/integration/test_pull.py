"""Marks that a PACS holds and does not push are asked for, fetched and read, each once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs_bridge.domain.loading import Readiness
from pacs_bridge.domain.pacs import Endpoint, Pacs
from pacs_bridge.domain.people import Enrolment, Round, Site
from pacs_bridge.domain.ports import Sendable
from pacs_bridge.domain.pulling import Pulled
from pacs_bridge.sandbox.orthanc import Orthanc
from pacs_bridge.scu.store import store
from pacs_bridge.services.arrivals import hand_over
from pacs_bridge.services.extract import extract_object
from pacs_bridge.services.receipts import show_receipt
from pacs_bridge.wiring.home import make_home
from pacs_bridge.wiring.jobs import read_archived
from pacs_bridge.wiring.pulling import build_pull
from tests.builders import a_passport
from tests.nodes import OUR_IMAGE, as_file, our_report
from tests.orthanc import running_orthanc
from tests.unit.sr_builders import a_graphic, a_state, a_text, an_annotation

CASE = "PERFORMS121101"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENCE = {"connect": 60.0, "acse": 60.0, "dimse": 60.0, "network": 60.0}


class World:
    """A home with a set that stands at one PACS, and what jobs do with what arrived."""

    def __init__(self, folder: Path, port: int, **pacs: Any) -> None:
        self.folder = folder
        self.home = make_home(folder / "home")
        roles = ("store", "query", "retrieve", "calls-from")
        endpoints = (Endpoint("HOSPITAL", "127.0.0.1", port, roles),)
        told = {"endpoints": endpoints, "plain": True, "timeouts": PATIENCE} | pacs
        self.pacs = Pacs("hospital", **told)
        passport, now = a_passport(101, 102), self.home.now()
        with self.home.begin() as uow:
            uow.case_sets.add(passport)
            uow.pacs.put(self.pacs, now)
            load = uow.loads.plan(passport, "hospital", now)
            uow.loads.set_readiness(load.load_id, Readiness.READY)
            uow.sites.put(Site("north", "hospital"))
            uow.rounds.put(Round("PERFORMS121", now, now.replace(year=now.year + 1)))
            uow.readers.add("R001", now)
            uow.readers.set_alias("hospital", "jsmith", "R001")
            uow.enrolments.put(Enrolment("PERFORMS121", "R001", "north", consent=True))
            uow.enrolments.release("PERFORMS121", "R001", now)

    def pull(self, set_name: str = "") -> Pulled:
        return build_pull(self.home)("hospital", set_name)

    def save(self, *objects: Dataset) -> None:
        """Save objects at the PACS, as a viewer does."""
        files = [
            Sendable(
                as_file(self.folder / f"{n}.dcm", ds),
                str(ds.SOPClassUID), str(ds.SOPInstanceUID), EXPLICIT,
            )
            for n, ds in enumerate(objects)
        ]  # fmt: skip
        assert [each.status for each in store(self.pacs, files)] == [0] * len(files)

    def work(self) -> list[str]:
        """Do what the jobs do with what arrived; gives what became of each."""
        begin, read, archive = self.home.begin, self.home.read, self.home.archive
        while hand_over(begin=begin, read=read, archive=archive):
            pass
        with read() as uow:
            waiting = [each.sop_instance_uid for each in uow.objects.in_state("received")]
        extract = partial(
            extract_object, begin=begin, archive=archive, read_file=read_archived,
            now=self.home.now, settle=60.0,
        )  # fmt: skip
        return [extract(uid) for uid in waiting]

    def objects(self) -> dict[str, Any]:
        with self.home.read() as uow:
            return {each.sop_instance_uid: each for each in uow.objects.list_newest()}


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, orthanc: Orthanc) -> World:
    for study in orthanc.get("/studies"):
        orthanc.delete(f"/studies/{study}")
    return World(tmp_path, orthanc.dicom_port)


def at_pacs(ds: Dataset, modality: str, number: int = 7, **changes: Any) -> Dataset:
    """Complete an object with what a PACS files it under."""
    ds.PatientID = ds.AccessionNumber = CASE
    ds.PatientName, ds.Modality = "PERFORMS121^101", modality
    ds.SeriesInstanceUID = f"1.2.101.{number}"
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


def a_mark(uid: str = "1.2.3.9.1") -> Dataset:
    drawn = an_annotation(
        a_graphic("POINT", 100.0, 200.0), a_text("M4", 100.0, 200.0), images=(OUR_IMAGE,)
    )
    ds = a_state(drawn, images=(OUR_IMAGE,), SOPInstanceUID=uid, StudyInstanceUID="1.2.101.1",
                 ContentCreatorName="jsmith")  # fmt: skip
    return at_pacs(ds, "PR")


def case_of(pulled: Pulled) -> Any:
    return next(each for each in pulled.cases if each.accession == CASE)


def test_a_state_that_is_not_forwarded_is_pulled_and_receipted_once(world: World) -> None:
    world.save(a_mark())
    first = world.pull()
    assert first.counts == {
        "found": 1, "had": 0, "fetched": 1, "refused": 0, "failed": 0, "unasked": 0
    }  # fmt: skip
    assert len(world.work()) == 1
    kept = world.objects()["1.2.3.9.1"]
    assert (kept.caller.pacs, kept.accession, kept.state) == ("hospital", CASE, "read")
    again = world.pull()
    assert (again.counts["had"], again.counts["fetched"]) == (1, 0)
    assert world.work() == []
    receipt = show_receipt("R001", CASE, begin=world.home.begin, now=world.home.now)
    assert len(receipt.marks) == 1


def test_a_report_saved_as_a_study_of_its_own_is_rescued(world: World) -> None:
    report = our_report(StudyInstanceUID="1.2.77.1")
    world.save(at_pacs(report, "SR", SeriesInstanceUID="1.2.77.2"))
    pulled = world.pull()
    assert (pulled.counts["fetched"], case_of(pulled).elsewhere) == (1, 1)
    assert world.objects()["1.2.3.9.2"].accession == CASE
